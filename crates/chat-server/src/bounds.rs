//! How much of each room is kept, and for how long. PURE: both stores ask here what to delete, so
//! that they keep the same.
//!
//! - A room keeps its newest messages. Comings and goings have a small bound of their own, so that
//!   no number of them pushes a message out.
//! - A store has a bound in bytes. Above it, the oldest entries of the largest room go first, so
//!   that a room that is filled on purpose loses its own entries and not those of others.
//! - Rooms end, because their number is bounded, and a place must become free again.

use std::time::Duration;

use common::chat::Kind;

use crate::names::is_private;

/// How long a private room outlives its last entry, unless one of the two is here: the other one
/// comes back with a new session and a new private room, so nobody can read the old one.
const PRIVATE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The same while more than half of the rooms are taken, so that the private talks of a day cannot
/// take all places: one address makes 64 rooms at once and then one a minute.
const PRIVATE_AGE_IN_A_CROWD: Duration = Duration::from_secs(60 * 60);

/// How long a public room outlives its last message: a room that is used once a month stays.
const PUBLIC_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a public room without any message outlives its last notice, if nobody is here: there
/// is nothing to read in it.
const UNUSED_AGE: Duration = Duration::from_secs(60 * 60);

/// The bytes of an entry beside its texts, on the wire: the number has at most 10, the sender 16,
/// the time 10, kind and lengths 5. In a file it takes about as many.
const ENVELOPE: usize = 48;

/// How much a store keeps.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// About the last messages of each room that are kept.
    pub history: u64,
    /// About the last notices of each room that are kept: a few screens, for those who come back.
    pub notices: u64,
    /// Most rooms, private ones included: ten times what a class needs.
    pub rooms: usize,
    /// Most bytes that the store takes, on its disk or in memory.
    pub bytes: u64,
}

impl Bounds {
    /// Returns the default bounds with another history.
    pub fn keeping(history: u64) -> Self {
        Self {
            history: history.max(1),
            ..Self::default()
        }
    }

    /// Returns how long a private room outlives its last entry while there are `rooms` rooms.
    pub(crate) fn private_age(&self, rooms: usize) -> Duration {
        if rooms > self.rooms / 2 {
            PRIVATE_AGE_IN_A_CROWD
        } else {
            PRIVATE_AGE
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            history: 100_000,
            notices: 200,
            rooms: 1000,
            bytes: 1 << 30,
        }
    }
}

/// Returns the bytes of an entry that count towards a limit.
pub(crate) fn bytes(nick: &str, body: &str) -> usize {
    nick.len() + body.len() + ENVELOPE
}

/// Returns whether an entry of this kind is a message. The others are notices of the server.
pub(crate) fn is_message(kind: Kind) -> bool {
    matches!(kind, Kind::Said | Kind::Did)
}

/// What a room holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// the number after the newest message that was deleted
    pub(crate) first: u64,
    /// the number after the newest notice that was deleted, as far as this server knows
    pub(crate) first_notice: u64,
    pub(crate) newest: u64,
    pub(crate) messages: u64,
    pub(crate) notices: u64,
    pub(crate) bytes: u64,
    /// when the last entry came, in milliseconds since 1970
    pub(crate) last_ms: u64,
    /// when the last message came
    pub(crate) message_ms: Option<u64>,
}

impl Account {
    /// Returns a new room. Its numbers begin above `floor`, because a reader may still have a
    /// cursor of a room of this name that has ended.
    pub(crate) fn new(floor: u64) -> Self {
        Self {
            first: 1,
            first_notice: 1,
            newest: floor,
            messages: 0,
            notices: 0,
            bytes: 0,
            last_ms: 0,
            message_ms: None,
        }
    }

    /// Counts an entry that comes.
    pub(crate) fn add(&mut self, number: u64, kind: Kind, bytes: usize, at_ms: u64) {
        self.newest = number;
        self.bytes += bytes as u64;
        self.last_ms = self.last_ms.max(at_ms);
        if is_message(kind) {
            self.messages += 1;
            self.message_ms = self.message_ms.max(Some(at_ms));
        } else {
            self.notices += 1;
        }
    }

    /// Counts an entry that goes. The oldest go first.
    pub(crate) fn remove(&mut self, number: u64, kind: Kind, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes as u64);
        if is_message(kind) {
            self.messages = self.messages.saturating_sub(1);
            self.first = self.first.max(number + 1);
        } else {
            self.notices = self.notices.saturating_sub(1);
            self.first_notice = self.first_notice.max(number + 1);
        }
    }

    /// Returns how many of the oldest messages have to go now.
    pub(crate) fn excess_messages(&self, bounds: &Bounds) -> u64 {
        excess(self.messages, bounds.history)
    }

    /// Returns how many of the oldest notices have to go now.
    pub(crate) fn excess_notices(&self, bounds: &Bounds) -> u64 {
        excess(self.notices, bounds.notices)
    }

    /// Returns whether the room has ended at `now_ms`. `is_used` says whether a session is in it,
    /// and `private_age` is what [`Bounds::private_age`] returns.
    pub(crate) fn has_ended(
        &self,
        name: &str,
        is_used: bool,
        now_ms: u64,
        private_age: Duration,
    ) -> bool {
        let is_older =
            |at_ms, age: Duration| u128::from(now_ms.saturating_sub(at_ms)) > age.as_millis();
        match self.message_ms {
            _ if is_private(name) => !is_used && is_older(self.last_ms, private_age),
            Some(at_ms) => is_older(at_ms, PUBLIC_AGE),
            None if is_used => is_older(self.last_ms, PUBLIC_AGE),
            None => is_older(self.last_ms, UNUSED_AGE),
        }
    }
}

/// Returns how much of `count` is above `most`, or 0 while it is only a little above. So trimming
/// is rare, and done in bulk.
fn excess(count: u64, most: u64) -> u64 {
    let little = (most / 4).min(512);
    if count > most + little {
        count - most
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;
    const DAY: u64 = 24 * HOUR;

    fn room(entries: &[(Kind, u64)]) -> Account {
        let mut room = Account::new(0);
        for (number, &(kind, at_ms)) in (1..).zip(entries) {
            room.add(number, kind, 60, at_ms);
        }
        room
    }

    #[test]
    fn rooms_end_by_the_age_of_what_is_in_them() {
        let (message, notice) = ((Kind::Said, 0), (Kind::Left, HOUR));
        let (said, empty) = (room(&[message, notice]), room(&[notice]));
        for (room, name, is_used, ends) in [
            (&said, "@a+b", false, HOUR + DAY),
            (&said, "lobby", true, 30 * DAY),
            (&said, "lobby", false, 30 * DAY),
            (&empty, "lobby", false, HOUR + HOUR),
            (&empty, "lobby", true, HOUR + 30 * DAY),
        ] {
            let has_ended = |now| room.has_ended(name, is_used, now, PRIVATE_AGE);
            assert!(!has_ended(ends), "{name} {is_used}");
            assert!(has_ended(ends + 1), "{name} {is_used}");
        }
        let has_ended = |room: &Account, name, is_used, now| {
            room.has_ended(name, is_used, now, PRIVATE_AGE_IN_A_CROWD)
        };
        assert!(!has_ended(&said, "@a+b", true, 1000 * DAY), "one is here");
        let set_back = room(&[(Kind::Said, DAY)]);
        assert!(!has_ended(&set_back, "lobby", false, 0), "a clock");
    }

    #[test]
    fn a_private_room_that_nobody_can_read_makes_place_in_an_hour_if_places_are_few() {
        let bounds = Bounds::default();
        let said = room(&[(Kind::Said, 0)]);
        for (rooms, ends) in [(0, DAY), (500, DAY), (501, HOUR), (1000, HOUR)] {
            let has_ended = |now| said.has_ended("@a+b", false, now, bounds.private_age(rooms));
            assert!(!has_ended(ends) && has_ended(ends + 1), "{rooms}");
        }
    }

    #[test]
    fn notices_do_not_count_as_messages() {
        let mut room = room(&[(Kind::Said, 0)]);
        for number in 2..1000 {
            room.add(number, Kind::Joined, 60, 0);
        }
        let bounds = Bounds::keeping(10);
        assert_eq!(room.excess_messages(&bounds), 0);
        assert_eq!(room.excess_notices(&bounds), 998 - 200);
    }
}
