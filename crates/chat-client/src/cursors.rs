//! What of a room is new to this reader. PURE.
//!
//! The cursor is all that a reader remembers. An entry is shown if its number is above the cursor,
//! which then moves there. So a page that comes twice, or overlaps another, shows nothing twice.

use std::collections::BTreeMap;

use common::chat::{Cursor, Entry, MAX_PRIVATE, Page, Sender, Session, sender};

/// What a page brings, with its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// An entry of this room, in the log of this epoch.
    Entry(String, u64, Entry),
    /// This many older entries are gone for ever.
    Gone(String, u64),
    /// Up to this many entries cannot be read, because the log is damaged there.
    Damaged(String, u64),
    /// The log was lost or replaced.
    Anew(String),
}

/// How far this reader has read in each room.
pub(crate) struct Cursors {
    cursors: BTreeMap<String, Cursor>,
    /// the private rooms, the least recently used one first; the server keeps as many of them
    private: Vec<String>,
    me: Sender,
}

impl Cursors {
    /// The cursors of session `me`, whose own messages are not news: they stand where they were
    /// typed. A session and not a nick, because one person may talk from two machines.
    pub(crate) fn new(me: Session) -> Self {
        Self {
            cursors: BTreeMap::new(),
            private: Vec::new(),
            me: sender(me),
        }
    }

    /// Begins to read a room, unless it is read already.
    pub(crate) fn join(&mut self, cursor: Cursor) {
        self.uses(&cursor.room);
        self.cursors.entry(cursor.room.clone()).or_insert(cursor);
    }

    /// Forgets the least recently used private room, if there is one too many.
    fn uses(&mut self, room: &str) {
        if !room.starts_with('@') {
            return;
        }
        self.private.retain(|known| known != room);
        self.private.push(room.to_owned());
        if self.private.len() > MAX_PRIVATE {
            let oldest = self.private.remove(0);
            self.cursors.remove(&oldest);
        }
    }

    /// Stops reading a room. Returns another one to talk in, never a private one, because what is
    /// typed next is not for that person.
    pub(crate) fn leave(&mut self, room: &str) -> Option<String> {
        self.cursors.remove(room);
        self.private.retain(|known| known != room);
        let mut others = self.cursors.keys();
        others.find(|room| !room.starts_with('@')).cloned()
    }

    /// Returns how far each room is read.
    pub(crate) fn all(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    /// Returns whether each of these rooms that is still read is read up to its number.
    pub(crate) fn reach(&self, goal: &BTreeMap<String, u64>) -> bool {
        goal.iter().all(|(room, number)| {
            let cursor = self.cursors.get(room);
            cursor.is_none_or(|cursor| cursor.after >= *number)
        })
    }

    /// Returns the number from which a room is read on.
    pub(crate) fn next(&self, room: &str) -> u64 {
        let after = self.cursors.get(room).map_or(0, |cursor| cursor.after);
        after.saturating_add(1)
    }

    /// Returns whether a room is read.
    pub(crate) fn reads(&self, room: &str) -> bool {
        self.cursors.contains_key(room)
    }

    /// Reads a page. Returns what is new in it.
    pub(crate) fn page(&mut self, page: Page) -> Vec<News> {
        let (room, first, epoch) = (page.room, page.first, page.epoch);
        // We never asked for this room. If it is private, another person has opened it with us,
        // so it is read. Otherwise we have just left it; or we are joining it and its cursor has
        // not arrived yet, so that the server will send this page again.
        if !self.reads(&room) && !room.starts_with('@') {
            return Vec::new();
        }
        self.uses(&room);
        let oldest = page.entries.first();
        // Saturating here and below, because a lying server may send any number.
        let begin = oldest.map_or(page.head, |entry| entry.number.saturating_sub(1));
        let cursor = self.cursors.entry(room.clone());
        let cursor = cursor.or_insert_with(|| Cursor {
            room: room.clone(),
            after: begin,
            epoch,
        });
        let mut news = Vec::new();
        if cursor.epoch != epoch {
            (cursor.epoch, cursor.after) = (epoch, begin);
            news.push(News::Anew(room.clone()));
        }
        let next = cursor.after.saturating_add(1);
        if first > next {
            news.push(News::Gone(room.clone(), first - next));
            cursor.after = first - 1;
        }
        if page.damaged > 0 {
            news.push(News::Damaged(room.clone(), page.damaged));
            let past = cursor.after.saturating_add(page.damaged).min(begin);
            cursor.after = cursor.after.max(past);
        }
        for entry in page.entries {
            if entry.number > cursor.after {
                cursor.after = entry.number;
                if entry.sender != self.me {
                    news.push(News::Entry(room.clone(), epoch, entry));
                }
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use common::chat::Kind;

    use super::*;

    fn entry(number: u64, sender: Sender) -> Entry {
        Entry {
            number,
            sender,
            kind: Kind::Said,
            nick: "n".into(),
            body: "b".into(),
            at_ms: 0,
        }
    }

    fn page(entries: Vec<Entry>, first: u64, epoch: u64) -> Page {
        let head = entries.last().map_or(0, |entry| entry.number);
        Page {
            room: "a".into(),
            entries,
            first,
            head,
            epoch,
            damaged: 0,
        }
    }

    fn reader(after: u64) -> Cursors {
        let mut cursors = Cursors::new(Session(1 << 64));
        cursors.join(Cursor {
            room: "a".into(),
            after,
            epoch: 5,
        });
        cursors
    }

    fn numbers(news: &[News]) -> Vec<u64> {
        let number = |news: &News| match news {
            News::Entry(_, _, entry) => Some(entry.number),
            _ => None,
        };
        news.iter().filter_map(number).collect()
    }

    #[test]
    fn each_entry_is_shown_once_however_pages_overlap() {
        let mut cursors = reader(3);
        let news = cursors.page(page((2..=5).map(|n| entry(n, 2)).collect(), 1, 5));
        assert_eq!(numbers(&news), [4, 5]);
        let news = cursors.page(page((4..=6).map(|n| entry(n, 2)).collect(), 1, 5));
        assert_eq!(numbers(&news), [6]);
        assert_eq!(cursors.all()[0].after, 6);
    }

    #[test]
    fn own_entries_move_the_cursor_and_are_not_shown() {
        let mut cursors = reader(0);
        let mine = entry(1, sender(Session(1 << 64)));
        assert_eq!(cursors.page(page(vec![mine], 1, 5)), []);
        assert_eq!(cursors.all()[0].after, 1);
    }

    #[test]
    fn what_is_gone_is_said() {
        let mut cursors = reader(3);
        let news = cursors.page(page(vec![entry(10, 2)], 10, 5));
        assert_eq!(news[0], News::Gone("a".into(), 6));
        assert_eq!(numbers(&news), [10]);
    }

    #[test]
    fn what_is_damaged_is_said_and_passed() {
        let mut cursors = reader(3);
        let mut empty = page(vec![], 1, 5);
        (empty.head, empty.damaged) = (100, 10);
        assert_eq!(cursors.page(empty), [News::Damaged("a".into(), 10)]);
        assert_eq!(cursors.all()[0].after, 13, "and not the head");
        let mut rest = page(vec![entry(20, 2)], 1, 5);
        rest.damaged = 6;
        let news = cursors.page(rest.clone());
        assert_eq!(news[0], News::Damaged("a".into(), 6));
        assert_eq!(numbers(&news), [20]);
        rest.damaged = u64::MAX;
        assert_eq!(cursors.page(rest).len(), 1);
        assert_eq!(cursors.all()[0].after, 20, "whatever a server says");
    }

    #[test]
    fn another_log_is_read_from_where_the_server_begins() {
        let mut cursors = reader(300);
        let news = cursors.page(page(vec![entry(1, 2), entry(2, 2)], 1, 6));
        assert_eq!(news[0], News::Anew("a".into()));
        assert_eq!(numbers(&news), [1, 2]);
    }

    #[test]
    fn a_room_that_others_opened_is_read_from_its_first_page() {
        let mut cursors = reader(0);
        let mut unasked = page(vec![entry(7, 2)], 1, 5);
        unasked.room = "@1+2".into();
        assert_eq!(numbers(&cursors.page(unasked)), [7]);
        assert!(cursors.reads("@1+2"));
    }

    #[test]
    fn a_page_that_was_on_its_way_does_not_bring_back_a_room_that_was_left() {
        let mut cursors = reader(0);
        cursors.leave("a");
        assert_eq!(cursors.page(page(vec![entry(1, 2)], 1, 9)), []);
        assert!(!cursors.reads("a"));
    }

    #[test]
    fn numbers_of_a_lying_server_are_only_wrong() {
        let mut cursors = reader(u64::MAX);
        assert_eq!(cursors.page(page(vec![entry(0, 2)], 0, 5)), []);
        let news = cursors.page(page(vec![entry(0, 2), entry(u64::MAX, 2)], u64::MAX, 6));
        assert_eq!(news.len(), 3, "{news:?}");
        assert_eq!(cursors.all()[0].after, u64::MAX);
    }

    #[test]
    fn the_private_rooms_that_others_open_are_bounded() {
        let mut cursors = reader(0);
        for n in 0..=MAX_PRIVATE {
            let mut unasked = page(vec![entry(1, 2)], 1, 5);
            unasked.room = format!("@{n:03}");
            assert_eq!(numbers(&cursors.page(unasked)), [1]);
        }
        assert_eq!(cursors.all().len(), 1 + MAX_PRIVATE);
        assert!(!cursors.reads("@000") && cursors.reads("@001") && cursors.reads("a"));
    }
}
