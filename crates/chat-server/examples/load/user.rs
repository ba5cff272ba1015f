//! A user of the chat: one session in the lobby.

use std::task;
use std::time::Duration;

use common::chat::{
    ChatClient, ChatRequest, ChatResponse, Cursor, Kind, Page, Post, SERVICE, Session,
};
use common::net::Redial;
use futures::future::{BoxFuture, ready};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tarpc::context;
use tokio::time::timeout;

/// Uses everything, because the compiler would otherwise warn a benchmark that uses only a part.
const _: () = {
    let _ = (users, User::leave);
};

pub(crate) struct User {
    client: ChatClient<Redial<ChatRequest, ChatResponse>>,
    session: Session,
    cursor: Cursor,
    /// how many messages it has sent
    pub(crate) id: u64,
    /// the poll that follows the one that waits
    next: Option<Poll>,
    /// whether the last poll has brought something
    has_news: bool,
}

type Poll = BoxFuture<'static, anyhow::Result<Vec<Page>>>;

/// How long a reader that has news hears nothing before it asks for what comes next.
const PAUSE: Duration = Duration::from_millis(20);

impl User {
    /// Enters as session `n` and joins the lobby.
    pub(crate) async fn enter(addr: &str, n: u64) -> anyhow::Result<Self> {
        Self::over(Redial::new(addr, SERVICE), n).await
    }

    /// Does so over these connections.
    pub(crate) async fn over(
        redial: Redial<ChatRequest, ChatResponse>,
        n: u64,
    ) -> anyhow::Result<Self> {
        let mut user = Self {
            client: redial.within(Duration::from_secs(30)).into(),
            session: Session(u128::from(n) << 64),
            cursor: Cursor {
                room: "lobby".into(),
                after: 0,
                epoch: 0,
            },
            id: 0,
            next: None,
            has_news: false,
        };
        user.cursor = user.come_back().await?;
        Ok(user)
    }

    /// Enters again, after a restart of the server. Returns a cursor from now on.
    pub(crate) async fn come_back(&mut self) -> anyhow::Result<Cursor> {
        let (here, room) = (context::current(), "lobby".to_owned());
        let nick = format!("p{}", self.session.0 >> 64);
        self.client.enter(here, self.session, nick, None).await??;
        Ok(self.client.join(here, self.session, room, 0).await??)
    }

    /// Sends one message for each of `bodies`, in one call.
    pub(crate) async fn send(&mut self, bodies: Vec<String>) -> anyhow::Result<()> {
        let posts = bodies.into_iter().map(|body| {
            self.id += 1;
            let (id, kind, body) = (self.id, Kind::Said, body.into());
            Post { id, kind, body }
        });
        let (here, room) = (context::current(), "lobby".into());
        let posts: Vec<Post> = posts.collect();
        let call = self.client.send(here, self.session, room, posts.into());
        call.await??;
        Ok(())
    }

    /// Ends the session.
    pub(crate) async fn leave(&mut self) -> anyhow::Result<()> {
        Ok(self.client.bye(context::current(), self.session).await?)
    }

    /// Waits for entries and returns them. Asks as our client does: for what comes next when it has
    /// heard nothing for a moment.
    pub(crate) async fn poll(&mut self) -> anyhow::Result<Vec<Page>> {
        let mut waiting = self.next.take().unwrap_or_else(|| self.ask());
        let mut early = None;
        if self.has_news {
            early = timeout(PAUSE, &mut waiting).await.ok();
            if early.is_none() {
                let mut next = self.follow();
                // To send it. Another thread may have the answer before this one goes on.
                self.next = Some(match futures::poll!(&mut next) {
                    task::Poll::Ready(pages) => ready(pages).boxed(),
                    task::Poll::Pending => next,
                });
            }
        }
        let pages = match early {
            Some(pages) => pages?,
            None => waiting.await?,
        };
        self.has_news = !pages.is_empty();
        let last = pages.last().and_then(|page| page.entries.last());
        self.cursor.after = last.map_or(self.cursor.after, |entry| entry.number);
        Ok(pages)
    }

    fn ask(&self) -> Poll {
        let (client, session) = (self.client.clone(), self.session);
        let (here, cursors) = (context::current(), vec![self.cursor.clone()].into());
        async move {
            let pages = client.poll(here, session, cursors, 15_000);
            Ok(pages.await??.into_inner())
        }
        .boxed()
    }

    fn follow(&self) -> Poll {
        let (client, session) = (self.client.clone(), self.session);
        async move {
            let pages = client.follow(context::current(), session, 15_000);
            Ok(pages.await??.into_inner())
        }
        .boxed()
    }
}

/// Returns this many users, all in the lobby.
pub(crate) async fn users(addr: &str, count: u64) -> anyhow::Result<Vec<User>> {
    all(count, |n| User::enter(addr, n)).await
}

/// Returns this many users, as `enter` makes them. Some at a time, because a busy server hangs up
/// on those who wait longest if too many come at once.
pub(crate) async fn all<F>(count: u64, enter: impl Fn(u64) -> F) -> anyhow::Result<Vec<User>>
where
    F: Future<Output = anyhow::Result<User>>,
{
    let users = stream::iter(1..=count).map(enter);
    users.buffered(64).try_collect().await
}
