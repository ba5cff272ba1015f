//! What all connections share: the people, the log, the polls that wait, the counters.
//!
//! The lock on the people is never held over an await. A poll that waits only watches the heads of
//! its rooms. So a reader that has stopped costs the others nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::chat::{Cursor, Kind, LEASE, MAX_ENTRIES, Page, Refusal, Result, Session, sender};
use common::key::Key;
use tokio::time::{Instant, sleep};

use crate::log::{Limit, Log, NewEntry, size};
use crate::metrics::{Counts, Report};
use crate::names;
use crate::people::{Notice, People};
use crate::polls::Polls;

/// How often leases are checked. A session may outlive its lease by this much.
const SWEEP: Duration = Duration::from_secs(LEASE.as_secs() / 6);

/// How many of the newest entries a reader gets whose cursor is of a log that was replaced.
const AFRESH: u64 = 50;

/// The state of one server.
pub(crate) struct Shared {
    pub(crate) log: Log,
    people: Mutex<People>,
    pub(crate) polls: Polls,
    pub(crate) counts: Counts,
    admin: Option<Key>,
    began: Instant,
}

impl Shared {
    /// Returns the state of a server that begins now, over `log`. A session may send `rate`
    /// messages a second; the holder of the key `admin` may kick and ban.
    pub(crate) fn new(log: Log, rate: u32, admin: Option<Key>) -> Self {
        Self {
            log,
            people: Mutex::new(People::new(rate)),
            polls: Polls::default(),
            counts: Counts::default(),
            admin,
            began: Instant::now(),
        }
    }

    /// Locks the people. A poisoned lock is taken all the same, because no change of theirs can
    /// panic half way.
    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time since the server began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns whether `token` is the admin token.
    pub(crate) fn is_admin(&self, token: &str) -> bool {
        self.admin.as_ref().is_some_and(|key| key.fits(token))
    }

    /// Returns what operators may see.
    pub(crate) fn report(&self) -> Report {
        let log = self.log.status();
        let people = self.people().count();
        let metrics = self.counts.text(self.now(), people, &log);
        let failure = log.failure;
        Report { metrics, failure }
    }

    /// Ends leases that have run out, for ever.
    pub(crate) async fn sweep(&self) {
        loop {
            sleep(SWEEP).await;
            let gone = self.people().expire(self.now());
            for Notice { room, nick, .. } in &gone {
                tracing::info!("{nick} of {room} was silent for too long");
            }
            {
                let people = self.people();
                self.polls.retain(|session| people.is_here(session));
            }
            self.announce(gone, Kind::Left, "").await;
        }
    }

    /// Writes notices into the log. A notice that cannot be written is lost, because no client
    /// depends on it.
    pub(crate) async fn announce(&self, notices: Vec<Notice>, kind: Kind, body: &str) {
        for notice in notices {
            let sender = sender(notice.session);
            let entry = NewEntry::said(sender, None, kind, notice.nick, body.to_owned());
            if let Err(error) = self.log.append(&notice.room, vec![entry]).await {
                tracing::warn!("a notice in {} is lost: {error}", notice.room);
            }
        }
    }

    /// Renews a session's lease. Returns a cursor for each of its rooms: the reader's own one, or
    /// where reading began when it joined.
    pub(crate) fn cursors_of(&self, session: Session, cursors: &[Cursor]) -> Result<Vec<Cursor>> {
        let mut people = self.people();
        let rooms = people.renew(session, self.now())?.iter();
        Ok(rooms
            .map(|(room, &after)| {
                let own = cursors.iter().rfind(|cursor| cursor.room == *room);
                own.cloned()
                    .unwrap_or_else(|| self.cursor(room.clone(), after))
            })
            .collect())
    }

    /// Returns a cursor of this log.
    pub(crate) fn cursor(&self, room: String, after: u64) -> Cursor {
        let epoch = self.log.epoch();
        Cursor { room, after, epoch }
    }

    /// Returns the newest number of a room.
    pub(crate) fn head(&self, room: &str) -> u64 {
        *self.log.head(room).borrow()
    }

    /// Returns the entries after `cursors`, as many as fit one answer, without empty pages.
    pub(crate) async fn pages_after(&self, cursors: &[Cursor]) -> Result<Vec<Page>> {
        let mut pages: Vec<Page> = Vec::new();
        let mut left = Limit::entries(MAX_ENTRIES);
        for Cursor { room, after, epoch } in cursors {
            let head = self.head(room);
            let is_same_log = *epoch == self.log.epoch();
            let after = if is_same_log {
                *after
            } else {
                head.saturating_sub(AFRESH)
            };
            if (is_same_log && head <= after) || (left.bytes == 0 && !pages.is_empty()) {
                continue;
            }
            let page = self.log.read(room, after, left).await?;
            let bytes = page.entries.iter().map(size).sum();
            left.bytes = left.bytes.saturating_sub(bytes);
            // A page of another log goes out even when it is empty, because of its epoch.
            if !is_same_log || !page.entries.is_empty() {
                pages.push(page);
            }
        }
        Ok(pages)
    }

    /// Renews a session's lease. Returns the normal name of `room` if the session may read it: a
    /// public room, or a private one that it is in.
    pub(crate) fn readable(&self, session: Session, room: &str) -> Result<String> {
        let mut people = self.people();
        if people.renew(session, self.now())?.contains_key(room) {
            return Ok(room.to_owned());
        }
        names::room(room).map_err(Refusal::Unfit)
    }
}
