//! What is in the file: its tables, and how those of an older version become those of this one.

use anyhow::{anyhow, bail};
use rusqlite::{Connection, Result};

use super::connection::{unsigned, words};

/// The version of the schema.
const VERSION: i64 = 5;

/// A room's row is written rarely: `messages`, `notices` and `bytes` are those of its entries up to
/// number `counted`, and what came later is counted when the file is opened. So are the keys: `key`
/// has those of its messages up to number `keyed`.
const SCHEMA: &str = "
    CREATE TABLE room (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL,
        counted INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0,
        notices INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE log (epoch INTEGER NOT NULL, floor INTEGER NOT NULL DEFAULT 0);";

/// The number of each message by its key. Not an index, because that would have to be written with
/// each message: see `keys`.
const KEYS: &str = "
    ALTER TABLE room ADD COLUMN keyed INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE key (
        room INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (room, sender, id)) WITHOUT ROWID;";

/// The entries by their [`place`](super::place), and a way to the notices, which are trimmed apart
/// from the messages.
const ENTRIES: &str = "
    CREATE TABLE entry (
        place INTEGER PRIMARY KEY, sender BLOB NOT NULL, id INTEGER, kind INTEGER NOT NULL,
        nick TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL);
    CREATE INDEX notice ON entry (place) WHERE kind > 1;";

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

/// From version 3, in which the keys were an index.
const FROM_3: &str = "
    INSERT INTO key SELECT room, sender, id, number FROM entry WHERE id IS NOT NULL;
    UPDATE room SET keyed =
        coalesce((SELECT max(number) FROM entry WHERE room = room.id), counted);
    DROP INDEX IF EXISTS entry_key;";

/// From version 4, in which the key of an entry was its room and its number: sets the table aside.
const SET_ASIDE: &str = "
    DROP INDEX IF EXISTS notice;
    ALTER TABLE entry RENAME TO old_entry;";

/// Copies what was set aside into the new table.
const TAKE_OVER: &str = "
    INSERT INTO entry SELECT room << 40 | number, sender, id, kind, nick, body, at_ms
        FROM old_entry ORDER BY room, number;
    DROP TABLE old_entry;";

/// Makes the tables of a new file, or brings an old one to this version. Returns the epoch, and the
/// number after which a new room begins. All is done or nothing, whenever the program is killed.
///
/// # Errors
/// If the file is another program's or a newer server's. Then nothing in it is changed.
pub(super) fn prepare(disk: &Connection) -> anyhow::Result<(u64, u64)> {
    let version: i64 = disk
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| anyhow!(words(&error)))?;
    let tables = tables(disk)?;
    let has = |name: &&str| tables.iter().any(|table| table == name);
    let is_ours = ["entry", "log", "room"].iter().all(has);
    let from_4 = format!("{SET_ASIDE} {ENTRIES} {TAKE_OVER}");
    let changes = match version {
        0 if tables.is_empty() => format!("{SCHEMA} {ENTRIES} {KEYS}"),
        2 if is_ours => format!("{FROM_2} {KEYS} {FROM_3} {from_4}"),
        3 if is_ours => format!("{KEYS} {FROM_3} {from_4}"),
        4 if is_ours => from_4,
        VERSION if is_ours => String::new(),
        0 | 2..=VERSION => bail!("it is a database of another program"),
        _ => bail!("it is a log of version {version}, and this server reads 2 to {VERSION}"),
    };
    // Also in a file that has its tables, because a server of version 2 could die before this.
    let has_epoch =
        version != 0 && disk.query_row("SELECT count(*) FROM log", [], |row| row.get(0))?;
    if !changes.is_empty() || !has_epoch {
        let epoch: i64 = rand::random_range(1..=i64::MAX);
        disk.execute_batch(&format!(
            "BEGIN IMMEDIATE; {changes}
             INSERT INTO log (epoch) SELECT {epoch} WHERE NOT EXISTS (SELECT * FROM log);
             PRAGMA user_version = {VERSION}; COMMIT"
        ))
        .map_err(|error| anyhow!(words(&error)))?;
    }
    let log = "SELECT epoch, floor FROM log";
    Ok(disk.query_row(log, [], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?)
}

/// Returns the names of all tables in the file.
fn tables(disk: &Connection) -> Result<Vec<String>> {
    let mut tables = disk.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    tables.query_map([], |row| row.get(0))?.collect()
}
