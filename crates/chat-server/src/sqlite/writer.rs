//! One transaction: a group of appends, all or none.

use std::collections::{BTreeMap, btree_map};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{Append, NEWEST, signed, unsigned};
use crate::log::{LogError, MAX_ROOMS, NewEntry};

/// Trims a room when it is so many entries above its history, to do it seldom and in bulk.
const TRIM_EVERY: u64 = 512;

/// What became of one append.
pub(super) struct Stored {
    /// each entry's number, and whether it is new
    pub(super) entries: Vec<(u64, bool)>,
    pub(super) first: u64,
}

/// A room as the file has it.
struct Room {
    id: i64,
    first: u64,
    newest: u64,
}

/// Stores a group in one transaction. What a message costs beside the disk is one insert: a room is
/// read once a group, and only a conflict has its number looked up.
pub(super) fn commit(
    disk: &mut Connection,
    group: &[Append],
    history: u64,
) -> rusqlite::Result<Vec<Result<Stored, LogError>>> {
    let transaction = disk.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut rooms = BTreeMap::new();
    let mut stored = Vec::with_capacity(group.len());
    for append in group {
        let room = match rooms.entry(&append.room) {
            btree_map::Entry::Occupied(room) => room.into_mut(),
            btree_map::Entry::Vacant(place) => match find_room(&transaction, &append.room)? {
                Some(room) => place.insert(room),
                None => {
                    stored.push(Err(LogError::TooManyRooms));
                    continue;
                }
            },
        };
        let entries = store(&transaction, room, &append.entries)?;
        trim(&transaction, room, history)?;
        let first = room.first;
        stored.push(Ok(Stored { entries, first }));
    }
    transaction.commit()?;
    Ok(stored)
}

fn store(
    disk: &Connection,
    room: &mut Room,
    entries: &[NewEntry],
) -> rusqlite::Result<Vec<(u64, bool)>> {
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
        stored.push(match inserted {
            0 => {
                let known = "SELECT number FROM entry WHERE sender = ?1 AND id = ?2";
                let mut known = disk.prepare_cached(known)?;
                let number = known.query_row(params![sender, id], |row| unsigned(row, 0))?;
                (number, false)
            }
            _ => {
                room.newest += 1;
                (room.newest, true)
            }
        });
    }
    Ok(stored)
}

/// Forgets what is older than the history.
fn trim(disk: &Connection, room: &mut Room, history: u64) -> rusqlite::Result<()> {
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

/// A room, made if there is none; none above [`MAX_ROOMS`].
fn find_room(disk: &Connection, name: &str) -> rusqlite::Result<Option<Room>> {
    let found = disk
        .prepare_cached(&format!(
            "SELECT id, first, {NEWEST} FROM room WHERE name = ?1"
        ))?
        .query_row([name], |row| {
            Ok(Room {
                id: row.get(0)?,
                first: unsigned(row, 1)?,
                newest: unsigned(row, 2)?,
            })
        })
        .optional()?;
    if found.is_some() {
        return Ok(found);
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
