//! The writing thread: takes the appends that wait, commits them in one transaction, shows the new
//! entries to readers, and replies.
//!
//! An idle server commits at once. A busy one makes larger batches by itself, without a timer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Result, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::file::{NEWEST, signed, unsigned};
use crate::log::{LogError, MAX_ROOMS, NewEntry};
use crate::tail::{Tails, room_of};

/// Most appends in one transaction. With more, the first of them would wait for the last.
const BATCH: usize = 256;

/// How long the thread polls for the next append before it sleeps: about as long as one sender
/// takes to come back with its next message, and no longer than a commit takes. With one sender
/// this makes a third more sends a second (`scripts/bench.sh chat durable`), because waking a
/// thread on an idle core takes so long.
const SPIN: Duration = Duration::from_micros(200);

/// Entries of each room kept in memory: enough for a thousand readers that are a few seconds late.
const TAIL: usize = 2048;

/// A room is trimmed only when it exceeds its history by this many entries, so that trimming is
/// rare and done in bulk.
const TRIM_EVERY: u64 = 512;

/// Entries for the log, with the channel for their numbers.
pub(super) struct Append {
    pub(super) room: String,
    pub(super) entries: Vec<NewEntry>,
    pub(super) reply: oneshot::Sender<Result<Vec<u64>, LogError>>,
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
    pub(super) appends: mpsc::Receiver<Append>,
    pub(super) tails: Arc<Tails>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) history: u64,
}

impl Writer {
    /// Writes until the store is dropped.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.next(&mut batch) > 0 {
            let stored = self.commit(&batch);
            let failure = stored.as_ref().err().map(ToString::to_string);
            self.progress.send_modify(|progress| {
                progress.commits += u64::from(failure.is_none());
                progress.failure = failure;
            });
            match stored {
                Ok(stored) => self.show(batch.drain(..).zip(stored)),
                Err(error) => {
                    tracing::error!("cannot write the log: {error}");
                    for append in batch.drain(..) {
                        let _ = append.reply.send(Err(LogError::Failed(error.to_string())));
                    }
                }
            }
        }
    }

    /// Waits for appends and takes those that wait; returns 0 when there can be no more.
    fn next(&mut self, batch: &mut Vec<Append>) -> usize {
        let began = Instant::now();
        while self.appends.is_empty() && began.elapsed() < SPIN {
            // Instead of a busy loop, so that another thread may have this core.
            thread::yield_now();
        }
        self.appends.blocking_recv_many(batch, BATCH)
    }

    /// Stores a batch in one transaction, all or none. A message costs one insert, because a room
    /// is read once a batch and a number is looked up only after a conflict.
    fn commit(&mut self, batch: &[Append]) -> Result<Vec<Result<Stored, LogError>>> {
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.disk.transaction_with_behavior(immediate)?;
        let mut rooms = BTreeMap::new();
        let mut stored = Vec::with_capacity(batch.len());
        for append in batch {
            if !rooms.contains_key(&append.room) {
                rooms.insert(&append.room, find_room(&transaction, &append.room)?);
            }
            let Some(Some(room)) = rooms.get_mut(&append.room) else {
                stored.push(Err(LogError::TooManyRooms));
                continue;
            };
            let entries = store(&transaction, room, &append.entries)?;
            trim(&transaction, room, self.history)?;
            let first = room.first;
            stored.push(Ok(Stored { entries, first }));
        }
        transaction.commit()?;
        Ok(stored)
    }

    /// Shows committed entries to readers, and replies.
    fn show(&self, batch: impl Iterator<Item = (Append, Result<Stored, LogError>)>) {
        let mut rooms = self.tails.lock();
        for (append, stored) in batch {
            let numbers = stored.map(|stored| {
                let numbers = stored.entries.iter().map(|&(number, _)| number).collect();
                if let Ok(tail) = room_of(&mut rooms, &append.room) {
                    tail.first = stored.first;
                    let entries = append.entries.into_iter().zip(stored.entries);
                    for (entry, (number, _)) in entries.filter(|(_, (_, is_new))| *is_new) {
                        tail.push(entry.numbered(number), TAIL);
                    }
                }
                numbers
            });
            // This fails if the caller has given up. Nothing is lost, because it will send again
            // and get the same numbers.
            let _ = append.reply.send(numbers);
        }
    }
}

/// The result of one append.
struct Stored {
    /// the number of each entry, and whether it is new
    entries: Vec<(u64, bool)>,
    /// the oldest number of the room that is kept
    first: u64,
}

/// A room as the file has it.
struct Room {
    id: i64,
    first: u64,
    newest: u64,
}

/// Stores entries in `room`. Returns the number of each, and whether it is new.
fn store(disk: &Connection, room: &mut Room, entries: &[NewEntry]) -> Result<Vec<(u64, bool)>> {
    let mut insert = disk.prepare_cached(
        "INSERT INTO entry (room, number, sender, id, kind, nick, body, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (sender, id) WHERE id IS NOT NULL DO NOTHING",
    )?;
    let mut stored = Vec::with_capacity(entries.len());
    for entry in entries {
        let sender = entry.sender.to_be_bytes();
        let id = entry.id.map(signed);
        let inserted = insert.execute(params![
            room.id,
            signed(room.newest + 1),
            sender,
            id,
            entry.kind as u8,
            entry.nick,
            entry.body,
            signed(entry.at_ms)
        ])?;
        if inserted > 0 {
            room.newest += 1;
            stored.push((room.newest, true));
        } else {
            let known = "SELECT number FROM entry WHERE sender = ?1 AND id = ?2";
            let mut known = disk.prepare_cached(known)?;
            let number = known.query_row(params![sender, id], |row| unsigned(row, 0))?;
            stored.push((number, false));
        }
    }
    Ok(stored)
}

/// Deletes the entries that are older than the history.
fn trim(disk: &Connection, room: &mut Room, history: u64) -> Result<()> {
    let keep_from = (room.newest + 1).saturating_sub(history);
    if keep_from >= room.first + TRIM_EVERY {
        room.first = keep_from;
        let first = params![room.id, signed(room.first)];
        disk.prepare_cached("DELETE FROM entry WHERE room = ?1 AND number < ?2")?
            .execute(first)?;
        disk.prepare_cached("UPDATE room SET first = ?2 WHERE id = ?1")?
            .execute(first)?;
    }
    Ok(())
}

/// Returns the room of this name, and makes it if necessary; `None` if there are [`MAX_ROOMS`].
fn find_room(disk: &Connection, name: &str) -> Result<Option<Room>> {
    let known = format!("SELECT id, first, {NEWEST} FROM room WHERE name = ?1");
    let known = disk.prepare_cached(&known)?.query_row([name], |row| {
        Ok(Room {
            id: row.get(0)?,
            first: unsigned(row, 1)?,
            newest: unsigned(row, 2)?,
        })
    });
    if let Some(room) = known.optional()? {
        return Ok(Some(room));
    }
    let rooms = disk.query_row("SELECT count(*) FROM room", [], |row| unsigned(row, 0))?;
    if rooms >= MAX_ROOMS as u64 {
        return Ok(None);
    }
    disk.execute("INSERT INTO room (name, first) VALUES (?1, 1)", [name])?;
    Ok(Some(Room {
        id: disk.last_insert_rowid(),
        first: 1,
        newest: 0,
    }))
}
