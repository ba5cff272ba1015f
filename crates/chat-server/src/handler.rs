//! The chat service: what clients and operators call. It does what others decide: see `people`.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use common::chat::{
    Admin, Answer, Ban, Bounded, Chat, ChatRequest, ChatResponse, Cursor, Entered, Kind, Listed,
    MAX_CURSORS, MAX_POSTS, Owner, POLL_WAIT, Page, Post, Posts, Present, Private, ReadyPage,
    Refusal, Result, RoomInfo, Session, Text, sender,
};
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve as _;

use crate::door::{Caller, cost};
use crate::log::{NewEntry, now_ms};
use crate::names::{self, Nick};
use crate::people::People;
use crate::posts;
use crate::shared::Shared;

mod operating;
mod owning;
mod reading;

/// The service on one connection.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) shared: Arc<Shared>,
    pub(crate) caller: Caller,
}

impl Handler {
    /// Locks the people for a call of `session`, which costs this many tokens. A call that is
    /// refused here has computed nothing.
    fn admit(&self, session: Session, cost: u32) -> Result<MutexGuard<'_, People>> {
        let mut people = self.shared.people();
        people
            .door
            .admit(session, self.caller.ip, cost, self.shared.now())?;
        Ok(people)
    }

    /// Counts and returns the outcome of a call.
    fn count<T>(&self, outcome: Result<T>) -> Result<T> {
        if let Err(refusal) = &outcome {
            self.shared.counts().refused(refusal);
        }
        outcome
    }

    async fn try_enter(
        &self,
        session: Session,
        text: &str,
        owner: Option<Owner>,
    ) -> Result<Entered> {
        self.shared.people().door.check(session)?;
        let nick = fit(Nick::new(text))?;
        fit(nick.check())?;
        let is_here = self.shared.people().is_here(session);
        let cost = if is_here { cost::PAGE } else { cost::ENTER };
        drop(self.admit(session, cost)?);
        let shown = self.shown(session, text, &nick, owner);
        let notices = {
            let mut people = self.shared.people();
            people.enter_as(session, &nick, shown, self.caller, self.shared.now())?
        };
        self.shared.claim(session, &nick).await?;
        if shown.is_some() {
            // Without success it is written with the next change: when an owner was here last.
            let _ = self.shared.save_owners().await;
        }
        self.shared
            .announce(notices, Kind::Renamed, &nick.text)
            .await;
        Ok(Entered {
            nick: nick.text,
            sender: sender(session),
        })
    }

    async fn try_join(&self, session: Session, room: &str, history: u32) -> Result<Cursor> {
        let room = fit(names::any_room(room))?;
        let exists = self.shared.log().head(&room).exists();
        {
            let mut people = self.admit(session, cost::PAGE)?;
            people.renew(session, self.shared.now())?;
            if !exists && !people.is_in(session, &room)? {
                people.door.make_room(self.caller.ip, self.shared.now())?;
            }
        }
        let after = self.shared.log().before_last(&room, history).await?;
        // Asked for under the lock, because a member of a room that cannot be made would be lost.
        let open = || self.shared.place(&room).map(|()| after);
        let now = self.shared.now();
        let joined = self
            .shared
            .people()
            .join(session, &room, exists, now, open)?;
        self.shared.polls().end(session);
        self.shared.announce(joined, Kind::Joined, "").await;
        Ok(self.shared.cursor(room, after))
    }

    async fn try_leave(&self, session: Session, room: &str) -> Result<String> {
        let room = fit(names::any_room(room))?;
        let left = self
            .admit(session, cost::PAGE)?
            .leave(session, &room, self.shared.now())?;
        self.shared.announce(left, Kind::Left, "").await;
        Ok(room)
    }

    async fn try_send(&self, session: Session, room: &str, posts: Vec<Post>) -> Result<Vec<u64>> {
        let posts = posts::check(posts)?;
        let count = u32::try_from(posts.len()).unwrap_or(u32::MAX);
        let head = || self.shared.head(room);
        let now = self.shared.now();
        let author = self
            .admit(session, count)?
            .may_send(session, room, count, now, head)?;
        if let Some(other) = author.opened_for {
            self.shared.polls().end(other);
        }
        let (nick, at_ms) = (Text::from(author.nick), now_ms());
        let entry = |Post { id, kind, body }| NewEntry {
            sender: author.sender,
            id: Some(id),
            kind,
            nick: nick.clone(),
            body,
            at_ms,
        };
        let entries = posts.into_iter().map(entry).collect();
        Ok(self.shared.log().append(room, entries).await?)
    }

    fn try_private(&self, session: Session, name: &str) -> Result<Private> {
        let mut people = self.admit(session, cost::PAGE)?;
        people.renew(session, self.shared.now())?;
        let (room, other) = if names::is_private(name) {
            (name.to_owned(), people.other(session, name)?)
        } else {
            people.private(session, &fit(Nick::new(name))?)?
        };
        let head = self.shared.log().head(&room);
        if !people.is_in(session, &room)? {
            self.shared.place(&room)?;
            if !head.exists() {
                people.door.make_room(self.caller.ip, self.shared.now())?;
            }
            people.open(session, &room, &other, head.newest());
            self.shared.polls().end(session);
        }
        let (cursor, nick) = (self.shared.cursor(room, head.newest()), other.nick);
        Ok(Private { cursor, nick })
    }
}

/// The service over our own protocol: the answer to a poll is copied from where the log keeps it.
impl Handler {
    /// Answers one call. The calls that clients make most are in a box of their own size, because
    /// otherwise each would take as much memory as the largest of all: a poll for as long as it
    /// waits, and a message for a large piece that is slow to get and to move.
    pub(crate) fn answer(
        &self,
        context: Context,
        request: ChatRequest,
    ) -> BoxFuture<'static, Result<Answer, ServerError>> {
        let handler = self.clone();
        match request {
            ChatRequest::Poll {
                session,
                cursors,
                wait_ms,
            } => {
                let pages = async move { handler.poll_ready(session, &cursors, wait_ms).await };
                pages.map(|pages| Ok(Answer::Poll(pages))).boxed()
            }
            ChatRequest::Follow { session, wait_ms } => {
                let pages = async move { handler.follow_ready(session, wait_ms).await };
                pages.map(|pages| Ok(Answer::Follow(pages))).boxed()
            }
            ChatRequest::Send {
                session,
                room,
                posts,
            } => {
                let numbers = handler.send(context, session, room, posts);
                numbers
                    .map(|numbers| Ok(Answer::Other(ChatResponse::Send(numbers))))
                    .boxed()
            }
            other => {
                let answer = handler.serve().serve(context, other);
                answer.map_ok(Answer::Other).boxed()
            }
        }
    }

    async fn poll_ready(
        &self,
        session: Session,
        cursors: &[Cursor],
        wait_ms: u32,
    ) -> Result<Vec<ReadyPage>> {
        self.count(self.read(session, cursors, bounded(wait_ms)).await)
    }

    async fn follow_ready(&self, session: Session, wait_ms: u32) -> Result<Vec<ReadyPage>> {
        self.count(self.read_after(session, bounded(wait_ms)).await)
    }
}

/// Returns how long a poll waits that may wait this many milliseconds.
fn bounded(wait_ms: u32) -> Duration {
    POLL_WAIT.min(Duration::from_millis(wait_ms.into()))
}

fn decoded(pages: Vec<ReadyPage>) -> Bounded<Page, MAX_CURSORS> {
    let pages: Vec<Page> = pages.into_iter().map(ReadyPage::page).collect();
    pages.into()
}

fn fit<T>(result: Result<T, String>) -> Result<T> {
    result.map_err(Refusal::Unfit)
}

impl Chat for Handler {
    async fn enter(
        self,
        _: Context,
        session: Session,
        nick: String,
        owner: Option<Owner>,
    ) -> Result<Entered> {
        let entered = self.try_enter(session, &nick, owner).await;
        let ip = self.caller.ip;
        match &entered {
            Ok(Entered { nick, .. }) => tracing::info!("{ip}: {nick} is here"),
            Err(Refusal::Full(_) | Refusal::Share(_)) => {
                self.shared.complain(ip, "has no place left")
            }
            Err(refusal) => tracing::debug!("{ip}: not let in: {refusal}"),
        }
        self.count(entered)
    }

    async fn register(self, _: Context, session: Session, owner: Owner) -> Result<String> {
        let registered = self.try_register(session, owner).await;
        if let Ok(nick) = &registered {
            tracing::info!("{}: {nick} is registered", self.caller.ip);
        }
        self.count(registered)
    }

    async fn join(
        self,
        _: Context,
        session: Session,
        room: String,
        history: u32,
    ) -> Result<Cursor> {
        self.count(self.try_join(session, &room, history).await)
    }

    async fn leave(self, _: Context, session: Session, room: String) -> Result<String> {
        self.count(self.try_leave(session, &room).await)
    }

    async fn bye(self, _: Context, session: Session) {
        let left = self.shared.people().bye(session);
        self.shared.polls().end(session);
        self.shared.announce(left, Kind::Left, "").await;
        self.shared.tell().await;
    }

    async fn send(
        self,
        _: Context,
        session: Session,
        room: String,
        posts: Posts,
    ) -> Result<Bounded<u64, MAX_POSTS>> {
        let count = posts.len();
        let sent = self.try_send(session, &room, posts.into_inner()).await;
        self.shared.counts().sent(count, &sent);
        self.count(sent).map(Bounded::from)
    }

    async fn poll(
        self,
        _: Context,
        session: Session,
        cursors: Bounded<Cursor, MAX_CURSORS>,
        wait_ms: u32,
    ) -> Result<Bounded<Page, MAX_CURSORS>> {
        let pages = self.poll_ready(session, &cursors, wait_ms).await?;
        Ok(decoded(pages))
    }

    async fn follow(
        self,
        _: Context,
        session: Session,
        wait_ms: u32,
    ) -> Result<Bounded<Page, MAX_CURSORS>> {
        Ok(decoded(self.follow_ready(session, wait_ms).await?))
    }

    async fn history(
        self,
        _: Context,
        session: Session,
        room: String,
        before: u64,
        limit: u32,
    ) -> Result<Page> {
        self.count(self.look_back(session, &room, before, limit).await)
    }

    async fn search(
        self,
        _: Context,
        session: Session,
        room: String,
        text: String,
        limit: u32,
    ) -> Result<Page> {
        self.count(self.search_in(session, &room, &text, limit).await)
    }

    async fn who(
        self,
        _: Context,
        session: Session,
        room: String,
        after: String,
    ) -> Result<Listed<Present>> {
        let people = self.may_read(session, &room, cost::PAGE);
        let listed = people
            .map(|people| people.present(people.who(session, &room, &after), self.shared.now()));
        self.count(listed)
    }

    async fn rooms(self, _: Context, session: Session, after: String) -> Result<Listed<RoomInfo>> {
        let listed = self.admit(session, cost::PAGE).and_then(|mut people| {
            people.renew(session, self.shared.now())?;
            Ok(people.rooms(&after, |room| self.shared.head(room)))
        });
        self.count(listed)
    }

    async fn private(self, _: Context, session: Session, nick: String) -> Result<Private> {
        self.count(self.try_private(session, &nick))
    }

    async fn admin(
        self,
        _: Context,
        session: Session,
        token: String,
        command: Admin,
    ) -> Result<Listed<Ban>> {
        let done = self.obey(session, &token, command).await;
        if matches!(done, Err(Refusal::WrongToken | Refusal::TooFast(_))) {
            self.shared
                .complain(self.caller.ip, "shows a wrong admin token");
        }
        self.count(done)
    }
}
