//! The numbered logs of all rooms, and the promises that every store of them keeps.
//!
//! - An entry with a key (sender and id) is stored once. Storing it again returns its number.
//! - Numbers rise by one in a room and are never used again: not after a restart, and not after
//!   the entry is gone.
//! - An append is answered, and shown to readers, only when it is as durable as the store can make
//!   it. Otherwise a crash could give its number to another entry, and cursors would skip that.
//! - The epoch changes whenever entries that were shown may be missing.
//! - Reading or watching a room never makes it. An append to a new room is refused when there are
//!   too many.
//! - How many messages of a room are kept (`--history`), and when a room ends, is the same in every
//!   store: see [`Bounds`].
//!
//! `tests/store.rs` holds every store to them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::chat::{
    Block, Crowd, Encoded, Entry, Kind, Line, MAX_ENTRIES, MAX_PAGE, Page, ReadyPage, Refusal,
    Sender, Text,
};
use common::cli::Failure;
use common::pen::Pen;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use tokio::sync::watch;

use crate::bounds::{bytes, is_message};

pub use crate::bounds::Bounds;

/// An entry on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The sender.
    pub sender: Sender,
    /// The sender's key for it; `None` for a notice of the server.
    pub id: Option<u64>,
    /// What it is.
    pub kind: Kind,
    /// The sender's nick, which all posts of a call share.
    pub nick: Text,
    /// The text.
    pub body: Text,
    /// The time in milliseconds since 1970.
    pub at_ms: u64,
}

impl NewEntry {
    /// Returns an entry of now.
    pub fn said(sender: Sender, id: Option<u64>, kind: Kind, nick: String, body: String) -> Self {
        Self {
            sender,
            id,
            kind,
            nick: nick.into(),
            body: body.into(),
            at_ms: now_ms(),
        }
    }

    /// Returns the entry with its number.
    pub(crate) fn numbered(&self, number: u64) -> Line<'_> {
        Line {
            number,
            sender: self.sender,
            kind: self.kind,
            nick: &self.nick,
            body: &self.body,
            at_ms: self.at_ms,
        }
    }
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// How much one page may carry.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// Most messages. Notices between them come in addition, up to [`MAX_ENTRIES`] entries, because
    /// otherwise a page could be full of them.
    pub messages: usize,
    /// Most bytes of entries. The first entry is always given.
    pub bytes: usize,
}

impl PageLimit {
    /// Returns a limit of this many messages, and never more than fits a frame.
    pub fn messages(messages: usize) -> Self {
        Self {
            messages: messages.min(MAX_ENTRIES),
            bytes: MAX_PAGE,
        }
    }

    /// Returns as many of `entries` as fit, from the first on.
    pub fn take(self, entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
        let mut fits = self.fits();
        let entries = entries.take(MAX_ENTRIES);
        entries
            .take_while(|entry| fits(size(entry), entry.kind))
            .collect()
    }

    /// Returns a check whether one more entry of this size and kind fits.
    pub(crate) fn fits(self) -> impl FnMut(usize, Kind) -> bool {
        let (mut bytes, mut messages) = (0, 0);
        move |size, kind| {
            let is_first = bytes == 0;
            bytes += size;
            messages += usize::from(is_message(kind));
            messages <= self.messages && (is_first || bytes <= self.bytes)
        }
    }
}

/// A page in the bytes that a reader gets.
pub struct Ready {
    /// The page.
    pub page: ReadyPage,
    /// How many entries it has.
    pub count: usize,
    /// Their bytes, as they count towards a limit.
    pub bytes: usize,
    /// The number of the last of them.
    pub last: Option<u64>,
}

impl From<Page> for Ready {
    fn from(page: Page) -> Self {
        let encoded = Encoded::all(page.entries.iter().map(Line::from));
        Self {
            count: page.entries.len(),
            bytes: page.entries.iter().map(size).sum(),
            last: page.entries.last().map(|entry| entry.number),
            page: ReadyPage {
                room: page.room,
                entries: Block::of(encoded.iter()),
                first: page.first,
                head: page.head,
                epoch: page.epoch,
                damaged: page.damaged,
            },
        }
    }
}

/// Returns the bytes of an entry that count towards a limit.
pub fn size(entry: &Entry) -> usize {
    bytes(&entry.nick, &entry.body)
}

/// The newest number of a room, to be read and waited for. A head of a room that does not exist
/// waits until one is made.
pub struct Head {
    room: Option<watch::Receiver<u64>>,
    made: watch::Receiver<u64>,
}

impl Head {
    /// Returns the head of a room. `made` changes whenever a room is made; its value is the number
    /// after which a new room begins.
    pub(crate) fn new(room: Option<watch::Receiver<u64>>, made: watch::Receiver<u64>) -> Self {
        Self { room, made }
    }

    /// Returns the newest number. A room that does not exist has the number after which it will
    /// begin.
    pub fn newest(&self) -> u64 {
        *self.room.as_ref().unwrap_or(&self.made).borrow()
    }

    /// Returns whether the room exists.
    pub fn exists(&self) -> bool {
        self.room.is_some()
    }

    /// Waits until the number changes, or the room is made or ends. To wait on, take a new head.
    pub async fn changed(&mut self) {
        let watch = self.room.as_mut().unwrap_or(&mut self.made);
        if watch.changed().await.is_ok() {
            return;
        }
        // A closed watch is never news twice, because a caller would spin.
        if self.room.take().is_none() {
            pending().await
        }
    }
}

/// Why a log refused a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// More is waiting to be written than the store can take: try again.
    #[error("too much is waiting to be written")]
    Busy,
    /// The store could not be written. The entry may or may not be stored.
    #[error("{0}")]
    Failed(String),
    /// The store could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// The room is new, and there are as many as the store may have.
    #[error("there are too many rooms")]
    TooManyRooms,
    /// Too many searches wait.
    #[error("too many searches are waiting")]
    TooManySearches,
    /// The call makes no sense; with a sentence for the person.
    #[error("{0}")]
    Unfit(String),
}

impl LogError {
    pub(crate) const STOPPED: &str = "the store has stopped";

    /// Returns the error of a store whose thread has ended.
    pub(crate) fn stopped() -> Self {
        Self::Failed(Self::STOPPED.into())
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        match error {
            LogError::TooManyRooms => Self::Full(Crowd::Rooms),
            LogError::TooManySearches => Self::Full(Crowd::Searches),
            LogError::Unfit(why) => Self::Unfit(why),
            LogError::Unreadable(why) => Self::Unreadable(why),
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
    /// Bytes that the log takes, in its file or in memory, as of a moment ago.
    pub bytes: u64,
    /// Bytes of entries that wait to be written.
    pub waiting: usize,
    /// Why the last write failed, if it did. It stays until the next write.
    pub failure: Option<String>,
    /// What there is to know only of a log that several servers share.
    pub shared: Option<Shared>,
}

/// The state of a log that several servers share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Messages that did not count, because another server was first.
    pub void: u64,
    /// Tries that were not answered in time.
    pub retries: u64,
    /// How often the log was followed anew.
    pub restarts: u64,
    /// How often something was missing in it.
    pub holes: u64,
    /// The place up to which it is played.
    pub played: u64,
    /// The place at which it ended a moment ago.
    pub end: u64,
    /// Whether there is a connection.
    pub is_connected: bool,
}

/// What a store returns.
pub type Reply<T> = BoxFuture<'static, Result<T, LogError>>;

/// A store of numbered logs. See the [module](self) for its promises.
pub trait RoomLog: Send + Sync {
    /// Stores `entries` in `room`, all or none; returns their numbers.
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>>;

    /// Returns the entries after number `after`, oldest first. Never waits for new ones. Entries
    /// that cannot be read are left out and counted, here and below.
    fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page>;

    /// Returns what [`read`](Self::read) would, if all of it is in memory. Most polls end here.
    fn ready(&self, room: &str, after: u64, limit: PageLimit) -> Option<Ready>;

    /// Returns the last entries before number `before`, oldest first; the limit counts messages.
    fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page>;

    /// Returns the last messages that contain `text`, in any case, oldest first. If that takes too
    /// long, those that were found.
    fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page>;

    /// Returns the number after which the last messages of `room` come, this many.
    fn before_last(&self, room: &str, messages: u32) -> Reply<u64>;

    /// Returns the newest number of `room`, to be waited for. It is never ahead of what can be
    /// read.
    fn head(&self, room: &str) -> Head;

    /// Returns whether `room` exists or may be made now.
    fn has_place(&self, room: &str) -> bool;

    /// Deletes the rooms that have ended at `now_ms`. `used` are the rooms that sessions are in.
    fn end_rooms(&self, used: HashSet<String>, now_ms: u64) -> Reply<()>;

    /// Stores what waits, and puts the log away, so that its file alone holds all of it. Later
    /// calls are refused.
    fn close(&self) -> Reply<()>;

    /// Writes into `journal` what is stored from now on, each append before a reader can see it.
    fn keep_journal(&self, journal: Pen);

    /// Returns the epoch of this log.
    fn epoch(&self) -> u64;

    /// Returns when this server must not go on, because readers would see something else than
    /// those of other servers over the same log; and why.
    fn broken(&self) -> BoxFuture<'static, Failure> {
        pending().boxed()
    }

    /// Returns the state of the log. Not for every call, because it looks at every room.
    fn status(&self) -> Status;
}

/// Any store.
pub type Log = Arc<dyn RoomLog>;
