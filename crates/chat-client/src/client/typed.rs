//! What the person typed: each command, and what its answer changes.

use common::chat::{Admin, Kind, Refusal, RoomInfo};
use futures::FutureExt;

use super::{Done, Show, Talk};
use crate::api::Trouble;
use crate::clean::Clean;
use crate::command::{Command, HELP, parse};

impl Talk {
    pub(super) fn typed(&mut self, line: &str) {
        match parse(line) {
            None => {}
            Some(Err(why)) => self.status(why),
            Some(Ok(command)) => self.command(command),
        }
    }

    fn ask(&mut self, call: impl Future<Output = Done> + Send + 'static) {
        self.asking += 1;
        self.work.push(call.boxed());
    }

    fn command(&mut self, command: Command) {
        let (calls, room) = (self.calls.clone(), self.room.clone());
        match command {
            Command::Say(kind, body) => self.outbox.push(&room, kind, body),
            Command::Whisper(nick, text) => {
                self.ask(async move { Done::Whispered(text, calls.private(nick).await) })
            }
            Command::Join(room) => {
                let history = self.config.history;
                self.ask(async move { Done::Joined(calls.join(room, history).await) });
            }
            Command::Leave(named) => {
                self.leaves = Some(named.unwrap_or(room));
            }
            Command::Nick(nick) => self.ask(async move { Done::Renamed(calls.enter(nick).await) }),
            Command::Who => self.ask(async move {
                let who = calls.who(room.clone()).await;
                Done::Told(who.map(|nicks| vec![format!("in {room}: {}", nicks.join(", "))]))
            }),
            Command::Rooms => self.ask(async move {
                let rooms = calls.rooms().await;
                let line = |info: RoomInfo| format!("#{} ({} here)", info.room, info.people);
                Done::Told(rooms.map(|rooms| rooms.into_iter().map(line).collect()))
            }),
            Command::History(limit) => {
                self.ask(async move { Done::Found(calls.history(room, limit).await) });
            }
            Command::Search(text) => {
                self.ask(async move { Done::Found(calls.search(room, text).await) });
            }
            Command::Order(order) => self.order(order),
            Command::Help => {
                for (usage, what) in HELP {
                    self.status(format!("{usage:16} {what}"));
                }
            }
            Command::Quit => self.quits = true,
        }
    }

    pub(super) fn leave(&mut self, room: String) {
        let calls = self.calls.clone();
        self.ask(async move { Done::Left(room.clone(), calls.leave(room).await) });
    }

    /// What only operators may do. The token leaves this program here, and only to a server that
    /// has let us in.
    fn order(&mut self, order: Admin) {
        let Some(token) = self.config.admin.clone() else {
            self.status("that needs an operator: start with --admin-token-file FILE".into());
            return;
        };
        let done = match &order {
            Admin::Kick { nick, .. } => format!("{nick} is out"),
            Admin::Ban { nick, .. } => format!("{nick} is out, and that address may not come back"),
            Admin::Unban { nick } => format!("the address of {nick} may come back"),
        };
        let calls = self.calls.clone();
        self.ask(async move { Done::Told(calls.admin(&token, order).await.map(|()| vec![done])) });
    }

    pub(super) fn answered(&mut self, done: Done) {
        let outcome = match done {
            Done::Whispered(text, Ok(cursor)) => {
                self.outbox.push(&cursor.room, Kind::Said, text);
                self.view.join(cursor);
                Ok(())
            }
            Done::Joined(Ok(cursor)) => {
                self.room.clone_from(&cursor.room);
                self.names.add_room(&cursor.room);
                self.view.join(cursor);
                self.status(format!("now in {}", Clean::new(&self.room)));
                Ok(())
            }
            Done::Left(room, Ok(())) => {
                self.view.leave(&room);
                let mut rooms = self.view.cursors().into_iter().map(|cursor| cursor.room);
                // Not to a private one: what is typed next is not for that person.
                match rooms.find(|room| !room.starts_with('@')) {
                    _ if room != self.room => self.status(format!("left {room}")),
                    Some(other) => {
                        self.status(format!("left {room}; now in {other}"));
                        self.room = other;
                    }
                    None => self.status(format!("left {room}; /join ROOM to talk again")),
                }
                Ok(())
            }
            Done::Renamed(Ok(nick)) => {
                self.nick = nick;
                self.status(format!("you are now called {}", Clean::new(&self.nick)));
                Ok(())
            }
            Done::Found(Ok(page)) => {
                let nothing = page.entries.is_empty();
                for entry in page.entries {
                    self.shows
                        .push_back(Show::Entry(entry, page.room.clone(), true));
                }
                if nothing {
                    self.status("nothing found".into());
                }
                Ok(())
            }
            Done::Told(Ok(lines)) => {
                for line in lines {
                    self.status(Clean::new(&line).to_string());
                }
                Ok(())
            }
            Done::Whispered(_, Err(trouble)) | Done::Joined(Err(trouble)) => Err(trouble),
            Done::Left(_, Err(trouble)) | Done::Renamed(Err(trouble)) => Err(trouble),
            Done::Found(Err(trouble)) | Done::Told(Err(trouble)) => Err(trouble),
            Done::Attached(_) | Done::Polled(_) | Done::LookedLast(_) => Ok(()),
            Done::Sent(..) | Done::Rested => Ok(()),
        };
        match outcome {
            Ok(()) => {}
            Err(Trouble::Refused(Refusal::WrongToken)) => {
                let what = "no: the server does not take this admin token, or was started without";
                self.status(what.into());
            }
            Err(Trouble::Refused(refusal)) => self.status(format!("no: {refusal}")),
            Err(Trouble::Lost(..)) => self.status("no answer: try again".into()),
        }
    }
}
