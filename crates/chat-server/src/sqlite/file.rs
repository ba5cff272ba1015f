//! The file: how it is made, locked and opened, and what is in it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, metadata, set_permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rusqlite::{Connection, Row};
use rustix::fs::OFlags;

/// How long the last appends of a closed store may take: a queue of thousands on a slow disk.
const LAST_APPENDS: Duration = Duration::from_secs(1);

/// The version of the schema.
const VERSION: i64 = 3;

/// A room's row is written rarely: `messages`, `notices` and `bytes` are those of its entries up to
/// number `counted`, and what came later is counted when the file is opened.
const SCHEMA: &str = "
    CREATE TABLE room (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL,
        counted INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0,
        notices INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE entry (
        room INTEGER NOT NULL, number INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER,
        kind INTEGER NOT NULL, nick TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (room, number)) WITHOUT ROWID;
    CREATE TABLE log (epoch INTEGER NOT NULL, floor INTEGER NOT NULL DEFAULT 0);";

/// The key of an entry, and a way to the notices, which are trimmed apart from the messages.
const INDEXES: &str = "
    CREATE UNIQUE INDEX entry_key ON entry (room, sender, id) WHERE id IS NOT NULL;
    CREATE INDEX notice ON entry (room, number) WHERE kind > 1;";

/// From version 2, in which senders had 8 bytes. They become the last 8 of 16: such a sender is not
/// the hash of any session, so nobody can continue as one of them, and all that was said stays.
const FROM_2: &str = "
    DROP INDEX entry_key;
    UPDATE entry SET sender = CAST(x'0000000000000000' || sender AS BLOB);
    ALTER TABLE room ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN notices INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE log ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;";

/// Makes the folder of the file at `path` if necessary. Then only its owner can look into it.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    folder.map_or(Ok(()), |folder| builder.create(folder))
}

/// Locks the file at `path` until the returned file is dropped, or the process ends. Otherwise two
/// servers on one file would both believe that they know the newest numbers.
pub(super) fn lock(path: &Path) -> anyhow::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    // Never through a link and never truncated, because in a folder that others can write, the link
    // could lead to a file of ours.
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(no_link)
        .mode(0o600)
        .open(&beside)
        .with_context(|| format!("cannot lock {}", Path::new(&beside).display()))?;
    // Tried again, because the last appends of a store that was closed just now are being stored.
    let began = Instant::now();
    while file.try_lock().is_err() && began.elapsed() < LAST_APPENDS {
        thread::sleep(LAST_APPENDS / 100);
    }
    file.try_lock().context("another chat-server uses it")?;
    Ok(file)
}

/// Makes the file at `path` if there is none, so that only its owner can read it. SQLite gives the
/// files that it makes beside it the same mode.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match new {
        Ok(_) => return set_permissions(path, Permissions::from_mode(0o600)),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    if metadata(path)?.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(
            "other users may read the messages in {path}; to stop them: chmod 600 {path}*"
        );
    }
    Ok(())
}

/// Opens the file at `path`. WAL, because one thread writes while others read. The log is made
/// small again after it was large.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let disk = Connection::open(path)?;
    disk.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA journal_size_limit = 16777216",
    )?;
    disk.set_prepared_statement_cache_capacity(32);
    Ok(disk)
}

/// Makes the tables of a new file, or brings an old one to this version. Returns the epoch, and the
/// number after which a new room begins.
pub(super) fn prepare(disk: &Connection) -> anyhow::Result<(u64, u64)> {
    let version: i64 = disk.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    ensure!(
        matches!(version, 0 | 2 | VERSION),
        "it is a log of version {version}, and this server reads version 2 and {VERSION}"
    );
    let changes = match version {
        0 => {
            let epoch: i64 = rand::random_range(1..=i64::MAX);
            format!("{SCHEMA} {INDEXES} INSERT INTO log (epoch) VALUES ({epoch});")
        }
        2 => format!("{FROM_2} {INDEXES}"),
        _ => String::new(),
    };
    if !changes.is_empty() {
        disk.execute_batch(&format!(
            "BEGIN; {changes} PRAGMA user_version = {VERSION}; COMMIT"
        ))?;
    }
    let log = "SELECT epoch, floor FROM log";
    Ok(disk.query_row(log, [], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?)
}

/// Returns the bytes of the file that are in use.
pub(super) fn used(disk: &Connection) -> rusqlite::Result<u64> {
    let ask = |what: &str| {
        let mut answer = disk.prepare_cached(&format!("PRAGMA {what}"))?;
        answer.query_row([], |row| unsigned(row, 0))
    };
    Ok((ask("page_count")? - ask("freelist_count")?) * ask("page_size")?)
}

/// Limits the file to `bytes`, or to what it has already.
pub(super) fn limit(disk: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: u64 = disk.query_row("PRAGMA page_size", [], |row| unsigned(row, 0))?;
    let pages = signed(bytes / page.max(1)).min(i64::from(u32::MAX - 1));
    disk.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Returns a number as SQLite has it. Its integers are signed, and no number of ours gets so high.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Returns the number in a column.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}
