//! What of a room is new to this reader, and how it looks. PURE.
//!
//! The cursor is the whole of the reader's memory: an entry is shown if its number is above it,
//! and then it moves. So a page that comes twice, or overlaps, shows nothing twice.

use std::collections::BTreeMap;

use common::chat::{Cursor, Entry, Kind, Page, Sender, Session, sender};

use crate::clean::Clean;

/// Something to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An entry of a room.
    Entry(String, Entry),
    /// So many older entries are gone for ever.
    Gone(String, u64),
    /// The log was lost or replaced.
    Anew(String),
}

/// How far this reader is in each room.
#[derive(Debug, Default)]
pub struct View {
    cursors: BTreeMap<String, Cursor>,
    me: Sender,
}

impl View {
    /// The view of session `me`, whose own messages are not shown: they stand where they were
    /// typed. By session, not by nick: the same person at another machine is somebody else.
    pub fn new(me: Session) -> Self {
        Self {
            cursors: BTreeMap::new(),
            me: sender(me),
        }
    }

    /// Begins to read a room, unless it is read already.
    pub fn join(&mut self, cursor: Cursor) {
        self.cursors.entry(cursor.room.clone()).or_insert(cursor);
    }

    /// Reads no more of a room.
    pub fn leave(&mut self, room: &str) {
        self.cursors.remove(room);
    }

    /// The rooms, and how far each is read.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    /// Whether a room is read.
    pub fn reads(&self, room: &str) -> bool {
        self.cursors.contains_key(room)
    }

    /// What a page brings.
    pub fn page(&mut self, page: Page) -> Vec<News> {
        let Page {
            room,
            entries,
            first,
            head,
            epoch,
        } = page;
        // A room we did not ask for: somebody opened a private one with us. Any other was left
        // while this was on its way, or is being joined, and then this will come again.
        if !self.reads(&room) && !room.starts_with('@') {
            return Vec::new();
        }
        let begin = entries.first().map_or(head, |entry| entry.number - 1);
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
        if first > cursor.after + 1 {
            news.push(News::Gone(room.clone(), first - cursor.after - 1));
            cursor.after = first - 1;
        }
        for entry in entries {
            if entry.number > cursor.after {
                cursor.after = entry.number;
                if entry.sender != self.me {
                    news.push(News::Entry(room.clone(), entry));
                }
            }
        }
        news
    }
}

/// The line of an entry, after its time. `aside` is the room, if it is not the one being talked in.
///
/// ```
/// use chat_client::cursors::line;
/// use common::chat::{Entry, Kind};
/// let entry = Entry {
///     number: 1, sender: 1, kind: Kind::Said, nick: "ann".into(), body: "100%\n".into(), at_ms: 0,
/// };
/// assert_eq!(line(&entry, None), "ann: 100%⏎");
/// assert_eq!(line(&entry, Some("kitchen")), "#kitchen ann: 100%⏎");
/// ```
pub fn line(entry: &Entry, aside: Option<&str>) -> String {
    let (nick, body) = (Clean::new(&entry.nick), Clean::new(&entry.body));
    let words = match entry.kind {
        Kind::Said => format!("{nick}: {body}"),
        Kind::Did => format!("* {nick} {body}"),
        Kind::Joined => format!("{nick} is here"),
        Kind::Left if body.as_str().is_empty() => format!("{nick} has left"),
        // The server tells how, if it was not by themselves.
        Kind::Left => format!("{nick} {body}"),
        Kind::Renamed => format!("{nick} is now called {body}"),
    };
    match aside {
        None => words,
        Some(room) if room.starts_with('@') => format!("(private) {words}"),
        Some(room) => format!("#{} {words}", Clean::new(room)),
    }
}

/// Whether an entry was said by somebody, as opposed to told by the server.
pub fn is_message(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Said | Kind::Did)
}

#[cfg(test)]
mod tests {
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
        }
    }

    fn reader(after: u64) -> View {
        let mut view = View::new(1 << 64);
        view.join(Cursor {
            room: "a".into(),
            after,
            epoch: 5,
        });
        view
    }

    fn numbers(news: &[News]) -> Vec<u64> {
        let number = |news: &News| match news {
            News::Entry(_, entry) => Some(entry.number),
            _ => None,
        };
        news.iter().filter_map(number).collect()
    }

    #[test]
    fn each_entry_is_shown_once_however_pages_overlap() {
        let mut view = reader(3);
        let news = view.page(page((2..=5).map(|n| entry(n, 2)).collect(), 1, 5));
        assert_eq!(numbers(&news), [4, 5]);
        let news = view.page(page((4..=6).map(|n| entry(n, 2)).collect(), 1, 5));
        assert_eq!(numbers(&news), [6]);
        assert_eq!(view.cursors()[0].after, 6);
    }

    #[test]
    fn own_entries_move_the_cursor_and_are_not_shown() {
        let mut view = reader(0);
        assert_eq!(view.page(page(vec![entry(1, 1)], 1, 5)), []);
        assert_eq!(view.cursors()[0].after, 1);
    }

    #[test]
    fn what_is_gone_is_said() {
        let mut view = reader(3);
        let news = view.page(page(vec![entry(10, 2)], 10, 5));
        assert_eq!(news[0], News::Gone("a".into(), 6));
        assert_eq!(numbers(&news), [10]);
    }

    #[test]
    fn another_log_is_read_from_where_the_server_begins() {
        let mut view = reader(300);
        let news = view.page(page(vec![entry(1, 2), entry(2, 2)], 1, 6));
        assert_eq!(news[0], News::Anew("a".into()));
        assert_eq!(numbers(&news), [1, 2]);
    }

    #[test]
    fn a_room_that_others_opened_is_read_from_its_first_page() {
        let mut view = reader(0);
        let mut unasked = page(vec![entry(7, 2)], 1, 5);
        unasked.room = "@1+2".into();
        assert_eq!(numbers(&view.page(unasked)), [7]);
        assert!(view.reads("@1+2"));
    }

    #[test]
    fn a_page_that_was_on_its_way_does_not_bring_back_a_room_that_was_left() {
        let mut view = reader(0);
        view.leave("a");
        assert_eq!(view.page(page(vec![entry(1, 2)], 1, 9)), []);
        assert!(!view.reads("a"));
    }

    #[test]
    fn every_kind_has_its_line_and_no_nick_escapes() {
        let mut e = entry(1, 2);
        e.nick = "\u{1b}[31mx".into();
        for kind in [
            Kind::Said,
            Kind::Did,
            Kind::Joined,
            Kind::Left,
            Kind::Renamed,
        ] {
            e.kind = kind;
            let line = line(&e, Some("@1+2"));
            assert!(
                line.contains("␛[31mx") && line.starts_with("(private) "),
                "{line}"
            );
        }
    }
}
