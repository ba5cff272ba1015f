//! The calls that read: polls, which wait for news, histories and searches.

use std::pin::{Pin, pin};
use std::sync::MutexGuard;
use std::time::Duration;

use common::chat::{Cursor, Page, ReadyPage, Refusal, Result, Session};
use futures::FutureExt;
use futures::future::{pending, select_all};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Handler;
use crate::door::cost;
use crate::log::{Head, PageLimit, Ready};
use crate::pace::Size;
use crate::people::People;
use crate::polls::Reading;
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

/// Waits for this long, at most until then. Returns whether the poll goes on: not if it was ended.
async fn pause(reading: &Reading, long: Duration, until: Instant) -> bool {
    tokio::select! {
        () = sleep_until(until.min(Instant::now() + long)) => true,
        () = reading.turn.ended() => false,
    }
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
        let over = pin!(sleep_until(until));
        let Begun { reading, debt } = self.shared.begin_poll(session, self.caller, cursors)?;
        if let Some(debt) = debt
            && !pause(&reading, debt, until).await
        {
            return Ok(Vec::new());
        }
        self.read_on(session, reading, over).await
    }

    /// Waits until the poll that is out is answered, and then reads on where it has ended.
    pub(super) async fn read_after(
        &self,
        session: Session,
        wait: Duration,
    ) -> Result<Vec<ReadyPage>> {
        let mut over = pin!(sleep_until(Instant::now() + wait));
        let Some(answered) = self.shared.follow_poll(session, self.caller)? else {
            return Ok(Vec::new());
        };
        let reading = tokio::select! {
            reading = answered => reading.ok(),
            () = over.as_mut() => None,
        };
        match reading {
            Some(reading) => self.read_on(session, reading, over).await,
            None => Ok(Vec::new()),
        }
    }

    /// Returns the entries after those that were read, or waits for one until it is `over`. Then a
    /// call that follows reads on. Rests before it reads.
    async fn read_on(
        &self,
        session: Session,
        mut reading: Reading,
        mut over: Pin<&mut Sleep>,
    ) -> Result<Vec<ReadyPage>> {
        if !self.rest(&reading, over.deadline()).await {
            return Ok(Vec::new());
        }
        loop {
            reading.watch(|room| self.shared.log().head(room));
            let Reading {
                cursors,
                heads,
                most,
                ..
            } = &mut reading;
            let pages = self.shared.pages_after(cursors, heads, *most).await?;
            if !pages.is_empty() {
                let is_little = self.delivered(session, &pages, *most);
                if is_little && reading.advance(&pages) {
                    reading.pass_on();
                }
                return Ok(pages.into_iter().map(|ready| ready.page).collect());
            }
            let _waits = self.shared.counts().waits();
            tokio::select! {
                () = any_change(&mut reading.heads) => {}
                () = over.as_mut() => {
                    reading.pass_on();
                    return Ok(Vec::new());
                }
                () = reading.turn.ended() => return Ok(Vec::new()),
            }
        }
    }

    /// Waits until the session has rested, at most until then. Returns whether the poll goes on.
    async fn rest(&self, reading: &Reading, until: Instant) -> bool {
        if reading.rest.is_zero() {
            return true; // without a look at the clock, because most rooms have few people
        }
        let left = reading.turn.left_of(reading.rest, self.shared.now());
        if !left.is_zero() && !pause(reading, left, until).await {
            return false;
        }
        reading.turn.reads(self.shared.now());
        true
    }

    /// Counts what a poll has read, lets its address pay, and notes when it was sent. It could have
    /// had `most` bytes. Returns whether it is so little that it costs nothing.
    fn delivered(&self, session: Session, pages: &[Ready], most: usize) -> bool {
        let size = Size {
            entries: pages.iter().map(|ready| ready.count).sum(),
            bytes: pages.iter().map(|ready| ready.bytes).sum(),
        };
        self.shared.counts().delivered(size.entries);
        let is_little = size.bytes < cost::BYTES.min(most / 2);
        // Without the lock for the few bytes of most polls.
        if !is_little {
            let now = self.shared.now();
            let mut people = self.shared.people();
            people.door.has_read(self.caller.ip, size.bytes, now);
            if let Some(Ready { page, last, .. }) = pages.last() {
                people.has_sent(session, (&page.room, *last), size, now);
            }
        }
        is_little
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
