//! An entry as the file has it.

use common::chat::{Entry, Kind, Sender};
use rusqlite::{Error, Result, Row};

use super::connection::unsigned;
use super::place;

/// The columns that [`read`] reads.
pub(super) const COLUMNS: &str = "place, sender, kind, nick, body, at_ms";

/// Returns the entry in a row.
pub(super) fn read(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        number: place::number(row.get(0)?),
        sender: Sender::from_be_bytes(row.get(1)?),
        kind: kind(row, 2)?,
        nick: row.get::<_, String>(3)?.into(),
        body: row.get::<_, String>(4)?.into(),
        at_ms: unsigned(row, 5)?,
    })
}

/// Returns the kind in a column.
pub(super) fn kind(row: &Row<'_>, column: usize) -> Result<Kind> {
    match row.get(column)? {
        0 => Ok(Kind::Said),
        1 => Ok(Kind::Did),
        2 => Ok(Kind::Joined),
        3 => Ok(Kind::Left),
        4 => Ok(Kind::Renamed),
        other => Err(Error::IntegralValueOutOfRange(column, other)),
    }
}
