//! What keeps a room, the file and the keys in memory within their bounds. A place where the file is
//! damaged stays as it is.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Result};

use super::connection::{self, is_damage};
use super::keys::Keys;
use super::room::Room;
use crate::bounds::Bounds;

/// How often one batch makes room in a full file, by a 64th of its limit each time. Senders wait
/// for it, and one batch cannot fill more.
const STEPS: u64 = 4;

/// Deletes what is above the bounds, and writes the keys of a room into the file if they are many.
/// A damaged room only grows, and forgets the keys.
pub(super) fn tidy(
    disk: &Connection,
    name: &str,
    room: &mut Room,
    keys: &mut Keys,
    bounds: &Bounds,
    damaged: &mut HashSet<String>,
) -> Result<()> {
    let is_damaged = damaged.contains(name);
    if !is_damaged {
        note(room.trim(disk, bounds), name, damaged)?;
    }
    if keys.is_full() && is_damaged {
        keys.forget();
    } else if keys.is_full() {
        note(room.save_keys(disk, keys), name, damaged)?;
    }
    Ok(())
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
