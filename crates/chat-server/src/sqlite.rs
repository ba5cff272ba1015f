//! A log in an SQLite file: what is acknowledged survives `kill -9` and a power cut.
//!
//! One thread [writes](writer). Two others read what is no longer in memory: one pages, the other
//! one searches, because a page must not wait for a search. WAL lets all of them work at the same
//! time.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use anyhow::Context;
use common::chat::{Entry, MAX_ENTRIES, Page};
use futures::FutureExt;
use futures::future::ready;
use rusqlite::{Connection, ToSql};
use tokio::sync::{mpsc, oneshot, watch};

use self::file::{signed, unsigned};
use self::writer::{Append, Call, Progress, Waiting, Writer};
use crate::bounds::{Bounds, bytes};
use crate::log::{Head, LogError, NewEntry, PageLimit, Reply, RoomLog, Status};
use crate::search::{Needle, SEARCH_LIMIT, SEARCHES};
use crate::tail::{Tail, Tails};
use crate::worker::Worker;

mod entry;
mod file;
mod room;
mod writer;

/// Most calls that wait for the disk; further ones are refused as busy. At 64 a commit and 1 ms a
/// commit the last of them waits a tenth of a second.
const CALLS: usize = 4096;

/// Most bytes of entries that wait for the disk, because an append outlives its call: see the sum
/// in [`common::net::Limits`].
const WAITING: usize = 32 * 1024 * 1024;

/// Most pages that wait for the disk; further ones are refused as busy.
const PAGES: usize = 1024;

/// How much larger than its limit the file may get before it refuses: all that waits for the disk,
/// twice, because SQLite fills its pages by half at worst. Room is made with the next batch.
const RESERVE: u64 = 2 * WAITING as u64;

/// The store in a file.
pub struct Sqlite {
    tails: Arc<Tails>,
    calls: mpsc::Sender<Call>,
    waiting: Arc<AtomicUsize>,
    pages: Worker<Connection>,
    searches: Worker<Connection>,
    progress: watch::Receiver<Progress>,
    bounds: Bounds,
    epoch: u64,
}

impl Sqlite {
    /// Opens the log in the file at `path`, and makes the file and its folder if necessary.
    ///
    /// # Errors
    /// If the file cannot be opened, is not such a log, or is in use by another server.
    pub fn open(path: &Path, bounds: Bounds) -> anyhow::Result<Arc<Self>> {
        file::make_folder(path).context("its folder cannot be made")?;
        let lock = file::lock(path)?;
        file::make(path)?;
        let disk = file::open(path)?;
        let (epoch, floor) = file::prepare(&disk)?;
        file::limit(&disk, bounds.bytes.saturating_add(RESERVE))?;
        let rooms = room::load(&disk)?;
        let tails = Arc::new(Tails::new(floor));
        for (name, room) in &rooms {
            let tail = Tail::stored(room.account.first, room.account.newest);
            tails.lock().insert(name.clone(), tail);
        }
        let (calls, to_do) = mpsc::channel(CALLS);
        let (to_report, progress) = watch::channel(Progress::default());
        let writer = Writer {
            disk,
            calls: to_do,
            tails: tails.clone(),
            progress: to_report,
            bounds,
            rooms,
            floor,
            // So that a file that is too large shrinks with the first batch.
            unchecked: u64::MAX / 2,
        };
        // It ends when the store is dropped, because the store owns the sender.
        thread::spawn(move || {
            // Until the last append is stored, because another store would give its number again.
            let _lock = lock;
            writer.run();
        });
        Ok(Arc::new(Self {
            tails,
            calls,
            waiting: Arc::default(),
            pages: Worker::start(file::open(path)?, PAGES),
            searches: Worker::start(file::open(path)?, SEARCHES),
            progress,
            bounds,
            epoch,
        }))
    }

    /// Hands `call` to the writer. Returns what comes by `answer`.
    fn ask<T: Send + 'static>(
        &self,
        call: Call,
        answer: oneshot::Receiver<Result<T, LogError>>,
    ) -> Reply<T> {
        let sent = self.calls.try_send(call).map_err(|_| LogError::Busy);
        async move {
            sent?;
            answer.await.map_err(|_| LogError::stopped())?
        }
        .boxed()
    }

    /// Returns a page of the entries that `condition` finds, read from the file. Its `?2` is
    /// `value`.
    fn find(
        &self,
        room: &str,
        condition: &'static str,
        value: impl ToSql + Send + 'static,
        limit: PageLimit,
    ) -> Reply<Page> {
        let (tails, epoch, room) = (self.tails.clone(), self.epoch, room.to_owned());
        self.pages.ask(LogError::Busy, move |disk, _| {
            let mut found = entries(disk, condition, &[&room, &value], |found| limit.take(found))?;
            // Some conditions find the newest first, so that the limit keeps the newest ones.
            found.sort_unstable_by_key(|entry| entry.number);
            Ok(tails.lock().page(&room, found, epoch))
        })
    }
}

impl RoomLog for Sqlite {
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>> {
        if entries.is_empty() {
            return ready(Ok(Vec::new())).boxed();
        }
        let (reply, numbers) = oneshot::channel();
        let size = entries.iter().map(|e| bytes(&e.nick, &e.body)).sum();
        let Some(waiting) = Waiting::count(&self.waiting, size, WAITING) else {
            return ready(Err(LogError::Busy)).boxed();
        };
        let append = Call::Append(Append {
            room: room.to_owned(),
            entries,
            reply,
            waiting,
        });
        self.ask(append, numbers)
    }

    fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        let rooms = self.tails.lock();
        let in_memory = match rooms.get(room) {
            Some(tail) => tail.read(after, limit),
            None => Some(Vec::new()),
        };
        match in_memory {
            Some(entries) => ready(Ok(rooms.page(room, entries, self.epoch))).boxed(),
            None => self.find(room, "number > ?2 ORDER BY number", signed(after), limit),
        }
    }

    fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page> {
        let condition = "number < ?2 ORDER BY number DESC";
        self.find(room, condition, signed(before), limit)
    }

    fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page> {
        let needle = match Needle::new(text) {
            Ok(needle) => needle,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let (tails, epoch, room) = (self.tails.clone(), self.epoch, room.to_owned());
        self.searches
            .ask(LogError::TooManySearches, move |disk, caller| {
                let goes_on = caller.waits_within(SEARCH_LIMIT);
                let condition = "kind < ?2 ORDER BY number DESC";
                let found = entries(disk, condition, &[&room, &2], |messages| {
                    needle.search(messages, limit, goes_on)
                })?;
                Ok(tails.lock().page(&room, found?, epoch))
            })
    }

    fn before_last(&self, room: &str, messages: u32) -> Reply<u64> {
        let messages = messages as usize;
        let in_memory = {
            let rooms = self.tails.lock();
            match rooms.get(room) {
                Some(tail) => tail.before_last(messages).ok_or(tail.first - 1),
                None => Ok(rooms.floor()),
            }
        };
        let before_first = match in_memory {
            Ok(before) => return ready(Ok(before)).boxed(),
            Err(before_first) => before_first,
        };
        let room = room.to_owned();
        self.pages.ask(LogError::Busy, move |disk, _| {
            // One page of them, because the caller must not decide how long this takes.
            let oldest = messages.min(MAX_ENTRIES) - 1;
            let number = "SELECT number FROM entry
                WHERE room = (SELECT id FROM room WHERE name = ?1) AND kind < 2
                ORDER BY number DESC LIMIT 1 OFFSET ?2";
            let mut number = disk.prepare_cached(number)?;
            let mut rows = number.query((&room, signed(oldest as u64)))?;
            let number = rows.next()?.map(|row| unsigned(row, 0)).transpose()?;
            Ok(number.map_or(before_first, |number| number - 1))
        })
    }

    fn head(&self, room: &str) -> Head {
        self.tails.head(room)
    }

    fn has_place(&self, room: &str) -> bool {
        self.tails.has_place(room, self.bounds.rooms)
    }

    fn end_rooms(&self, used: HashSet<String>, now_ms: u64) -> Reply<()> {
        let (reply, ended) = oneshot::channel();
        let call = Call::EndRooms {
            used,
            now_ms,
            reply,
        };
        self.ask(call, ended)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn status(&self) -> Status {
        let Progress { commits, failure } = self.progress.borrow().clone();
        let stopped = self
            .calls
            .is_closed()
            .then(|| LogError::stopped().to_string());
        Status {
            commits,
            waiting: self.waiting.load(Relaxed),
            failure: stopped.or(failure),
            ..self.tails.status(self.epoch)
        }
    }
}

/// Returns what `pick` makes of the entries that `condition` finds in the room that is the first of
/// `params`.
fn entries<T>(
    disk: &Connection,
    condition: &str,
    params: &[&dyn ToSql],
    pick: impl FnOnce(&mut dyn Iterator<Item = Entry>) -> T,
) -> rusqlite::Result<T> {
    let columns = entry::COLUMNS;
    let mut statement = disk.prepare_cached(&format!(
        "SELECT {columns} FROM entry
         WHERE room = (SELECT id FROM room WHERE name = ?1) AND {condition}"
    ))?;
    let mut error = None;
    let rows = statement.query_map(params, entry::read)?;
    let picked = pick(&mut rows.map_while(|row| row.map_err(|e| error = Some(e)).ok()));
    error.map_or(Ok(picked), Err)
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
