//! The writing thread: takes the appends that wait, commits them in one transaction, shows the new
//! entries to readers, and replies.
//!
//! An idle server commits at once. A busy one makes larger batches by itself: while one half of the
//! appends is written, the other half comes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Error, ErrorCode, Result, TransactionBehavior};
use tokio::sync::{mpsc, watch};

use super::calls::{Append, Call};
use super::connection::{self, gone, is_damage, signed, words};
use super::file::Held;
use super::fullest;
use super::keys::Keys;
use super::room::{self, Room};
use super::tidy::{fit, note, tidy, tidy_keys};
use crate::bounds::Bounds;
use crate::log::LogError;
use crate::tail::Tails;

/// Most calls in one transaction. With more, the first of them would wait for the last.
const BATCH: usize = 256;

/// How long the thread polls for appends before it sleeps, or takes fewer than it waits for: about
/// as long as a sender takes to come back, and no longer than a commit takes. With one sender this
/// makes a third more sends a second (`scripts/bench.sh chat durable`), because waking a thread on
/// an idle core takes so long. A lone append polls as long for its numbers.
pub(super) const SPIN: Duration = Duration::from_micros(200);

/// Entries of each room kept in memory: enough for a thousand readers that are a few seconds late.
const TAIL: usize = 2048;

/// Most bytes of one room in memory: 500 of the longest messages.
const TAIL_BYTES: usize = 2 * 1024 * 1024;

/// Most bytes of all rooms in memory: see the sum in [`common::net::Limits`].
const TAILS_BYTES: usize = 128 * 1024 * 1024;

/// The size of the file is looked at after this many bytes of entries, so that small messages do
/// not ask for it each time.
const CHECK: u64 = 64 * 1024;

/// How writing has gone so far.
#[derive(Clone, Default)]
pub(super) struct Progress {
    pub(super) commits: u64,
    /// the bytes of the file that were in use when its size was looked at
    pub(super) bytes: u64,
    /// why the last commit failed, if it did
    pub(super) failure: Option<String>,
}

/// What the writing thread owns.
pub(super) struct Writer {
    // First, because the file is held until nobody works on it.
    pub(super) disk: Connection,
    pub(super) held: Arc<Held>,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) tails: Arc<Tails>,
    pub(super) progress: watch::Sender<Progress>,
    /// the failure that was logged last, and when
    pub(super) told: Option<(LogError, Instant)>,
    pub(super) bounds: Bounds,
    pub(super) rooms: HashMap<String, Room>,
    /// of the rooms in which something was stored; without those of a room, they are loaded
    pub(super) keys: HashMap<String, Keys>,
    /// the number after which a new room begins
    pub(super) floor: u64,
    /// the rooms from which nothing is deleted any more, because the file is damaged there: they
    /// only grow, so that what is new can be written
    pub(super) damaged: HashSet<String>,
    /// bytes of entries since the size of the file was looked at
    pub(super) unchecked: u64,
    /// how many calls the last batch had
    pub(super) last: usize,
}

/// The numbers of one append, and whether each is new.
type Stored = Result<Vec<(u64, bool)>, LogError>;

/// How long the same failure is not logged again, because a full disk fails a thousand times a
/// second.
const QUIET: Duration = Duration::from_secs(60);

impl Writer {
    /// Writes until the store is closed or dropped. The file is closed with it.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.next(&mut batch) > 0 {
            let mut appends = Vec::with_capacity(batch.len());
            let (mut ends, mut close) = (Vec::new(), None);
            for call in batch.drain(..) {
                match call {
                    Call::Append(append) => appends.push(append),
                    Call::EndRooms {
                        used,
                        now_ms,
                        reply,
                    } => ends.push((used, now_ms, reply)),
                    Call::Close(closed) => close = Some(closed),
                }
            }
            if !appends.is_empty() {
                self.write(appends);
            }
            // Afterwards, because an append makes its room younger.
            for (used, now_ms, reply) in ends {
                let ended = self.end_rooms(&used, now_ms);
                let _ = reply.send(ended.map_err(|error| LogError::Failed(words(&error))));
            }
            if let Some(closed) = close {
                drop(self);
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Waits for calls and takes those that wait; returns 0 when there can be no more.
    fn next(&mut self, batch: &mut Vec<Call>) -> usize {
        let began = Instant::now();
        // Half of all that send, because the others would wait for a commit of the first one alone.
        let enough = ((self.last + self.calls.len()) / 2).max(1);
        while self.calls.len() < enough && began.elapsed() < SPIN {
            // Instead of a busy loop, so that another thread may have this core.
            thread::yield_now();
        }
        self.last = self.calls.blocking_recv_many(batch, BATCH);
        self.last
    }

    /// Stores appends, shows them to readers, and replies.
    fn write(&mut self, appends: Vec<Append>) {
        let damaged = self.damaged.len();
        let committed = self
            .load_keys(&appends)
            .and_then(|()| self.commit(&appends));
        if committed.is_err() {
            self.keys.clear(); // because some are of messages that are not stored after all
        }
        match committed {
            Ok((stored, changed)) => {
                self.progress.send_modify(|progress| {
                    progress.commits += 1;
                    progress.failure = None;
                });
                self.show(appends.into_iter().zip(stored), changed);
            }
            // Again, because now nothing is deleted from that room.
            Err(error) if is_damage(&error) && self.damaged.len() > damaged => self.write(appends),
            Err(error) if is_damage(&error) && appends.len() > 1 => {
                // One by one, because only one of them meets what is damaged.
                appends
                    .into_iter()
                    .for_each(|append| self.write(vec![append]));
            }
            Err(error) => {
                let error = self.fails(&error);
                for append in appends {
                    let _ = append.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Notes that writing fails. Returns why.
    fn fails(&mut self, error: &Error) -> LogError {
        let is_full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        let has_reached_limit =
            || connection::used(&self.disk).is_ok_and(|bytes| bytes >= self.bounds.bytes);
        let why = if is_full && has_reached_limit() {
            "the store has reached its --store-limit".to_owned()
        } else {
            words(error)
        };
        let failure = Some(why.clone());
        self.progress
            .send_modify(|progress| progress.failure = failure);
        let error = LogError::Failed(why);
        let is_known = |(told, at): &(LogError, Instant)| *told == error && at.elapsed() < QUIET;
        if !self.told.as_ref().is_some_and(is_known) {
            tracing::error!("cannot write the log: {error}");
            self.told = Some((error.clone(), Instant::now()));
        }
        error
    }

    /// Loads the keys of the rooms that are appended to. Before the transaction, because SQLite
    /// commits none that has met a damaged page.
    fn load_keys(&mut self, batch: &[Append]) -> Result<()> {
        for Append { room: name, .. } in batch {
            if !self.keys.contains_key(name)
                && let Some(room) = self.rooms.get(name)
            {
                self.keys.insert(name.clone(), room.keys(&self.disk)?);
            }
        }
        Ok(())
    }

    /// Stores a batch in one transaction, all or none. Returns what became of each append, and the
    /// rooms that were changed.
    fn commit(&mut self, batch: &[Append]) -> Result<(Vec<Stored>, HashMap<String, Room>)> {
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.disk.transaction_with_behavior(immediate)?;
        // First, because nothing can be inserted into a file that is larger than its limit.
        let checks = self.unchecked >= CHECK.min(self.bounds.bytes / 64);
        let mut changed = HashMap::new();
        let mut bytes = None;
        if checks {
            let (most, damaged) = (self.bounds.bytes, &mut self.damaged);
            bytes = Some(fit(&transaction, &self.rooms, &mut changed, most, damaged)?);
        }
        let mut made = 0;
        let mut stored = Vec::with_capacity(batch.len());
        let mut insert = transaction.prepare_cached(room::INSERT)?;
        for Append {
            room: name,
            entries,
            ..
        } in batch
        {
            if !changed.contains_key(name) {
                let room = match self.rooms.get(name) {
                    Some(room) => room.clone(),
                    None if self.rooms.len() + made >= self.bounds.rooms => {
                        stored.push(Err(LogError::TooManyRooms));
                        continue;
                    }
                    None => {
                        made += 1;
                        Room::make(&transaction, name, self.floor)?
                    }
                };
                changed.insert(name.clone(), room);
            }
            if let Some(room) = changed.get_mut(name) {
                if !self.keys.contains_key(name) {
                    self.keys.insert(name.clone(), room.keys(&transaction)?);
                }
                if let Some(keys) = self.keys.get_mut(name) {
                    stored.push(Ok(room.store(&transaction, &mut insert, entries, keys)?));
                    let damaged = &mut self.damaged;
                    tidy(&transaction, name, room, keys, &self.bounds, damaged)?;
                }
            }
        }
        drop(insert);
        let (rooms, keys, damaged) = (&self.rooms, &mut self.keys, &mut self.damaged);
        tidy_keys(&transaction, rooms, &changed, keys, fullest::ALL, damaged)?;
        if !self.held.is_there() {
            return Err(gone());
        }
        transaction.commit()?;
        if let Some(bytes) = bytes {
            self.unchecked = 0;
            self.progress.send_modify(|progress| progress.bytes = bytes);
        }
        let bytes = |append: &Append| append.waiting.bytes() as u64;
        self.unchecked += batch.iter().map(bytes).sum::<u64>();
        Ok((stored, changed))
    }

    /// Shows committed entries to readers, and replies.
    fn show(
        &mut self,
        batch: impl Iterator<Item = (Append, Stored)>,
        changed: HashMap<String, Room>,
    ) {
        let mut tails = self.tails.lock();
        let mut replies = Vec::new();
        for (append, stored) in batch {
            let Append {
                room,
                entries,
                reply,
                waiting,
            } = append;
            let numbers = stored.map(|stored| {
                tails.note(&room, &entries, &stored);
                let tail = tails.make(&room, self.floor);
                let numbered = entries.iter().zip(&stored);
                let new = numbered.filter(|(_, (_, is_new))| *is_new);
                tail.add(new.map(|(entry, (number, _))| entry.numbered(*number)));
                tail.shrink(TAIL, TAIL_BYTES);
                stored.into_iter().map(|(number, _)| number).collect()
            });
            drop(waiting);
            replies.push((reply, numbers));
        }
        let mut added = Vec::with_capacity(changed.len());
        for (name, room) in changed {
            let tail = tails.make(&name, self.floor);
            tail.trim(&room.account);
            added.push(tail.added());
            self.rooms.insert(name, room);
        }
        tails.shrink(TAILS_BYTES);
        drop(tails);
        drop(added);
        for (reply, numbers) in replies {
            // This fails if the caller has given up. Nothing is lost, because it will send again
            // and get the same numbers.
            let _ = reply.send(numbers);
        }
    }

    /// Deletes the rooms that have ended.
    fn end_rooms(&mut self, used: &HashSet<String>, now_ms: u64) -> Result<()> {
        let age = self.bounds.private_age(self.rooms.len());
        let all = self.rooms.iter();
        let ended = all.filter(|(name, room)| {
            let is_used = used.contains(*name);
            room.account.has_ended(name, is_used, now_ms, age) && !self.damaged.contains(*name)
        });
        let ended: Vec<_> = ended
            .map(|(name, room)| (name.clone(), room.clone()))
            .collect();
        if ended.is_empty() {
            return Ok(());
        }
        let transaction = self.disk.transaction()?;
        let mut left = Vec::with_capacity(ended.len());
        for (name, mut room) in ended {
            let is_gone = note(room.end(&transaction), &name, &mut self.damaged)?;
            left.push((name, room, is_gone));
        }
        let gone = left.iter().filter(|(_, _, is_gone)| *is_gone);
        let newest = gone.map(|(_, room, _)| room.account.newest).max();
        let floor = newest.unwrap_or(0).max(self.floor);
        transaction.execute("UPDATE log SET floor = ?1", [signed(floor)])?;
        transaction.commit()?;
        self.floor = floor;
        let mut tails = self.tails.lock();
        for (name, room, is_gone) in left {
            if is_gone {
                self.rooms.remove(&name);
                self.keys.remove(&name);
                tails.end(&name, floor);
            } else {
                tails.make(&name, floor).trim(&room.account);
                self.rooms.insert(name, room);
            }
        }
        Ok(())
    }
}
