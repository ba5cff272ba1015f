//! What is kept for the other servers over the same log, and how silence is found among them. PURE:
//! the caller hands in the time. See `hearing` for the rules.

use std::time::Duration;

use common::chat::{LEASE, Session};

use super::People;
use crate::person::Person;
use crate::presence::{End, Word};

/// Most words of sessions that are over that wait to be said. With more, the others find out by
/// themselves, when the lease is over.
const MOST_OVER: usize = 4096;

impl People {
    /// Returns whether there is no other server.
    pub(super) fn is_alone(&self) -> bool {
        self.company.me == 0
    }

    /// Returns how many sessions call other servers.
    pub(crate) fn remote(&self) -> usize {
        self.by_session.values().filter(|one| !one.is_mine).count()
    }

    /// Notes that the others have to hear of a session.
    pub(super) fn marks(&mut self, session: Session) {
        if !self.is_alone() {
            self.company.news.insert(session);
        }
    }

    /// Notes that the others have to hear of the end of a session, which called `home`.
    pub(super) fn is_over(&mut self, session: Session, home: u64, end: End) {
        self.company.news.remove(&session);
        if !self.is_alone() && self.company.over.len() < MOST_OVER {
            self.company.over.push_back(Word::over(session, home, end));
        }
    }

    /// Says of those who were silent for the length of a lease that they are.
    pub(super) fn suspects(&mut self, now: Duration) {
        if self.company.is_deaf {
            return;
        }
        let is_silent = |person: &&Person| now.saturating_sub(person.seen) > LEASE;
        let by = self.company.me;
        let all = self.by_session.iter();
        let silent = all.filter(|(_, person)| is_silent(person));
        let silent: Vec<(Session, u64)> = silent.map(|(&one, person)| (one, person.home)).collect();
        for (session, home) in silent {
            self.is_over(session, home, End::Silent { by });
        }
    }
}
