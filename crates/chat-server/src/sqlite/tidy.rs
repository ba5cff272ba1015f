//! What keeps a room, the file and the keys in memory within their bounds. A place where the file
//! is damaged stays as it is.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Result};

use super::connection::{self, is_damage};
use super::fullest::{fullest, is_full};
use super::keys::Keys;
use super::room::Room;
use crate::bounds::Bounds;

/// How often one batch makes room in a full file, by a 64th of its limit each time. Senders wait
/// for it, and one batch cannot fill more.
const STEPS: u64 = 4;

/// Deletes what is above the bounds, and writes the keys of a room into the file if they are many.
/// A damaged room only grows.
pub(super) fn tidy(
    disk: &Connection,
    name: &str,
    room: &mut Room,
    keys: &mut Keys,
    bounds: &Bounds,
    damaged: &mut HashSet<String>,
) -> Result<()> {
    if !damaged.contains(name) {
        note(room.trim(disk, bounds), name, damaged)?;
    }
    if is_full(keys.count()) {
        save_keys(disk, name, room, keys, damaged)?;
    }
    Ok(())
}

/// Writes the newest keys of the rooms that have the most of them into the file, until at most
/// `most` are left in memory. `changed` has what this transaction has changed of `rooms`.
pub(super) fn tidy_keys(
    disk: &Connection,
    rooms: &HashMap<String, Room>,
    changed: &HashMap<String, Room>,
    all: &mut HashMap<String, Keys>,
    most: usize,
    damaged: &mut HashSet<String>,
) -> Result<()> {
    while let Some(name) = fullest(all.iter().map(|(name, keys)| (name, keys.count())), most) {
        let name = name.clone();
        let room = changed.get(&name).or_else(|| rooms.get(&name));
        let (Some(room), Some(keys)) = (room, all.get_mut(&name)) else {
            break;
        };
        save_keys(disk, &name, room, keys, damaged)?;
    }
    Ok(())
}

/// Writes the newest keys of a room into the file. A damaged room forgets them.
fn save_keys(
    disk: &Connection,
    name: &str,
    room: &Room,
    keys: &mut Keys,
    damaged: &mut HashSet<String>,
) -> Result<()> {
    if damaged.contains(name) {
        keys.forget();
        return Ok(());
    }
    note(room.save_keys(disk, keys), name, damaged)
}

/// Returns the outcome of a deletion from room `name`, and notes if it has met a damaged page. Then
/// its transaction is lost, because SQLite commits none that has.
pub(super) fn note<T>(outcome: Result<T>, name: &str, damaged: &mut HashSet<String>) -> Result<T> {
    outcome.inspect_err(|error| {
        if is_damage(error) {
            tracing::error!("the file is damaged: a room cannot be trimmed, and only grows");
            damaged.insert(name.to_owned());
        }
    })
}

/// Deletes the oldest entries of the largest rooms until the file uses at most `most` bytes, or so
/// much was deleted that others have waited long enough. `changed` has what this transaction has
/// changed of `rooms`. Returns the bytes that are used then.
pub(super) fn fit(
    disk: &Connection,
    rooms: &HashMap<String, Room>,
    changed: &mut HashMap<String, Room>,
    most: u64,
    damaged: &mut HashSet<String>,
) -> Result<u64> {
    for _ in 0..STEPS {
        let used = connection::used(disk)?;
        if used <= most {
            break;
        }
        let others = rooms
            .iter()
            .filter(|(name, _)| !changed.contains_key(*name));
        let all = others.chain(changed.iter());
        let entries = |room: &Room| room.account.messages + room.account.notices;
        let able = all.filter(|(name, room)| entries(room) > 1 && !damaged.contains(*name));
        let Some((name, room)) = able.max_by_key(|(_, room)| room.account.bytes) else {
            break;
        };
        let (name, mut room) = (name.clone(), room.clone());
        let bytes = usize::try_from((used - most).max(most / 64)).unwrap_or(usize::MAX);
        note(room.delete_oldest(disk, bytes), &name, damaged)?;
        changed.insert(name, room);
    }
    connection::used(disk)
}

#[cfg(test)]
mod tests {
    use common::chat::Kind;

    use super::super::{room, schema};
    use super::*;
    use crate::log::NewEntry;

    #[test]
    fn the_room_with_the_most_keys_in_memory_writes_them_into_the_file() {
        let disk = Connection::open_in_memory().expect("a file");
        schema::prepare(&disk).expect("its tables");
        let (mut rooms, mut all) = (HashMap::new(), HashMap::new());
        let entries = |count: u64| {
            (1..=count)
                .map(|id| NewEntry::said(7, Some(id), Kind::Said, "ann".into(), "hi".into()))
                .collect::<Vec<_>>()
        };
        for (name, count) in [("quiet", 3), ("busy", 9), ("loud", 6)] {
            let mut room = Room::make(&disk, name, 0).expect("made");
            let mut keys = room.keys(&disk).expect("none");
            let mut insert = disk.prepare_cached(room::INSERT).expect("a statement");
            room.store(&disk, &mut insert, &entries(count), &mut keys)
                .expect("stored");
            rooms.insert(name.to_owned(), room);
            all.insert(name.to_owned(), keys);
        }
        let mut damaged = HashSet::from(["loud".to_owned()]);
        let changed = HashMap::new();
        tidy_keys(&disk, &rooms, &changed, &mut all, 8, &mut damaged).expect("written");
        let left = |name: &str| all[name].count();
        assert_eq!((left("quiet"), left("busy"), left("loud")), (3, 0, 0));
        let written = "SELECT count(*) FROM key JOIN room ON room.id = key.room WHERE name = ?1";
        let written = |name| {
            disk.query_row(written, [name], |row| row.get::<_, i64>(0))
                .expect("a count")
        };
        assert_eq!((written("quiet"), written("busy")), (0, 9));
        assert_eq!(written("loud"), 0, "a damaged room forgets them");
    }
}
