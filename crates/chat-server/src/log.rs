//! The numbered logs of all rooms, and the promises that every store of them keeps.
//!
//! - An entry with a key (sender and id) is stored once. Storing it again returns its number.
//! - Numbers rise by one in a room and are never used again: not after a restart, and not after
//!   the entry is gone.
//! - An append is answered, and shown to readers, only when it is as durable as the store can make
//!   it. Otherwise a crash could give its number to another entry, and cursors would skip that.
//! - The epoch changes whenever entries that were shown may be missing.
//!
//! `tests/store.rs` holds every store to them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::chat::{Entry, Kind, MAX_ENTRIES, MAX_PAGE, Page, Refusal, Sender};
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Most rooms in one log, private ones included: ten times what a class needs. Their tails in
/// memory stay below a gigabyte, even when full of the longest messages.
pub const MAX_ROOMS: usize = 1000;

/// An entry on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The sender.
    pub sender: Sender,
    /// The sender's key for it; `None` for a notice of the server.
    pub id: Option<u64>,
    /// What it is.
    pub kind: Kind,
    /// The sender's nick.
    pub nick: String,
    /// The text.
    pub body: String,
    /// The time in milliseconds since 1970.
    pub at_ms: u64,
}

impl NewEntry {
    /// Returns an entry of now.
    pub fn said(sender: Sender, id: Option<u64>, kind: Kind, nick: String, body: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_ms = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        Self {
            sender,
            id,
            kind,
            nick,
            body,
            at_ms,
        }
    }

    /// Returns the entry with its number.
    pub fn numbered(self, number: u64) -> Entry {
        Entry {
            number,
            sender: self.sender,
            kind: self.kind,
            nick: self.nick,
            body: self.body,
            at_ms: self.at_ms,
        }
    }
}

/// How much one page may carry.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of nicks and bodies. The first entry is always given.
    pub bytes: usize,
}

impl Limit {
    /// Returns a limit of this many entries, and never more than fits a frame.
    pub fn entries(entries: usize) -> Self {
        Self {
            entries: entries.min(MAX_ENTRIES),
            bytes: MAX_PAGE,
        }
    }

    /// Returns as many of `entries` as fit, from the first on.
    pub fn take(self, entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |entry: &Entry| {
            let is_first = bytes == 0;
            bytes += size(entry);
            is_first || bytes <= self.bytes
        };
        entries.take(self.entries).take_while(fits).collect()
    }
}

/// Returns the bytes of an entry that count towards a limit.
pub fn size(entry: &Entry) -> usize {
    entry.nick.len() + entry.body.len()
}

/// Why a log refused a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// More is waiting to be written than the store can take: try again.
    #[error("too much is waiting to be written")]
    Busy,
    /// The store failed. The entry may or may not be stored.
    #[error("{0}")]
    Failed(String),
    /// The room is new, and there are [`MAX_ROOMS`].
    #[error("there are {MAX_ROOMS} rooms already")]
    TooManyRooms,
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        match error {
            LogError::TooManyRooms => Self::Full,
            LogError::Busy | LogError::Failed(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// The state of a log, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The epoch of the log.
    pub epoch: u64,
    /// Rooms in it.
    pub rooms: usize,
    /// Numbers given: the sum of the newest of each room.
    pub entries: u64,
    /// Entries no longer kept: the sum of the numbers before the first of each room.
    pub trimmed: u64,
    /// Batches that were made durable since the server began.
    pub commits: u64,
    /// Why the last write failed, if it did. It stays until the next write.
    pub failure: Option<String>,
}

/// What a store returns.
pub type Reply<T> = BoxFuture<'static, Result<T, LogError>>;

/// A store of numbered logs. See the [module](self) for its promises.
pub trait RoomLog: Send + Sync {
    /// Stores `entries` in `room`, all or none; returns their numbers.
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>>;

    /// Returns the entries after number `after`, oldest first. Never waits for new ones.
    fn read(&self, room: &str, after: u64, limit: Limit) -> Reply<Page>;

    /// Returns the last entries before number `before`, oldest first.
    fn read_back(&self, room: &str, before: u64, limit: Limit) -> Reply<Page>;

    /// Returns the last messages that contain `text`, in any case, oldest first.
    fn search(&self, room: &str, text: &str, limit: Limit) -> Reply<Page>;

    /// Returns the newest number of `room`, and wakes when it changes. It is never ahead of what
    /// can be read.
    fn head(&self, room: &str) -> watch::Receiver<u64>;

    /// Returns the epoch of this log.
    fn epoch(&self) -> u64;

    /// Returns the state of the log. Not for every call, because it looks at every room.
    fn status(&self) -> Status;
}

/// Any store.
pub type Log = Arc<dyn RoomLog>;
