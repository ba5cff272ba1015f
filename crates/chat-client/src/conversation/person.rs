//! What the person wants, and what comes of it. PURE.

use std::time::Duration;

use common::chat::{Admin, Kind, Page, Private, Refusal};

use super::{Asking, Conversation, Stage, Unsettled};
use crate::command::{Command, HELP, Manner, Question, parse};
use crate::effect::{Attention, CallError, Effect, Name, Reply, Timer};
use crate::partners::is_private;
use crate::words;

/// How long a person needs to read a refusal. What comes earlier was typed ahead, or pasted.
const SETTLE: Duration = Duration::from_secs(1);

impl Conversation {
    pub(super) fn line(&mut self, line: &str) {
        match parse(line, self.manner) {
            None => {}
            // Because what follows may be meant for another room.
            Some(Err(why)) => self.refuse(line, why, true),
            Some(Ok(command)) => self.command(line, command),
        }
    }

    fn command(&mut self, line: &str, command: Command) {
        let refused = match command {
            Command::Say(kind, body) => return self.say(kind, body),
            Command::Pieces => return self.say_in_pieces(),
            Command::Reply(text) => self.reply(text),
            Command::HistoryWith(nick, count) => match self.partners.room(&nick) {
                Some(room) => return self.ask_in(room, Question::History(count)),
                None => Some(format!("you have no private talk with {nick}")),
            },
            Command::Leave(named) => self.leave_when_said(named),
            Command::Ask(Question::Admin(_)) if !self.is_operator => {
                Some("that needs an operator: start with --admin-token-file FILE".into())
            }
            Command::Register if self.is_sealed => {
                return self.ask(Question::Register(self.nick.clone()));
            }
            Command::Register => {
                Some("names are kept over sealed connections only: start with --key FILE".into())
            }
            Command::Ask(Question::Join(room)) if is_private(&room) => {
                Some(format!("to talk to {room} alone, type /msg and the name"))
            }
            Command::Ask(question) => return self.ask(question),
            Command::Ignore(None) => {
                let nicks = self.ignored.nicks().join(", ");
                return match nicks.is_empty() {
                    true => self.out.status("you ignore no one"),
                    false => self.out.status(format!("ignored: {nicks}")),
                };
            }
            Command::Ignore(Some(nick)) if self.ignored.add(&nick) => {
                let how = "/unignore undoes it";
                return self.out.status(format!("{nick} is ignored; {how}"));
            }
            Command::Ignore(_) => Some("too many are ignored; /unignore some".into()),
            Command::Unignore(nick) if self.ignored.remove(&nick) => {
                return self.out.status(format!("{nick} is shown again"));
            }
            Command::Unignore(nick) => Some(format!("{nick} is not ignored")),
            Command::Help => {
                let line = |(usage, what)| format!("{usage:22} {what}");
                return self.out.statuses(HELP.map(line).into());
            }
            Command::Quit => return self.leave(Stage::Quitting),
        };
        if let Some(why) = refused {
            self.refuse(line, why, false);
        }
    }

    /// Says that a command is not carried out. If the command `moves` the person to another room,
    /// what was typed ahead goes nowhere. In a pipe nobody reads the refusal, so it is the end.
    fn refuse(&mut self, line: &str, why: String, moves: bool) {
        let command = line.split_whitespace().next().unwrap_or_default();
        if self.manner != Manner::Typed {
            self.refused = Some(format!("{command}: {why}"));
            return self.leave(Stage::Quitting);
        }
        if moves {
            self.settle(Unsettled::Room);
        }
        self.out.status(why);
    }

    /// Gives the person a moment to read what has changed.
    pub(super) fn settle(&mut self, what: Unsettled) {
        if self.manner == Manner::Typed {
            self.unsettled = Some(what);
            self.out.push(Effect::Timer(Timer::Settle, SETTLE));
        }
    }

    /// Returns why what is typed before a refusal can be read goes nowhere.
    pub(super) fn typed_ahead(&self) -> String {
        let room = &self.room;
        let now = if room.is_empty() { "no room" } else { room };
        format!("it was typed before the refusal, and you are in {now}")
    }

    /// Asks whether the last partner is still here. Returns why not, if it cannot be asked.
    fn reply(&mut self, text: String) -> Option<String> {
        match &self.unsettled {
            None => {}
            Some(Unsettled::Room) => return Some(format!("not sent: {}", self.typed_ahead())),
            Some(Unsettled::Partner(nick)) => {
                return Some(format!("not sent: {nick} has just written to you"));
            }
        }
        let Some((room, nick)) = self.partners.last().cloned() else {
            return Some("you have talked to no one in private: /msg NICK TEXT".into());
        };
        self.ask(Question::Reply(room, nick, text));
        None
    }

    /// Leaves a room as soon as all is acknowledged. Returns why not, if there is no such room.
    fn leave_when_said(&mut self, named: Option<String>) -> Option<String> {
        let room = match named {
            None if self.room.is_empty() => return Some("you are in no room".into()),
            None => self.room.clone(),
            Some(name) if is_private(&name) => match self.partners.room(&name) {
                None => return Some(format!("you have no private talk with {name}")),
                Some(room) => room,
            },
            Some(room) => room,
        };
        self.asking = Asking::ToLeave(room);
        None
    }

    /// Says what a command has not done.
    pub(super) fn not_done(&mut self, question: &Question, error: &CallError) {
        let (command, moves) = match question {
            Question::Join(_) => ("/join", true),
            Question::Leave(_) => ("/leave", true),
            Question::Private(..) => ("/msg", false),
            Question::Reply(..) => ("/reply", false),
            Question::Rename(_) => ("/nick", false),
            Question::Register(_) => ("/register", false),
            Question::Who(_) => ("/who", false),
            Question::Rooms(_) => ("/rooms", false),
            Question::History(_) => ("/history", false),
            Question::Search(_) => ("/search", false),
            Question::Admin(Admin::Kick { .. }) => ("/kick", false),
            Question::Admin(Admin::Ban { .. }) => ("/ban", false),
            Question::Admin(Admin::Unban { .. }) => ("/unban", false),
            Question::Admin(Admin::Bans { .. }) => ("/bans", false),
            Question::Admin(Admin::Release { .. }) => ("/release", false),
        };
        let mut why = match (question, error) {
            (Question::Reply(_, nick, _), CallError::Refused(Refusal::Nobody)) => {
                format!("no: {nick} is not here any more")
            }
            _ if self.manner != Manner::Typed => error.words(),
            _ => words::no(error),
        };
        if moves && self.manner == Manner::Typed && !self.room.is_empty() {
            why = format!("{why}; you are in {}", self.room);
        }
        self.refuse(command, why, moves);
    }

    pub(super) fn replied(&mut self, reply: Reply) {
        let out = &mut self.out;
        match reply {
            Reply::Private(Private { cursor, nick }, text) => {
                // Because it may only look like the nick that was typed.
                out.status(format!("to {nick} only"));
                self.partners.talks(&cursor.room, &nick);
                self.outbox.push(&cursor.room, Kind::Said, text);
                self.cursors.join(cursor);
            }
            Reply::Joined(cursor) => {
                self.room.clone_from(&cursor.room);
                out.push(Effect::Learn(Name::Room(cursor.room.clone())));
                out.status(format!("now in {}", cursor.room));
                self.cursors.join(cursor);
            }
            Reply::Left(room) => self.left(&room),
            Reply::Renamed(nick) => {
                out.status(format!("you are now called {nick}"));
                self.nick = nick;
            }
            Reply::Registered(nick, file) => {
                out.status(format!(
                    "{nick} is yours now; keep {file}: whoever has it is {nick}"
                ));
            }
            Reply::People(room, nicks) => out.statuses(words::people(&room, nicks)),
            Reply::Rooms(rooms) => {
                out.statuses(words::rooms(rooms));
                let nicks = self.partners.nicks().map(|nick| format!("@{nick}"));
                let nicks = nicks.collect::<Vec<_>>().join(", ");
                if !nicks.is_empty() {
                    out.status(format!("private talks: {nicks}"));
                }
            }
            Reply::Bans(bans) => out.statuses(words::bans(bans)),
            Reply::Found(page) => self.found(page),
            Reply::Obeyed(order) => out.status(words::obeyed(&order)),
        }
    }

    fn left(&mut self, room: &str) {
        let label = self.partners.label(room);
        let other = self.cursors.leave(room);
        self.partners.leave(room);
        if room != self.room {
            return self.out.status(format!("left {label}"));
        }
        self.room = other.unwrap_or_default();
        self.out.status(match &*self.room {
            "" => format!("left {label}; /join ROOM to talk again"),
            other => format!("left {label}; now in {other}"),
        });
    }

    fn found(&mut self, page: Page) {
        if page.damaged > 0 {
            let room = self.partners.label(&page.room);
            self.out.status(words::unreadable(page.damaged, &room));
        } else if page.entries.is_empty() {
            self.out.status("nothing found");
        }
        for entry in page.entries {
            if !self.ignored.hides(&entry) {
                self.show(entry, page.room.clone(), page.epoch, Attention::None);
            }
        }
    }
}
