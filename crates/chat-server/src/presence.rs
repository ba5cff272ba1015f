//! What the servers over one log say to each other of a session: its last word stands. PURE.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use common::chat::{Sender, Session};

#[cfg(any(test, feature = "nats"))]
use crate::person::Notice;

/// How a session is, as the server says that it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "nats", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Word {
    pub(crate) session: Session,
    pub(crate) nick: String,
    pub(crate) ip: IpAddr,
    /// its public rooms, each with the number after which it is read
    pub(crate) rooms: BTreeMap<String, u64>,
    /// its private rooms, each with the other one and the number
    pub(crate) private: Vec<(String, Sender, u64)>,
    /// the server that it calls
    pub(crate) home: u64,
    /// the place of the word with which it first asked for this nick; 0 if it is this one
    pub(crate) claim: u64,
    pub(crate) is_operator: bool,
    /// set if it is over
    pub(crate) end: Option<End>,
}

/// How a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "nats", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum End {
    /// By itself, while it called the server `by`. Its rooms are told already.
    Left { by: u64 },
    /// It was silent for the length of a lease, as this server finds. That one tells the rooms if
    /// no other was first.
    Silent { by: u64 },
    /// An operator has put it out; with the reason. Its rooms are told already.
    PutOut(String),
}

impl Word {
    /// Returns the word that a session is over, which called the server `home`.
    pub(crate) fn over(session: Session, home: u64, end: End) -> Self {
        Self {
            session,
            nick: String::new(),
            ip: [0; 4].into(),
            rooms: BTreeMap::new(),
            private: Vec::new(),
            home,
            claim: 0,
            is_operator: false,
            end: Some(end),
        }
    }
}

/// A text that is kept beside the log: the servers share it line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "nats", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Side {
    /// Who is kept out.
    Bans,
    /// Who owns which nick.
    Owners,
}

/// What is to be said to the other servers.
#[derive(Debug, Default)]
pub(crate) struct Company {
    /// this server; 0 if there are no others
    pub(crate) me: u64,
    /// sessions that have changed
    pub(crate) news: BTreeSet<Session>,
    pub(crate) over: VecDeque<Word>,
    /// whether it is not known that all is heard, so that nobody is found silent
    pub(crate) is_deaf: bool,
}

/// What follows from a word.
#[cfg(any(test, feature = "nats"))]
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// sessions whose polls end
    pub(crate) woken: Vec<Session>,
    /// what to post, because nobody else does
    pub(crate) left: Vec<Notice>,
}
