//! One session: its rooms, and how fast it may talk and move. PURE: the caller hands in the time.

use std::collections::BTreeMap;
use std::time::Duration;

use common::chat::{MAX_JOINED, MAX_PRIVATE, Result, Sender, Session, sender};

use crate::door::{Caller, too_fast};
use crate::names::Nick;
use crate::pace::Pace;
use common::bucket::Bucket;

/// A full bucket of messages holds this many seconds' worth: a pasted paragraph, or a page of a
/// log.
const BURST_SECONDS: f64 = 4.0;

/// Joins, leaves and changes of nick: a person who makes one every two seconds is not reading.
const MOVES_A_SECOND: f64 = 0.5;

/// Moves at once: all rooms of a client that comes back, and a few more.
const MOVES_AT_ONCE: f64 = MAX_JOINED as f64 + 8.0;

/// A private room of a session.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) room: String,
    pub(crate) other: Sender,
    pub(crate) after: u64,
}

/// One session and what is known of it.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) nick: Nick,
    pub(crate) sender: Sender,
    pub(crate) caller: Caller,
    pub(crate) seen: Duration,
    /// whether it calls this server, and not another one over the same log
    pub(crate) is_mine: bool,
    /// whether it has a place at the door of this server
    pub(crate) has_place: bool,
    /// the server that it calls, as was heard last
    pub(crate) home: u64,
    /// the place of its claim to the nick, once that is heard
    pub(crate) claim: Option<u64>,
    /// the nick that it has until then, with its claim
    pub(crate) was: Option<(Nick, u64)>,
    /// when the other servers were told of it last
    #[cfg(any(test, feature = "nats"))]
    pub(crate) said: Duration,
    /// when it was asked for the nick, as long as it has no claim
    #[cfg(any(test, feature = "nats"))]
    pub(crate) asked: Option<Duration>,
    messages: Bucket,
    moves: Bucket,
    pub(crate) pace: Pace,
    /// the public rooms, each with the number it had read up to when it joined
    pub(crate) rooms: BTreeMap<String, u64>,
    /// the private rooms, the least recently used one first
    pub(crate) private: Vec<Opened>,
}

impl Person {
    pub(crate) fn new(
        session: Session,
        nick: &Nick,
        caller: Caller,
        rate: f64,
        now: Duration,
    ) -> Self {
        Self {
            nick: nick.clone(),
            // Once, because hashing takes longer than everything else about a message.
            sender: sender(session),
            caller,
            seen: now,
            is_mine: true,
            has_place: true,
            home: 0,
            claim: None,
            was: None,
            #[cfg(any(test, feature = "nats"))]
            said: now,
            #[cfg(any(test, feature = "nats"))]
            asked: None,
            messages: Bucket::new(rate, rate * BURST_SECONDS, now),
            moves: Bucket::new(MOVES_A_SECOND, MOVES_AT_ONCE, now),
            pace: Pace::new(),
            rooms: BTreeMap::new(),
            private: Vec::new(),
        }
    }

    /// Takes messages from what this session may say now.
    pub(crate) fn says(&mut self, count: u32, now: Duration) -> Result<()> {
        self.messages.take(count, now).map_err(too_fast)
    }

    /// Takes a move from what this session may make now.
    pub(crate) fn moves(&mut self, now: Duration) -> Result<()> {
        self.moves.take(1, now).map_err(too_fast)
    }

    /// Returns its rooms, each with the number from which it is read.
    pub(crate) fn all_rooms(&self) -> impl Iterator<Item = (&String, u64)> {
        let private = self.private.iter();
        let private = private.map(|opened| (&opened.room, opened.after));
        let public = self.rooms.iter().map(|(room, &after)| (room, after));
        public.chain(private)
    }

    /// Returns a notice about this session.
    pub(crate) fn notice(&self, room: &str) -> Notice {
        Notice {
            room: room.to_owned(),
            sender: self.sender,
            nick: self.nick.text.clone(),
        }
    }

    /// Returns whether it is in this room.
    pub(crate) fn is_in(&self, room: &str) -> bool {
        self.rooms.contains_key(room) || self.private.iter().any(|opened| opened.room == room)
    }

    /// Returns the other one of a private room, which becomes the most recently used.
    pub(crate) fn uses(&mut self, room: &str) -> Option<Sender> {
        let at = self.private.iter().position(|opened| opened.room == room)?;
        self.private[at..].rotate_left(1);
        self.private.last().map(|opened| opened.other)
    }

    /// Adds a private room, and leaves the least recently used one if there is one too many.
    pub(crate) fn open(&mut self, room: &str, other: Sender, after: u64) {
        if self.uses(room).is_none() {
            let room = room.to_owned();
            self.private.push(Opened { room, other, after });
            let is_full = self.private.len() > MAX_PRIVATE;
            self.private.drain(..usize::from(is_full));
        }
    }
}

/// A line that the server has to post in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) room: String,
    /// the one it is about
    pub(crate) sender: Sender,
    /// the nick under which the room knows that one
    pub(crate) nick: String,
}

/// The other one of a private room, with the nick in its own spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) sender: Sender,
    pub(crate) nick: String,
}

/// Who sends, and who must look for a new room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) sender: Sender,
    pub(crate) nick: String,
    /// the session for which the private room was opened just now
    pub(crate) opened_for: Option<Session>,
}
