//! A log that lasts as long as the server, for lessons and tests.

use std::collections::HashSet;
use std::sync::Arc;

use common::chat::Page;
use common::pen::Pen;
use futures::FutureExt;
use futures::future::ready;

use crate::bounds::Bounds;
use crate::log::{Head, NewEntry, PageLimit, Ready, Reply, RoomLog, Status};
use crate::view::View;

/// The store in memory. Each one has an epoch of its own, because it begins empty.
pub struct Memory(View);

impl Memory {
    /// Returns an empty log.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let epoch = rand::random_range(1..=u64::MAX);
        Arc::new(Self(View::new(bounds, epoch)))
    }
}

impl RoomLog for Memory {
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>> {
        ready(self.0.store(room, entries)).boxed()
    }

    fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        self.0.read(room, after, limit)
    }

    fn ready(&self, room: &str, after: u64, limit: PageLimit) -> Option<Ready> {
        self.0.ready(room, after, limit)
    }

    fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page> {
        self.0.read_back(room, before, limit)
    }

    fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page> {
        self.0.search(room, text, limit)
    }

    fn before_last(&self, room: &str, messages: u32) -> Reply<u64> {
        self.0.before_last(room, messages)
    }

    fn head(&self, room: &str) -> Head {
        self.0.head(room)
    }

    fn has_place(&self, room: &str) -> bool {
        self.0.has_place(room)
    }

    fn end_rooms(&self, used: HashSet<String>, now_ms: u64) -> Reply<()> {
        self.0.end_rooms(&used, now_ms);
        ready(Ok(())).boxed()
    }

    fn close(&self) -> Reply<()> {
        ready(Ok(())).boxed()
    }

    fn keep_journal(&self, journal: Pen) {
        self.0.keep_journal(journal);
    }

    fn epoch(&self) -> u64 {
        self.0.epoch()
    }

    fn status(&self) -> Status {
        self.0.status()
    }
}
