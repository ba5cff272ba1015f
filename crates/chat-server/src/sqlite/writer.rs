//! The writing thread: takes the appends that wait, commits them in one transaction, shows the new
//! entries to readers, and replies.
//!
//! An idle server commits at once. A busy one makes larger batches by itself, without a timer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::file::{self, signed};
use super::room::Room;
use crate::bounds::Bounds;
use crate::log::{LogError, NewEntry};
use crate::tail::Tails;

/// Most calls in one transaction. With more, the first of them would wait for the last.
const BATCH: usize = 256;

/// How long the thread polls for the next append before it sleeps: about as long as one sender
/// takes to come back with its next message, and no longer than a commit takes. With one sender
/// this makes a third more sends a second (`scripts/bench.sh chat durable`), because waking a
/// thread on an idle core takes so long.
const SPIN: Duration = Duration::from_micros(200);

/// Entries of each room kept in memory: enough for a thousand readers that are a few seconds late.
const TAIL: usize = 2048;

/// Most bytes of one room in memory: 500 of the longest messages.
const TAIL_BYTES: usize = 2 * 1024 * 1024;

/// Most bytes of all rooms in memory: see the sum in [`common::net::Limits`].
const TAILS_BYTES: usize = 128 * 1024 * 1024;

/// The size of the file is looked at after this many bytes of entries, so that small messages do
/// not ask for it each time.
const CHECK: u64 = 64 * 1024;

/// How often one batch makes room in a full file, by a 64th of its limit each time. Senders wait
/// for it, and one batch cannot fill more.
const STEPS: u64 = 4;

/// Calls that wait for the disk.
pub(super) enum Call {
    Append(Append),
    EndRooms {
        used: HashSet<String>,
        now_ms: u64,
        reply: oneshot::Sender<Result<(), LogError>>,
    },
}

/// Entries for the log, with the channel for their numbers.
pub(super) struct Append {
    pub(super) room: String,
    pub(super) entries: Vec<NewEntry>,
    pub(super) reply: oneshot::Sender<Result<Vec<u64>, LogError>>,
    pub(super) waiting: Waiting,
}

/// The bytes of an append, counted among all that wait until it is dropped.
pub(super) struct Waiting(Arc<AtomicUsize>, usize);

impl Waiting {
    /// Counts `bytes`, or returns nothing if more than `most` would wait.
    pub(super) fn count(all: &Arc<AtomicUsize>, bytes: usize, most: usize) -> Option<Self> {
        let waiting = Self(all.clone(), bytes);
        (all.fetch_add(bytes, Relaxed) + bytes <= most).then_some(waiting)
    }

    fn bytes(&self) -> usize {
        self.1
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Relaxed);
    }
}

/// How writing has gone so far.
#[derive(Clone, Default)]
pub(super) struct Progress {
    pub(super) commits: u64,
    /// why the last commit failed, if it did
    pub(super) failure: Option<String>,
}

/// What the writing thread owns.
pub(super) struct Writer {
    pub(super) disk: Connection,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) tails: Arc<Tails>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) bounds: Bounds,
    pub(super) rooms: HashMap<String, Room>,
    /// the number after which a new room begins
    pub(super) floor: u64,
    /// bytes of entries since the size of the file was looked at
    pub(super) unchecked: u64,
}

/// The numbers of one append, and whether each is new.
type Stored = Result<Vec<(u64, bool)>, LogError>;

impl Writer {
    /// Writes until the store is dropped.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.next(&mut batch) > 0 {
            let mut appends = Vec::with_capacity(batch.len());
            let mut ends = Vec::new();
            for call in batch.drain(..) {
                match call {
                    Call::Append(append) => appends.push(append),
                    Call::EndRooms {
                        used,
                        now_ms,
                        reply,
                    } => ends.push((used, now_ms, reply)),
                }
            }
            if !appends.is_empty() {
                self.write(appends);
            }
            // Afterwards, because an append makes its room younger.
            for (used, now_ms, reply) in ends {
                let _ = reply.send(self.end_rooms(&used, now_ms).map_err(|e| in_words(&e)));
            }
        }
    }

    /// Waits for calls and takes those that wait; returns 0 when there can be no more.
    fn next(&mut self, batch: &mut Vec<Call>) -> usize {
        let began = Instant::now();
        while self.calls.is_empty() && began.elapsed() < SPIN {
            // Instead of a busy loop, so that another thread may have this core.
            thread::yield_now();
        }
        self.calls.blocking_recv_many(batch, BATCH)
    }

    /// Stores appends, shows them to readers, and replies.
    fn write(&mut self, appends: Vec<Append>) {
        let stored = self.commit(&appends);
        let error = stored.as_ref().err().map(in_words);
        let failure = error.as_ref().map(ToString::to_string);
        self.progress.send_modify(|progress| {
            // Once, because a full disk fails a thousand times a second.
            if let Some(failure) = failure.as_ref().filter(|_| progress.failure.is_none()) {
                tracing::error!("cannot write the log: {failure}");
            }
            progress.commits += u64::from(failure.is_none());
            progress.failure = failure;
        });
        match (stored, error) {
            (Ok((stored, changed)), _) => self.show(appends.into_iter().zip(stored), changed),
            (Err(_), error) => {
                let error = error.unwrap_or(LogError::Busy);
                for append in appends {
                    let _ = append.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Stores a batch in one transaction, all or none. Returns what became of each append, and the
    /// rooms that were changed.
    fn commit(&mut self, batch: &[Append]) -> Result<(Vec<Stored>, HashMap<String, Room>)> {
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.disk.transaction_with_behavior(immediate)?;
        // First, because nothing can be inserted into a file that is larger than its limit.
        let checks = self.unchecked >= CHECK.min(self.bounds.bytes / 64);
        let mut changed = HashMap::new();
        if checks {
            fit(&transaction, &self.rooms, &mut changed, self.bounds.bytes)?;
        }
        let mut made = 0;
        let mut stored = Vec::with_capacity(batch.len());
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
                stored.push(Ok(room.store(&transaction, entries)?));
                room.trim(&transaction, &self.bounds)?;
            }
        }
        transaction.commit()?;
        self.unchecked = if checks { 0 } else { self.unchecked };
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
        for (append, stored) in batch {
            let Append {
                room,
                entries,
                reply,
                waiting,
            } = append;
            let numbers = stored.map(|stored| {
                let tail = tails.make(&room, self.floor);
                let numbers = stored.iter().map(|&(number, _)| number).collect();
                let entries = entries.into_iter().zip(stored);
                for (entry, (number, _)) in entries.filter(|(_, (_, is_new))| *is_new) {
                    tail.push(entry.numbered(number));
                }
                tail.shrink(TAIL, TAIL_BYTES);
                numbers
            });
            drop(waiting);
            // This fails if the caller has given up. Nothing is lost, because it will send again
            // and get the same numbers.
            let _ = reply.send(numbers);
        }
        for (name, room) in changed {
            tails.make(&name, self.floor).trim(&room.account);
            self.rooms.insert(name, room);
        }
        tails.shrink(TAILS_BYTES);
    }

    /// Deletes the rooms that have ended.
    fn end_rooms(&mut self, used: &HashSet<String>, now_ms: u64) -> Result<()> {
        let all = self.rooms.iter();
        let ended = all.filter(|(name, room)| {
            let is_used = used.contains(*name);
            room.account.has_ended(name, is_used, now_ms)
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
            let is_gone = room.end(&transaction)?;
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
                tails.end(&name, floor);
            } else {
                tails.make(&name, floor).trim(&room.account);
                self.rooms.insert(name, room);
            }
        }
        Ok(())
    }
}

/// Deletes the oldest entries of the largest rooms until the file uses at most `most` bytes, or so
/// much was deleted that others have waited long enough. `changed` has what this transaction has
/// changed of `rooms`.
fn fit(
    disk: &Connection,
    rooms: &HashMap<String, Room>,
    changed: &mut HashMap<String, Room>,
    most: u64,
) -> Result<()> {
    for _ in 0..STEPS {
        let used = file::used(disk)?;
        if used <= most {
            break;
        }
        let others = rooms
            .iter()
            .filter(|(name, _)| !changed.contains_key(*name));
        let all = others.chain(changed.iter());
        let entries = |room: &Room| room.account.messages + room.account.notices;
        let able = all.filter(|(_, room)| entries(room) > 1);
        let Some((name, room)) = able.max_by_key(|(_, room)| room.account.bytes) else {
            break;
        };
        let (name, mut room) = (name.clone(), room.clone());
        let bytes = (used - most).max(most / 64);
        room.delete_oldest(disk, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        changed.insert(name, room);
    }
    Ok(())
}

/// Returns an error of the file in words.
fn in_words(error: &rusqlite::Error) -> LogError {
    LogError::Failed(match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => {
            "the disk is full, or the store has reached its --store-limit".into()
        }
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_disk_is_counted_in_bytes() {
        let all = Arc::default();
        let first = Waiting::count(&all, 60, 100);
        assert!(first.is_some());
        assert!(Waiting::count(&all, 41, 100).is_none(), "and not counted");
        let second = Waiting::count(&all, 40, 100);
        assert!(second.is_some());
        drop(first);
        assert!(Waiting::count(&all, 60, 100).is_some());
    }
}
