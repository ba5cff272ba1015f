//! A connection to the file: its settings, the numbers it speaks in, and its errors in words.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, Result, Row, ffi};

/// How long a statement waits for another program that holds the log. Short, because senders wait
/// with it; they are told, and try again by themselves.
const PATIENCE: Duration = Duration::from_millis(200);

/// Connects to the file at `path`, and changes nothing in it yet.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    let disk = Connection::open(path)?;
    disk.busy_timeout(PATIENCE)?;
    disk.set_prepared_statement_cache_capacity(32);
    Ok(disk)
}

/// Sets a connection up for work. WAL, because one thread writes while others read. The log is made
/// small again after it was large.
pub(super) fn set_up(disk: &Connection) -> Result<()> {
    disk.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA journal_size_limit = 16777216",
    )
}

/// Returns the bytes of the file that are in use.
pub(super) fn used(disk: &Connection) -> Result<u64> {
    let ask = |what: &str| {
        let mut answer = disk.prepare_cached(&format!("PRAGMA {what}"))?;
        answer.query_row([], |row| unsigned(row, 0))
    };
    Ok((ask("page_count")? - ask("freelist_count")?) * ask("page_size")?)
}

/// Limits the file to `bytes`, or to what it has already.
pub(super) fn limit(disk: &Connection, bytes: u64) -> Result<()> {
    let page: u64 = disk.query_row("PRAGMA page_size", [], |row| unsigned(row, 0))?;
    let pages = signed(bytes / page.max(1)).min(i64::from(u32::MAX - 1));
    disk.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Returns a number as SQLite has it. Its integers are signed, and no number of ours gets so high.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Returns the number in a column.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// Why nothing is written any more into a file that nobody would find.
pub(super) const GONE: &str = "its file was deleted or replaced: start the server again";

/// Returns the error of a file that is no longer there under its name: SQLite's own one for it.
pub(super) fn gone() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), None)
}

/// Returns whether the error is about one place in the file, and not about all of it: a page is
/// not what SQLite has written there, or a row is not what this server has written.
pub(super) fn is_damage(error: &Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => code == ErrorCode::DatabaseCorrupt,
        None => matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
        ),
    }
}

/// Returns why the file cannot be used, in words.
pub(super) fn words(error: &Error) -> String {
    let known = match error.sqlite_error_code() {
        _ if *error == gone() => GONE,
        _ if is_damage(error) => "the file is damaged",
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the log"
        }
        Some(ErrorCode::NotADatabase) => "it is not an SQLite file",
        Some(ErrorCode::SystemIoFailure) => "the disk fails, or is full",
        _ => return error.to_string(),
    };
    known.to_owned()
}
