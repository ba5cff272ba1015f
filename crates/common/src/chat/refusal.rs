//! Why a chat server refuses a call, in words for a person. PURE.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a server may have too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Crowd {
    /// Sessions.
    Sessions,
    /// Rooms.
    Rooms,
    /// Searches that wait.
    Searches,
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sessions => "sessions",
            Self::Rooms => "rooms",
            Self::Searches => "searches",
        })
    }
}

/// Why a server refuses a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The session's lease has run out, or it never entered: enter again.
    #[error("the session is over")]
    NoSession,
    /// Another session has this nick, or one that looks like it.
    #[error("{by} is here, and no two names may look alike")]
    NickTaken {
        /// The nick of that session.
        by: String,
        /// A nick like the one that was asked for that is free, or nothing.
        free: String,
    },
    /// The nick is registered, and the caller has not shown that it is the owner's; with the nick
    /// as it is registered.
    #[error("{0} is registered, and only its owner can have that name")]
    Registered(String),
    /// Not a nick, a room, or a message; with the reason.
    #[error("{0}")]
    Unfit(String),
    /// The session is not in that room.
    #[error("you are not in that room")]
    NotJoined,
    /// No session has that nick.
    #[error("nobody is called that")]
    Nobody,
    /// Too fast: nothing was done. Try again after this many milliseconds.
    #[error("too fast: wait a moment and try again")]
    TooFast(u32),
    /// The caller has its share of something; with what to do about it.
    #[error("{0}")]
    Share(String),
    /// The server has as many of something as it may have: try again later.
    #[error("the server has too many {0}: try again later")]
    Full(Crowd),
    /// The log cannot be written now, and the entries may or may not be stored: try again.
    #[error("the log cannot be written: {0}")]
    Unavailable(String),
    /// The log cannot be read now: try again.
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
    /// The admin token is wrong, or the server was started without one.
    #[error("the server does not take this admin token")]
    WrongToken,
    /// An operator has ended this session; with the reason, if there is one.
    #[error("an operator has put you out{}{}", if .0.is_empty() { "" } else { ": " }, .0)]
    Kicked(String),
    /// An operator has banned this address.
    #[error("an operator has banned your address")]
    Banned,
}
