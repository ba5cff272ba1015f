//! The newest entries of each room, in memory. Nearly all reading happens here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::chat::{Entry, Page};
use tokio::sync::watch;

use crate::log::{Limit, LogError, MAX_ROOMS, Status};

/// The newest entries of one room.
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    /// the oldest number that is kept anywhere
    pub(super) first: u64,
    pub(super) head: watch::Sender<u64>,
}

impl Tail {
    pub(super) fn new(first: u64, head: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            first,
            head: watch::Sender::new(head),
        }
    }

    /// Shows an entry to readers and keeps the last `most`. Returns the entry that is no longer
    /// kept, if any.
    pub(super) fn push(&mut self, entry: Entry, most: usize) -> Option<Entry> {
        let number = entry.number;
        self.entries.push_back(entry);
        let is_full = self.entries.len() > most;
        let gone = self.entries.pop_front_if(|_| is_full);
        self.head.send_replace(number);
        gone
    }

    /// Returns the newest number.
    pub(super) fn newest(&self) -> u64 {
        *self.head.borrow()
    }

    /// Returns the number before the first one in memory.
    fn before_memory(&self) -> u64 {
        self.entries
            .front()
            .map_or_else(|| self.newest(), |entry| entry.number - 1)
    }

    /// Returns the entries after number `after`, if all of them are in memory.
    pub(super) fn read(&self, after: u64, limit: Limit) -> Option<Vec<Entry>> {
        let after = after.max(self.first.saturating_sub(1));
        let skip = after.checked_sub(self.before_memory())?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Some(limit.take(self.entries.iter().skip(skip).cloned()))
    }

    /// Returns all entries in memory, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// Returns a page of this room.
    pub(super) fn page(&self, room: &str, entries: Vec<Entry>, epoch: u64) -> Page {
        Page {
            room: room.to_owned(),
            entries,
            first: self.first,
            head: self.newest(),
            epoch,
        }
    }
}

/// The tails of all rooms.
#[derive(Default)]
pub(super) struct Tails(Mutex<HashMap<String, Tail>>);

impl Tails {
    /// Locks the tails. A poisoned lock is taken all the same, because no change can panic half
    /// way.
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, Tail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the tails know of a log's status.
    pub(super) fn status(&self, epoch: u64) -> Status {
        let rooms = self.lock();
        let trimmed = |tail: &Tail| tail.first.saturating_sub(1);
        Status {
            epoch,
            rooms: rooms.len(),
            entries: rooms.values().map(Tail::newest).sum(),
            trimmed: rooms.values().map(trimmed).sum(),
            ..Status::default()
        }
    }

    /// Returns the newest number of a room, and wakes when it changes. A new room has 0.
    pub(super) fn head(&self, room: &str) -> watch::Receiver<u64> {
        let mut rooms = self.lock();
        match room_of(&mut rooms, room) {
            Ok(tail) => tail.head.subscribe(),
            Err(_) => watch::Sender::new(0).subscribe(),
        }
    }
}

/// Returns a room's tail, and makes it if necessary.
pub(super) fn room_of<'a>(
    rooms: &'a mut HashMap<String, Tail>,
    room: &str,
) -> Result<&'a mut Tail, LogError> {
    if rooms.len() >= MAX_ROOMS && !rooms.contains_key(room) {
        return Err(LogError::TooManyRooms);
    }
    Ok(rooms
        .entry(room.to_owned())
        .or_insert_with(|| Tail::new(1, 0)))
}
