//! The conversation with the server: what is called, printed and waited for, until the end. PURE.
//!
//! ```text
//!   line ──▶ outbox ──▶ send ──▶ server          enter, join ──▶ ┐
//!                         ▲  └─ lost: again       after a loss   ├─ then poll and send go on
//!   print ◀── cursors ◀── poll ◀── server         or NoSession ──┘
//! ```
//!
//! One poll and one send are out at a time, and one question of the person. Every decision is made
//! here, so that all of them can be tested in memory: an [`Input`] leads to [`Effect`]s.

use std::time::Duration;

use common::chat::{Cursor, Kind, Page, Private, Refusal, Session};

use crate::command::{Command, HELP, Question, parse};
use crate::connection::Connection;
use crate::cursors::{Cursors, News};
use crate::effect::{
    Call, CallError, Effect, Effects, Input, Name, Output, Reply, Timer, Why, is_message,
};
use crate::ignored::Ignored;
use crate::outbox::Outbox;
use crate::words;

/// How long a client that is about to end waits for acknowledgements without progress.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How much of a message is quoted, in characters: enough to know it again.
const QUOTED: usize = 40;

/// How far the conversation is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The input is over: deliver what was said, then print what others have said until then.
    InputOver,
    /// The last poll is out. The server ends the one that waits.
    LastPoll,
    /// The person has typed `/quit`: deliver what was said.
    Quitting,
    /// The output has lost its reader: deliver what was said.
    Unread,
    Ended,
}

/// What the person has asked for. No line is read meanwhile, because the next one may depend on
/// it: what follows `/join` is for that room.
enum Asking {
    Nothing,
    /// to leave this room, as soon as all that was said is acknowledged
    ToLeave(String),
    /// something that the server has not answered yet
    Server,
}

/// One person's conversation, from the first attempt to attach to the end of the program.
pub(crate) struct Conversation {
    nick: String,
    room: String,
    /// the message number after which to begin
    pub(crate) after: Option<u64>,
    /// whether there is a token for what only operators may do
    pub(crate) is_operator: bool,
    connection: Connection,
    cursors: Cursors,
    outbox: Outbox,
    ignored: Ignored,
    /// whether the server has been shown the token in this attempt to enter
    vouched: bool,
    stage: Stage,
    asking: Asking,
    /// whether a poll that waits is out
    polling: bool,
    /// whether only the printer is waited for
    is_over: bool,
    /// whether something could not be read, because the log is damaged there
    damaged: bool,
    out: Effects,
}

impl Conversation {
    /// Returns a conversation that begins with [`Input::Started`].
    pub(crate) fn new(server: &str, nick: &str, room: &str, session: Session) -> Self {
        Self {
            nick: nick.into(),
            room: room.into(),
            after: None,
            is_operator: false,
            connection: Connection::new(server),
            cursors: Cursors::new(session),
            outbox: Outbox::default(),
            ignored: Ignored::default(),
            vouched: false,
            stage: Stage::Open,
            asking: Asking::Nothing,
            polling: false,
            is_over: false,
            damaged: false,
            out: Effects::new(room),
        }
    }

    /// Returns whether to read a line: not before the client is attached, nor more than the
    /// outbox holds, nor while something is unprinted or asked for.
    pub(crate) fn wants_line(&self) -> bool {
        let is_idle = self.out.unprinted == 0 && matches!(self.asking, Asking::Nothing);
        let may_say_more = self.stage == Stage::Open && self.outbox.has_room();
        !self.connection.is_new() && is_idle && may_say_more
    }

    /// Returns what is to be done about `input`, in this order. `dice` is a fresh random number
    /// between 0 and 1.
    pub(crate) fn handle(&mut self, input: Input, dice: f64) -> Vec<Effect> {
        let unacknowledged = self.outbox.len();
        match input {
            Input::Started => {}
            Input::Line(line) => match parse(&line) {
                None => {}
                Some(Err(why)) => self.out.status(why),
                Some(Ok(command)) => self.command(command),
            },
            Input::NoMoreLines => self.finish(Stage::InputOver),
            // Nothing changes after /quit, because the client then ends whether it is read or not.
            Input::ReaderGone if self.stage == Stage::Quitting => {}
            Input::ReaderGone => {
                self.out.unprinted = 0;
                self.finish(Stage::Unread);
            }
            Input::Interrupted => self.end(Why::Interrupted),
            Input::Taken => self.out.unprinted = self.out.unprinted.saturating_sub(1),
            Input::Elapsed(Timer::Attach) => self.connection.enter(&self.nick, &mut self.out),
            Input::Elapsed(Timer::Resend) => self.outbox.again(),
            Input::Elapsed(Timer::GiveUp) => self.is_over = true,
            Input::Entered(Ok(nick)) => self.entered(nick),
            Input::Vouched => self.connection.enter(&self.nick, &mut self.out),
            Input::Joined(Ok(cursor)) => self.joined(cursor),
            Input::Entered(Err(error)) => self.not_let_in(error),
            Input::Joined(Err(error)) => self.not_joined(error),
            Input::Polled(result) => {
                self.polling = false;
                self.polled(result);
            }
            Input::PolledLast(Ok(pages)) if pages.is_empty() => self.is_over = true,
            Input::PolledLast(result) => {
                self.stage = Stage::InputOver;
                self.polled(result);
            }
            Input::Sent(room, result) => self.sent(&room, result, dice),
            Input::Replied(result) => {
                self.asking = Asking::Nothing;
                match result {
                    Ok(reply) => self.replied(reply),
                    Err(error) => self.out.status(words::no(&error)),
                }
            }
        }
        if self.stage != Stage::Open && self.outbox.len() < unacknowledged {
            self.finish(self.stage); // the time begins again, because the server acknowledges
        }
        self.out.prompt(&self.room);
        self.go_on(dice);
        self.out.take()
    }

    /// Ends the conversation if nothing is left to do, otherwise starts what can be started.
    fn go_on(&mut self, dice: f64) {
        if self.stage == Stage::Ended {
            return;
        }
        let all_sent = self.outbox.len() == 0;
        if let (true, Asking::ToLeave(room)) = (all_sent, &self.asking) {
            self.ask(Question::Leave(room.clone()));
        }
        let all_printed = self.out.unprinted == 0;
        let is_done = all_sent && all_printed && matches!(self.asking, Asking::Nothing);
        let is_last = matches!(self.stage, Stage::Quitting | Stage::Unread);
        if (is_done && is_last) || (self.is_over && all_printed) {
            let lost = (self.damaged && !is_last).then(|| Why::Unread(words::DAMAGED.into()));
            return self.end(lost.unwrap_or(Why::Done));
        }
        self.connection.begin(&self.nick, dice, &mut self.out);
        if !self.connection.is_attached() {
            return;
        }
        if is_done && self.stage == Stage::InputOver {
            self.stage = Stage::LastPoll;
            self.out.call(Call::LastPoll(self.cursors.all()));
        } else if all_printed && !self.polling && self.stage != Stage::LastPoll {
            self.polling = true;
            self.out.call(Call::Poll(self.cursors.all()));
        }
        if let Some((room, posts)) = self.outbox.next_call() {
            self.out.call(Call::Send(room, posts));
        }
    }

    /// Waits for unacknowledged messages before the end, from now on and for a limited time.
    fn finish(&mut self, stage: Stage) {
        self.stage = stage;
        self.is_over = false;
        self.out.push(Effect::Timer(Timer::GiveUp, GIVE_UP));
    }

    fn end(&mut self, why: Why) {
        self.stage = Stage::Ended;
        let (goodbye, undelivered) = (self.connection.is_attached(), self.outbox.undelivered());
        self.out.push(Effect::End(why, goodbye, undelivered));
    }

    fn entered(&mut self, nick: String) {
        self.nick = nick;
        self.vouched = false;
        let mut rooms: Vec<_> = self.cursors.all().into_iter().map(|at| at.room).collect();
        if rooms.is_empty() {
            rooms.push(self.room.clone());
        }
        self.connection.join(rooms, &mut self.out);
    }

    fn not_let_in(&mut self, error: CallError) {
        let is_banned = matches!(error, CallError::Refused(Refusal::Banned));
        if is_banned && self.is_operator && !self.vouched {
            // An operator is not kept out by a ban, but has to say so first.
            self.vouched = true;
            self.out.call(Call::Vouch);
        } else if let Some(why) = self.connection.failed(error, &mut self.out) {
            self.end(why);
        }
    }

    fn not_joined(&mut self, error: CallError) {
        let is_unknown = matches!(error, CallError::Refused(Refusal::NotJoined));
        if is_unknown && !self.connection.is_new() {
            // The server has another log, and does not know this private room.
            if let Some(room) = self.connection.join_next(&mut self.out) {
                self.cursors.leave(&room);
            }
        } else if let Some(why) = self.connection.failed(error, &mut self.out) {
            self.end(why);
        }
    }

    fn joined(&mut self, mut cursor: Cursor) {
        if self.connection.is_new() {
            self.room.clone_from(&cursor.room);
            cursor.after = self.after.unwrap_or(cursor.after);
        }
        let room = Name::Room(cursor.room.clone());
        self.out.push(Effect::Learn(room));
        self.cursors.join(cursor);
        self.connection.join_next(&mut self.out);
    }

    fn polled(&mut self, result: Result<Vec<Page>, CallError>) {
        let out = &mut self.out;
        let pages = match result {
            Ok(pages) => pages,
            Err(error) => return self.connection.lost(error, out),
        };
        self.connection.backoff.reset();
        for news in pages.into_iter().flat_map(|page| self.cursors.page(page)) {
            match news {
                News::Entry(_, entry) if self.ignored.hides(&entry) => {}
                News::Entry(room, entry) => {
                    out.push(Effect::Learn(Name::Nick(entry.nick.clone())));
                    let here = room == self.room;
                    if is_message(&entry) || here {
                        out.print(Output::Entry(entry, room, here));
                    }
                }
                News::Gone(room, n) => out.status(format!("{n} older messages of {room} are gone")),
                News::Damaged(room, n) => {
                    out.status(words::unreadable(n, &room));
                    self.damaged = true;
                }
                News::Anew(room) => {
                    out.status(format!("{room} begins anew: the server has another log"));
                }
            }
        }
    }

    fn sent(&mut self, room: &str, result: Result<(), CallError>, dice: f64) {
        let out = &mut self.out;
        match result {
            Ok(()) => self.outbox.stored(),
            Err(CallError::Refused(Refusal::TooFast(ms))) => {
                let wait = Duration::from_millis(ms.into());
                out.push(Effect::Timer(Timer::Resend, wait));
            }
            Err(CallError::Refused(Refusal::Full | Refusal::Unavailable(_))) => {
                let wait = self.connection.backoff.wait(dice);
                out.push(Effect::Timer(Timer::Resend, wait));
            }
            // Because this came after a restarted server had let us in, but not yet into the room.
            Err(CallError::Refused(Refusal::NotJoined)) if self.cursors.reads(room) => {
                self.outbox.again();
                self.connection.detach();
            }
            Err(CallError::Refused(refusal @ (Refusal::Unfit(_) | Refusal::NotJoined))) => {
                if let Some(post) = self.outbox.refused() {
                    let body: String = post.body.chars().take(QUOTED).collect();
                    out.status(format!("not delivered: \"{body}\": {refusal}"));
                }
            }
            Err(error) => {
                self.outbox.again();
                self.connection.lost(error, out);
            }
        }
    }

    fn ask(&mut self, question: Question) {
        self.asking = Asking::Server;
        self.out.call(Call::Ask(self.room.clone(), question));
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Say(kind, body) => self.outbox.push(&self.room, kind, body),
            Command::Leave(named) => {
                let room = named.unwrap_or_else(|| self.room.clone());
                self.asking = Asking::ToLeave(room);
            }
            Command::Ask(Question::Admin(_)) if !self.is_operator => {
                let out = &mut self.out;
                out.status("that needs an operator: start with --admin-token-file FILE");
            }
            Command::Ask(question) => self.ask(question),
            Command::Ignore(None) => match self.ignored.nicks().join(", ") {
                nicks if nicks.is_empty() => self.out.status("you ignore no one"),
                nicks => self.out.status(format!("ignored: {nicks}")),
            },
            Command::Ignore(Some(nick)) if self.ignored.add(&nick) => {
                let how = "/unignore undoes it";
                self.out.status(format!("{nick} is ignored; {how}"));
            }
            Command::Ignore(_) => self.out.status("no: too many are ignored; /unignore some"),
            Command::Unignore(nick) if self.ignored.remove(&nick) => {
                self.out.status(format!("{nick} is shown again"));
            }
            Command::Unignore(nick) => self.out.status(format!("{nick} is not ignored")),
            Command::Help => {
                for (usage, what) in HELP {
                    self.out.status(format!("{usage:22} {what}"));
                }
            }
            Command::Quit => self.finish(Stage::Quitting),
        }
    }

    fn replied(&mut self, reply: Reply) {
        let out = &mut self.out;
        match reply {
            Reply::Private(Private { cursor, nick }, text) => {
                // Because it may only look like the nick that was typed.
                out.status(format!("to {nick} only"));
                self.outbox.push(&cursor.room, Kind::Said, text);
                self.cursors.join(cursor);
            }
            Reply::Joined(cursor) => {
                self.room.clone_from(&cursor.room);
                out.push(Effect::Learn(Name::Room(cursor.room.clone())));
                out.status(format!("now in {}", cursor.room));
                self.cursors.join(cursor);
            }
            Reply::Left(room) => match self.cursors.leave(&room) {
                _ if room != self.room => out.status(format!("left {room}")),
                None => out.status(format!("left {room}; /join ROOM to talk again")),
                Some(other) => {
                    out.status(format!("left {room}; now in {other}"));
                    self.room = other;
                }
            },
            Reply::Renamed(nick) => {
                out.status(format!("you are now called {nick}"));
                self.nick = nick;
            }
            Reply::People(room, nicks) => out.statuses(words::people(&room, nicks)),
            Reply::Rooms(rooms) => out.statuses(words::rooms(rooms)),
            Reply::Bans(bans) => out.statuses(words::bans(bans)),
            Reply::Found(page) => {
                if page.damaged > 0 {
                    out.status(words::unreadable(page.damaged, &page.room));
                } else if page.entries.is_empty() {
                    out.status("nothing found");
                }
                let shown = page.entries.into_iter();
                for entry in shown.filter(|entry| !self.ignored.hides(entry)) {
                    out.print(Output::Entry(entry, page.room.clone(), true));
                }
            }
            Reply::Obeyed(order) => out.status(words::obeyed(&order)),
        }
    }
}

#[cfg(test)]
mod tests;
