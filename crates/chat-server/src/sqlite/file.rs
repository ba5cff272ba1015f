//! The file: how it is opened and locked, and what is in it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, ensure};
use rusqlite::{Connection, Row};

/// The version of the schema.
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

/// A room's newest number, or 0. It has no column, so that a message writes nothing but its entry.
/// No number is used again, because trimming never deletes the newest entry.
pub(super) const NEWEST: &str =
    "coalesce((SELECT max(number) FROM entry WHERE entry.room = room.id), 0)";

/// Locks the file at `path` until the returned file is dropped, or the process ends. Otherwise two
/// servers on one file would both believe that they know the newest numbers.
pub(super) fn lock(path: &Path) -> anyhow::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = File::create(beside)?;
    file.try_lock().context("another chat-server uses it")?;
    Ok(file)
}

/// Opens the file at `path`. WAL, because one thread writes while another one reads.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let disk = Connection::open(path)?;
    disk.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    disk.set_prepared_statement_cache_capacity(16);
    Ok(disk)
}

/// Makes the tables of a new file, or checks the version of an old one. Returns the epoch.
pub(super) fn prepare(disk: &Connection) -> anyhow::Result<u64> {
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

/// Returns the rooms: the name of each, its oldest number that is kept, and its newest one.
pub(super) fn rooms(disk: &Connection) -> rusqlite::Result<Vec<(String, u64, u64)>> {
    let mut rooms = disk.prepare(&format!("SELECT name, first, {NEWEST} FROM room"))?;
    let room = |row: &Row<'_>| Ok((row.get(0)?, unsigned(row, 1)?, unsigned(row, 2)?));
    rooms.query_map([], room)?.collect()
}

/// Returns a number as SQLite has it. Its integers are signed, and no number of ours gets so high.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Returns the number in a column.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}
