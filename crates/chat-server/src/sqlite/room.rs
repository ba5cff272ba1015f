//! A room as the file has it: how entries come into it, and how they go.

use std::collections::HashMap;

use common::chat::{Entry, Kind};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, params};

use super::connection::{is_damage, signed, unsigned};
use super::entry::kind;
use super::keys::Keys;
use super::place::{self, LAST, place};
use super::walk::Walk;
use crate::bounds::{Account, Bounds, bytes, is_message};
use crate::log::{NewEntry, now_ms};

/// A room's row is written after this many bytes of entries, so that a message writes nothing but
/// itself, and a thousand rooms have at most 64 MiB to be counted when the file is opened.
const UNCOUNTED: u64 = 64 * 1024;

/// More entries than a room's row can leave uncounted: the smallest ones, and one call of them.
const MOST_UNCOUNTED: u64 = 2048;

/// Most entries of a room that ends are deleted at once, because senders in other rooms wait.
const AT_ONCE: u64 = 4096;

/// Stores an entry: see [`Room::store`].
pub(super) const INSERT: &str = "
    INSERT INTO entry (place, sender, id, kind, nick, body, at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// A room of the file.
#[derive(Clone)]
pub(super) struct Room {
    id: i64,
    pub(super) account: Account,
    /// the bytes of entries that its row does not count
    uncounted: u64,
}

/// Returns all rooms of the file.
pub(super) fn load(disk: &Connection) -> Result<HashMap<String, Room>> {
    let all = "SELECT name, id, first, counted, messages, notices, bytes FROM room";
    let mut all = disk.prepare(all)?;
    let rooms = all.query_map([], |row| {
        let mut account = Account::new(unsigned(row, 3)?);
        account.first = unsigned(row, 2)?;
        account.messages = unsigned(row, 4)?;
        account.notices = unsigned(row, 5)?;
        account.bytes = unsigned(row, 6)?;
        let (id, uncounted) = (row.get(1)?, 0);
        let room = Room {
            id,
            account,
            uncounted,
        };
        Ok((row.get(0)?, room))
    })?;
    rooms
        .map(|room| {
            let (name, mut room): (String, Room) = room?;
            room.count(disk, &name)?;
            Ok((name, room))
        })
        .collect()
}

impl Room {
    /// Makes a room, whose numbers begin after `floor`.
    pub(super) fn make(disk: &Connection, name: &str, floor: u64) -> Result<Self> {
        disk.prepare_cached(
            "INSERT INTO room (id, name, first, counted, keyed) VALUES (
                 (SELECT min(id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM room)
                  WHERE id + 1 NOT IN (SELECT id FROM room)), ?1, 1, ?2, ?2)",
        )?
        .execute(params![name, signed(floor)])?;
        Ok(Self {
            id: disk.last_insert_rowid(),
            account: Account::new(floor),
            uncounted: 0,
        })
    }

    /// Counts the entries that its row does not count, as far as they can be read.
    fn count(&mut self, disk: &Connection, name: &str) -> Result<()> {
        let counted = self.account.newest;
        let newest = "SELECT place, at_ms FROM entry WHERE place BETWEEN ?1 AND ?2
            ORDER BY place DESC LIMIT 1";
        let message = "SELECT place, at_ms FROM entry WHERE place BETWEEN ?1 AND ?2 AND kind < 2
            ORDER BY place DESC LIMIT 1";
        let last = |sql| {
            let mut last = disk.prepare_cached(sql)?;
            let last = last.query_row([self.place(0), self.place(LAST)], |row| {
                Ok((place::number(row.get(0)?), unsigned(row, 1)?))
            });
            match last.optional() {
                // No number of it may be used again, and the room must not end because of its age.
                Err(error) if is_damage(&error) => Ok(Some((counted + MOST_UNCOUNTED, now_ms()))),
                last => last,
            }
        };
        let (newest, last_ms) = last(newest)?.unwrap_or((counted, 0));
        let message_ms = last(message)?.map(|(_, at_ms)| at_ms);
        let mut walk = Walk::down(disk, name, newest.saturating_add(1), counted + 1);
        let uncounted: Vec<Entry> = walk.by_ref().take_while(|e| e.number > counted).collect();
        walk.damaged()?;
        for entry in uncounted.iter().rev() {
            let bytes = bytes(&entry.nick, &entry.body);
            self.uncounted += bytes as u64;
            self.account
                .add(entry.number, entry.kind, bytes, entry.at_ms);
        }
        self.account.newest = newest.max(counted);
        (self.account.last_ms, self.account.message_ms) = (last_ms, message_ms);
        Ok(())
    }

    /// Returns the keys of its messages.
    pub(super) fn keys(&self, disk: &Connection) -> Result<Keys> {
        Keys::load(disk, self.id, self.account.first, self.account.newest)
    }

    /// Writes the newest of its keys into the file.
    pub(super) fn save_keys(&self, disk: &Connection, keys: &mut Keys) -> Result<()> {
        keys.save(disk, self.account.first, self.account.newest)
    }

    /// Stores entries by the statement [`INSERT`], unless `keys` has them. Returns the number of
    /// each, and whether it is new.
    pub(super) fn store(
        &mut self,
        disk: &Connection,
        insert: &mut CachedStatement<'_>,
        entries: &[NewEntry],
        keys: &mut Keys,
    ) -> Result<Vec<(u64, bool)>> {
        let mut stored = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = entry.id.map(|id| (entry.sender, signed(id)));
            let known = match key {
                Some(key) => keys.find(disk, key, self.account.first)?,
                None => None,
            };
            if let Some(number) = known {
                stored.push((number, false));
                continue;
            }
            let number = self.account.newest + 1;
            insert.execute(params![
                self.place(number),
                entry.sender.to_be_bytes(),
                key.map(|(_, id)| id),
                entry.kind as u8,
                &*entry.nick,
                &*entry.body,
                signed(entry.at_ms)
            ])?;
            let bytes = bytes(&entry.nick, &entry.body);
            self.account.add(number, entry.kind, bytes, entry.at_ms);
            self.uncounted += bytes as u64;
            if let Some(key) = key {
                keys.add(key, number);
            }
            stored.push((number, true));
        }
        if self.uncounted >= UNCOUNTED {
            self.save(disk)?;
        }
        Ok(stored)
    }

    /// Deletes what is above the bounds.
    pub(super) fn trim(&mut self, disk: &Connection, bounds: &Bounds) -> Result<()> {
        let mut excess = self.account.excess_messages(bounds);
        if excess > 0 {
            self.delete_while(disk, Among::All, |_, kind, _| {
                let goes = excess > 0 || !is_message(kind);
                excess -= u64::from(goes && is_message(kind));
                goes
            })?;
        }
        let mut excess = self.account.excess_notices(bounds);
        if excess > 0 {
            self.delete_while(disk, Among::Notices, |_, _, _| {
                let goes = excess > 0;
                excess = excess.saturating_sub(1);
                goes
            })?;
        }
        Ok(())
    }

    /// Deletes the oldest entries, about this many bytes, and never the newest entry, because its
    /// number must not be used again.
    pub(super) fn delete_oldest(&mut self, disk: &Connection, most: usize) -> Result<()> {
        let (newest, mut sum) = (self.account.newest, 0);
        self.delete_while(disk, Among::All, |number, _, bytes| {
            let goes = sum < most && number < newest;
            sum += bytes;
            goes
        })
    }

    /// Deletes a room that has ended, or the oldest part of a large one. Returns whether all of it
    /// is gone.
    pub(super) fn end(&mut self, disk: &Connection) -> Result<bool> {
        let mut left = AT_ONCE;
        self.delete_while(disk, Among::All, |_, _, _| {
            left = left.saturating_sub(1);
            left > 0
        })?;
        let is_gone = left > 0;
        if is_gone {
            // Also keys whose messages could not be read, because another room gets its id.
            disk.execute("DELETE FROM key WHERE room = ?1", [self.id])?;
            disk.execute("DELETE FROM room WHERE id = ?1", [self.id])?;
        }
        Ok(is_gone)
    }

    /// Deletes the oldest entries, as long as `goes` says so of number, kind and bytes.
    fn delete_while(
        &mut self,
        disk: &Connection,
        among: Among,
        mut goes: impl FnMut(u64, Kind, usize) -> bool,
    ) -> Result<()> {
        let (index, condition) = match among {
            Among::All => ("", ""),
            Among::Notices => ("INDEXED BY notice", "AND kind > 1"),
        };
        let mut oldest = disk.prepare_cached(&format!(
            "SELECT place, kind, octet_length(nick) + octet_length(body)
             FROM entry {index} WHERE place BETWEEN ?1 AND ?2 {condition} ORDER BY place"
        ))?;
        let mut below = 0;
        let mut rows = oldest.query([self.place(0), self.place(LAST)])?;
        while let Some(row) = rows.next()? {
            let number = place::number(row.get(0)?);
            let (kind, bytes) = (kind(row, 1)?, octets(row, 2)?);
            if !goes(number, kind, bytes) {
                break;
            }
            self.account.remove(number, kind, bytes);
            below = number + 1;
        }
        drop(rows);
        let (from, below) = (self.place(0), self.place(below));
        if let Among::All = among {
            disk.prepare_cached(
                "DELETE FROM key WHERE (room, sender, id) IN (SELECT ?1, sender, id FROM entry
                 WHERE place >= ?2 AND place < ?3 AND id IS NOT NULL)",
            )?
            .execute([self.id, from, below])?;
        }
        disk.prepare_cached(&format!(
            "DELETE FROM entry {index} WHERE place >= ?1 AND place < ?2 {condition}"
        ))?
        .execute([from, below])?;
        self.save(disk)
    }

    /// Returns the place of the entry with this number.
    fn place(&self, number: u64) -> i64 {
        place(self.id, number)
    }

    /// Writes the room's row.
    fn save(&mut self, disk: &Connection) -> Result<()> {
        let Account {
            first,
            newest,
            messages,
            notices,
            bytes,
            ..
        } = self.account;
        self.uncounted = 0;
        disk.prepare_cached(
            "UPDATE room SET first = ?2, counted = ?3, messages = ?4, notices = ?5, bytes = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            self.id,
            signed(first),
            signed(newest),
            signed(messages),
            signed(notices),
            signed(bytes)
        ])?;
        Ok(())
    }
}

/// Which entries are deleted.
#[derive(Clone, Copy)]
enum Among {
    All,
    Notices,
}

/// Returns the bytes that an entry counts whose nick and body have the number in `column`.
fn octets(row: &Row<'_>, column: usize) -> Result<usize> {
    let texts = usize::try_from(unsigned(row, column)?).unwrap_or(usize::MAX);
    Ok(texts.saturating_add(bytes("", "")))
}
