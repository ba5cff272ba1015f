//! Who is in which public room. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use common::chat::{Listed, RoomInfo, Session};

/// Most public rooms that have people: ten times what a class needs.
const MOST: usize = 1000;

/// In a room with more people, comings and goings are not announced, because the number of these
/// notices grows with the square of the people.
pub(crate) const QUIET_ABOVE: usize = 50;

/// The public rooms that have people.
#[derive(Debug, Default)]
pub(crate) struct Rooms(BTreeMap<String, BTreeSet<Session>>);

impl Rooms {
    /// Adds a session to a room. Returns whether to announce it.
    pub(crate) fn add(&mut self, room: &str, session: Session) -> bool {
        let people = self.0.entry(room.to_owned()).or_default();
        people.insert(session);
        people.len() <= QUIET_ABOVE
    }

    /// Removes a session from a room. Returns whether to announce it.
    pub(crate) fn remove(&mut self, room: &str, session: Session) -> bool {
        let is_announced = self.announces(room);
        if let Some(people) = self.0.get_mut(room) {
            people.remove(&session);
            if people.is_empty() {
                self.0.remove(room);
            }
        }
        is_announced
    }

    /// Returns whether a room is told who comes and goes.
    pub(crate) fn announces(&self, room: &str) -> bool {
        self.0
            .get(room)
            .is_some_and(|people| people.len() <= QUIET_ABOVE)
    }

    /// Returns whether there is a place for this room.
    pub(crate) fn has_place(&self, room: &str) -> bool {
        self.0.len() < MOST || self.0.contains_key(room)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the sessions in a room.
    pub(crate) fn people(&self, room: &str) -> impl Iterator<Item = &Session> {
        self.0.get(room).into_iter().flatten()
    }

    /// Returns how many sessions are in a room.
    pub(crate) fn count(&self, room: &str) -> usize {
        self.0.get(room).map_or(0, BTreeSet::len)
    }

    /// Returns the rooms after `after`; `head` gives the newest number of a room.
    pub(crate) fn list(&self, after: &str, head: impl Fn(&str) -> u64) -> Listed<RoomInfo> {
        let begin = (Bound::Excluded(after), Bound::Unbounded);
        let rooms = self.0.range::<str, _>(begin);
        let mut listed = Listed::first(rooms.map(|(room, people)| RoomInfo {
            room: room.clone(),
            people: u32::try_from(people.len()).unwrap_or(u32::MAX),
            head: 0,
        }));
        // Only of those that are listed, because each is looked up under a lock.
        for info in &mut listed.part {
            info.head = head(&info.room);
        }
        listed
    }
}
