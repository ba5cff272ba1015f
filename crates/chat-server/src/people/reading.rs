//! How much each session is given to read, and how soon. PURE: the caller hands in the time.

use std::time::Duration;

use common::chat::{Cursor, MAX_PAGE, Refusal, Result, Session};

use super::People;
use crate::pace::{Next, Size};

impl People {
    /// Returns what the answer may be to the poll of a session that begins now, with `cursors`.
    pub(crate) fn next_page(
        &mut self,
        session: Session,
        cursors: &[Cursor],
        now: Duration,
    ) -> Result<Next> {
        let after = |room: &str| {
            let own = cursors.iter().rfind(|cursor| cursor.room == *room);
            own.map(|cursor| cursor.after)
        };
        let person = self.by_session.get_mut(&session);
        let person = person.ok_or(Refusal::NoSession)?;
        let people = person.rooms.keys().map(|room| self.public.count(room));
        Ok(person.pace.next(after, people.max().unwrap_or(0), now))
    }

    /// Notes that the pages of a poll, of this size together, are on their way to a session. The
    /// last one is of `room` and ends with number `last`.
    pub(crate) fn has_sent(
        &mut self,
        session: Session,
        (room, last): (&str, Option<u64>),
        size: Size,
        now: Duration,
    ) {
        if let Some(person) = self.by_session.get_mut(&session) {
            person.pace.sends(room, last, size, now);
        }
    }

    /// Returns how many bytes a session may be given for one question.
    pub(crate) fn most_bytes(&self, session: Session) -> usize {
        let person = self.by_session.get(&session);
        person.map_or(MAX_PAGE, |person| person.pace.most())
    }
}
