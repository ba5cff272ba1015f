//! The chat service: what clients and operators call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::chat::{
    Admin, Chat, Cursor, Kind, MAX_WHY, POLL_WAIT, Page, Post, Refusal, Result, RoomInfo, Session,
    sender,
};
use futures::FutureExt;
use futures::future::{pending, select_all};
use tarpc::context::Context;
use tokio::time::{Instant, sleep_until};

use crate::log::{Limit, NewEntry};
use crate::shared::Shared;
use crate::{names, posts};

/// The service on one connection.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
}

impl Handler {
    async fn try_send(&self, session: Session, room: &str, posts: Vec<Post>) -> Result<Vec<u64>> {
        let posts = posts::check(posts)?;
        let count = u32::try_from(posts.len()).unwrap_or(u32::MAX);
        let now = self.shared.now();
        let nick = self.shared.people().may_send(session, room, count, now)?;
        let entry = |Post { id, kind, body }| {
            NewEntry::said(sender(session), Some(id), kind, nick.clone(), body)
        };
        let entries = posts.into_iter().map(entry).collect();
        Ok(self.shared.log.append(room, entries).await?)
    }
}

impl Chat for Handler {
    async fn enter(self, _: Context, session: Session, nick: String) -> Result<String> {
        let (address, now) = (self.peer.ip(), self.shared.now());
        let entered = self.shared.people().enter(session, &nick, address, now);
        let (nick, notices) = entered.inspect_err(|refusal| {
            tracing::info!("{}: {nick:?} is not let in: {refusal}", self.peer);
        })?;
        tracing::info!("{}: {nick} is here", self.peer);
        self.shared.announce(notices, Kind::Renamed, &nick).await;
        Ok(nick)
    }

    async fn join(
        self,
        _: Context,
        session: Session,
        room: String,
        history: u32,
    ) -> Result<Cursor> {
        let room = if names::is_private_of(&room, session) {
            room
        } else {
            names::room(&room).map_err(Refusal::Unfit)?
        };
        let after = self.shared.head(&room).saturating_sub(history.into());
        let joined = {
            let mut people = self.shared.people();
            people.renew(session, self.shared.now())?;
            people.join(session, &room, after)?
        };
        self.shared.polls.end(session);
        self.shared
            .announce(Vec::from_iter(joined), Kind::Joined, "")
            .await;
        Ok(self.shared.cursor(room, after))
    }

    async fn leave(self, _: Context, session: Session, room: String) -> Result<()> {
        let left = Vec::from_iter(self.shared.people().leave(session, &room)?);
        self.shared.announce(left, Kind::Left, "").await;
        Ok(())
    }

    async fn bye(self, _: Context, session: Session) {
        let left = self.shared.people().bye(session);
        self.shared.polls.end(session);
        self.shared.announce(left, Kind::Left, "").await;
    }

    async fn send(
        self,
        _: Context,
        session: Session,
        room: String,
        posts: Vec<Post>,
    ) -> Result<Vec<u64>> {
        let count = posts.len();
        let sent = self.try_send(session, &room, posts).await;
        self.shared.counts.sent(count, &sent);
        sent
    }

    async fn poll(
        self,
        _: Context,
        session: Session,
        cursors: Vec<Cursor>,
        wait_ms: u32,
    ) -> Result<Vec<Page>> {
        let until = Instant::now() + POLL_WAIT.min(Duration::from_millis(wait_ms.into()));
        let poll = self.shared.polls.begin(session);
        let cursors = self.shared.cursors_of(session, &cursors)?;
        loop {
            // Watched before reading, because otherwise an entry that comes in between is missed.
            let head = |cursor: &Cursor| self.shared.log.head(&cursor.room);
            let mut heads: Vec<_> = cursors.iter().map(head).collect();
            let pages = self.shared.pages_after(&cursors).await?;
            if !pages.is_empty() {
                self.shared.counts.delivered(&pages);
                return Ok(pages);
            }
            let _waits = self.shared.counts.waits();
            let mut changes: Vec<_> = heads.iter_mut().map(|h| h.changed().boxed()).collect();
            // One that never comes, because `select_all` must not be given an empty list.
            changes.push(pending().boxed());
            tokio::select! {
                _ = select_all(changes) => {}
                () = sleep_until(until) => return Ok(Vec::new()),
                () = poll.cancelled() => return Ok(Vec::new()),
            }
        }
    }

    async fn history(
        self,
        _: Context,
        session: Session,
        room: String,
        before: u64,
        limit: u32,
    ) -> Result<Page> {
        let room = self.shared.readable(session, &room)?;
        let limit = Limit::entries(limit as usize);
        Ok(self.shared.log.read_back(&room, before, limit).await?)
    }

    async fn search(
        self,
        _: Context,
        session: Session,
        room: String,
        text: String,
        limit: u32,
    ) -> Result<Page> {
        let room = self.shared.readable(session, &room)?;
        let limit = Limit::entries(limit as usize);
        Ok(self.shared.log.search(&room, &text, limit).await?)
    }

    async fn who(self, _: Context, session: Session, room: String) -> Result<Vec<String>> {
        let room = self.shared.readable(session, &room)?;
        Ok(self.shared.people().who(&room))
    }

    async fn rooms(self, _: Context, session: Session) -> Result<Vec<RoomInfo>> {
        let mut people = self.shared.people();
        people.renew(session, self.shared.now())?;
        Ok(people.rooms(|room| self.shared.head(room)))
    }

    async fn private(self, _: Context, session: Session, nick: String) -> Result<Cursor> {
        let mut people = self.shared.people();
        people.renew(session, self.shared.now())?;
        let other = people.find(&nick)?;
        let room = names::private(session, other);
        let head = self.shared.head(&room);
        for member in [session, other] {
            people.join(member, &room, head)?;
            self.shared.polls.end(member);
        }
        Ok(self.shared.cursor(room, head))
    }

    async fn admin(self, _: Context, token: String, command: Admin) -> Result<()> {
        if !self.shared.is_admin(&token) {
            tracing::warn!("{}: a wrong admin token", self.peer);
            return Err(Refusal::WrongToken);
        }
        tracing::info!("{}: an operator: {command:?}", self.peer);
        let (nick, why, bans) = match command {
            Admin::Kick { nick, why } => (nick, why, false),
            Admin::Ban { nick, why } => (nick, why, true),
            Admin::Unban { nick } => return self.shared.people().unban(&nick),
        };
        if why.len() > MAX_WHY {
            return Err(Refusal::Unfit(format!(
                "a reason has at most {MAX_WHY} bytes"
            )));
        }
        let (session, notices) = {
            let mut people = self.shared.people();
            if bans {
                people.ban(&nick)?;
            }
            people.kick(&nick, &why)?
        };
        self.shared.polls.end(session);
        let done = if bans { "banned" } else { "put out" };
        let colon = if why.is_empty() { "" } else { ": " };
        let body = format!("was {done} by an operator{colon}{}", why.replace('\0', ""));
        self.shared.announce(notices, Kind::Left, &body).await;
        Ok(())
    }
}
