//! The chat service: what guests and operators call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::chat::{
    Admin, Chat, Cursor, Kind, MAX_BODY, MAX_PAGE, MAX_WHY, POLL_WAIT, Page, Post, Refusal,
    RoomInfo, Session, sender,
};
use futures::FutureExt;
use futures::future::{pending, select_all};
use tarpc::context::Context;
use tokio::time::{Instant, sleep_until};

use crate::log::{Limit, NewEntry};
use crate::names;
use crate::people::Notice;
use crate::shared::{Shared, entry};

/// One connection's view of the shared.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
}

impl Handler {
    async fn try_send(
        &self,
        session: Session,
        room: &str,
        posts: Vec<Post>,
    ) -> Result<Vec<u64>, Refusal> {
        let entries = posts.into_iter().map(|post| fit(session, post));
        let mut entries: Vec<NewEntry> = entries.collect::<Result<_, _>>()?;
        let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
        if bytes > MAX_PAGE {
            return Err(Refusal::Unfit(format!(
                "one call may send {MAX_PAGE} bytes"
            )));
        }
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let nick = self
            .shared
            .people()
            .may_send(session, room, count, self.shared.now())?;
        for entry in &mut entries {
            entry.nick.clone_from(&nick);
        }
        Ok(self.shared.log.append(room, entries).await?)
    }
}

impl Chat for Handler {
    async fn enter(self, _: Context, session: Session, nick: String) -> Result<String, Refusal> {
        let entered = self
            .shared
            .people()
            .enter(session, &nick, self.peer.ip(), self.shared.now());
        let (nick, notices) = entered.inspect_err(|refusal| {
            tracing::info!("{}: {nick:?} is not let in: {refusal}", self.peer);
        })?;
        tracing::info!("{}: {nick} is here", self.peer);
        self.shared.tell(notices, Kind::Renamed, &nick).await;
        Ok(nick)
    }

    async fn join(
        self,
        _: Context,
        session: Session,
        room: String,
        history: u32,
    ) -> Result<Cursor, Refusal> {
        let room = match names::is_private_of(&room, session) {
            true => room,
            false => names::room(&room).map_err(Refusal::Unfit)?,
        };
        let head = *self.shared.log.head(&room).borrow();
        let after = head.saturating_sub(history.into());
        let nick = self.shared.people().renew(session, self.shared.now())?;
        let told = self.shared.people().join(session, &room, after)?;
        self.shared.wake(session);
        if told {
            let notice = Notice {
                room: room.clone(),
                session,
                nick,
            };
            self.shared.tell(vec![notice], Kind::Joined, "").await;
        }
        Ok(Cursor {
            room,
            after,
            epoch: self.shared.log.epoch(),
        })
    }

    async fn leave(self, _: Context, session: Session, room: String) -> Result<(), Refusal> {
        let left = self.shared.people().leave(session, &room)?;
        self.shared.tell(Vec::from_iter(left), Kind::Left, "").await;
        Ok(())
    }

    async fn bye(self, _: Context, session: Session) {
        let left = self.shared.people().bye(session);
        self.shared.wake(session);
        self.shared.tell(left, Kind::Left, "").await;
    }

    async fn send(
        self,
        _: Context,
        session: Session,
        room: String,
        posts: Vec<Post>,
    ) -> Result<Vec<u64>, Refusal> {
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
    ) -> Result<Vec<Page>, Refusal> {
        let until = Instant::now() + POLL_WAIT.min(Duration::from_millis(wait_ms.into()));
        let superseded = self.shared.begin_poll(session);
        let cursors = self.shared.wanted(session, &cursors)?;
        loop {
            // Watch first, look then: what comes in between is seen.
            let mut heads: Vec<_> = cursors
                .iter()
                .map(|c| self.shared.log.head(&c.room))
                .collect();
            let pages = self.shared.news(&cursors).await?;
            if !pages.is_empty() {
                self.shared.counts.delivered(&pages);
                return Ok(pages);
            }
            let _waits = self.shared.counts.waits();
            let mut changes: Vec<_> = heads
                .iter_mut()
                .map(|head| head.changed().boxed())
                .collect();
            changes.push(pending().boxed()); // in no room nothing happens
            tokio::select! {
                _ = select_all(changes) => {}
                () = sleep_until(until) => return Ok(Vec::new()),
                () = superseded.cancelled() => return Ok(Vec::new()),
                () = self.shared.stop.cancelled() => return Ok(Vec::new()),
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
    ) -> Result<Page, Refusal> {
        let room = self.shared.readable(session, &room)?;
        Ok(self
            .shared
            .log
            .read_back(&room, before, Limit::entries(limit as usize))
            .await?)
    }

    async fn search(
        self,
        _: Context,
        session: Session,
        room: String,
        text: String,
        limit: u32,
    ) -> Result<Page, Refusal> {
        let room = self.shared.readable(session, &room)?;
        Ok(self
            .shared
            .log
            .search(&room, &text, Limit::entries(limit as usize))
            .await?)
    }

    async fn who(self, _: Context, session: Session, room: String) -> Result<Vec<String>, Refusal> {
        let room = self.shared.readable(session, &room)?;
        Ok(self.shared.people().who(&room))
    }

    async fn rooms(self, _: Context, session: Session) -> Result<Vec<RoomInfo>, Refusal> {
        let mut people = self.shared.people();
        people.renew(session, self.shared.now())?;
        Ok(people.rooms(|room| *self.shared.log.head(room).borrow()))
    }

    async fn private(self, _: Context, session: Session, nick: String) -> Result<Cursor, Refusal> {
        let (room, head) = {
            let mut people = self.shared.people();
            people.renew(session, self.shared.now())?;
            let other = people.find(&nick)?;
            let room = names::private(session, other);
            let head = *self.shared.log.head(&room).borrow();
            for member in [session, other] {
                people.join(member, &room, head)?;
                self.shared.wake(member);
            }
            (room, head)
        };
        Ok(Cursor {
            room,
            after: head,
            epoch: self.shared.log.epoch(),
        })
    }

    async fn admin(self, _: Context, token: String, order: Admin) -> Result<(), Refusal> {
        if !self
            .shared
            .admin
            .as_ref()
            .is_some_and(|key| key.fits(&token))
        {
            tracing::warn!("{}: a wrong admin token", self.peer);
            return Err(Refusal::WrongToken);
        }
        tracing::info!("{}: an operator: {order:?}", self.peer);
        let (nick, why, bans) = match order {
            Admin::Kick { nick, why } => (nick, why, false),
            Admin::Ban { nick, why } => (nick, why, true),
            Admin::Unban { nick } => return self.shared.people().unban(&nick),
        };
        if why.len() > MAX_WHY {
            return Err(Refusal::Unfit(format!(
                "a reason has at most {MAX_WHY} bytes"
            )));
        }
        let (session, told) = {
            let mut people = self.shared.people();
            if bans {
                people.ban(&nick)?;
            }
            people.kick(&nick, &why)?
        };
        self.shared.wake(session);
        let done = if bans { "banned" } else { "put out" };
        let colon = if why.is_empty() { "" } else { ": " };
        let body = format!("was {done} by an operator{colon}{}", why.replace('\0', ""));
        self.shared.tell(told, Kind::Left, &body).await;
        Ok(())
    }
}

/// Makes an entry of a post, if it can be one. The nick is put in later.
fn fit(session: Session, post: Post) -> Result<NewEntry, Refusal> {
    let body = post.body.replace('\0', "");
    if !matches!(post.kind, Kind::Said | Kind::Did) {
        return Err(Refusal::Unfit("only messages can be sent".into()));
    }
    if body.trim().is_empty() {
        return Err(Refusal::Unfit("the message is empty".into()));
    }
    if body.len() > MAX_BODY {
        return Err(Refusal::Unfit(format!(
            "a message has at most {MAX_BODY} bytes"
        )));
    }
    Ok(entry(
        sender(session),
        Some(post.id),
        post.kind,
        String::new(),
        body,
    ))
}
