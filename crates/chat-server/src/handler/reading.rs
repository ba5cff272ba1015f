//! The calls that read: polls, which wait for news, histories and searches.

use std::sync::MutexGuard;
use std::time::Duration;

use common::chat::{Cursor, Page, ReadyPage, Refusal, Result, Session};
use futures::FutureExt;
use futures::future::{pending, select_all};
use tokio::time::{Instant, sleep_until};

use super::Handler;
use crate::door::cost;
use crate::log::{Head, PageLimit, Ready};
use crate::people::People;
use crate::posts;
use crate::shared::Begun;

/// Returns when one of these heads changes.
async fn any_change(heads: &mut [Head]) {
    if let [head] = heads {
        return head.changed().await; // without a box, because most people are in one room
    }
    let mut changes: Vec<_> = heads.iter_mut().map(|h| h.changed().boxed()).collect();
    // One that never comes, because `select_all` must not be given an empty list.
    changes.push(pending().boxed());
    select_all(changes).await;
}

impl Handler {
    /// Returns the entries after `cursors`, or waits for one.
    pub(super) async fn read(
        &self,
        session: Session,
        cursors: &[Cursor],
        wait: Duration,
    ) -> Result<Vec<ReadyPage>> {
        let until = Instant::now() + wait;
        let Begun {
            poll,
            cursors,
            debt,
            most,
        } = self.shared.begin_poll(session, self.caller.ip, cursors)?;
        if let Some(debt) = debt {
            tokio::select! {
                () = sleep_until(until.min(Instant::now() + debt)) => {}
                () = poll.cancelled() => return Ok(Vec::new()),
            }
        }
        loop {
            // Watched before reading, because otherwise an entry that comes in between is missed.
            let head = |cursor: &Cursor| self.shared.log().head(&cursor.room);
            let mut heads: Vec<_> = cursors.iter().map(head).collect();
            let pages = self.shared.pages_after(&cursors, &heads, most).await?;
            if !pages.is_empty() {
                self.delivered(session, &pages, most);
                return Ok(pages.into_iter().map(|ready| ready.page).collect());
            }
            let _waits = self.shared.counts().waits();
            tokio::select! {
                () = any_change(&mut heads) => {}
                () = sleep_until(until) => return Ok(Vec::new()),
                () = poll.cancelled() => return Ok(Vec::new()),
            }
        }
    }

    /// Counts what a poll has read, lets its address pay, and notes when it was sent. It could have
    /// had `most` bytes.
    fn delivered(&self, session: Session, pages: &[Ready], most: usize) {
        let entries = pages.iter().map(|ready| ready.count).sum();
        self.shared.counts().delivered(entries);
        let bytes = pages.iter().map(|ready| ready.bytes).sum();
        // Without the lock for the few bytes of most polls.
        if bytes >= cost::BYTES.min(most / 2) {
            let now = self.shared.now();
            let mut people = self.shared.people();
            people.door.has_read(self.caller.ip, bytes, now);
            if let Some(Ready { page, last, .. }) = pages.last() {
                people.has_sent(session, (&page.room, *last), bytes, now);
            }
        }
    }

    /// Refuses to read for a session that is not in the room: it could not be seen there.
    pub(super) fn may_read(
        &self,
        session: Session,
        room: &str,
        cost: u32,
    ) -> Result<MutexGuard<'_, People>> {
        let mut people = self.admit(session, cost)?;
        people.renew(session, self.shared.now())?;
        if !people.is_in(session, room)? {
            return Err(Refusal::NotJoined);
        }
        Ok(people)
    }

    /// Returns the last messages of a room that contain `text`.
    pub(super) async fn search_in(
        &self,
        session: Session,
        room: &str,
        text: &str,
        limit: u32,
    ) -> Result<Page> {
        posts::wanted(text)?;
        let limit = self.limit(session, room, cost::SEARCH, limit)?;
        Ok(self.shared.log().search(room, text, limit).await?)
    }

    /// Returns the last entries of a room before a number.
    pub(super) async fn look_back(
        &self,
        session: Session,
        room: &str,
        before: u64,
        limit: u32,
    ) -> Result<Page> {
        let limit = self.limit(session, room, cost::PAGE, limit)?;
        Ok(self.shared.log().read_back(room, before, limit).await?)
    }

    /// Returns how much a session that may read in this room is given for one question.
    fn limit(&self, session: Session, room: &str, cost: u32, messages: u32) -> Result<PageLimit> {
        let people = self.may_read(session, room, cost)?;
        Ok(PageLimit {
            bytes: people.most_bytes(session),
            ..PageLimit::messages(messages as usize)
        })
    }
}
