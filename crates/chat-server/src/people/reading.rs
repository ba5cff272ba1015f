//! How much each session is given to read. PURE: the caller hands in the time.

use std::time::Duration;

use common::chat::{Cursor, MAX_PAGE, Result, Session};

use super::People;

impl People {
    /// Returns how many bytes the poll of a session may answer that begins now, with `cursors`.
    pub(crate) fn next_page(
        &mut self,
        session: Session,
        cursors: &[Cursor],
        now: Duration,
    ) -> Result<usize> {
        let after = |room: &str| {
            let own = cursors.iter().rfind(|cursor| cursor.room == *room);
            own.map(|cursor| cursor.after)
        };
        Ok(self.person(session)?.pace.next(after, now))
    }

    /// Notes that the pages of a poll, with this many bytes, are on their way to a session. The
    /// last one is of `room` and ends with number `last`.
    pub(crate) fn has_sent(
        &mut self,
        session: Session,
        (room, last): (&str, Option<u64>),
        bytes: usize,
        now: Duration,
    ) {
        if let Some(person) = self.by_session.get_mut(&session) {
            person.pace.sends(room, last, bytes, now);
        }
    }

    /// Returns how many bytes a session may be given for one question.
    pub(crate) fn most_bytes(&self, session: Session) -> usize {
        let person = self.by_session.get(&session);
        person.map_or(MAX_PAGE, |person| person.pace.most())
    }
}
