//! The contract of the chat: rooms that are numbered logs, read with cursors.
//!
//! - **Identity**: a [`Sender`] is a hash of a secret [`Session`]. So a caller that acts as a
//!   sender has its session, now and after a restart of the server, and nothing needs to be
//!   remembered for that.
//! - **Sending** may be repeated, because an entry is stored once under its key: the room, the
//!   sender and the post's id. It is acknowledged, and shown to readers, only after it is stored.
//!   A session sends one call at a time, because two in flight may arrive in either order.
//! - **Reading** is a long poll: [`poll`](Chat::poll) waits until there is an entry after a cursor.
//!   Numbers in a room rise strictly, may skip, and are never used again. The reader keeps the
//!   cursor, so the server queues nothing for it. A second call may [`follow`](Chat::follow) the
//!   poll: it is made in a quiet moment, because otherwise all readers of a room would ask for more
//!   just when a message is on its way to them.
//! - **Presence** is a lease that every call of a session renews. A session that is silent for
//!   [`LEASE`] is gone, and its nick is free. A session that comes back in time was never away.
//! - **Epoch**: an epoch that differs from the cursor's means that the log was lost or replaced, so
//!   reading begins anew. If `first` is above the cursor, older entries are gone.
//!
//! Raise [`net::VERSION`](crate::net::VERSION) with every change here, even of an order, because
//! methods, variants and fields are known on the wire by their order only.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use bounded::Bounded;
pub use entries::{Block, Encoded, Line};
pub use owner::{Owner, PublicKey, statement};
pub use posts::Posts;
pub use ready::{Answer, ReadyPage};
pub use refusal::{Crowd, Refusal};
pub use text::Text;

mod bounded;
mod entries;
mod hex;
mod owner;
mod posts;
mod ready;
mod refusal;
mod text;

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
/// Most public rooms that one session is in.
pub const MAX_JOINED: usize = 32;
/// Most private rooms of one session: a screen of conversations. With one more, the least recently
/// used is left.
pub const MAX_PRIVATE: usize = 64;
/// Most cursors in one poll: one for each room that a session can be in.
pub const MAX_CURSORS: usize = MAX_JOINED + MAX_PRIVATE;
/// Most posts in one send. They have [`MAX_PAGE`] bytes at most: this many of two sentences each. A
/// program that brings a whole archive waits for one answer a call.
pub const MAX_POSTS: usize = 512;
/// Longest name of a person or a public room in bytes, and longest text to search for. Longer ones
/// are refused before anything is computed with them.
pub const MAX_NAME: usize = 128;
/// Most names in one list: a few screens. The next call goes on after the last of them.
pub const MAX_LISTED: usize = 200;

/// One life of one client: 128 secret random bits, drawn when it starts. A caller that knows them
/// is taken for that client. A type of its own, because it must not be shown like a [`Sender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Session(
    #[serde(serialize_with = "hex::write_128", deserialize_with = "hex::read_128")] pub u128,
);
/// The public name of a session.
pub type Sender = u128;
/// Returns the public name of a session: the first 128 bits of a SHA-256 hash, because nobody can
/// find a session for a given sender.
pub fn sender(session: Session) -> Sender {
    let hash = Sha256::new_with_prefix(b"sender")
        .chain_update(session.0.to_be_bytes())
        .finalize();
    let half = hash.first_chunk().copied();
    Sender::from_be_bytes(half.unwrap_or_default())
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
    #[serde(
        serialize_with = "hex::write_hash",
        deserialize_with = "hex::read_hash"
    )]
    pub sender: Sender,
    /// What it is.
    pub kind: Kind,
    /// The sender's nick at the time.
    pub nick: Text,
    /// The text as it was sent, without NUL. Not fit for a terminal: see the client's sanitiser.
    pub body: Text,
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
    pub body: Text,
}

/// How far a reader has read a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The room.
    pub room: String,
    /// The number of the last entry that the reader has.
    pub after: u64,
    /// The log in which it has that number.
    #[serde(serialize_with = "hex::write_64", deserialize_with = "hex::read_64")]
    pub epoch: u64,
}

/// A piece of a room's log, in rising order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The room.
    pub room: String,
    /// At most [`MAX_ENTRIES`], and [`MAX_PAGE`] bytes.
    #[serde(with = "entries")]
    pub entries: Vec<Entry>,
    /// No message below this number is kept any more.
    pub first: u64,
    /// The newest number.
    pub head: u64,
    /// The log.
    #[serde(serialize_with = "hex::write_64", deserialize_with = "hex::read_64")]
    pub epoch: u64,
    /// How many numbers were stepped over, because the file of the log is damaged there. In a
    /// poll's page, they follow the cursor, and the entries come after them.
    pub damaged: u64,
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

/// A part of a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// At most [`MAX_LISTED`].
    #[serde(deserialize_with = "bounded::at_most::<_, _, MAX_LISTED>")]
    #[serde(bound(deserialize = "T: Deserialize<'de>"))]
    pub part: Vec<T>,
    /// How many come after them.
    pub more: u32,
}

impl<T> Listed<T> {
    /// Returns the first part of `all`.
    pub fn first(all: impl Iterator<Item = T>) -> Self {
        let mut all = all.fuse();
        let part = all.by_ref().take(MAX_LISTED).collect();
        let more = u32::try_from(all.count()).unwrap_or(u32::MAX);
        Self { part, more }
    }
}

/// What a session is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Its nick, normalised.
    pub nick: String,
    /// Its public name. A page in a browser cannot compute it: browsers hash for https only.
    #[serde(
        serialize_with = "hex::write_hash",
        deserialize_with = "hex::read_hash"
    )]
    pub sender: Sender,
}

/// A person in a list of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The nick.
    pub nick: String,
    /// Whether it is registered, so that nobody but its owner can have it.
    pub is_registered: bool,
}

/// The private room of a session and another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// The room, before the next entry.
    pub cursor: Cursor,
    /// The nick of the other one. It may only look like the one that was asked for.
    pub nick: String,
}

/// Addresses that are kept out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// The network in CIDR notation, such as `192.0.2.7/32`.
    pub network: String,
    /// The nick for which it was banned, or nothing.
    pub nick: String,
    /// The reason, or nothing.
    pub why: String,
    /// When it ends, in milliseconds since 1970; 0 is never.
    pub until_ms: u64,
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
    /// Refuses every call from some addresses, except those of operators, and ends the sessions
    /// that are there.
    Ban {
        /// A nick, whose address (/32, or /64 in IPv6) is meant; or an address, or a network in
        /// CIDR notation.
        whom: String,
        /// For how many minutes; 0 is until it is lifted.
        minutes: u32,
        /// The reason: at most [`MAX_WHY`] bytes, may be empty.
        why: String,
    },
    /// Lifts the bans for this nick, or on this address or network.
    Unban {
        /// What was banned.
        whom: String,
    },
    /// Returns the bans. A session that has called this is an operator's, and no ban keeps it out.
    Bans {
        /// The list begins after this network.
        after: String,
    },
    /// Frees a registered nick, because its owner has lost the identity.
    Release {
        /// The nick, or one that looks like it.
        nick: String,
    },
}

/// What a call returns.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// The service.
#[tarpc::service]
pub trait Chat {
    /// Begins or resumes `session` under `nick`, or changes its nick. `owner` is a proof for this
    /// text of the nick, and is looked at only if it is registered.
    async fn enter(session: Session, nick: String, owner: Option<Owner>) -> Result<Entered>;

    /// Binds the nick of `session`, and all that look like it, to the public key of `owner`, which
    /// is a proof for the normalised nick. May be repeated. Returns the nick.
    async fn register(session: Session, owner: Owner) -> Result<String>;

    /// Joins `room`, which may be repeated. The cursor is before the last `history` messages.
    async fn join(session: Session, room: String, history: u32) -> Result<Cursor>;

    /// Leaves `room`, in any spelling that [`join`](Chat::join) takes. Returns its name.
    async fn leave(session: Session, room: String) -> Result<String>;

    /// Ends the session.
    async fn bye(session: Session);

    /// Stores `posts` in `room`, all or none; returns their numbers.
    async fn send(session: Session, room: String, posts: Posts) -> Result<Bounded<u64, MAX_POSTS>>;

    /// Returns the entries after the cursors, without empty pages. Waits for the first one, up to
    /// `wait_ms` and [`POLL_WAIT`]. A new poll of a session ends its last one.
    async fn poll(
        session: Session,
        cursors: Bounded<Cursor, MAX_CURSORS>,
        wait_ms: u32,
    ) -> Result<Bounded<Page, MAX_CURSORS>>;

    /// Returns the entries after those that answer the poll of this session, as a poll would that
    /// begins then. The poll waits on this connection, or is itself such a call. Returns nothing if
    /// none waits, if another call follows it, or if its reader has to say where to go on.
    async fn follow(session: Session, wait_ms: u32) -> Result<Bounded<Page, MAX_CURSORS>>;

    /// Returns the last `limit` entries of `room`, which the session is in, before number `before`.
    async fn history(session: Session, room: String, before: u64, limit: u32) -> Result<Page>;

    /// Returns the last `limit` messages of `room`, which the session is in, that contain `text`,
    /// in any case.
    async fn search(session: Session, room: String, text: String, limit: u32) -> Result<Page>;

    /// Returns the nicks in `room`, which the session is in, that come after `after` in the order
    /// of the alphabet.
    async fn who(session: Session, room: String, after: String) -> Result<Listed<Present>>;

    /// Returns the public rooms that have people and come after `after`.
    async fn rooms(session: Session, after: String) -> Result<Listed<RoomInfo>>;

    /// Opens the private room of this session and `nick`, whose name begins with `@`. The other one
    /// is in it as soon as something is said there. The name of a private room that the session is
    /// in is taken as well, because a nick may belong to another person by now.
    async fn private(session: Session, nick: String) -> Result<Private>;

    /// Carries out a command, if `token` is the admin token. Returns the bans if it asks for them.
    async fn admin(session: Session, token: String, command: Admin) -> Result<Listed<Ban>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_the_beginning_of_a_hash() {
        // (printf sender; head -c 16 /dev/zero) | sha256sum
        assert_eq!(sender(Session(0)), 0xb1e8f2e594aa92db7933ca65e648a83b);
        assert_ne!(sender(Session(1)), sender(Session(0)));
        assert_ne!(sender(Session(1 << 127)), sender(Session(0)));
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        let all = Listed::first(0..MAX_LISTED + 7);
        assert_eq!((all.part.len(), all.more), (MAX_LISTED, 7));
        let few = Listed::first(0..7);
        assert_eq!((few.part.len(), few.more), (7, 0));
    }
}
