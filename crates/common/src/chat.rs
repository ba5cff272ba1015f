//! The chat room as its callers see it: a numbered log that they read with a cursor.
//!
//! - **Sending** is safe to repeat: an entry is known by its sender's session and id, and stored
//!   once. It is answered, and shown to readers, only after it is stored. A session sends one call
//!   at a time, since two in flight may swap.
//! - **Reading** is a long poll: [`poll`](Chat::poll) answers at once when there is something after
//!   a cursor, else when something comes or the wait is over. Numbers in a room rise strictly, may
//!   skip, and are never used again. The cursor lives in the reader, so nothing is queued for it.
//! - **Presence** is a lease that every call of a session renews: a session that is silent for
//!   [`LEASE`] is gone, and its nick is free. A session that comes back within it was never away.
//! - **Epoch**: another epoch than the cursor's means that the log was lost or replaced, and that
//!   reading begins anew; `first` above a cursor means that older entries are gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The program that answers.
pub const SERVICE: &str = "chat-server";

/// The longest a poll waits: below the 30 to 60 seconds after which home routers forget a silent
/// connection.
pub const POLL_WAIT: Duration = Duration::from_secs(15);

/// How long a session lives without a call: two polls, so that one may be lost.
pub const LEASE: Duration = Duration::from_secs(30);

/// Longest message in bytes: a screen of text.
pub const MAX_BODY: usize = 4096;

/// Most bytes of bodies in one answer or one send; with their envelopes it fits a frame.
pub const MAX_PAGE: usize = 128 * 1024;

/// Most entries in one answer: at 1000 an empty body's envelope still fits the frame.
pub const MAX_ENTRIES: usize = 1000;

/// Longest reason for putting somebody out, in bytes: a sentence.
pub const MAX_WHY: usize = 256;

/// Most rooms one session is in.
pub const MAX_JOINED: usize = 32;

/// One life of one client: 128 random bits, drawn at its start. The upper half is its [`Sender`],
/// which everybody sees; the lower half is its secret: who has both, is that client.
pub type Session = u128;

/// The public half of a session.
pub type Sender = u64;

/// What others see of a session.
pub fn sender(session: Session) -> Sender {
    // The upper half of 128 bits has 64.
    (session >> 64) as Sender
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A message.
    Said,
    /// `/me`: the body tells what the sender does.
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
    /// Who: to tell one's own lines, also after a change of nick.
    pub sender: Sender,
    /// What it is.
    pub kind: Kind,
    /// The sender's nick at the time.
    pub nick: String,
    /// As it was sent, without NUL. Not fit for a terminal: see the client's sanitiser.
    pub body: String,
    /// When the server stored it, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Something to send. Ids rise by one in each session, over all its rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// With the session: the key under which it is stored once.
    pub id: u64,
    /// [`Kind::Said`] or [`Kind::Did`].
    pub kind: Kind,
    /// At most [`MAX_BODY`] bytes, not empty.
    pub body: String,
}

/// How far a reader has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// In which room.
    pub room: String,
    /// The number of the last entry it has.
    pub after: u64,
    /// In which log.
    pub epoch: u64,
}

/// A piece of a room's log, in rising order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Which room.
    pub room: String,
    /// At most [`MAX_ENTRIES`], and [`MAX_PAGE`] bytes.
    pub entries: Vec<Entry>,
    /// The oldest number that is kept, or the next one if none is.
    pub first: u64,
    /// The newest number.
    pub head: u64,
    /// Which log.
    pub epoch: u64,
}

/// A room, as `/rooms` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInfo {
    /// Its name.
    pub room: String,
    /// How many are in it.
    pub people: u32,
    /// The newest number.
    pub head: u64,
}

/// What the holder of the admin token may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admin {
    /// Puts whoever has `nick` out: its session is over, and its client ends. It may come again.
    Kick {
        /// Whom.
        nick: String,
        /// At most [`MAX_WHY`] bytes; may be empty.
        why: String,
    },
    /// The same, and lets nobody in from its address for as long as the server runs.
    Ban {
        /// Whom.
        nick: String,
        /// At most [`MAX_WHY`] bytes; may be empty.
        why: String,
    },
    /// Lifts the ban on the address that `nick` had.
    Unban {
        /// Whose.
        nick: String,
    },
}

/// Why a server would not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The session's lease has run out, or it never entered: enter again.
    #[error("the session is over")]
    NoSession,
    /// Somebody has this nick, or one that looks like it.
    #[error("somebody is called that already")]
    NickTaken,
    /// Not a nick, a room, or a message; with the reason.
    #[error("{0}")]
    Unfit(String),
    /// Not in that room.
    #[error("you are not in that room")]
    NotJoined,
    /// Nobody has that nick.
    #[error("nobody is called that")]
    Nobody,
    /// Too fast: nothing was stored; try again after so many milliseconds.
    #[error("too fast")]
    TooFast(u32),
    /// Too many sessions, rooms or waiting calls: try again later.
    #[error("the server is full")]
    Full,
    /// The log cannot be written at the moment: nothing is known to be stored; try again.
    #[error("the log cannot be written: {0}")]
    Unavailable(String),
    /// That session is somebody else's.
    #[error("not allowed")]
    Forbidden,
    /// The admin token is wrong, or the server was started without one.
    #[error("the server does not take this admin token")]
    WrongToken,
    /// An operator has ended this session; with the reason, if there is one.
    #[error("an operator has put you out{}{}", if .0.is_empty() { "" } else { ": " }, .0)]
    PutOut(String),
    /// An operator lets nobody in from this address.
    #[error("an operator has banned your address")]
    Banned,
}

/// The service.
#[tarpc::service]
pub trait Chat {
    /// Begins or resumes `session` under `nick`; also changes the nick. Answers the nick in its
    /// normal form.
    async fn enter(session: Session, nick: String) -> Result<String, Refusal>;

    /// Joins `room`, again if need be. The cursor is before its last `history` entries.
    async fn join(session: Session, room: String, history: u32) -> Result<Cursor, Refusal>;

    /// Leaves `room`.
    async fn leave(session: Session, room: String) -> Result<(), Refusal>;

    /// Ends the session.
    async fn bye(session: Session);

    /// Stores `posts` in `room`, all or none; answers their numbers.
    async fn send(session: Session, room: String, posts: Vec<Post>) -> Result<Vec<u64>, Refusal>;

    /// What is after the cursors; waits up to `wait_ms` (at most [`POLL_WAIT`]) for it. Pages
    /// without news are left out. A new poll of a session ends its last one.
    async fn poll(
        session: Session,
        cursors: Vec<Cursor>,
        wait_ms: u32,
    ) -> Result<Vec<Page>, Refusal>;

    /// The last `limit` entries of `room` before number `before`.
    async fn history(
        session: Session,
        room: String,
        before: u64,
        limit: u32,
    ) -> Result<Page, Refusal>;

    /// The last `limit` messages of `room` that contain `text`, whatever its case.
    async fn search(
        session: Session,
        room: String,
        text: String,
        limit: u32,
    ) -> Result<Page, Refusal>;

    /// Who is in `room`.
    async fn who(session: Session, room: String) -> Result<Vec<String>, Refusal>;

    /// The rooms with somebody in them, private ones left out.
    async fn rooms(session: Session) -> Result<Vec<RoomInfo>, Refusal>;

    /// The private room of this session and `nick`, joined by both; its name begins with `@`.
    async fn private(session: Session, nick: String) -> Result<Cursor, Refusal>;

    /// Does what only the holder of the admin token may.
    async fn admin(token: String, order: Admin) -> Result<(), Refusal>;
}
