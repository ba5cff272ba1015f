//! The service over loopback: what senders and readers see.

use std::net::SocketAddr;
use std::time::Duration;

use chat_server::log::Bounds;
use chat_server::{Config, Memory, run};
use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Cursor, Entered, Entry, Kind, Page, Post,
    Refusal, SERVICE, Session,
};
use common::cli::Interrupted;
use common::credential::Credential;
use common::net::Redial;
use futures::FutureExt;
use tarpc::context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type Client = ChatClient<Redial<ChatRequest, ChatResponse>>;

struct Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let config = Config {
            admin: Some(Credential::new("secret".into())),
            ..Config::new(Memory::new(Bounds::keeping(1000)))
        };
        let shutdown = stopped.map(|_| Interrupted::Term);
        let done = tokio::spawn(run(listener, config, shutdown));
        Self { addr, stop, done }
    }

    /// Returns a user with session `n` who is in the lobby.
    async fn user(&self, n: u64, nick: &str) -> User {
        let redial = Redial::new(self.addr.to_string(), SERVICE);
        let cursor = Cursor {
            room: "lobby".into(),
            after: 0,
            epoch: 0,
        };
        let mut user = User {
            client: redial.within(Duration::from_secs(30)).into(),
            session: session(n),
            cursor,
            id: 0,
        };
        user.enter(n, nick).await.expect("free");
        user.cursor = user.join("lobby").await.expect("a room");
        user
    }
}

/// Returns the numbers of the messages in these pages.
fn said(pages: Vec<Page>) -> Vec<u64> {
    let entries = pages.into_iter().flat_map(|page| page.entries);
    let said = entries.filter(|entry| entry.kind == Kind::Said);
    said.map(|entry| entry.number).collect()
}

fn session(n: u64) -> Session {
    Session(u128::from(n) << 64)
}

struct User {
    client: Client,
    session: Session,
    cursor: Cursor,
    id: u64,
}

impl User {
    async fn say(&mut self, body: &str) -> Result<u64, Refusal> {
        self.id += 1;
        self.send("lobby", self.id, body).await
    }

    async fn send(&self, room: &str, id: u64, body: &str) -> Result<u64, Refusal> {
        let (kind, body) = (Kind::Said, body.into());
        let posts = vec![Post { id, kind, body }];
        let here = context::current();
        let call = self
            .client
            .send(here, self.session, room.into(), posts.into());
        call.await.expect("up").map(|numbers| numbers[0])
    }

    /// Enters as session `n` with the client of this user.
    async fn enter(&self, n: u64, nick: &str) -> Result<Entered, Refusal> {
        let here = context::current();
        let call = self.client.enter(here, session(n), nick.into(), None);
        call.await.expect("up")
    }

    async fn join(&self, room: &str) -> Result<Cursor, Refusal> {
        let here = context::current();
        let call = self.client.join(here, self.session, room.into(), 0);
        call.await.expect("up")
    }

    async fn admin(&self, token: &str, command: Admin) -> Result<(), Refusal> {
        let here = context::current();
        let call = self.client.admin(here, self.session, token.into(), command);
        call.await.expect("up").map(drop)
    }

    async fn poll(&self, cursors: Vec<Cursor>, wait_ms: u32) -> Vec<Page> {
        let here = context::current();
        let call = self
            .client
            .poll(here, self.session, cursors.into(), wait_ms);
        call.await.expect("up").expect("here").into_inner()
    }

    /// Follows the poll that waits. Returns the numbers that it brings.
    async fn follow(&self, wait_ms: u32) -> Vec<u64> {
        let call = self
            .client
            .follow(context::current(), self.session, wait_ms);
        said(call.await.expect("up").expect("here").into_inner())
    }

    /// Waits for entries in the lobby and returns them.
    async fn hear(&mut self) -> Vec<Entry> {
        let pages = self.poll(vec![self.cursor.clone()], 15_000).await;
        let lobby = pages.into_iter().find(|page| page.room == "lobby");
        let entries = lobby.map(|page| page.entries).unwrap_or_default();
        self.cursor.after = entries.last().map_or(self.cursor.after, |last| last.number);
        entries
    }

    /// Listens until a message is `body`. Returns all messages up to it.
    async fn hear_until(&mut self, body: &str) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        while said.last().is_none_or(|last| last != body) {
            let entries = self.hear().await;
            let words = entries.into_iter().filter(|entry| entry.kind == Kind::Said);
            said.extend(words.map(|entry| entry.body.to_string()));
        }
        said
    }
}

#[tokio::test]
async fn all_users_hear_the_same_in_the_same_order() {
    let server = Server::start().await;
    let mut users = Vec::new();
    for (session, nick) in [(1, "ann"), (2, "bob"), (3, "eve")] {
        users.push(server.user(session, nick).await);
    }
    for i in 0..5 {
        for user in &mut users {
            user.say(&format!("{i} from {}", user.session.0 >> 64))
                .await
                .expect("heard");
        }
    }
    users[0].say("the end").await.expect("heard");
    let first = users[0].hear_until("the end").await;
    assert_eq!(first.len(), 16);
    for user in &mut users[1..] {
        assert_eq!(user.hear_until("the end").await, first);
    }
}

#[tokio::test]
async fn a_poll_waits_for_an_entry_and_the_next_poll_ends_it() {
    let server = Server::start().await;
    let mut ann = server.user(1, "ann").await;
    let mut bob = server.user(2, "bob").await;
    while ann.cursor.after < 2 {
        ann.hear().await; // until the notices of both are read
    }
    let (heard, said) = tokio::join!(ann.hear(), bob.say("hello"));
    assert_eq!(heard.last().map(|entry| entry.number), said.ok());
    let cursor = ann.cursor.clone();
    let (first, second) = tokio::join!(
        biased;
        ann.poll(vec![cursor.clone()], 15_000),
        ann.poll(vec![cursor.clone()], 0),
    );
    assert!(
        first.is_empty() && second.is_empty(),
        "neither waited for 15 seconds"
    );
}

#[tokio::test]
async fn a_repeated_send_returns_the_same_number() {
    let server = Server::start().await;
    let mut ann = server.user(1, "ann").await;
    let number = ann.say("once").await;
    ann.id -= 1;
    assert_eq!(ann.say("once").await, number);
}

#[tokio::test]
async fn refusals_say_why() {
    let server = Server::start().await;
    let mut ann = server.user(1, "ann").await;
    let taken = ann.enter(2, "ANN").await;
    assert!(matches!(taken, Err(Refusal::NickTaken { by, free }) if by == "ann" && free == "ANN2"));
    for unfit in [" ", &"x".repeat(4097)] {
        assert!(matches!(ann.say(unfit).await, Err(Refusal::Unfit(_))));
    }
    assert_eq!(ann.send("kitchen", 9, "hi").await, Err(Refusal::NotJoined));
    ann.session = session(99);
    assert_eq!(ann.join("lobby").await, Err(Refusal::NoSession));
}

#[tokio::test]
async fn a_call_that_follows_a_poll_brings_what_comes_after_its_answer() {
    let server = Server::start().await;
    let mut ann = server.user(1, "ann").await;
    let bob = server.user(2, "bob").await;
    let read = async {
        let (mut heard, mut followed) = (Vec::new(), 0);
        while heard.len() < 20 {
            let after = heard.last().copied().unwrap_or(bob.cursor.after);
            let cursors = vec![Cursor {
                after,
                ..bob.cursor.clone()
            }];
            let (poll, follow) = tokio::join!(bob.poll(cursors, 15_000), bob.follow(15_000));
            heard.extend(said(poll));
            followed += follow.len();
            heard.extend(follow);
        }
        (heard, followed)
    };
    let talk = async {
        let mut numbers = Vec::new();
        for _ in 0..20 {
            numbers.push(ann.say("hello").await.expect("heard"));
        }
        numbers
    };
    let ((heard, followed), numbers) = tokio::join!(read, talk);
    assert_eq!(heard, numbers);
    assert!(followed > 0, "all came by polls");
}

#[tokio::test]
async fn a_call_ends_at_once_if_no_poll_waits_on_its_connection() {
    let server = Server::start().await;
    let ann = server.user(1, "ann").await;
    assert_eq!(ann.follow(15_000).await, [0; 0]);
    let other = User {
        session: ann.session,
        ..server.user(2, "bob").await
    };
    let cursor = Cursor {
        after: u64::MAX,
        ..ann.cursor.clone()
    };
    tokio::select! {
        biased;
        _ = ann.poll(vec![cursor], 15_000) => panic!("nothing is said"),
        follow = other.follow(15_000) => assert_eq!(follow, [0; 0]),
    }
}

#[tokio::test]
async fn a_private_room_is_for_two_and_finds_the_other_one_by_itself() {
    let server = Server::start().await;
    let ann = server.user(1, "ann").await;
    let bob = server.user(2, "bob").await;
    let here = context::current();
    let private = ann.client.private(here, ann.session, "bob".into()).await;
    let room = private.expect("up").expect("both here").cursor.room;
    ann.send(&room, 1, "psst").await.expect("in it");
    let pages = bob.poll(vec![bob.cursor.clone()], 15_000).await;
    let page = pages.iter().find(|page| page.room == room);
    assert_eq!(page.expect("without a cursor").entries[0].body, "psst");
    let eve = server.user(3, "eve").await;
    let history = eve
        .client
        .history(here, eve.session, room.clone(), u64::MAX, 10);
    let history = history.await.expect("up");
    assert_eq!(history.err(), Some(Refusal::NotJoined));
    assert_eq!(eve.join(&room).await.err(), Some(Refusal::NotJoined));
    assert_eq!(bob.join(&room).await.expect("his own").room, room);
}

#[tokio::test]
async fn only_the_token_kicks() {
    let server = Server::start().await;
    let mut ann = server.user(1, "ann").await;
    server.user(2, "bob").await;
    let (nick, why) = ("bob".to_owned(), "too loud".to_owned());
    let kick = Admin::Kick { nick, why };
    for (token, result) in [
        ("wrong", Err(Refusal::WrongToken)),
        ("secret", Ok(())),
        ("secret", Err(Refusal::Nobody)),
    ] {
        assert_eq!(ann.admin(token, kick.clone()).await, result);
    }
    let left = loop {
        let entries = ann.hear().await.into_iter();
        if let Some(left) = entries.rev().find(|entry| entry.kind == Kind::Left) {
            break left;
        }
    };
    assert_eq!(left.nick, "bob");
    assert_eq!(left.body, "was put out by an operator: too loud");
    let kicked = Refusal::Kicked("too loud".into());
    assert_eq!(ann.enter(2, "bob").await, Err(kicked));
    server.user(3, "bob").await; // a new session may have the nick
}

#[tokio::test]
async fn a_ban_is_for_the_address_and_can_be_lifted() {
    let server = Server::start().await;
    let ann = server.user(1, "ann").await;
    server.user(2, "bob").await;
    let (nick, whom) = ("bob".to_owned(), "bob".to_owned());
    let ban = Admin::Ban {
        whom: whom.clone(),
        minutes: 0,
        why: String::new(),
    };
    assert_eq!(ann.admin("secret", ban).await, Ok(()));
    assert_eq!(ann.enter(3, "bob").await, Err(Refusal::Banned));
    assert!(ann.enter(1, "anna").await.is_ok(), "an operator stays");
    let unban = Admin::Unban { whom };
    assert_eq!(ann.admin("secret", unban.clone()).await, Ok(()));
    assert_eq!(ann.admin("secret", unban).await, Err(Refusal::Nobody));
    assert!(ann.enter(3, "bob").await.is_ok());
    let why = "x".repeat(257);
    let long = ann.admin("secret", Admin::Kick { nick, why }).await;
    assert!(matches!(long, Err(Refusal::Unfit(_))), "{long:?}");
}

#[tokio::test]
async fn shutdown_ends_waiting_polls_at_once() {
    let server = Server::start().await;
    let mut ann = server.user(1, "ann").await;
    ann.hear().await;
    let Server { stop, done, .. } = server;
    let waiting = tokio::spawn(async move { ann.hear().await });
    let _ = stop.send(());
    done.await.expect("drained");
    // An empty answer or a closed connection; only 15 seconds of waiting would be wrong.
    drop(waiting.await);
}
