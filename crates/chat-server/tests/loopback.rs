//! The service over loopback: what readers and writers see.

use std::net::SocketAddr;
use std::time::Duration;

use chat_server::{Config, Memory, run};
use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Cursor, Entry, Kind, Post, Refusal, SERVICE,
    Session,
};
use common::cli::Interrupted;
use common::key::Key;
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
            admin: Some(Key::new("secret".into())),
            ..Config::new(Memory::new(1000))
        };
        let shutdown = stopped.map(|_| Interrupted::Term);
        let done = tokio::spawn(run(listener, config, shutdown));
        Self { addr, stop, done }
    }

    fn client(&self) -> Client {
        Redial::new(self.addr.to_string(), SERVICE)
            .within(Duration::from_secs(30))
            .into()
    }

    /// Somebody in the lobby: the session of guest `n`.
    async fn guest(&self, n: u64, nick: &str) -> Guest {
        let session = session(n);
        let client = self.client();
        let here = context::current();
        client
            .enter(here, session, nick.into())
            .await
            .expect("up")
            .expect("free");
        let cursor = client
            .join(here, session, "lobby".into(), 0)
            .await
            .expect("up");
        Guest {
            client,
            session,
            cursor: cursor.expect("room"),
            id: 0,
        }
    }
}

fn session(n: u64) -> Session {
    Session::from(n) << 64
}

struct Guest {
    client: Client,
    session: Session,
    cursor: Cursor,
    id: u64,
}

impl Guest {
    async fn say(&mut self, body: &str) -> Result<u64, Refusal> {
        self.id += 1;
        let post = Post {
            id: self.id,
            kind: Kind::Said,
            body: body.into(),
        };
        let call = self
            .client
            .send(context::current(), self.session, "lobby".into(), vec![post]);
        call.await.expect("up").map(|numbers| numbers[0])
    }

    async fn poll(&self, cursors: Vec<Cursor>, wait_ms: u32) -> Vec<common::chat::Page> {
        let poll = self
            .client
            .poll(context::current(), self.session, cursors, wait_ms);
        poll.await.expect("up").expect("here")
    }

    /// What is new in the lobby; waits for it.
    async fn hear(&mut self) -> Vec<Entry> {
        let pages = self.poll(vec![self.cursor.clone()], 15_000).await;
        let lobby = pages.into_iter().find(|page| page.room == "lobby");
        let entries = lobby.map(|page| page.entries).unwrap_or_default();
        self.cursor.after = entries.last().map_or(self.cursor.after, |last| last.number);
        entries
    }

    /// Listens until somebody says `body`; answers all messages until then.
    async fn hear_until(&mut self, body: &str) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        while said.last().is_none_or(|last| last != body) {
            let entries = self.hear().await;
            let words = entries.into_iter().filter(|entry| entry.kind == Kind::Said);
            said.extend(words.map(|entry| entry.body));
        }
        said
    }
}

#[tokio::test]
async fn everybody_hears_the_same_in_the_same_order() {
    let server = Server::start().await;
    let mut guests = Vec::new();
    for (session, nick) in [(1, "ann"), (2, "bob"), (3, "eve")] {
        guests.push(server.guest(session, nick).await);
    }
    for i in 0..5 {
        for guest in &mut guests {
            guest
                .say(&format!("{i} from {}", guest.session >> 64))
                .await
                .expect("heard");
        }
    }
    guests[0].say("the end").await.expect("heard");
    let first = guests[0].hear_until("the end").await;
    assert_eq!(first.len(), 16);
    for guest in &mut guests[1..] {
        assert_eq!(guest.hear_until("the end").await, first);
    }
}

#[tokio::test]
async fn a_poll_waits_for_news_and_the_next_poll_ends_it() {
    let server = Server::start().await;
    let mut ann = server.guest(1, "ann").await;
    let mut bob = server.guest(2, "bob").await;
    while ann.cursor.after < 2 {
        ann.hear().await; // both came in
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
async fn who_repeats_a_send_is_told_the_same_number() {
    let server = Server::start().await;
    let mut ann = server.guest(1, "ann").await;
    let number = ann.say("once").await;
    ann.id -= 1;
    assert_eq!(ann.say("once").await, number);
}

#[tokio::test]
async fn refusals_say_why() {
    let server = Server::start().await;
    let mut ann = server.guest(1, "ann").await;
    let here = context::current();
    let taken = ann
        .client
        .enter(here, session(2), "ANN".into())
        .await
        .expect("up");
    assert_eq!(taken, Err(Refusal::NickTaken));
    assert!(matches!(ann.say(" ").await, Err(Refusal::Unfit(_))));
    assert!(matches!(
        ann.say(&"x".repeat(4097)).await,
        Err(Refusal::Unfit(_))
    ));
    let stranger = ann
        .client
        .join(here, session(99), "lobby".into(), 0)
        .await
        .expect("up");
    assert_eq!(stranger, Err(Refusal::NoSession));
    let elsewhere = Post {
        id: 9,
        kind: Kind::Said,
        body: "hi".into(),
    };
    let sent = ann
        .client
        .send(here, session(1), "kitchen".into(), vec![elsewhere])
        .await
        .expect("up");
    assert_eq!(sent, Err(Refusal::NotJoined));
}

#[tokio::test]
async fn a_private_room_finds_the_other_by_itself() {
    let server = Server::start().await;
    let ann = server.guest(1, "ann").await;
    let bob = server.guest(2, "bob").await;
    let here = context::current();
    let cursor = ann
        .client
        .private(here, session(1), "bob".into())
        .await
        .expect("up")
        .expect("both here");
    let post = Post {
        id: 1,
        kind: Kind::Said,
        body: "psst".into(),
    };
    ann.client
        .send(here, session(1), cursor.room.clone(), vec![post])
        .await
        .expect("up")
        .expect("in it");
    let pages = bob.poll(vec![bob.cursor.clone()], 15_000).await;
    let page = pages
        .iter()
        .find(|page| page.room == cursor.room)
        .expect("unasked");
    assert_eq!(page.entries[0].body, "psst");
    let eve = server.guest(3, "eve").await;
    let peek = eve
        .client
        .history(here, session(3), cursor.room, u64::MAX, 10)
        .await
        .expect("up");
    assert!(matches!(peek, Err(Refusal::Unfit(_))), "{peek:?}");
    let barge = eve
        .client
        .join(here, session(3), page.room.clone(), 0)
        .await
        .expect("up");
    assert!(matches!(barge, Err(Refusal::Unfit(_))), "{barge:?}");
    let again = bob
        .client
        .join(here, session(2), page.room.clone(), 0)
        .await
        .expect("up");
    assert_eq!(again.expect("his own").room, page.room);
}

#[tokio::test]
async fn only_the_token_kicks() {
    let server = Server::start().await;
    let mut ann = server.guest(1, "ann").await;
    server.guest(2, "bob").await;
    let here = context::current();
    let kick = |token: &str| {
        let (nick, why) = ("bob".into(), "too loud".into());
        ann.client
            .admin(here, token.into(), Admin::Kick { nick, why })
    };
    assert_eq!(kick("wrong").await.expect("up"), Err(Refusal::WrongToken));
    assert_eq!(kick("secret").await.expect("up"), Ok(()));
    assert_eq!(kick("secret").await.expect("up"), Err(Refusal::Nobody));
    let mut last = None;
    while last
        .as_ref()
        .is_none_or(|entry: &Entry| entry.kind != Kind::Left)
    {
        last = ann.hear().await.pop().or(last);
    }
    let told = last.map(|entry| entry.nick + " " + &entry.body);
    assert_eq!(
        told.as_deref(),
        Some("bob was put out by an operator: too loud")
    );
    let back = ann.client.enter(here, session(2), "bob".into()).await;
    assert_eq!(back.expect("up"), Err(Refusal::Kicked("too loud".into())));
    server.guest(3, "bob").await; // another life
}

#[tokio::test]
async fn a_ban_is_for_the_address_and_can_be_lifted() {
    let server = Server::start().await;
    let ann = server.guest(1, "ann").await;
    server.guest(2, "bob").await;
    let here = context::current();
    let order = |order| ann.client.admin(here, "secret".into(), order);
    let (nick, why) = ("bob".to_owned(), String::new());
    let ban = Admin::Ban {
        nick: nick.clone(),
        why,
    };
    assert_eq!(order(ban).await.expect("up"), Ok(()));
    let enter = |n| ann.client.enter(here, session(n), "bob".into());
    assert_eq!(enter(3).await.expect("up"), Err(Refusal::Banned));
    let renamed = ann.client.enter(here, session(1), "anna".into()).await;
    assert!(renamed.expect("up").is_ok(), "who is here stays");
    let unban = || order(Admin::Unban { nick: nick.clone() });
    assert_eq!(unban().await.expect("up"), Ok(()));
    assert_eq!(unban().await.expect("up"), Err(Refusal::Nobody));
    assert!(enter(3).await.expect("up").is_ok());
    let why = "x".repeat(257);
    let long = order(Admin::Kick { nick, why }).await.expect("up");
    assert!(matches!(long, Err(Refusal::Unfit(_))), "{long:?}");
}

#[tokio::test]
async fn shutdown_ends_waiting_polls_at_once() {
    let server = Server::start().await;
    let mut ann = server.guest(1, "ann").await;
    ann.hear().await;
    let Server { stop, done, .. } = server;
    let waiting = tokio::spawn(async move { ann.hear().await });
    let _ = stop.send(());
    done.await.expect("drained");
    drop(waiting.await); // an empty answer or a closed connection, but not 15 seconds
}
