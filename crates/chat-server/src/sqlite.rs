//! A log in an SQLite file: what is acknowledged survives `kill -9` and a power cut.
//!
//! One thread [writes](writer). Another one reads what is no longer in memory. WAL lets both work
//! at the same time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use common::chat::{Entry, Kind, Page, Sender};
use futures::FutureExt;
use futures::future::ready;
use rusqlite::{Connection, Row, ToSql};
use tokio::sync::{mpsc, oneshot, watch};

use self::file::{signed, unsigned};
use self::writer::{Append, Progress, Writer};
use crate::log::{Limit, LogError, NewEntry, Reply, RoomLog, Status};
use crate::tail::{Tail, Tails, room_of};

mod file;
mod writer;

/// Most appends that wait for the disk; further ones are refused as busy. At 64 a commit and 1 ms a
/// commit the last of them waits a tenth of a second.
const APPENDS: usize = 4096;

/// Most queries that wait for the disk; further ones are refused as busy.
const QUERIES: usize = 1024;

/// The entries of a room, in the columns that [`entry`] reads. A condition and an order follow.
const ENTRIES: &str = "SELECT number, sender, kind, nick, body, at_ms FROM entry
    WHERE room = (SELECT id FROM room WHERE name = ?1) AND";

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// The store in a file.
pub struct Sqlite {
    tails: Arc<Tails>,
    appends: mpsc::Sender<Append>,
    queries: mpsc::Sender<Query>,
    progress: watch::Receiver<Progress>,
    epoch: u64,
    /// released with the process, however it ends
    _lock: File,
}

impl Sqlite {
    /// Opens the log in the file at `path`, and makes the file if there is none. About the last
    /// `history` entries of each room are kept.
    ///
    /// # Errors
    /// If the file cannot be opened, is not such a log, or is in use by another server.
    pub fn open(path: &Path, history: u64) -> anyhow::Result<Arc<Self>> {
        let lock = file::lock(path)?;
        let disk = file::open(path)?;
        let epoch = file::prepare(&disk)?;
        let tails = Arc::new(Tails::default());
        for (name, first, newest) in file::rooms(&disk)? {
            tails.lock().insert(name, Tail::new(first, newest));
        }
        let read_disk = file::open(path)?;
        let (appends, to_append) = mpsc::channel(APPENDS);
        let (queries, mut to_query) = mpsc::channel::<Query>(QUERIES);
        let (to_report, progress) = watch::channel(Progress::default());
        let writer = Writer {
            disk,
            appends: to_append,
            tails: tails.clone(),
            progress: to_report,
            history: history.max(1),
        };
        // Both end when the store is dropped, because it owns the senders.
        thread::spawn(move || writer.run());
        thread::spawn(move || {
            while let Some(query) = to_query.blocking_recv() {
                query(&read_disk);
            }
        });
        Ok(Arc::new(Self {
            tails,
            appends,
            queries,
            progress,
            epoch,
            _lock: lock,
        }))
    }

    /// Returns a page of the entries that `condition` finds, read by the reading thread. Its `?2`
    /// is `value`.
    fn find(
        &self,
        room: &str,
        condition: &'static str,
        value: impl ToSql + Send + 'static,
        limit: Limit,
    ) -> Reply<Page> {
        let (queries, tails, epoch) = (self.queries.clone(), self.tails.clone(), self.epoch);
        let room = room.to_owned();
        let (sender, found) = oneshot::channel();
        async move {
            let name = room.clone();
            let query: Query = Box::new(move |disk| {
                let _ = sender.send(entries(disk, condition, &[&name, &value], limit));
            });
            queries.try_send(query).map_err(|_| LogError::Busy)?;
            let found = found.await.map_err(|_| stopped())?;
            let entries = found.map_err(|error| LogError::Failed(error.to_string()))?;
            let mut rooms = tails.lock();
            Ok(room_of(&mut rooms, &room)?.page(&room, entries, epoch))
        }
        .boxed()
    }
}

impl RoomLog for Sqlite {
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>> {
        let (reply, numbers) = oneshot::channel();
        let append = Append {
            room: room.to_owned(),
            entries,
            reply,
        };
        let sent = self.appends.try_send(append).map_err(|_| LogError::Busy);
        async move {
            sent?;
            numbers.await.map_err(|_| stopped())?
        }
        .boxed()
    }

    fn read(&self, room: &str, after: u64, limit: Limit) -> Reply<Page> {
        let in_memory = room_of(&mut self.tails.lock(), room).map(|tail| {
            let entries = tail.read(after, limit)?;
            Some(tail.page(room, entries, self.epoch))
        });
        match in_memory.transpose() {
            Some(page) => ready(page).boxed(),
            None => self.find(room, "number > ?2 ORDER BY number", signed(after), limit),
        }
    }

    fn read_back(&self, room: &str, before: u64, limit: Limit) -> Reply<Page> {
        let condition = "number < ?2 ORDER BY number DESC";
        self.find(room, condition, signed(before), limit)
    }

    fn search(&self, room: &str, text: &str, limit: Limit) -> Reply<Page> {
        // Without an index, because LIKE takes 16 ms for 200,000 messages. It folds the case of
        // ASCII only.
        let condition = "kind IN (0, 1) AND body LIKE '%' || ?2 || '%' ESCAPE '\\'
            ORDER BY number DESC";
        let escaped = text
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        self.find(room, condition, escaped, limit)
    }

    fn head(&self, room: &str) -> watch::Receiver<u64> {
        self.tails.head(room)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn status(&self) -> Status {
        let Progress { commits, failure } = self.progress.borrow().clone();
        let stopped = self.appends.is_closed().then(|| stopped().to_string());
        Status {
            commits,
            failure: stopped.or(failure),
            ..self.tails.status(self.epoch)
        }
    }
}

/// Returns the first entries that `condition` finds, as many as fit `limit`, oldest first.
fn entries(
    disk: &Connection,
    condition: &str,
    params: &[&dyn ToSql],
    limit: Limit,
) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = disk.prepare_cached(&format!("{ENTRIES} {condition}"))?;
    let mut error = None;
    let rows = statement.query_map(params, entry)?;
    let mut entries = limit.take(rows.map_while(|row| row.map_err(|e| error = Some(e)).ok()));
    // Some conditions find the newest first, so that the limit keeps the newest ones.
    entries.sort_unstable_by_key(|entry| entry.number);
    error.map_or(Ok(entries), Err)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let kind = match row.get(2)? {
        0 => Kind::Said,
        1 => Kind::Did,
        2 => Kind::Joined,
        3 => Kind::Left,
        4 => Kind::Renamed,
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(2, other)),
    };
    let sender: [u8; 8] = row.get(1)?;
    Ok(Entry {
        number: unsigned(row, 0)?,
        sender: Sender::from_be_bytes(sender),
        kind,
        nick: row.get(3)?,
        body: row.get(4)?,
        at_ms: unsigned(row, 5)?,
    })
}

fn stopped() -> LogError {
    LogError::Failed("the store has stopped".into())
}
