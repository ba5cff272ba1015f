//! The newest entries of each room, in memory. Nearly all reading happens here.

use std::collections::{HashMap, VecDeque, vec_deque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::chat::{Block, Entry, Line, MAX_ENTRIES, Page, ReadyPage};
use common::pen::Pen;
use tokio::sync::watch;

use crate::bounds::{Account, is_message};
use crate::kept::KeptEntry;
use crate::log::{Head, NewEntry, PageLimit, Ready, Status};
use crate::record::stored;

use added::Added;

mod added;

/// The newest entries of one room, in rising order. Numbers may be missing.
pub(crate) struct Tail {
    entries: VecDeque<KeptEntry>,
    bytes: usize,
    /// no entry above this number is missing here, unless it is kept nowhere
    complete_after: u64,
    /// no message below this number is kept anywhere
    pub(crate) first: u64,
    first_notice: u64,
    newest: u64,
    /// the newest number that was shown to those who wait
    head: watch::Sender<u64>,
}

impl Tail {
    /// Returns the tail of a new room, whose numbers begin after `floor`.
    pub(crate) fn new(floor: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            complete_after: 0,
            first: 1,
            first_notice: 1,
            newest: floor,
            head: watch::Sender::new(floor),
        }
    }

    /// Returns the tail of a room that is kept elsewhere, up to number `newest`.
    pub(crate) fn stored(first: u64, newest: u64) -> Self {
        Self {
            complete_after: newest,
            first,
            ..Self::new(newest)
        }
    }

    /// Adds entries, which readers hear of by [`added`](Self::added).
    pub(crate) fn add<'a>(&mut self, entries: impl Iterator<Item = Line<'a>> + Clone) {
        for kept in KeptEntry::all(entries) {
            self.newest = kept.number;
            self.bytes += kept.cost();
            self.entries.push_back(kept);
        }
    }

    /// Returns what was added, to be shown by dropping it.
    pub(crate) fn added(&self) -> Added {
        Added::new(self.newest, self.head.clone())
    }

    /// Removes and returns the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<KeptEntry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.cost();
        Some(entry)
    }

    /// Removes and returns the `count` oldest notices.
    pub(crate) fn pop_notices(&mut self, mut count: u64) -> Vec<KeptEntry> {
        let mut gone = Vec::new();
        if count == 0 {
            return gone; // because every append asks, and a look at all entries takes long
        }
        self.retain(|entry| {
            let goes = count > 0 && !is_message(entry.kind);
            if goes {
                count -= 1;
                gone.push(entry.clone());
            }
            !goes
        });
        gone
    }

    /// Forgets what `account` no longer keeps.
    pub(crate) fn trim(&mut self, account: &Account) {
        let (first, first_notice) = (account.first, account.first_notice);
        if (first, first_notice) != (self.first, self.first_notice) {
            (self.first, self.first_notice) = (first, first_notice);
            let oldest = self.entries.front().map_or(u64::MAX, |entry| entry.number);
            if oldest >= first.max(first_notice) {
                return; // because a look at all entries takes long, and all of them stay
            }
            self.retain(|entry| {
                entry.number
                    >= if is_message(entry.kind) {
                        first
                    } else {
                        first_notice
                    }
            });
        }
    }

    fn retain(&mut self, mut is_kept: impl FnMut(&KeptEntry) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let is_kept = is_kept(entry);
            *bytes -= if is_kept { 0 } else { entry.cost() };
            is_kept
        });
    }

    /// Forgets the oldest entries, which are kept elsewhere, until at most this many entries and
    /// bytes are left.
    pub(crate) fn shrink(&mut self, entries: usize, bytes: usize) {
        while self.entries.len() > entries || self.bytes > bytes {
            let Some(gone) = self.pop() else { break };
            self.complete_after = gone.number;
        }
        // Gives memory back only when much is free, because a tail that stays full would otherwise
        // be copied again and again.
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Returns whether the oldest entry is a notice.
    pub(crate) fn begins_with_notice(&self) -> bool {
        self.entries
            .front()
            .is_some_and(|entry| !is_message(entry.kind))
    }

    /// Returns the newest number.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Returns the bytes that the entries take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the entries after number `after`, if all of them are in memory.
    pub(crate) fn read(&self, after: u64, limit: PageLimit) -> Option<Vec<Entry>> {
        let entries = self.after(after, limit)?;
        Some(entries.filter_map(KeptEntry::entry).collect())
    }

    /// Returns the entries that [`read`](Self::read) does, as they are kept.
    fn after(&self, after: u64, limit: PageLimit) -> Option<vec_deque::Iter<'_, KeptEntry>> {
        let after = after.max(self.first.saturating_sub(1));
        if after < self.complete_after {
            return None;
        }
        let skip = self.entries.partition_point(|entry| entry.number <= after);
        let mut fits = limit.fits();
        let entries = self.entries.range(skip..).take(MAX_ENTRIES);
        let count = entries
            .take_while(|entry| fits(entry.size, entry.kind))
            .count();
        Some(self.entries.range(skip..skip + count))
    }

    /// Returns the entries in memory that come before `before`, newest first.
    pub(crate) fn back_from(&self, before: u64) -> impl Iterator<Item = &KeptEntry> {
        let count = self.entries.partition_point(|entry| entry.number < before);
        self.entries.range(..count).rev()
    }

    /// Returns the number after which the last messages come, this many, if they are in memory.
    pub(crate) fn before_last(&self, messages: usize) -> Option<u64> {
        let Some(others) = messages.checked_sub(1) else {
            return Some(self.newest());
        };
        let mut spoken = self
            .back_from(u64::MAX)
            .filter(|entry| is_message(entry.kind));
        let oldest = spoken.nth(others).map(|entry| entry.number - 1);
        let is_whole = self.complete_after < self.first;
        oldest.or_else(|| is_whole.then_some(self.first - 1))
    }
}

/// The tails of all rooms.
pub(crate) struct Rooms {
    tails: HashMap<String, Tail>,
    /// changes when a room is made; its value is the number after which a new room begins
    made: watch::Sender<u64>,
    /// what is written down of each append, with the epoch of the log
    journal: (Pen, u64),
}

impl Rooms {
    /// Writes down from now on what is stored.
    pub(crate) fn keep_journal(&mut self, journal: Pen, epoch: u64) {
        self.journal = (journal, epoch);
    }

    /// Writes down from now on that what is stored is of another log.
    #[cfg(feature = "nats")]
    pub(crate) fn set_epoch(&mut self, epoch: u64) {
        self.journal.1 = epoch;
    }

    /// Writes down an append, with the number of each entry and whether it is new. Before this lock
    /// is released, because then readers see it.
    pub(crate) fn note(&self, room: &str, entries: &[NewEntry], numbers: &[(u64, bool)]) {
        let (journal, epoch) = &self.journal;
        // Notices have no id, and are not written.
        let key = entries
            .first()
            .and_then(|first| Some((first.sender, first.id?)));
        if let Some(key) = key {
            let bodies = entries.iter().map(|entry| &*entry.body);
            journal.note(|| stored((room, *epoch), key, bodies, numbers));
        }
    }

    pub(crate) fn get(&self, room: &str) -> Option<&Tail> {
        self.tails.get(room)
    }

    /// Returns the number after which a new room begins.
    pub(crate) fn floor(&self) -> u64 {
        *self.made.borrow()
    }

    /// Adds a room that is kept elsewhere.
    pub(crate) fn insert(&mut self, room: String, tail: Tail) {
        self.tails.insert(room, tail);
    }

    /// Returns a room, which is made if necessary; its numbers begin after `floor` then. Only what
    /// stores entries may do so.
    pub(crate) fn make(&mut self, room: &str, floor: u64) -> &mut Tail {
        if !self.tails.contains_key(room) {
            self.made.send_modify(|_| {}); // wakes those who wait for it
        }
        self.tails
            .entry(room.to_owned())
            .or_insert_with(|| Tail::new(floor))
    }

    /// Returns the bytes that all tails take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.tails.values().map(Tail::bytes).sum()
    }

    /// Returns the tail that takes the most bytes in memory, with its name.
    pub(crate) fn largest(&mut self) -> Option<(&str, &mut Tail)> {
        let tails = self.tails.iter_mut().max_by_key(|(_, tail)| tail.bytes);
        tails.map(|(name, tail)| (name.as_str(), tail))
    }

    /// Removes a room that has ended. Those who wait for it wake.
    pub(crate) fn end(&mut self, room: &str, floor: u64) {
        self.made.send_modify(|made| *made = floor.max(*made));
        self.tails.remove(room);
    }

    /// Forgets the oldest entries of the largest tails until all have at most `total` bytes.
    pub(crate) fn shrink(&mut self, total: usize) {
        while self.bytes() > total {
            let Some((_, largest)) = self.largest() else {
                return;
            };
            // By half, so that the next one comes only after many entries.
            largest.shrink(usize::MAX, largest.bytes / 2);
        }
    }

    /// Returns the page of a room after number `after`, if all of it is in memory; its last number,
    /// and what counts of it.
    pub(crate) fn ready(
        &self,
        room: &str,
        after: u64,
        limit: PageLimit,
        epoch: u64,
    ) -> Option<Ready> {
        let tail = self.get(room)?;
        let entries = tail.after(after, limit)?;
        let count = entries.len();
        let bytes = entries.clone().map(|entry| entry.size).sum();
        let last = entries.clone().next_back().map(|entry| entry.number);
        let entries = Block::of(entries.map(KeptEntry::encoded));
        let page = ReadyPage {
            room: room.to_owned(),
            entries,
            first: tail.first,
            head: tail.newest(),
            epoch,
            damaged: 0,
        };
        Some(Ready {
            page,
            count,
            bytes,
            last,
        })
    }

    /// Returns a page of a room. A room that does not exist has an empty one.
    pub(crate) fn page(&self, room: &str, entries: Vec<Entry>, epoch: u64) -> Page {
        let tail = self.get(room);
        Page {
            room: room.to_owned(),
            entries,
            first: tail.map_or(1, |tail| tail.first),
            head: tail.map_or_else(|| self.floor(), Tail::newest),
            epoch,
            damaged: 0,
        }
    }
}

/// The tails of all rooms, shared between those who read and what stores.
pub(crate) struct Tails(Mutex<Rooms>);

impl Tails {
    /// Returns no tails. A new room begins after number `floor`.
    pub(crate) fn new(floor: u64) -> Self {
        Self(Mutex::new(Rooms {
            tails: HashMap::new(),
            made: watch::Sender::new(floor),
            journal: Default::default(),
        }))
    }

    /// Locks the tails. A poisoned lock is taken all the same, because no change can panic half
    /// way.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the tails know of a log's status.
    pub(crate) fn status(&self, epoch: u64) -> Status {
        let tails = &self.lock().tails;
        let trimmed = |tail: &Tail| tail.first.saturating_sub(1);
        Status {
            epoch,
            rooms: tails.len(),
            entries: tails.values().map(Tail::newest).sum(),
            trimmed: tails.values().map(trimmed).sum(),
            ..Status::default()
        }
    }

    /// Returns the head of a room.
    pub(crate) fn head(&self, room: &str) -> Head {
        let rooms = self.lock();
        let tail = rooms.get(room).map(|tail| tail.head.subscribe());
        Head::new(tail, rooms.made.subscribe())
    }

    /// Returns whether `room` exists or may be made, when `most` rooms may exist.
    pub(crate) fn has_place(&self, room: &str, most: usize) -> bool {
        let tails = &self.lock().tails;
        tails.len() < most || tails.contains_key(room)
    }
}

#[cfg(test)]
mod tests {
    use common::chat::Kind;

    use super::*;

    fn entry(number: u64, length: usize) -> Entry {
        Entry {
            number,
            sender: 1,
            kind: Kind::Said,
            nick: "ann".into(),
            body: "x".repeat(length).into(),
            at_ms: 1,
        }
    }

    fn add(tail: &mut Tail, entry: &Entry) {
        tail.add(std::iter::once(entry.into()));
    }

    #[test]
    fn tails_fit_their_bytes_and_know_what_they_have_forgotten() {
        let tails = Tails::new(0);
        let mut rooms = tails.lock();
        for number in 1..=100 {
            add(rooms.make("small", 0), &entry(number, 10));
            add(rooms.make("large", 0), &entry(number, 4096));
        }
        let small = rooms.get("small").map(Tail::bytes);
        rooms.shrink(200_000);
        assert!(rooms.bytes() <= 200_000);
        assert_eq!(
            rooms.get("small").map(Tail::bytes),
            small,
            "the largest pays"
        );
        let large = rooms.get("large").expect("there");
        let limit = PageLimit::messages(1000);
        let is_kept = |number: &u64| large.read(number - 1, limit).is_some();
        let oldest = (1..=100).find(is_kept).expect("some are kept");
        assert!((50..=100).contains(&oldest), "{oldest}");
        let page = large.read(oldest - 1, limit).expect("kept");
        assert!(page.iter().map(|entry| entry.number).eq(oldest..=100));
        assert_eq!(large.before_last(1), Some(99));
        assert_eq!(large.before_last(100), None, "it is not here");
        rooms.shrink(0);
        assert_eq!(rooms.bytes(), 0);
        let large = rooms.get("large").expect("there");
        assert_eq!((large.newest(), large.read(99, limit)), (100, None));
        assert_eq!(large.read(100, limit), Some(vec![]));
    }

    #[test]
    fn one_tail_has_a_limit_of_its_own() {
        let mut tail = Tail::new(0);
        for number in 1..=10 {
            add(&mut tail, &entry(number, 1000));
        }
        let each = tail.bytes() / 10;
        tail.shrink(8, usize::MAX);
        assert_eq!(tail.bytes(), 8 * each);
        tail.shrink(8, 3 * each);
        assert_eq!(tail.bytes(), 3 * each);
    }
}
