//! A server in this process, and members of its chat that do as they like.

use std::net::SocketAddr;
use std::time::Duration;

use chat_server::log::{Bounds, Log};
use chat_server::{Config, Memory, run};
use common::chat::{
    Admin, Bounded, ChatClient, Cursor, Entered, Entry, Kind, Page, Post, Private, Result, SERVICE,
    Session,
};
use common::cli::Interrupted;
use common::credential::Credential;
use common::net::{Limits, greeting, wire};
use futures::FutureExt;
use tarpc::{client, context};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far above what anything takes here, and below the 15 s that a poll waits.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(10);

pub(crate) const TOKEN: &str = "sixteen bytes or";

pub(crate) struct Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

/// A server over `log` that has shares for loopback addresses, too.
pub(crate) fn config(log: Log) -> Config {
    Config {
        rate: 100,
        admin: Some(Credential::new(TOKEN.into())),
        limits: Limits {
            frees_loopback: false,
            ..Limits::default()
        },
        ..Config::new(log)
    }
}

pub(crate) fn small(rooms: usize) -> Config {
    config(Memory::new(Bounds {
        rooms,
        ..Bounds::keeping(100)
    }))
}

impl Server {
    pub(crate) async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = stopped.map(|_| Interrupted::Term);
        let done = tokio::spawn(run(listener, config, shutdown));
        Self { addr, stop, done }
    }

    /// A session on a connection of its own that comes from 127.0.0.`from`.
    pub(crate) async fn connect(&self, from: u8, session: u128) -> Member {
        let session = Session(session);
        let socket = TcpSocket::new_v4().expect("a socket");
        let ip = SocketAddr::from(([127, 0, 0, from], 0));
        socket.bind(ip).expect("all of 127/8 is ours");
        let mut io = socket.connect(self.addr).await.expect("accepted");
        greeting::exchange(&mut io, SERVICE, false)
            .await
            .expect("greeted");
        let client = ChatClient::new(client::Config::default(), wire::wire(io)).spawn();
        Member { client, session }
    }

    /// The same, entered under `nick` and in the lobby.
    pub(crate) async fn member(&self, from: u8, session: u128, nick: &str) -> Member {
        let member = self.connect(from, session).await;
        member.enter(nick).await.expect("let in");
        member.join("lobby").await.expect("a room");
        member
    }

    pub(crate) async fn shut_down(self) {
        let _ = self.stop.send(());
        let ended = timeout(AT_ONCE, self.done).await;
        ended.expect("it ends").expect("no panic");
    }
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) client: ChatClient,
    pub(crate) session: Session,
}

impl Member {
    /// The same connection with another session.
    pub(crate) fn with(&self, session: u128) -> Self {
        let session = Session(session);
        let client = self.client.clone();
        Self { client, session }
    }

    pub(crate) async fn enter(&self, nick: &str) -> Result<Entered> {
        let call = self
            .client
            .enter(context::current(), self.session, nick.into(), None);
        call.await.expect("answered")
    }

    pub(crate) async fn join(&self, room: &str) -> Result<Cursor> {
        let here = context::current();
        let call = self.client.join(here, self.session, room.into(), 0);
        call.await.expect("answered")
    }

    pub(crate) async fn leave(&self, room: &str) -> Result<String> {
        let call = self
            .client
            .leave(context::current(), self.session, room.into());
        call.await.expect("answered")
    }

    pub(crate) async fn bye(&self) {
        let call = self.client.bye(context::current(), self.session);
        call.await.expect("answered");
    }

    pub(crate) async fn say(&self, room: &str, id: u64, body: &str) -> Result<Vec<u64>> {
        let (kind, body) = (Kind::Said, body.into());
        let posts = vec![Post { id, kind, body }].into();
        let here = context::current();
        let call = self.client.send(here, self.session, room.into(), posts);
        call.await.expect("answered").map(Bounded::into_inner)
    }

    pub(crate) async fn private(&self, nick: &str) -> Result<Private> {
        let call = self
            .client
            .private(context::current(), self.session, nick.into());
        call.await.expect("answered")
    }

    pub(crate) async fn history(&self, room: &str) -> Result<Page> {
        let here = context::current();
        let call = self
            .client
            .history(here, self.session, room.into(), u64::MAX, 100);
        call.await.expect("answered")
    }

    pub(crate) async fn poll(&self, wait_ms: u32) -> Result<Vec<Page>> {
        let here = context::current();
        let call = self.client.poll(here, self.session, vec![].into(), wait_ms);
        call.await.expect("answered").map(Bounded::into_inner)
    }

    /// Reads the lobby after a number, or waits for something there.
    pub(crate) async fn read_after(
        &self,
        after: u64,
        epoch: u64,
        wait_ms: u32,
    ) -> Result<Vec<Page>> {
        let room = "lobby".to_owned();
        let cursors = vec![Cursor { room, after, epoch }].into();
        let here = context::current();
        let call = self.client.poll(here, self.session, cursors, wait_ms);
        call.await.expect("answered").map(Bounded::into_inner)
    }

    pub(crate) async fn admin(&self, token: &str, command: Admin) -> Result<Vec<String>> {
        let here = context::current();
        let call = self.client.admin(here, self.session, token.into(), command);
        let bans = call.await.expect("answered")?.part;
        Ok(bans.into_iter().map(|ban| ban.network).collect())
    }

    pub(crate) async fn bodies(&self, room: &str) -> Vec<String> {
        let page = self.history(room).await.expect("a member");
        let said = page
            .entries
            .into_iter()
            .filter(|entry| entry.kind == Kind::Said);
        said.map(|Entry { body, .. }| body.to_string()).collect()
    }
}
