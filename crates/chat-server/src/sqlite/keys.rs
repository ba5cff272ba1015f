//! Which messages of a room are stored already. A sender sends a message again when it has not
//! heard its number.
//!
//! The keys of the newest messages are in memory only, and go into the file many at a time. A key
//! has its place beside the other keys of its sender. So with one key at a time, a commit would
//! write a page for each message, and a page is as long as 30 messages. When the server has died,
//! the newest keys are read from the messages, which are in the file at once.

use std::collections::HashMap;

use common::chat::Sender;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::connection::{is_damage, signed, unsigned};
use super::place::place;

/// Most senders of a room whose highest id is known without a look into the file. They fill a map
/// of 512 places, so that a thousand rooms have 16 MiB.
const SENDERS: usize = 448;

/// The key of a message: its sender, and the id as the file has it.
type Key = (Sender, i64);

/// The keys of one room.
pub(super) struct Keys {
    room: i64,
    /// the numbers of the messages whose keys are not in the file
    newest: HashMap<Key, u64>,
    /// the highest id of a sender: a higher one is new, and need not be looked for
    highest: HashMap<Sender, i64>,
}

impl Keys {
    /// Returns the keys of a room whose messages have the numbers from `first` to `newest`. Those
    /// of messages that cannot be read are unknown, because they are lost anyway.
    pub(super) fn load(disk: &Connection, room: i64, first: u64, newest: u64) -> Result<Self> {
        let keyed: u64 = disk
            .prepare_cached("SELECT keyed FROM room WHERE id = ?1")?
            .query_row([room], |row| unsigned(row, 0))?;
        let mut keys = Self {
            room,
            newest: HashMap::new(),
            highest: HashMap::new(),
        };
        // One by one, because a damaged page must not hide what is behind it.
        let mut key = disk
            .prepare_cached("SELECT sender, id FROM entry WHERE place = ?1 AND id IS NOT NULL")?;
        for number in first.max(keyed + 1)..=newest {
            let read = key.query_row([place(room, number)], |row| {
                Ok((Sender::from_be_bytes(row.get(0)?), row.get(1)?))
            });
            match read.optional() {
                Ok(found) => keys.newest.extend(found.map(|key| (key, number))),
                Err(error) if is_damage(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(keys)
    }

    /// Returns the number of the message with this key, if it is stored. `first` is the number of
    /// the room's first message: those before it are gone, and may be stored again.
    pub(super) fn find(&mut self, disk: &Connection, key: Key, first: u64) -> Result<Option<u64>> {
        let (sender, id) = key;
        let highest = match self.highest.get(&sender) {
            Some(highest) => *highest,
            None => self.look_up_highest(disk, sender)?,
        };
        if id > highest {
            return Ok(None);
        }
        if let Some(&number) = self.newest.get(&key) {
            return Ok((number >= first).then_some(number));
        }
        disk.prepare_cached("SELECT number FROM key WHERE room = ?1 AND sender = ?2 AND id = ?3")?
            .query_row(params![self.room, sender.to_be_bytes(), id], |row| {
                unsigned(row, 0)
            })
            .optional()
    }

    fn look_up_highest(&mut self, disk: &Connection, sender: Sender) -> Result<i64> {
        let highest: Option<i64> = disk
            .prepare_cached("SELECT max(id) FROM key WHERE room = ?1 AND sender = ?2")?
            .query_row(params![self.room, sender.to_be_bytes()], |row| row.get(0))?;
        let theirs = self.newest.keys().filter(|(one, _)| *one == sender);
        let highest = theirs.map(|&(_, id)| id).chain(highest).max();
        let highest = highest.unwrap_or(i64::MIN);
        if self.highest.len() >= SENDERS {
            self.highest.clear();
        }
        self.highest.insert(sender, highest);
        Ok(highest)
    }

    /// Adds the key of a message that was stored now.
    pub(super) fn add(&mut self, key: Key, number: u64) {
        let (sender, id) = key;
        if let Some(highest) = self.highest.get_mut(&sender) {
            *highest = id.max(*highest);
        }
        self.newest.insert(key, number);
    }

    /// Returns how many of the newest keys are not in the file.
    pub(super) fn count(&self) -> usize {
        self.newest.len()
    }

    /// Writes the newest keys into the file, for the messages from number `first` to `newest`.
    pub(super) fn save(&mut self, disk: &Connection, first: u64, newest: u64) -> Result<()> {
        let mut keys: Vec<_> = self.newest.iter().filter(|(_, n)| **n >= first).collect();
        // In their order in the file, because neighbours are on one page.
        keys.sort_unstable();
        let mut insert =
            disk.prepare_cached("INSERT OR REPLACE INTO key VALUES (?1, ?2, ?3, ?4)")?;
        for ((sender, id), number) in keys {
            insert.execute(params![
                self.room,
                sender.to_be_bytes(),
                id,
                signed(*number)
            ])?;
        }
        disk.prepare_cached("UPDATE room SET keyed = ?2 WHERE id = ?1")?
            .execute(params![self.room, signed(newest)])?;
        self.forget();
        Ok(())
    }

    /// Forgets the newest keys, and gives their memory back.
    pub(super) fn forget(&mut self) {
        self.newest = HashMap::new();
    }
}
