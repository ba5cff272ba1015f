//! What readers see of a log that is kept in memory: the entries of each room, their keys and
//! numbers. Two stores write into it: [`Memory`](crate::Memory), which has nothing else, and
//! `Nats`, which plays into it what several servers have written.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::chat::{Page, Sender};
use common::pen::Pen;
use futures::FutureExt;
use futures::future::ready;

use crate::bounds::{Account, Bounds, bytes, is_message};
use crate::kept::KeptEntry;
use crate::log::{Head, LogError, NewEntry, PageLimit, Ready, Reply, Status};
use crate::search::{Needle, SEARCH_LIMIT, SEARCHES};
use crate::tail::{Rooms, Tail, Tails};
use crate::worker::Worker;

#[cfg(feature = "nats")]
pub(crate) mod replay;

/// Most bytes that this store takes, whatever its bounds say: see the sum in
/// [`common::net::Limits`].
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// Entries that a search looks at while it holds the lock.
const PIECE: usize = 64;

/// The entries of a log in memory.
pub(crate) struct View {
    tails: Arc<Tails>,
    kept: Mutex<HashMap<String, Kept>>,
    searches: Worker<Arc<Tails>>,
    bounds: Bounds,
    epoch: AtomicU64,
}

/// What a room keeps beside its entries, which are in its tail.
struct Kept {
    account: Account,
    /// the number of each key; sorted, because the keys of a sender come in order, so that those
    /// which come and go are near each other
    numbers: BTreeMap<(Sender, u64), u64>,
    /// the key of each number, in rising order, because messages are forgotten in that order
    keys: VecDeque<(u64, (Sender, u64))>,
}

impl View {
    /// Returns an empty one.
    pub(crate) fn new(bounds: Bounds, epoch: u64) -> Self {
        let tails = Arc::new(Tails::new(0));
        Self {
            searches: Worker::start(tails.clone(), SEARCHES),
            tails,
            kept: Mutex::default(),
            bounds: Bounds {
                bytes: bounds.bytes.min(MOST_BYTES),
                ..bounds
            },
            epoch: AtomicU64::new(epoch),
        }
    }

    /// Locks what is kept. A poisoned lock is taken all the same, because no change can panic half
    /// way. The tails are locked after it, never before.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores entries in a room, which is made if it has a place. Returns their numbers.
    pub(crate) fn store(&self, name: &str, entries: Vec<NewEntry>) -> Result<Vec<u64>, LogError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut kept = self.lock();
        let mut rooms = self.tails.lock();
        if kept.len() >= self.bounds.rooms && !kept.contains_key(name) {
            return Err(LogError::TooManyRooms);
        }
        let floor = rooms.floor();
        let room = kept
            .entry(name.to_owned())
            .or_insert_with(|| Kept::new(floor));
        let tail = rooms.make(name, floor);
        let mut stored: Vec<_> = entries.iter().map(|entry| room.store(entry)).collect();
        let numbered = entries.iter().zip(&stored);
        let new = numbered.filter(|(_, (_, is_new))| *is_new);
        tail.add(new.map(|(entry, (number, _))| entry.numbered(*number)));
        room.trim(tail, &self.bounds);
        let added = tail.added();
        // What is stored here again was written down before, by this same server.
        stored.iter_mut().for_each(|(_, is_new)| *is_new = true);
        rooms.note(name, &entries, &stored);
        self.fit(&mut kept, &mut rooms);
        drop((rooms, kept));
        drop(added);
        Ok(stored.into_iter().map(|(number, _)| number).collect())
    }

    /// Deletes the oldest entries of the largest rooms until all fit the bound in bytes.
    fn fit(&self, kept: &mut HashMap<String, Kept>, rooms: &mut Rooms) {
        while rooms.bytes() as u64 > self.bounds.bytes {
            let Some((name, tail)) = rooms.largest() else {
                return;
            };
            let Some(room) = kept.get_mut(name) else {
                return;
            };
            // An eighth at once, so that the next time comes only after many entries. The newest
            // entry stays, because its number must not be used again.
            let goal = tail.bytes() - tail.bytes() / 8;
            while tail.bytes() >= goal && room.account.messages + room.account.notices > 1 {
                room.forget(tail.pop());
            }
            tail.trim(&room.account);
            if room.account.messages + room.account.notices <= 1 {
                return;
            }
        }
    }

    /// Returns the newest entries before `before`, oldest first.
    fn back(&self, room: &str, before: u64, limit: PageLimit) -> Page {
        let rooms = self.tails.lock();
        let entries = rooms
            .get(room)
            .into_iter()
            .flat_map(|tail| tail.back_from(before));
        let mut entries = limit.take(entries.filter_map(KeptEntry::entry));
        entries.reverse();
        rooms.page(room, entries, self.epoch())
    }

    /// See [`RoomLog::read`](crate::log::RoomLog::read).
    pub(crate) fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        let rooms = self.tails.lock();
        let entries = rooms.get(room).and_then(|tail| tail.read(after, limit));
        ready(Ok(rooms.page(
            room,
            entries.unwrap_or_default(),
            self.epoch(),
        )))
        .boxed()
    }

    /// See [`RoomLog::ready`](crate::log::RoomLog::ready).
    pub(crate) fn ready(&self, room: &str, after: u64, limit: PageLimit) -> Option<Ready> {
        self.tails.lock().ready(room, after, limit, self.epoch())
    }

    /// See [`RoomLog::read_back`](crate::log::RoomLog::read_back).
    pub(crate) fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page> {
        ready(Ok(self.back(room, before, limit))).boxed()
    }

    /// See [`RoomLog::search`](crate::log::RoomLog::search).
    pub(crate) fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page> {
        let needle = match Needle::new(text) {
            Ok(needle) => needle,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let (room, epoch) = (room.to_owned(), self.epoch());
        self.searches
            .ask(LogError::TooManySearches, move |tails, caller| {
                let goes_on = caller.waits_within(SEARCH_LIMIT);
                let mut before = u64::MAX;
                // Piece by piece, because the lock must not be held for a whole room.
                let pieces = std::iter::from_fn(|| {
                    let rooms = tails.lock();
                    let piece: Vec<KeptEntry> = rooms
                        .get(&room)?
                        .back_from(before)
                        .take(PIECE)
                        .cloned()
                        .collect();
                    before = piece.last()?.number;
                    Some(piece)
                });
                let spoken = pieces.flatten().filter(|entry| is_message(entry.kind));
                let spoken = spoken.filter_map(|entry| entry.entry());
                let entries = needle.search(spoken, limit, goes_on)?;
                Ok(tails.lock().page(&room, entries, epoch))
            })
    }

    /// See [`RoomLog::before_last`](crate::log::RoomLog::before_last).
    pub(crate) fn before_last(&self, room: &str, messages: u32) -> Reply<u64> {
        let rooms = self.tails.lock();
        let before = rooms
            .get(room)
            .and_then(|tail| tail.before_last(messages as usize));
        ready(Ok(before.unwrap_or_else(|| rooms.floor()))).boxed()
    }

    /// See [`RoomLog::head`](crate::log::RoomLog::head).
    pub(crate) fn head(&self, room: &str) -> Head {
        self.tails.head(room)
    }

    /// See [`RoomLog::has_place`](crate::log::RoomLog::has_place).
    pub(crate) fn has_place(&self, room: &str) -> bool {
        self.tails.has_place(room, self.bounds.rooms)
    }

    /// Ends the rooms that have ended at `now_ms`.
    pub(crate) fn end_rooms(&self, used: &HashSet<String>, now_ms: u64) {
        let mut kept = self.lock();
        let mut rooms = self.tails.lock();
        let age = self.bounds.private_age(kept.len());
        kept.retain(|name, room| {
            let is_used = used.contains(name);
            let ends = room.account.has_ended(name, is_used, now_ms, age);
            if ends {
                rooms.end(name, room.account.newest);
            }
            !ends
        });
    }

    /// See [`RoomLog::keep_journal`](crate::log::RoomLog::keep_journal).
    pub(crate) fn keep_journal(&self, journal: Pen) {
        self.tails.lock().keep_journal(journal, self.epoch());
    }

    /// Returns the epoch of the log.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Relaxed)
    }

    /// Returns what is known here of the log's status.
    pub(crate) fn status(&self) -> Status {
        let bytes = self.tails.lock().bytes() as u64;
        Status {
            bytes,
            ..self.tails.status(self.epoch())
        }
    }
}

impl Kept {
    fn new(floor: u64) -> Self {
        Self {
            account: Account::new(floor),
            numbers: BTreeMap::new(),
            keys: VecDeque::new(),
        }
    }

    /// Counts an entry that is to follow in the tail, unless its key is known. Returns its number,
    /// and whether it is new.
    fn store(&mut self, entry: &NewEntry) -> (u64, bool) {
        if let Some(id) = entry.id {
            let key = (entry.sender, id);
            let number = self.account.newest + 1;
            match self.numbers.entry(key) {
                Place::Occupied(known) => return (*known.get(), false),
                Place::Vacant(place) => place.insert(number),
            };
            self.keys.push_back((number, key));
        }
        (self.count(entry), true)
    }

    /// Counts an entry that is to follow in the tail, also if its key is known. Returns its number.
    #[cfg(feature = "nats")]
    fn add(&mut self, entry: &NewEntry) -> u64 {
        if let Some(id) = entry.id {
            let (number, key) = (self.account.newest + 1, (entry.sender, id));
            self.numbers.insert(key, number);
            self.keys.push_back((number, key));
        }
        self.count(entry)
    }

    fn count(&mut self, entry: &NewEntry) -> u64 {
        let number = self.account.newest + 1;
        let size = bytes(&entry.nick, &entry.body);
        self.account.add(number, entry.kind, size, entry.at_ms);
        number
    }

    /// Deletes what is above the bounds.
    fn trim(&mut self, tail: &mut Tail, bounds: &Bounds) {
        let left = self.account.messages - self.account.excess_messages(bounds);
        if left < self.account.messages {
            while self.account.messages > left || tail.begins_with_notice() {
                self.forget(tail.pop());
            }
        }
        for gone in tail.pop_notices(self.account.excess_notices(bounds)) {
            self.forget(Some(gone));
        }
        tail.trim(&self.account);
    }

    fn forget(&mut self, gone: Option<KeptEntry>) {
        let Some(gone) = gone else { return };
        self.account.remove(gone.number, gone.kind, gone.size);
        if !is_message(gone.kind) {
            return; // it has no key, and older messages may be there
        }
        while let Some((number, key)) = self.keys.pop_front_if(|(number, _)| *number <= gone.number)
        {
            // Unless the key was stored again, by a server that did not have it any more.
            if let Place::Occupied(known) = self.numbers.entry(key)
                && *known.get() == number
            {
                known.remove();
            }
        }
    }
}
