//! What `Nats` writes into a view and asks it: it has decided already what stands.

use std::collections::HashSet;

use super::{Kept, View};
use crate::log::NewEntry;

/// How entries that stand follow what is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// the newest number before them
    pub(crate) after: u64,
    /// whether the room begins with them, so that all that was known of it goes
    pub(crate) begins: bool,
    /// whether there were others before, which are not kept any more
    pub(crate) is_cut: bool,
    /// whether they are new, and not only new to this server: then the journal has them
    pub(crate) is_news: bool,
}

impl View {
    /// Shows the entries of some appends to a room. Their keys are not looked at, because what
    /// stands has been decided, and each server has deleted other keys.
    pub(crate) fn play(&self, name: &str, place: Place, appends: Vec<Vec<NewEntry>>) {
        let mut kept = self.lock();
        let mut rooms = self.tails.lock();
        if place.begins && kept.remove(name).is_some() {
            rooms.end(name, 0);
        }
        let room = kept.entry(name.to_owned()).or_insert_with(|| {
            let mut room = Kept::new(place.after);
            if place.is_cut {
                room.account.first = place.after + 1;
                room.account.first_notice = place.after + 1;
            }
            room
        });
        let mut next = room.account.newest + 1;
        for entries in &appends {
            let end = next + entries.len() as u64;
            if place.is_news {
                let numbers: Vec<_> = (next..end).map(|number| (number, true)).collect();
                rooms.note(name, entries, &numbers);
            }
            next = end;
        }
        let tail = rooms.make(name, place.after);
        let numbered = appends
            .iter()
            .flatten()
            .map(|entry| (room.add(entry), entry));
        let numbered: Vec<_> = numbered.collect();
        tail.add(
            numbered
                .iter()
                .map(|(number, entry)| entry.numbered(*number)),
        );
        room.trim(tail, &self.bounds);
        tail.trim(&room.account);
        let added = tail.added();
        self.fit(&mut kept, &mut rooms);
        drop((rooms, kept));
        drop(added);
    }

    /// Ends a room. Those that begin later have numbers above `floor`.
    pub(crate) fn end(&self, name: &str, floor: u64) {
        self.lock().remove(name);
        self.tails.lock().end(name, floor);
    }

    /// Returns the number of each entry of an append whose key is stored in a room.
    pub(crate) fn numbers(&self, name: &str, entries: &[NewEntry]) -> Vec<Option<u64>> {
        let kept = self.lock();
        let room = kept.get(name);
        let number = |entry: &NewEntry| {
            let key = (entry.sender, entry.id?);
            room?.numbers.get(&key).copied()
        };
        entries.iter().map(number).collect()
    }

    /// Returns the rooms that have ended at `now_ms`. `used` are the rooms that sessions are in.
    pub(crate) fn ended(&self, used: &HashSet<String>, now_ms: u64) -> Vec<String> {
        let kept = self.lock();
        let age = self.bounds.private_age(kept.len());
        let has_ended = |(name, room): &(&String, &Kept)| {
            let is_used = used.contains(*name);
            room.account.has_ended(name, is_used, now_ms, age)
        };
        let ended = kept.iter().filter(has_ended);
        ended.map(|(name, _)| name.clone()).collect()
    }

    /// Makes this the view of another log.
    pub(crate) fn set_epoch(&self, epoch: u64) {
        self.epoch
            .store(epoch, std::sync::atomic::Ordering::Relaxed);
        self.tails.lock().set_epoch(epoch);
    }

    /// Returns the newest number of a room, or the one after which it would begin.
    pub(crate) fn newest(&self, name: &str) -> u64 {
        self.head(name).newest()
    }

    /// Returns the room that takes the most bytes.
    pub(crate) fn largest(&self) -> Option<String> {
        let mut rooms = self.tails.lock();
        rooms.largest().map(|(name, _)| name.to_owned())
    }
}
