//! The entries of a room, read from the file one after the other. A place that is damaged is
//! stepped over and counted, so that the rest can be read.

use std::collections::VecDeque;

use common::chat::Entry;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, params};

use super::connection::{is_damage, signed};
use super::entry;
use super::place::{self, LAST};

/// Entries that are read at once: a few pages of the file.
const BATCH: u64 = 64;

/// Most steps of one walk, each over one number, because every step looks into the file. A damaged
/// page holds some hundred entries at most.
const STEPS: u64 = 2048;

/// Which way a walk goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// A walk through one room.
pub(super) struct Walk<'a> {
    disk: &'a Connection,
    room: &'a str,
    way: Way,
    /// the number that was passed last
    at: u64,
    /// the last number, or the first one on the way down: no step leads beyond it
    end: u64,
    read: VecDeque<Entry>,
    has_found: bool,
    is_over: bool,
    damaged: u64,
    error: Option<rusqlite::Error>,
}

impl<'a> Walk<'a> {
    /// Walks up from the entry after number `after`, until number `end` or a damaged place. If the
    /// walk begins at one, it steps over that one.
    pub(super) fn up(disk: &'a Connection, room: &'a str, after: u64, end: u64) -> Self {
        Self::new(disk, room, Way::Up, after, end)
    }

    /// Walks down from the entry before number `before` to number `end`, over damaged places too.
    pub(super) fn down(disk: &'a Connection, room: &'a str, before: u64, end: u64) -> Self {
        Self::new(disk, room, Way::Down, before, end)
    }

    fn new(disk: &'a Connection, room: &'a str, way: Way, at: u64, end: u64) -> Self {
        Self {
            disk,
            room,
            way,
            at,
            end,
            read: VecDeque::new(),
            has_found: false,
            is_over: false,
            damaged: 0,
            error: None,
        }
    }

    /// Returns how many numbers were stepped over: the entries that had them are lost, as far as
    /// there were any.
    ///
    /// # Errors
    /// If the walk has ended because the file as a whole cannot be read.
    pub(super) fn damaged(self) -> Result<u64> {
        self.error.map_or(Ok(self.damaged), Err)
    }

    /// Reads the next entries.
    fn fill(&mut self) -> Result<()> {
        while self.read.is_empty() && !self.is_over {
            match self.batch() {
                Ok(()) => self.is_over = self.read.is_empty(),
                // What was read up to here comes first.
                Err(error) if is_damage(&error) && !self.read.is_empty() => {}
                Err(error) if is_damage(&error) => self.step()?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes to the next number. Its entry is looked for by itself, because SQLite may find it
    /// though it does not find its way there from the last one.
    fn step(&mut self) -> Result<()> {
        let is_last = match self.way {
            Way::Up => self.has_found || self.at >= self.end,
            Way::Down => self.at <= self.end,
        };
        if is_last || self.damaged >= STEPS {
            self.is_over = true;
            return Ok(());
        }
        match self.way {
            Way::Up => self.at += 1,
            Way::Down => self.at -= 1,
        }
        // From the other side, because a page above the damaged one may have this entry.
        let (mut other, from, to) = match self.way {
            Way::Up => (self.select(Way::Down, 1)?, 0, self.at),
            Way::Down => (self.select(Way::Up, 1)?, self.at, LAST),
        };
        let numbers = params![self.room, signed(from), signed(to)];
        let found = other.query_row(numbers, entry::read);
        match found.optional() {
            Ok(found) => self
                .read
                .extend(found.filter(|entry| entry.number == self.at)),
            Err(error) if is_damage(&error) => self.damaged += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads a batch. With an error, those before it are read.
    fn batch(&mut self) -> Result<()> {
        let (from, to) = match self.way {
            Way::Up => (self.at.saturating_add(1), LAST),
            Way::Down => (0, self.at.saturating_sub(1).min(LAST)),
        };
        let mut next = self.select(self.way, BATCH)?;
        let mut rows = next.query(params![self.room, signed(from), signed(to)])?;
        while let Some(row) = rows.next()? {
            let entry = entry::read(row)?;
            self.at = entry.number;
            self.read.push_back(entry);
        }
        Ok(())
    }

    /// Returns the query for the first entries of room `?1` with numbers from `?2` to `?3`.
    fn select(&self, way: Way, most: u64) -> Result<CachedStatement<'a>> {
        let columns = entry::COLUMNS;
        let order = match way {
            Way::Up => "ASC",
            Way::Down => "DESC",
        };
        let before = format!("((SELECT id FROM room WHERE name = ?1) << {})", place::BITS);
        self.disk.prepare_cached(&format!(
            "SELECT {columns} FROM entry WHERE place BETWEEN {before} + ?2 AND {before} + ?3
             ORDER BY place {order} LIMIT {most}"
        ))
    }
}

impl Iterator for Walk<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if let Err(error) = self.fill() {
            self.error = Some(error);
            self.is_over = true;
        }
        let entry = self.read.pop_front();
        self.has_found |= entry.is_some();
        entry
    }
}
