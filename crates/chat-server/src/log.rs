//! The numbered logs of all rooms, and the promises every store of them keeps.
//!
//! - An entry with a key (session and id) is stored once; storing it again answers its number.
//! - Numbers rise by one in a room, and are never used again: not after a restart, not after the
//!   entry is gone.
//! - An append is answered, and shown to readers, only when it is as durable as the store can make
//!   it. Otherwise a crash could give its number to another entry, and cursors would skip that.
//! - The epoch is another one whenever entries that were shown may be missing.
//!
//! `tests/store.rs` holds every store to them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::chat::{Entry, Kind, MAX_ENTRIES, MAX_PAGE, Page, Refusal, Sender};
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Most rooms in one log, private ones included: ten times what a class needs, and their tails in
/// memory stay below a gigabyte even when full of the longest messages nobody sends.
pub const MAX_ROOMS: usize = 1000;

/// An entry on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Who.
    pub sender: Sender,
    /// With the sender, its key; none for what the server says itself.
    pub id: Option<u64>,
    /// What.
    pub kind: Kind,
    /// Under which nick.
    pub nick: String,
    /// The text.
    pub body: String,
    /// When, in milliseconds since 1970.
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

/// How much one answer may carry.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of nicks and bodies; one entry is always given.
    pub bytes: usize,
}

impl Limit {
    /// At most `entries`, and never more than fits a frame.
    pub fn entries(entries: usize) -> Self {
        Self {
            entries: entries.min(MAX_ENTRIES),
            bytes: MAX_PAGE,
        }
    }

    /// As many of `entries` as fit.
    pub fn take(self, entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |entry: &Entry| {
            let first = bytes == 0;
            bytes += entry.nick.len() + entry.body.len();
            first || bytes <= self.bytes
        };
        entries.take(self.entries).take_while(fits).collect()
    }
}

/// Why the log would not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// More is waiting to be written than the store can take: try again.
    #[error("too much is waiting to be written")]
    Busy,
    /// The store failed; whether the entry is stored is not known.
    #[error("{0}")]
    Failed(String),
    /// A new room, and there are [`MAX_ROOMS`].
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

/// How a log is doing, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The name of the log.
    pub epoch: u64,
    /// Rooms in it.
    pub rooms: usize,
    /// Numbers given: the sum of the newest of each room.
    pub entries: u64,
    /// Entries no longer kept: the sum of the numbers before the first of each room.
    pub trimmed: u64,
    /// Batches that were made durable since the server began.
    pub commits: u64,
    /// Why the last write failed, if it did: nothing more is known until the next one.
    pub failure: Option<String>,
}

/// What a store answers.
pub type Answer<T> = BoxFuture<'static, Result<T, LogError>>;

/// A store of numbered logs. See the [module](self) for its promises.
pub trait RoomLog: Send + Sync {
    /// Stores `entries` in `room`, all or none; answers their numbers.
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Answer<Vec<u64>>;

    /// The entries after number `after`, oldest first. Never waits for new ones.
    fn read(&self, room: &str, after: u64, limit: Limit) -> Answer<Page>;

    /// The last entries before number `before`, oldest first.
    fn read_back(&self, room: &str, before: u64, limit: Limit) -> Answer<Page>;

    /// The last messages that contain `text`, whatever its case, oldest first.
    fn search(&self, room: &str, text: &str, limit: Limit) -> Answer<Page>;

    /// The newest number of `room`, and news of it. It is never ahead of what can be read.
    fn head(&self, room: &str) -> watch::Receiver<u64>;

    /// The name of this log: see the [module](self).
    fn epoch(&self) -> u64;

    /// How it is doing. Looks at every room: for now and then.
    fn status(&self) -> Status;
}

/// A store, whichever.
pub type Log = Arc<dyn RoomLog>;
