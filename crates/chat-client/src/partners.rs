//! With whom this person talks in private. PURE.
//!
//! A private room has a name that no person can read, so it is shown and asked for as `@` and the
//! nick under which the other one wrote last.

use common::chat::MAX_PRIVATE;

/// The private rooms, each with the nick of the other one.
#[derive(Default)]
pub(crate) struct Partners {
    /// the least recently used one first
    rooms: Vec<(String, String)>,
}

impl Partners {
    /// Notes that `nick` and this person talk in `room`. Returns whether another one was the last
    /// partner before.
    pub(crate) fn talks(&mut self, room: &str, nick: &str) -> bool {
        let was_last = self.last().is_none_or(|(last, _)| last == room);
        self.leave(room);
        self.rooms.push((room.into(), nick.into()));
        if self.rooms.len() > MAX_PRIVATE {
            self.rooms.remove(0);
        }
        !was_last
    }

    /// Forgets a room.
    pub(crate) fn leave(&mut self, room: &str) {
        self.rooms.retain(|(known, _)| known != room);
    }

    /// Returns the room and the nick of the last partner.
    pub(crate) fn last(&self) -> Option<&(String, String)> {
        self.rooms.last()
    }

    /// Returns the room of the last partner with this nick, with or without its `@`.
    pub(crate) fn room(&self, nick: &str) -> Option<String> {
        let nick = nick.strip_prefix('@').unwrap_or(nick).to_lowercase();
        let is_it = |(_, known): &&(String, String)| known.to_lowercase() == nick;
        let found = self.rooms.iter().rfind(is_it);
        found.map(|(room, _)| room.clone())
    }

    /// Returns the name of a room for people.
    pub(crate) fn label(&self, room: &str) -> String {
        if !is_private(room) {
            return room.into();
        }
        let known = self.rooms.iter().find(|(known, _)| known == room);
        known.map_or_else(|| "a private talk".into(), |(_, nick)| format!("@{nick}"))
    }

    /// Returns the nicks, the most recent one first.
    pub(crate) fn nicks(&self) -> impl Iterator<Item = &str> {
        self.rooms.iter().rev().map(|(_, nick)| nick.as_str())
    }
}

/// Returns whether this is the name of a private room.
pub(crate) fn is_private(room: &str) -> bool {
    room.starts_with('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_known_by_the_nick_that_wrote_there_last() {
        let mut partners = Partners::default();
        assert!(!partners.talks("@1", "bob"), "there was none");
        assert!(partners.talks("@2", "Eve"));
        assert!(!partners.talks("@2", "eve2"));
        assert_eq!(partners.room("@EVE2").as_deref(), Some("@2"));
        assert_eq!(partners.room("eve"), None);
        assert_eq!(partners.label("@1"), "@bob");
        assert_eq!(partners.label("lobby"), "lobby");
        assert!(partners.talks("@1", "bob"));
        assert_eq!(partners.nicks().collect::<Vec<_>>(), ["bob", "eve2"]);
        partners.leave("@1");
        assert_eq!(partners.label("@1"), "a private talk");
        assert_eq!(partners.last().map(|(_, nick)| &**nick), Some("eve2"));
    }

    #[test]
    fn they_are_bounded() {
        let mut partners = Partners::default();
        for n in 0..=MAX_PRIVATE {
            partners.talks(&format!("@{n}"), "x");
        }
        assert_eq!(partners.nicks().count(), MAX_PRIVATE);
        assert_eq!(partners.label("@0"), "a private talk");
    }
}
