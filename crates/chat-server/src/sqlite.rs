//! A log in an SQLite file: what is acknowledged survives `kill -9` and a power cut.
//!
//! One thread writes. It takes what is waiting, commits it in one transaction, then answers and
//! wakes readers: an idle server commits at once, a busy one batches by itself, with no timer.
//! Another thread reads what is no longer in memory; WAL lets both work at the same time.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use common::chat::{Entry, Kind, Page, Sender};
use futures::FutureExt;
use rusqlite::{Connection, Row, params};
use tokio::sync::{mpsc, oneshot, watch};

use self::writer::commit;
use crate::log::{Answer, Limit, LogError, NewEntry, RoomLog, Status};
use crate::tail::{Tail, Tails, room_of};

mod writer;

/// Appends that wait for the disk; further ones are refused as busy. At 64 a commit and 1 ms a
/// commit the last of them waits a tenth of a second.
const WAITING: usize = 4096;

/// Appends in one transaction: more would make the first of them wait for the last.
const GROUP: usize = 256;

/// How long the writing thread looks for the next append before it sleeps: as long as one sender
/// takes to come back with its next message, and at most as long as the commit before took. With
/// one sender that makes a third more sends a second (`scripts/bench.sh chat durable`), because
/// waking a thread on an idle core takes so long.
const VIGIL: Duration = Duration::from_micros(200);

/// Reads that wait for the disk.
const READS: usize = 1024;

/// Entries of each room kept in memory: what a thousand readers need who are a few seconds late.
const TAIL: usize = 2048;

/// The layout of the file.
const VERSION: i64 = 2;

const SCHEMA: &str = "
    CREATE TABLE room (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL);
    CREATE TABLE entry (
        room INTEGER NOT NULL, number INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER,
        kind INTEGER NOT NULL, nick TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (room, number)) WITHOUT ROWID;
    CREATE UNIQUE INDEX entry_key ON entry (sender, id) WHERE id IS NOT NULL;
    CREATE TABLE log (epoch INTEGER NOT NULL);";

/// A room's newest number, 0 if it has none. Trimming leaves the newest, so no number comes again;
/// and nothing but the entry has to be written for a message.
const NEWEST: &str = "coalesce((SELECT max(number) FROM entry WHERE entry.room = room.id), 0)";

struct Append {
    room: String,
    entries: Vec<NewEntry>,
    answer: oneshot::Sender<Result<Vec<u64>, LogError>>,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// How writing went, as the writing thread tells it.
#[derive(Default)]
struct Writes {
    commits: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Writes {
    /// A batch was committed, or not.
    fn went(&self, result: Result<(), &rusqlite::Error>) {
        if result.is_ok() {
            self.commits.fetch_add(1, Relaxed);
        }
        let failure = result.err().map(ToString::to_string);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// The store in a file.
pub struct Sqlite {
    tails: Arc<Tails>,
    writer: mpsc::Sender<Append>,
    reader: mpsc::Sender<Read>,
    epoch: u64,
    writes: Arc<Writes>,
    /// falls with the process, however it ends
    _lock: File,
}

impl Sqlite {
    /// Opens the log in the file at `path`, making it if there is none, and keeps about the last
    /// `history` entries of each room.
    ///
    /// # Errors
    /// If the file cannot be opened, is no such log, or is in use by another server.
    pub fn open(path: &Path, history: u64) -> anyhow::Result<Arc<Self>> {
        let lock = lock(path)?;
        let disk = open(path)?;
        let epoch = prepare(&disk)?;
        let tails = Arc::new(Tails::default());
        {
            let mut rooms = tails.lock();
            let mut known = disk.prepare(&format!("SELECT name, first, {NEWEST} FROM room"))?;
            let known = known.query_map([], |row| {
                Ok((row.get(0)?, unsigned(row, 1)?, unsigned(row, 2)?))
            })?;
            for room in known {
                let (name, first, head): (String, u64, u64) = room?;
                rooms.insert(name, Tail::new(first, head));
            }
        }
        let reading = open(path)?;
        let (writer, appends) = mpsc::channel(WAITING);
        let (reader, reads) = mpsc::channel(READS);
        let shown = tails.clone();
        let writes = Arc::new(Writes::default());
        let told = writes.clone();
        thread::spawn(move || write(disk, appends, (&shown, &told), history.max(1)));
        thread::spawn(move || read(&reading, reads));
        Ok(Arc::new(Self {
            tails,
            writer,
            reader,
            epoch,
            writes,
            _lock: lock,
        }))
    }

    /// Runs `query` on the reading thread and makes a page of what it finds.
    fn page(
        &self,
        room: &str,
        query: impl FnOnce(&Connection, &str) -> rusqlite::Result<Vec<Entry>> + Send + 'static,
    ) -> Answer<Page> {
        let (reader, tails, epoch) = (self.reader.clone(), self.tails.clone(), self.epoch);
        let room = room.to_owned();
        let (answer, answered) = oneshot::channel();
        async move {
            let name = room.clone();
            let read: Read = Box::new(move |disk| {
                let _ = answer.send(query(disk, &name));
            });
            reader.try_send(read).map_err(|_| LogError::Busy)?;
            let entries = answered.await.map_err(|_| stopped())?.map_err(failed)?;
            let mut rooms = tails.lock();
            Ok(room_of(&mut rooms, &room)?.page(&room, entries, epoch))
        }
        .boxed()
    }
}

impl RoomLog for Sqlite {
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Answer<Vec<u64>> {
        let (answer, answered) = oneshot::channel();
        let append = Append {
            room: room.to_owned(),
            entries,
            answer,
        };
        let sent = self.writer.try_send(append).map_err(|_| LogError::Busy);
        async move {
            sent?;
            answered.await.map_err(|_| stopped())?
        }
        .boxed()
    }

    fn read(&self, room: &str, after: u64, limit: Limit) -> Answer<Page> {
        {
            let mut rooms = self.tails.lock();
            let tail = match room_of(&mut rooms, room) {
                Ok(tail) => tail,
                Err(error) => return std::future::ready(Err(error)).boxed(),
            };
            if let Some(entries) = tail.read(after, limit) {
                let page = tail.page(room, entries, self.epoch);
                return std::future::ready(Ok(page)).boxed();
            }
        }
        self.page(room, move |disk, room| {
            let sql = "SELECT number, sender, kind, nick, body, at_ms FROM entry
                WHERE room = (SELECT id FROM room WHERE name = ?1) AND number > ?2
                ORDER BY number";
            query(disk, sql, params![room, signed(after)], limit)
        })
    }

    fn read_back(&self, room: &str, before: u64, limit: Limit) -> Answer<Page> {
        self.page(room, move |disk, room| {
            let sql = "SELECT number, sender, kind, nick, body, at_ms FROM entry
                WHERE room = (SELECT id FROM room WHERE name = ?1) AND number < ?2
                ORDER BY number DESC";
            let found = query(disk, sql, params![room, signed(before)], limit);
            found.map(|mut entries| {
                entries.reverse();
                entries
            })
        })
    }

    fn search(&self, room: &str, text: &str, limit: Limit) -> Answer<Page> {
        // LIKE folds the case of ASCII only; 200,000 messages take 16 ms.
        let escaped = text
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        self.page(room, move |disk, room| {
            let sql = "SELECT number, sender, kind, nick, body, at_ms FROM entry
                WHERE room = (SELECT id FROM room WHERE name = ?1) AND kind IN (0, 1)
                AND body LIKE '%' || ?2 || '%' ESCAPE '\\'
                ORDER BY number DESC";
            let found = query(disk, sql, params![room, escaped], limit);
            found.map(|mut entries| {
                entries.reverse();
                entries
            })
        })
    }

    fn head(&self, room: &str) -> watch::Receiver<u64> {
        self.tails.head(room)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn status(&self) -> Status {
        let failure = self.writes.failure.lock();
        let failure = failure.unwrap_or_else(PoisonError::into_inner).clone();
        let stopped = self.writer.is_closed().then(|| stopped().to_string());
        Status {
            commits: self.writes.commits.load(Relaxed),
            failure: stopped.or(failure),
            ..self.tails.status(self.epoch)
        }
    }
}

/// Two servers on one file would both believe that they know the newest numbers.
fn lock(path: &Path) -> anyhow::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = File::create(beside)?;
    file.try_lock().context("another chat-server uses it")?;
    Ok(file)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let disk = Connection::open(path)?;
    disk.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    disk.set_prepared_statement_cache_capacity(16);
    Ok(disk)
}

/// Makes the tables of a new file, checks those of an old one; answers the epoch.
fn prepare(disk: &Connection) -> anyhow::Result<u64> {
    let version: i64 = disk.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        disk.execute_batch(&format!(
            "BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"
        ))?;
        let epoch: i64 = rand::random_range(1..=i64::MAX);
        disk.execute("INSERT INTO log (epoch) VALUES (?1)", [epoch])?;
    }
    ensure!(
        matches!(version, 0 | VERSION),
        "it is a log of version {version}, and this server reads version {VERSION}"
    );
    Ok(disk.query_row("SELECT epoch FROM log", [], |row| unsigned(row, 0))?)
}

/// The writing thread: ends when the store is dropped.
fn write(
    mut disk: Connection,
    mut appends: mpsc::Receiver<Append>,
    (shown, writes): (&Tails, &Writes),
    history: u64,
) {
    let mut group = Vec::with_capacity(GROUP);
    while next(&mut appends, &mut group) > 0 {
        let stored = commit(&mut disk, &group, history);
        writes.went(stored.as_ref().map(drop));
        let mut rooms = shown.lock();
        match stored {
            Ok(stored) => {
                for (append, stored) in group.drain(..).zip(stored) {
                    let answer = stored.map(|stored| {
                        let numbers = stored.entries.iter().map(|&(number, _)| number).collect();
                        if let Ok(tail) = room_of(&mut rooms, &append.room) {
                            tail.first = stored.first;
                            let fresh = append.entries.into_iter().zip(stored.entries);
                            for (entry, (number, _)) in fresh.filter(|(_, (_, fresh))| *fresh) {
                                tail.push(entry.numbered(number), TAIL);
                            }
                        }
                        numbers
                    });
                    // Whoever gave up waiting will ask again, and be told the same numbers.
                    let _ = append.answer.send(answer);
                }
            }
            Err(error) => {
                tracing::error!("cannot write the log: {error}");
                for append in group.drain(..) {
                    let _ = append.answer.send(Err(failed(&error)));
                }
            }
        }
    }
}

/// Takes what is waiting, or waits for it; 0 once there can be no more.
fn next(appends: &mut mpsc::Receiver<Append>, group: &mut Vec<Append>) -> usize {
    let began = Instant::now();
    while appends.is_empty() && began.elapsed() < VIGIL {
        thread::yield_now(); // to whoever wants this core
    }
    appends.blocking_recv_many(group, GROUP)
}

/// The reading thread: ends when the store is dropped.
fn read(disk: &Connection, mut reads: mpsc::Receiver<Read>) {
    while let Some(read) = reads.blocking_recv() {
        read(disk);
    }
}

fn query(
    disk: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    limit: Limit,
) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = disk.prepare_cached(sql)?;
    let mut error = None;
    let rows = statement.query_map(params, entry)?;
    let entries = rows.map_while(|row| row.map_err(|e| error = Some(e)).ok());
    let entries = limit.take(entries);
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

/// SQLite's integers are signed; nobody counts beyond the half of ours.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn failed(error: impl ToString) -> LogError {
    LogError::Failed(error.to_string())
}

fn stopped() -> LogError {
    LogError::Failed("the store has stopped".into())
}
