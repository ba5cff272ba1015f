//! The contract of the chat: rooms that are numbered logs, read with cursors.
//!
//! - **Sending** may be repeated, because an entry is stored once under its key: the sender's
//!   session and the post's id. It is acknowledged, and shown to readers, only after it is stored.
//!   A session sends one call at a time, because two in flight may arrive in either order.
//! - **Reading** is a long poll: [`poll`](Chat::poll) waits until there is an entry after a cursor.
//!   Numbers in a room rise strictly, may skip, and are never used again. The reader keeps the
//!   cursor, so the server queues nothing for it.
//! - **Presence** is a lease that every call of a session renews. A session that is silent for
//!   [`LEASE`] is gone, and its nick is free. A session that comes back in time was never away.
//! - **Epoch**: an epoch that differs from the cursor's means that the log was lost or replaced, so
//!   reading begins anew. If `first` is above the cursor, older entries are gone.
//!
//! Raise [`net::VERSION`](crate::net::VERSION) with every change here, even of an order, because
//! methods, variants and fields are known on the wire by their order only.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The name of the server in its greeting.
pub const SERVICE: &str = "chat-server";
/// Longest wait of a poll: home routers forget a silent connection after 30 to 60 s.
pub const POLL_WAIT: Duration = Duration::from_secs(15);
/// How long a session lives without a call: two polls, so that one may be lost.
pub const LEASE: Duration = Duration::from_secs(30);
/// Longest message in bytes: a screen of text.
pub const MAX_BODY: usize = 4096;
/// Most bytes of bodies in one answer or one send. With their envelopes they fit a frame.
pub const MAX_PAGE: usize = 128 * 1024;
/// Most entries in one answer. The envelopes of 1000 empty bodies still fit a frame.
pub const MAX_ENTRIES: usize = 1000;
/// Longest reason for a kick in bytes: a sentence.
pub const MAX_WHY: usize = 256;
/// Most rooms that one session is in.
pub const MAX_JOINED: usize = 32;

/// One life of one client: 128 random bits, drawn when it starts. The upper half is its public
/// [`Sender`], the lower half is its secret. A client that knows both is taken for that session.
pub type Session = u128;
/// The public half of a session.
pub type Sender = u64;
/// Returns the public half of a session.
pub fn sender(session: Session) -> Sender {
    (session >> 64) as Sender
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A message.
    Said,
    /// `/me`: the body says what the sender does.
    Did,
    /// The sender came in.
    Joined,
    /// The sender left, or its lease ran out.
    Left,
    /// The sender took another nick, which is the body.
    Renamed,
}

/// One line of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the room.
    pub number: u64,
    /// The sender, by which a client knows its own lines, after a change of nick too.
    pub sender: Sender,
    /// What it is.
    pub kind: Kind,
    /// The sender's nick at the time.
    pub nick: String,
    /// The text as it was sent, without NUL. Not fit for a terminal: see the client's sanitiser.
    pub body: String,
    /// When the server stored it, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The session's key for it. Ids rise by one in each session, over all its rooms.
    pub id: u64,
    /// [`Kind::Said`] or [`Kind::Did`].
    pub kind: Kind,
    /// At most [`MAX_BODY`] bytes, not empty.
    pub body: String,
}

/// How far a reader has read a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The room.
    pub room: String,
    /// The number of the last entry that the reader has.
    pub after: u64,
    /// The log in which it has that number.
    pub epoch: u64,
}

/// A piece of a room's log, in rising order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The room.
    pub room: String,
    /// At most [`MAX_ENTRIES`], and [`MAX_PAGE`] bytes.
    pub entries: Vec<Entry>,
    /// The oldest number that is kept, or the next one to be given if none is.
    pub first: u64,
    /// The newest number.
    pub head: u64,
    /// The log.
    pub epoch: u64,
}

/// A room in a list of rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInfo {
    /// Its name.
    pub room: String,
    /// How many sessions are in it.
    pub people: u32,
    /// The newest number.
    pub head: u64,
}

/// A command for the holder of the admin token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admin {
    /// Ends the session that has this nick, and its client. The person may come again.
    Kick {
        /// The nick.
        nick: String,
        /// The reason: at most [`MAX_WHY`] bytes, may be empty.
        why: String,
    },
    /// The same, and refuses new sessions from its address until the server ends.
    Ban {
        /// The nick.
        nick: String,
        /// The reason: at most [`MAX_WHY`] bytes, may be empty.
        why: String,
    },
    /// Lifts the ban on the address that this nick had.
    Unban {
        /// The nick.
        nick: String,
    },
}

/// Why a server refuses a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The session's lease has run out, or it never entered: enter again.
    #[error("the session is over")]
    NoSession,
    /// Another session has this nick, or one that looks like it.
    #[error("somebody is called that already")]
    NickTaken,
    /// Not a nick, a room, or a message; with the reason.
    #[error("{0}")]
    Unfit(String),
    /// The session is not in that room.
    #[error("you are not in that room")]
    NotJoined,
    /// No session has that nick.
    #[error("nobody is called that")]
    Nobody,
    /// Too fast: nothing was stored. Try again after this many milliseconds.
    #[error("too fast")]
    TooFast(u32),
    /// Too many sessions, rooms or waiting calls: try again later.
    #[error("the server is full")]
    Full,
    /// The log cannot be written now, and the entries may or may not be stored: try again.
    #[error("the log cannot be written: {0}")]
    Unavailable(String),
    /// The session belongs to another client.
    #[error("not allowed")]
    Forbidden,
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

/// What a call returns.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// The service.
#[tarpc::service]
pub trait Chat {
    /// Begins or resumes `session` under `nick`, or changes its nick. Returns the normalised nick.
    async fn enter(session: Session, nick: String) -> Result<String>;

    /// Joins `room`, which may be repeated. The cursor is before the last `history` entries.
    async fn join(session: Session, room: String, history: u32) -> Result<Cursor>;

    /// Leaves `room`.
    async fn leave(session: Session, room: String) -> Result<()>;

    /// Ends the session.
    async fn bye(session: Session);

    /// Stores `posts` in `room`, all or none; returns their numbers.
    async fn send(session: Session, room: String, posts: Vec<Post>) -> Result<Vec<u64>>;

    /// Returns the entries after the cursors, without empty pages. Waits for the first one, up to
    /// `wait_ms` and [`POLL_WAIT`]. A new poll of a session ends its last one.
    async fn poll(session: Session, cursors: Vec<Cursor>, wait_ms: u32) -> Result<Vec<Page>>;

    /// Returns the last `limit` entries of `room` before number `before`.
    async fn history(session: Session, room: String, before: u64, limit: u32) -> Result<Page>;

    /// Returns the last `limit` messages of `room` that contain `text`, in any case.
    async fn search(session: Session, room: String, text: String, limit: u32) -> Result<Page>;

    /// Returns the nicks in `room`.
    async fn who(session: Session, room: String) -> Result<Vec<String>>;

    /// Returns the public rooms that have people.
    async fn rooms(session: Session) -> Result<Vec<RoomInfo>>;

    /// Joins this session and `nick` to their private room, whose name begins with `@`.
    async fn private(session: Session, nick: String) -> Result<Cursor>;

    /// Carries out a command, if `token` is the admin token.
    async fn admin(token: String, command: Admin) -> Result<()>;
}
