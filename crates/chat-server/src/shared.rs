//! What all connections share: the people behind their lock, the log, and the polls that wait.
//!
//! The lock on the people is never held over an await. A poll that waits holds nothing but its
//! cursors: it watches the heads of its rooms, so a reader that has stopped costs the others
//! nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::chat::{Cursor, Kind, LEASE, MAX_PAGE, Page, Refusal, Sender, Session, sender};
use common::key::Key;
use hyper::StatusCode;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::log::{Limit, Log, NewEntry};
use crate::metrics::{self, Answer, Counts};
use crate::names;
use crate::people::{Notice, People};

/// How often leases are looked at: a ghost lives at most so much longer than its lease.
const SWEEP: Duration = LEASE.checked_div(6).expect("six is not zero");

/// What a reader of a log that was replaced is shown of the new one.
const AFRESH: u64 = 50;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) counts: Counts,
    pub(crate) people: Mutex<People>,
    /// ends the poll that a session has waiting
    pub(crate) polls: Mutex<HashMap<Session, CancellationToken>>,
    pub(crate) began: Instant,
    pub(crate) stop: CancellationToken,
    pub(crate) admin: Option<Key>,
}

impl Shared {
    /// Nothing under this lock panics half way through a change.
    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn operators_page(&self, path: &str) -> Option<Answer> {
        let log = self.log.status();
        match (path, &log.failure) {
            ("/metrics", _) => {
                let people = self.people().count();
                let body = self.counts.page(self.now(), people, &log);
                let (status, format) = (StatusCode::OK, metrics::FORMAT);
                Some(Answer {
                    status,
                    format,
                    body,
                })
            }
            ("/health", None) => Some(Answer::plain(StatusCode::OK, "ok")),
            ("/health", Some(cause)) => {
                let body = format!("the log cannot be written: {cause}");
                Some(Answer::plain(StatusCode::SERVICE_UNAVAILABLE, body))
            }
            _ => None,
        }
    }

    /// Ends leases, for ever.
    pub(crate) async fn sweep(&self) {
        loop {
            sleep(SWEEP).await;
            let gone = self.people().expire(self.now());
            for Notice { room, nick, .. } in &gone {
                tracing::info!("{nick} of {room} was silent for too long");
            }
            self.forget_polls();
            self.tell(gone, Kind::Left, "").await;
        }
    }

    /// Writes notices into the log. They are for people; one that cannot be written is lost.
    pub(crate) async fn tell(&self, notices: Vec<Notice>, kind: Kind, body: &str) {
        for Notice {
            room,
            session,
            nick,
        } in notices
        {
            let entry = entry(sender(session), None, kind, nick, body.to_owned());
            if let Err(error) = self.log.append(&room, vec![entry]).await {
                tracing::warn!("a notice in {room} is lost: {error}");
            }
        }
    }

    /// Begins a poll of `session`, which ends its last one.
    pub(crate) fn begin_poll(&self, session: Session) -> CancellationToken {
        let mine = CancellationToken::new();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = polls.insert(session, mine.clone()) {
            last.cancel();
        }
        mine
    }

    /// Forgets the polls of sessions that are over.
    pub(crate) fn forget_polls(&self) {
        let people = self.people();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        polls.retain(|&session, _| people.rooms_of(session).is_ok());
    }

    /// Lets the poll of `session` look again.
    pub(crate) fn wake(&self, session: Session) {
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = polls.remove(&session) {
            waiting.cancel();
        }
    }

    /// The rooms of a session, each with the reader's cursor, or where it began.
    pub(crate) fn wanted(
        &self,
        session: Session,
        cursors: &[Cursor],
    ) -> Result<Vec<Cursor>, Refusal> {
        let mut people = self.people();
        people.renew(session, self.now())?;
        let known: BTreeMap<&str, &Cursor> = cursors
            .iter()
            .map(|cursor| (cursor.room.as_str(), cursor))
            .collect();
        let rooms = people.rooms_of(session)?.iter();
        Ok(rooms
            .map(|(room, &after)| match known.get(room.as_str()) {
                Some(&cursor) => cursor.clone(),
                None => Cursor {
                    room: room.clone(),
                    after,
                    epoch: self.log.epoch(),
                },
            })
            .collect())
    }

    /// What is new after `cursors`, as far as it fits one answer.
    pub(crate) async fn news(&self, cursors: &[Cursor]) -> Result<Vec<Page>, Refusal> {
        let mut pages: Vec<Page> = Vec::new();
        let mut left = MAX_PAGE;
        for Cursor { room, after, epoch } in cursors {
            let head = *self.log.head(room).borrow();
            let same_log = *epoch == self.log.epoch();
            let after = if same_log {
                *after
            } else {
                head.saturating_sub(AFRESH)
            };
            if (same_log && head <= after) || (left == 0 && !pages.is_empty()) {
                continue;
            }
            let limit = Limit {
                bytes: left,
                ..Limit::entries(usize::MAX)
            };
            let page = self.log.read(room, after, limit).await?;
            let bytes: usize = page
                .entries
                .iter()
                .map(|e| e.nick.len() + e.body.len())
                .sum();
            left = left.saturating_sub(bytes);
            if !same_log || !page.entries.is_empty() {
                pages.push(page);
            }
        }
        Ok(pages)
    }

    /// Whether `session` may read `room`, by the room's normal name.
    pub(crate) fn readable(&self, session: Session, room: &str) -> Result<String, Refusal> {
        let mut people = self.people();
        people.renew(session, self.now())?;
        if people.rooms_of(session)?.contains_key(room) {
            return Ok(room.to_owned());
        }
        names::room(room).map_err(Refusal::Unfit)
    }
}

pub(crate) fn entry(
    sender: Sender,
    id: Option<u64>,
    kind: Kind,
    nick: String,
    body: String,
) -> NewEntry {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let at_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    NewEntry {
        sender,
        id,
        kind,
        nick,
        body,
        at_ms,
    }
}
