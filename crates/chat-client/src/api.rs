//! The calls to the server, each with its time limit and its kind of failure.

use std::time::Duration;

use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Cursor, POLL_WAIT, Page, Post, Refusal, RoomInfo,
    SERVICE, Session,
};
use common::key::Key;
use common::net::{self, Redial};
use tarpc::client::RpcError;
use tarpc::context;

/// Longest a call may take that the server answers at once: a slow line and a busy disk.
const CALL: Duration = Duration::from_secs(8);

/// How much longer than its wait a poll may take, before the connection counts as lost.
const OVERDUE: Duration = Duration::from_secs(5);

type Client = ChatClient<Redial<ChatRequest, ChatResponse>>;

/// Why a call came to nothing.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The server would not.
    Refused(Refusal),
    /// The server was not reached, or did not answer; the words say why.
    Lost(Option<Box<net::Error>>, String),
}

impl From<RpcError> for Trouble {
    fn from(error: RpcError) -> Self {
        Self::Lost(
            net::explain(&error).cloned().map(Box::new),
            error.to_string(),
        )
    }
}

/// One session's way to its server.
#[derive(Clone)]
pub(crate) struct Calls {
    session: Session,
    quick: Client,
    waiting: Client,
}

type Outcome<T> = Result<T, Trouble>;

fn flat<T>(answer: Result<Result<T, Refusal>, RpcError>) -> Outcome<T> {
    answer.map_err(Trouble::from)?.map_err(Trouble::Refused)
}

impl Calls {
    pub(crate) fn new(server: &str, session: Session) -> Self {
        let redial = Redial::new(server, SERVICE);
        Self {
            session,
            quick: redial.within(CALL).into(),
            waiting: redial.within(POLL_WAIT + OVERDUE).into(),
        }
    }

    pub(crate) async fn enter(&self, nick: String) -> Outcome<String> {
        flat(
            self.quick
                .enter(context::current(), self.session, nick)
                .await,
        )
    }

    pub(crate) async fn join(&self, room: String, history: u32) -> Outcome<Cursor> {
        flat(
            self.quick
                .join(context::current(), self.session, room, history)
                .await,
        )
    }

    pub(crate) async fn leave(&self, room: String) -> Outcome<()> {
        flat(
            self.quick
                .leave(context::current(), self.session, room)
                .await,
        )
    }

    pub(crate) async fn bye(&self) {
        // The lease would end it anyway.
        let _ = self.quick.bye(context::current(), self.session).await;
    }

    pub(crate) async fn send(&self, room: String, posts: Vec<Post>) -> Outcome<Vec<u64>> {
        flat(
            self.quick
                .send(context::current(), self.session, room, posts)
                .await,
        )
    }

    pub(crate) async fn poll(&self, cursors: Vec<Cursor>, wait: Duration) -> Outcome<Vec<Page>> {
        let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        flat(
            self.waiting
                .poll(context::current(), self.session, cursors, wait)
                .await,
        )
    }

    pub(crate) async fn history(&self, room: String, limit: u32) -> Outcome<Page> {
        let call = self
            .quick
            .history(context::current(), self.session, room, u64::MAX, limit);
        flat(call.await)
    }

    pub(crate) async fn search(&self, room: String, text: String) -> Outcome<Page> {
        /// A screenful.
        const FOUND: u32 = 20;
        flat(
            self.quick
                .search(context::current(), self.session, room, text, FOUND)
                .await,
        )
    }

    pub(crate) async fn who(&self, room: String) -> Outcome<Vec<String>> {
        flat(self.quick.who(context::current(), self.session, room).await)
    }

    pub(crate) async fn rooms(&self) -> Outcome<Vec<RoomInfo>> {
        flat(self.quick.rooms(context::current(), self.session).await)
    }

    pub(crate) async fn admin(&self, token: &Key, order: Admin) -> Outcome<()> {
        let token = token.reveal().to_owned();
        flat(self.quick.admin(context::current(), token, order).await)
    }

    pub(crate) async fn private(&self, nick: String) -> Outcome<Cursor> {
        flat(
            self.quick
                .private(context::current(), self.session, nick)
                .await,
        )
    }
}
