//! The messages that the servers write into NATS, and their bytes. PURE.

use common::chat::{Kind, Sender, Text};
use serde::{Deserialize, Serialize};

use crate::chain::{Link, Origin, Place, What};
use crate::sides::Change;

/// The version of the messages: the first byte of each. A server that finds another one ends,
/// because to skip a message would be to show something else than the others do.
pub(super) const VERSION: u8 = 1;

/// A message, with who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    writer: u64,
    attempt: u64,
    pub(super) body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Body {
    /// Something of a room: see [`chain`](crate::chain).
    Room(InRoom),
    /// From here on, this is another log: some of the old one is lost.
    Epoch(u64),
    /// A change of what is kept beside the rooms.
    Side(Change),
}

/// Something of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InRoom {
    pub(super) room: String,
    prev: (u64, u64, u64),
    after: u64,
    pub(super) does: Does,
}

/// What is done with the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Does {
    /// These appends are stored.
    Adds(Vec<Vec<Written>>),
    /// It ends, and later rooms begin above this number.
    Ends(u64),
}

/// An entry of an append. It has no time, because that is the time at which NATS stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) sender: Sender,
    pub(super) id: Option<u64>,
    pub(super) kind: Kind,
    pub(super) nick: Text,
    pub(super) body: Text,
}

impl InRoom {
    /// Returns what is written on the message at `prev`, with the newest number before it.
    pub(super) fn new(room: &str, (prev, after): (Place, u64), does: Does) -> Self {
        let Place { at, origin } = prev;
        Self {
            room: room.to_owned(),
            prev: (at, origin.writer, origin.attempt),
            after,
            does,
        }
    }

    /// Returns what the rule has to know of it.
    pub(super) fn link(&self) -> Link {
        let (at, writer, attempt) = self.prev;
        let origin = Origin { writer, attempt };
        let count = |appends: &Vec<Vec<Written>>| appends.iter().map(|one| one.len() as u64).sum();
        Link {
            prev: Place { at, origin },
            after: self.after,
            what: match &self.does {
                Does::Adds(appends) => What::Entries(count(appends)),
                Does::Ends(floor) => What::End { floor: *floor },
            },
        }
    }
}

impl Message {
    /// Returns a message.
    pub(super) fn new(origin: Origin, body: Body) -> Self {
        let Origin { writer, attempt } = origin;
        Self {
            writer,
            attempt,
            body,
        }
    }

    /// Returns who wrote it.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            writer: self.writer,
            attempt: self.attempt,
        }
    }

    /// Returns its bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        postcard::to_extend(self, vec![VERSION]).map_err(|error| error.to_string())
    }

    /// Returns the message with these bytes, or what they are instead.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => {
                postcard::from_bytes(rest).map_err(|_| "is no message of a chat-server".to_owned())
            }
            Some((version, _)) => Err(format!("has version {version}, and this is {VERSION}")),
            None => Err("is empty".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let origin = Origin {
            writer: 1 << 63,
            attempt: 2,
        };
        let prev = Place { at: 9, origin };
        let entry = Written {
            sender: 1 << 127,
            id: Some(u64::MAX),
            kind: Kind::Did,
            nick: "ann".into(),
            body: "hello".into(),
        };
        let appends = vec![vec![entry.clone()], vec![entry]];
        let room = InRoom::new("@a+b", (prev, 7), Does::Adds(appends));
        let what = What::Entries(2);
        let after = 7;
        assert_eq!(room.link(), Link { prev, after, what });
        let message = Message::new(origin, Body::Room(room));
        let bytes = message.bytes().expect("written");
        let read = Message::read(&bytes).expect("a message");
        assert_eq!((read.origin(), read), (origin, message));
    }

    #[test]
    fn what_is_no_message_is_named() {
        let text = |bytes: &[u8]| Message::read(bytes).expect_err("no message");
        assert_eq!(text(&[]), "is empty");
        assert_eq!(text(&[9, 1]), "has version 9, and this is 1");
        assert_eq!(text(&[VERSION]), "is no message of a chat-server");
    }
}
