//! Coming in, at first and again: what happens around a connection that is not there.

use std::time::Duration;

use common::chat::{Cursor, Refusal};
use common::cli::Failure;
use futures::FutureExt;
use tokio::time::sleep;

use super::{Done, Talk};
use crate::api::Trouble;
use crate::clean::Clean;

impl Talk {
    /// Enters, and joins all rooms: at first, and again after a loss.
    pub(super) fn attach(&mut self) {
        self.attaching = true;
        let calls = self.calls.clone();
        let (nick, history) = (self.nick.clone(), self.config.history);
        let mut rooms: Vec<String> = self.view.cursors().into_iter().map(|c| c.room).collect();
        if rooms.is_empty() {
            rooms.push(self.room.clone());
        }
        let wait = if self.known {
            self.backoff.wait(rand::random())
        } else {
            Duration::ZERO
        };
        let attach = async move {
            sleep(wait).await;
            let nick = calls.enter(nick).await?;
            let mut cursors = Vec::new();
            for room in rooms {
                cursors.push(calls.join(room, history).await?);
            }
            Ok((nick, cursors))
        };
        self.work.push(attach.map(Done::Attached).boxed());
    }

    pub(super) fn is_attached(&mut self, nick: String, cursors: Vec<Cursor>) {
        self.attached = true;
        self.backoff.reset();
        self.nick = nick;
        if let (false, Some(first)) = (self.known, cursors.first()) {
            self.room.clone_from(&first.room);
        }
        for mut cursor in cursors {
            if let (Some(after), false) = (self.config.after, self.known) {
                cursor.after = after;
            }
            self.names.add_room(&cursor.room);
            self.view.join(cursor);
        }
        if std::mem::take(&mut self.lost) {
            self.status("connected again".into());
        }
        self.known = true;
    }

    pub(super) fn cannot_begin(&self, trouble: Trouble) -> Failure {
        let server = &self.config.server;
        match trouble {
            Trouble::Lost(Some(error), _) => Failure::from(*error),
            Trouble::Lost(None, why) => Failure::new(format!("cannot talk to {server}: {why}")),
            Trouble::Refused(refusal) => {
                let what = format!("{server} does not let {} in: {refusal}", self.nick);
                let failure = Failure::new(Clean::new(&what).to_string());
                match refusal {
                    Refusal::NickTaken | Refusal::Unfit(_) => {
                        failure.help("choose another name: --name NICK")
                    }
                    Refusal::Banned => failure.help("only its operator can change that"),
                    _ => failure.help("try again later"),
                }
            }
        }
    }

    /// A poll or a send failed: the connection is lost, or the session is over.
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Refused(Refusal::NoSession) => self.attached = false,
            Trouble::Refused(refusal) => {
                self.attached = false;
                self.status(format!("the server refuses: {refusal}"));
            }
            Trouble::Lost(..) => {
                self.attached = false;
                if !std::mem::replace(&mut self.lost, true) {
                    let server = self.config.server.clone();
                    self.status(format!("connection to {server} lost: trying again"));
                }
            }
        }
    }
}
