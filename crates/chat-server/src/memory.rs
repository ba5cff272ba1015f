//! A log that lasts as long as the server, for lessons and tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use common::chat::{Entry, Kind, Page, Sender};
use futures::FutureExt;
use futures::future::ready;
use tokio::sync::watch;

use crate::log::{Limit, LogError, NewEntry, Reply, RoomLog, Status};
use crate::tail::{Tails, room_of};

/// The store in memory. Each one has an epoch of its own, because it begins empty.
pub struct Memory {
    tails: Tails,
    keys: Mutex<Keys>,
    history: usize,
    epoch: u64,
}

/// The number of each key, and the key of each number, of all entries that are kept.
#[derive(Default)]
struct Keys {
    number: HashMap<(Sender, u64), u64>,
    key: HashMap<(String, u64), (Sender, u64)>,
}

impl Memory {
    /// Returns an empty log that keeps the last `history` entries of each room.
    pub fn new(history: usize) -> Arc<Self> {
        Arc::new(Self {
            tails: Tails::default(),
            keys: Mutex::default(),
            history: history.max(1),
            epoch: rand::random_range(1..=u64::MAX),
        })
    }

    fn store(&self, room: &str, entries: Vec<NewEntry>) -> Result<Vec<u64>, LogError> {
        let mut rooms = self.tails.lock();
        let tail = room_of(&mut rooms, room)?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = entry.id.map(|id| (entry.sender, id));
            if let Some(&number) = key.and_then(|key| keys.number.get(&key)) {
                numbers.push(number);
                continue;
            }
            let number = tail.newest() + 1;
            if let Some(key) = key {
                keys.number.insert(key, number);
                keys.key.insert((room.to_owned(), number), key);
            }
            if let Some(gone) = tail.push(entry.numbered(number), self.history) {
                tail.first = gone.number + 1;
                if let Some(key) = keys.key.remove(&(room.to_owned(), gone.number)) {
                    keys.number.remove(&key);
                }
            }
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Returns the newest entries that are `wanted`, oldest first.
    fn newest(
        &self,
        room: &str,
        limit: Limit,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Page, LogError> {
        let mut rooms = self.tails.lock();
        let tail = room_of(&mut rooms, room)?;
        let mut entries = limit.take(tail.newest_first().filter(|e| wanted(e)).cloned());
        entries.reverse();
        Ok(tail.page(room, entries, self.epoch))
    }
}

impl RoomLog for Memory {
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>> {
        ready(self.store(room, entries)).boxed()
    }

    fn read(&self, room: &str, after: u64, limit: Limit) -> Reply<Page> {
        let mut rooms = self.tails.lock();
        let page = room_of(&mut rooms, room).map(|tail| {
            let entries = tail.read(after, limit).unwrap_or_default();
            tail.page(room, entries, self.epoch)
        });
        ready(page).boxed()
    }

    fn read_back(&self, room: &str, before: u64, limit: Limit) -> Reply<Page> {
        ready(self.newest(room, limit, |entry| entry.number < before)).boxed()
    }

    fn search(&self, room: &str, text: &str, limit: Limit) -> Reply<Page> {
        let text = text.to_lowercase();
        let matches = |entry: &Entry| {
            let spoken = matches!(entry.kind, Kind::Said | Kind::Did);
            spoken && entry.body.to_lowercase().contains(&text)
        };
        ready(self.newest(room, limit, matches)).boxed()
    }

    fn head(&self, room: &str) -> watch::Receiver<u64> {
        self.tails.head(room)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn status(&self) -> Status {
        self.tails.status(self.epoch)
    }
}
