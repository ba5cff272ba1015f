//! What the person typed: each command, and what its answer changes.

use common::chat::{Kind, RoomInfo};
use futures::FutureExt;

use super::{Done, Show, Talk};
use crate::calls::Trouble;
use crate::clean::Clean;
use crate::command::{Command, HELP, parse};

impl Talk {
    pub(super) async fn typed(&mut self, line: &str) {
        match parse(line) {
            None => {}
            Some(Err(why)) => self.status(Clean::new(&why).to_string()).await,
            Some(Ok(command)) => self.command(command).await,
        }
    }

    fn ask(&mut self, call: impl Future<Output = Done> + Send + 'static) {
        self.asking += 1;
        self.work.push(call.boxed());
    }

    async fn command(&mut self, command: Command) {
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
                let room = named.unwrap_or(room);
                self.ask(async move { Done::Left(room.clone(), calls.leave(room).await) });
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
            Command::Help => {
                for (usage, what) in HELP {
                    self.status(format!("{usage:15} {what}")).await;
                }
            }
            Command::Quit => self.quits = true,
        }
    }

    pub(super) async fn answered(&mut self, done: Done) {
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
                self.status(format!("now in {}", Clean::new(&self.room)))
                    .await;
                Ok(())
            }
            Done::Left(room, Ok(())) => {
                self.view.leave(&room);
                if let (true, Some(other)) = (room == self.room, self.view.cursors().pop()) {
                    self.room = other.room;
                }
                self.status(format!(
                    "left {}; now in {}",
                    Clean::new(&room),
                    Clean::new(&self.room)
                ))
                .await;
                Ok(())
            }
            Done::Renamed(Ok(nick)) => {
                self.nick = nick;
                self.status(format!("you are now called {}", Clean::new(&self.nick)))
                    .await;
                Ok(())
            }
            Done::Found(Ok(page)) => {
                let nothing = page.entries.is_empty();
                for entry in page.entries {
                    let _ = self
                        .show
                        .send(Show::Entry(entry, page.room.clone(), true))
                        .await;
                }
                if nothing {
                    self.status("nothing found".into()).await;
                }
                Ok(())
            }
            Done::Told(Ok(lines)) => {
                for line in lines {
                    self.status(Clean::new(&line).to_string()).await;
                }
                Ok(())
            }
            Done::Whispered(_, Err(trouble)) | Done::Joined(Err(trouble)) => Err(trouble),
            Done::Left(_, Err(trouble)) | Done::Renamed(Err(trouble)) => Err(trouble),
            Done::Found(Err(trouble)) | Done::Told(Err(trouble)) => Err(trouble),
            Done::Attached(_) | Done::Polled(_) | Done::Sent(..) | Done::Rested => Ok(()),
        };
        match outcome {
            Ok(()) => {}
            Err(Trouble::Refused(refusal)) => self.status(format!("no: {refusal}")).await,
            Err(Trouble::Lost(..)) => self.status("no answer: try again".into()).await,
        }
    }
}
