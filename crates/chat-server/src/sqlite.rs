//! A log in an SQLite file: what is acknowledged survives `kill -9` and a power cut.
//!
//! One thread [writes](writer). Two others read what is no longer in memory: one pages, the other
//! one searches, because a page must not wait for a search. WAL lets all of them work at the same
//! time.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use common::chat::{MAX_ENTRIES, Page};
use common::pen::Pen;
use futures::FutureExt;
use futures::future::ready;
use rusqlite::Connection;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::yield_now;

use self::calls::{Append, Call};
use self::connection::{GONE, words};
use self::file::Held;
use self::walk::Walk;
use self::writer::{Progress, SPIN, Writer};
use crate::bounds::{Bounds, bytes, is_message};
use crate::log::{Head, LogError, NewEntry, PageLimit, Ready, Reply, RoomLog, Status};
use crate::search::{Needle, SEARCH_LIMIT, SEARCHES};
use crate::tail::{Tail, Tails};
use crate::waiting::{WAITING, Waiting};
use crate::worker::Worker;

mod calls;
mod connection;
mod entry;
mod file;
mod fullest;
mod keys;
mod place;
mod room;
mod schema;
mod tidy;
mod walk;
mod writer;

/// Most calls that wait for the disk; further ones are refused as busy. At 64 a commit and 1 ms a
/// commit the last of them waits a tenth of a second.
const CALLS: usize = 4096;

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
    pages: Worker<Reader>,
    searches: Worker<Reader>,
    progress: watch::Receiver<Progress>,
    held: Arc<Held>,
    bounds: Bounds,
    epoch: u64,
}

/// What a reading thread has.
struct Reader {
    // First, because the file is held until nobody works on it.
    disk: Connection,
    _held: Arc<Held>,
}

impl Sqlite {
    /// Opens the log in the file at `path`, and makes the file and its folder if necessary.
    ///
    /// # Errors
    /// If the file cannot be opened, is not such a log, or is in use by another server.
    pub fn open(path: &Path, bounds: Bounds) -> anyhow::Result<Arc<Self>> {
        file::make_folder(path).context("its folder cannot be made")?;
        file::make(path)?;
        // One name for all who come by a link, because SQLite's own files are beside this one.
        let path = &path.canonicalize()?;
        let lock = file::lock(path)?;
        let fails = |error| anyhow!(words(&error));
        let disk = connection::connect(path).map_err(fails)?;
        let (epoch, floor) = schema::prepare(&disk)?;
        connection::set_up(&disk).map_err(fails)?;
        let limit = bounds.bytes.saturating_add(RESERVE);
        connection::limit(&disk, limit).map_err(fails)?;
        let rooms = room::load(&disk).map_err(fails)?;
        let tails = Arc::new(Tails::new(floor));
        for (name, room) in &rooms {
            let tail = Tail::stored(room.account.first, room.account.newest);
            tails.lock().insert(name.clone(), tail);
        }
        let held = Arc::new(Held::new(lock, path)?);
        let reader = || -> rusqlite::Result<Reader> {
            let disk = connection::connect(path)?;
            connection::set_up(&disk)?;
            let _held = held.clone();
            Ok(Reader { disk, _held })
        };
        let (pages, searches) = (reader().map_err(fails)?, reader().map_err(fails)?);
        let (calls, to_do) = mpsc::channel(CALLS);
        let begin = Progress {
            bytes: connection::used(&disk).map_err(fails)?,
            ..Progress::default()
        };
        let (to_report, progress) = watch::channel(begin);
        let writer = Writer {
            disk,
            held: held.clone(),
            calls: to_do,
            tails: tails.clone(),
            progress: to_report,
            told: None,
            bounds,
            rooms,
            keys: HashMap::new(),
            floor,
            damaged: HashSet::new(),
            // So that a file that is too large shrinks with the first batch.
            unchecked: u64::MAX / 2,
            last: 0,
        };
        // It ends when the store is closed or dropped, because the store owns the sender.
        thread::spawn(move || writer.run());
        Ok(Arc::new(Self {
            tails,
            calls,
            waiting: Arc::default(),
            pages: Worker::start(pages, PAGES),
            searches: Worker::start(searches, SEARCHES),
            progress,
            held,
            bounds,
            epoch,
        }))
    }

    /// Hands `call` to the writer. Returns what comes by `answer`, for which the caller [polls at
    /// first](wait_for) as long as `spin`.
    fn ask<T: Send + 'static>(
        &self,
        call: Call,
        answer: oneshot::Receiver<Result<T, LogError>>,
        spin: Duration,
    ) -> Reply<T> {
        let sent = self.calls.try_send(call).map_err(|_| LogError::Busy);
        async move {
            sent?;
            wait_for(answer, spin).await
        }
        .boxed()
    }

    /// Returns the entries after number `after`, read from the file.
    fn read_up(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        let (lowest, newest) = self.range(room);
        let after = after.max(lowest - 1);
        let (tails, epoch, room) = (self.tails.clone(), self.epoch, room.to_owned());
        self.pages
            .ask(LogError::Busy, move |Reader { disk, .. }, _| {
                let mut walk = Walk::up(disk, &room, after, newest);
                let found = limit.take(&mut walk);
                let damaged = walk.damaged()?;
                Ok(Page {
                    damaged,
                    ..tails.lock().page(&room, found, epoch)
                })
            })
    }

    /// Returns the number below which `room` has nothing, and its newest number.
    fn range(&self, room: &str) -> (u64, u64) {
        let rooms = self.tails.lock();
        rooms
            .get(room)
            .map_or((1, 0), |tail| (tail.first, tail.newest()))
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
        // Of the bytes that wait, because every entry has some.
        let is_alone = self.waiting.load(Relaxed) == size;
        let append = Call::Append(Append {
            room: room.to_owned(),
            entries,
            reply,
            waiting,
        });
        let spin = if is_alone { SPIN } else { Duration::ZERO };
        self.ask(append, numbers, spin)
    }

    fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        let rooms = self.tails.lock();
        let in_memory = match rooms.get(room) {
            Some(tail) => tail.read(after, limit),
            None => Some(Vec::new()),
        };
        match in_memory {
            Some(entries) => ready(Ok(rooms.page(room, entries, self.epoch))).boxed(),
            None => {
                drop(rooms);
                self.read_up(room, after, limit)
            }
        }
    }

    fn ready(&self, room: &str, after: u64, limit: PageLimit) -> Option<Ready> {
        self.tails.lock().ready(room, after, limit, self.epoch)
    }

    fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page> {
        let (lowest, newest) = self.range(room);
        let before = before.min(newest.saturating_add(1));
        let (tails, epoch, room) = (self.tails.clone(), self.epoch, room.to_owned());
        self.pages
            .ask(LogError::Busy, move |Reader { disk, .. }, _| {
                let mut walk = Walk::down(disk, &room, before, lowest);
                let mut found = limit.take(&mut walk);
                found.reverse();
                let damaged = walk.damaged()?;
                Ok(Page {
                    damaged,
                    ..tails.lock().page(&room, found, epoch)
                })
            })
    }

    fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page> {
        let needle = match Needle::new(text) {
            Ok(needle) => needle,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let (lowest, newest) = self.range(room);
        let (tails, epoch, room) = (self.tails.clone(), self.epoch, room.to_owned());
        self.searches
            .ask(LogError::TooManySearches, move |reader, caller| {
                let goes_on = caller.waits_within(SEARCH_LIMIT);
                let mut walk = Walk::down(&reader.disk, &room, newest.saturating_add(1), lowest);
                let messages = walk.by_ref().filter(|entry| is_message(entry.kind));
                let found = needle.search(messages, limit, goes_on);
                let damaged = walk.damaged()?;
                Ok(Page {
                    damaged,
                    ..tails.lock().page(&room, found?, epoch)
                })
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
        let ((lowest, newest), room) = (self.range(room), room.to_owned());
        self.pages
            .ask(LogError::Busy, move |Reader { disk, .. }, _| {
                // One page of them, because the caller must not decide how long this takes.
                let others = messages.min(MAX_ENTRIES) - 1;
                let mut walk = Walk::down(disk, &room, newest.saturating_add(1), lowest);
                let mut spoken = walk.by_ref().filter(|entry| is_message(entry.kind));
                let oldest = spoken.nth(others);
                walk.damaged()?;
                Ok(oldest.map_or(before_first, |entry| entry.number - 1))
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
        self.ask(call, ended, Duration::ZERO)
    }

    fn keep_journal(&self, journal: Pen) {
        self.tails.lock().keep_journal(journal, self.epoch);
    }

    fn close(&self) -> Reply<()> {
        let (reply, closed) = oneshot::channel();
        let (pages, searches) = (self.pages.close(), self.searches.close());
        let calls = self.calls.clone();
        async move {
            // The readers first, because SQLite tidies up when the last connection is closed.
            tokio::join!(pages, searches);
            let sent = calls.send(Call::Close(reply)).await;
            sent.map_err(|_| LogError::stopped())?;
            closed.await.map_err(|_| LogError::stopped())
        }
        .boxed()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn status(&self) -> Status {
        let Progress {
            commits,
            bytes,
            failure,
        } = self.progress.borrow().clone();
        let failure = match self.calls.is_closed() {
            true => Some(LogError::STOPPED.to_owned()),
            false if !self.held.is_there() => Some(GONE.to_owned()),
            false => failure,
        };
        Status {
            commits,
            bytes,
            waiting: self.waiting.load(Relaxed),
            failure,
            ..self.tails.status(self.epoch)
        }
    }
}

/// Waits for what comes by `answer`, and as long as `spin` by asking for it again and again. That
/// is for a lone append: waking a thread of the runtime takes a tenth of its time. With others
/// beside it this would take a core from them.
async fn wait_for<T>(
    mut answer: oneshot::Receiver<Result<T, LogError>>,
    spin: Duration,
) -> Result<T, LogError> {
    let began = Instant::now();
    while began.elapsed() < spin {
        match answer.try_recv() {
            Ok(answer) => return answer,
            Err(TryRecvError::Closed) => return Err(LogError::stopped()),
            Err(TryRecvError::Empty) => {}
        }
        // Both, so that another thread may have this core, and another task this thread.
        thread::yield_now();
        yield_now().await;
    }
    answer.await.map_err(|_| LogError::stopped())?
}

/// An error of reading, because the writer has words of its own.
impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(words(&error))
    }
}
