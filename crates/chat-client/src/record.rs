//! What of a conversation is written into the journal. PURE.

use std::collections::BTreeSet;

use common::chat::{Cursor, Entry, Post, Sender, Session, sender};
use common::journal::{Event, Hex, name, text};

use crate::effect::is_message;

/// What is known of the last lines, so that each thing is written once.
pub(crate) struct Record {
    /// whether there is a journal
    pub(crate) is_on: bool,
    me: Sender,
    /// the rooms that are read, each with its log; none while the server is lost
    online: Option<BTreeSet<(String, u64)>>,
    /// the name of the send that is out
    sent: String,
}

impl Record {
    /// Returns the record of session `me`, which is off.
    pub(crate) fn new(me: Session) -> Self {
        Self {
            is_on: false,
            me: sender(me),
            online: None,
            sent: String::new(),
        }
    }

    /// A poll for `cursors` begins. It is news if the client is back, or is in other rooms.
    pub(crate) fn polls(&mut self, nick: &str, cursors: &[Cursor]) -> Option<Event> {
        if !self.is_on {
            return None;
        }
        let rooms = cursors.iter().map(|at| (at.room.clone(), at.epoch));
        let rooms = Some(rooms.collect());
        if self.online == rooms {
            return None;
        }
        self.online = rooms;
        let read = |at: &Cursor| (at.room.clone(), at.after, hex(at.epoch));
        Some(Event::Online {
            nick: nick.to_owned(),
            sender: Hex(self.me),
            rooms: cursors.iter().map(read).collect(),
        })
    }

    /// The server is lost.
    pub(crate) fn lost(&mut self, why: String) -> Option<Event> {
        self.online.take().map(|_| Event::Offline { why })
    }

    /// A send begins.
    pub(crate) fn sends(&mut self, room: &str, posts: &[Post]) -> Option<Event> {
        let first = posts.first().filter(|_| self.is_on)?;
        self.sent = name::post(self.me, first.id);
        Some(Event::Post {
            room: room.to_owned(),
            id: self.sent.clone(),
            count: posts.len() as u64,
        })
    }

    /// The send that was out is acknowledged.
    pub(crate) fn acked(&mut self, numbers: Vec<u64>) -> Option<Event> {
        let id = self.sent.clone();
        self.is_on.then_some(Event::Acked { id, numbers })
    }

    /// A message has come.
    pub(crate) fn heard(&self, room: &str, epoch: u64, entry: &Entry) -> Option<Event> {
        (self.is_on && is_message(entry)).then(|| Event::Shown {
            room: room.to_owned(),
            epoch: hex(epoch),
            number: entry.number,
            sender: Hex(entry.sender),
            text: text(&entry.body, epoch),
        })
    }

    /// Messages before that of the number `first` cannot be had.
    pub(crate) fn gone(&self, room: &str, epoch: u64, first: u64) -> Option<Event> {
        self.is_on.then(|| Event::Gone {
            room: room.to_owned(),
            epoch: hex(epoch),
            first,
        })
    }
}

fn hex(number: u64) -> Hex {
    Hex(number.into())
}
