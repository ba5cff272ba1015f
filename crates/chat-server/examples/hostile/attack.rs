//! What one address can do to a chat server, all at once.

use std::sync::Arc;
use std::time::Duration;

use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Cursor, Kind, MAX_CURSORS, Post, SERVICE, Session,
};
use common::net::{Channel, greeting};
use futures::future::join_all;
use tarpc::{ClientMessage, Request, Response, context};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

type Client = ChatClient<Channel<ChatRequest, ChatResponse>>;
type Raw = common::net::wire::Wire<TcpStream, Response<ChatResponse>, ClientMessage<ChatRequest>>;

/// Calls that each attack has under way at once.
const AT_ONCE: u64 = 64;

/// Does everything at once until the time is over.
pub(crate) async fn everything(addr: &str, span: Duration) {
    let until = Instant::now() + span;
    let addr: Arc<str> = addr.into();
    let mut attacks = JoinSet::new();
    for kind in 0..KINDS {
        let addr = addr.clone();
        attacks.spawn(timeout_at(until, async move {
            loop {
                attack(kind, &addr).await;
                // One that was refused at once comes again, but leaves this machine to the others.
                sleep(Duration::from_millis(5)).await;
            }
        }));
    }
    while attacks.join_next().await.is_some() {}
}

const KINDS: u32 = 14;

async fn attack(kind: u32, addr: &str) {
    match kind {
        0 => sleep_on_connections(addr).await,
        1 => read_nothing(addr).await,
        2 => odd_frames(addr).await,
        _ => {
            let Ok(channel) = Channel::open(addr, SERVICE).await else {
                return;
            };
            let client = Client::from(channel);
            // As many rounds as a connection lasts.
            while calls(kind, &client).await {}
        }
    }
}

/// Many connections that were greeted and say nothing.
async fn sleep_on_connections(addr: &str) {
    let greet = async |_| {
        let mut io = TcpStream::connect(addr).await.ok()?;
        greeting::exchange(&mut io, SERVICE, false).await.ok()?;
        Some(io)
    };
    let connections = join_all((0..512).map(greet)).await;
    sleep(Duration::from_secs(5)).await;
    drop(connections);
}

/// A connection that asks for a lot and reads nothing.
async fn read_nothing(addr: &str) {
    let Some(mut wire) = raw(addr).await else {
        return;
    };
    for id in 0..2000 {
        let message = ChatRequest::History {
            session: Session(1),
            room: "lobby".into(),
            before: u64::MAX,
            limit: 1000,
        };
        if send(&mut wire, id, message).await.is_none() {
            return;
        }
    }
    sleep(Duration::from_secs(2)).await;
}

async fn raw(addr: &str) -> Option<Raw> {
    let mut io = TcpStream::connect(addr).await.ok()?;
    greeting::exchange(&mut io, SERVICE, false).await.ok()?;
    Some(common::net::wire::wire(io))
}

async fn send(wire: &mut Raw, id: u64, message: ChatRequest) -> Option<()> {
    use futures::SinkExt as _;
    let context = context::current();
    let request = Request {
        context,
        id,
        message,
    };
    wire.send(ClientMessage::Request(request)).await.ok()
}

/// Frames that announce much and bring little, or nothing that can be decoded.
async fn odd_frames(addr: &str) {
    for frame in [
        &[0, 4, 0, 0, 1, 2, 3][..],
        &[0xff; 64],
        &[
            0, 0, 0, 11, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ],
    ] {
        let Ok(mut io) = TcpStream::connect(addr).await else {
            return;
        };
        if greeting::exchange(&mut io, SERVICE, false).await.is_ok() {
            let _ = io.write_all(frame).await;
        }
    }
}

/// One round of calls of a kind. Returns whether the connection is still there.
async fn calls(kind: u32, client: &Client) -> bool {
    let round = (0..AT_ONCE).map(|_| one_call(kind, client));
    join_all(round).await.into_iter().any(|alive| alive)
}

async fn one_call(kind: u32, client: &Client) -> bool {
    let here = context::current;
    let session = Session(rand::random());
    let name = format!("x{:x}", session.0 as u32);
    let lobby = || "lobby".to_owned();
    let entered = client.enter(here(), session, name.clone(), None).await;
    if entered.is_err() {
        return false;
    }
    match kind {
        3 => client.join(here(), session, lobby(), 50).await.is_ok(),
        4 => client
            .history(here(), session, name, u64::MAX, 1000)
            .await
            .is_ok(),
        5 => {
            let joined = client.join(here(), session, lobby(), 0).await;
            joined.is_ok() && client.leave(here(), session, lobby()).await.is_ok()
        }
        6 => client
            .private(here(), session, "member".into())
            .await
            .is_ok(),
        7 => {
            let text = "a".repeat(60);
            client
                .search(here(), session, lobby(), text, 1000)
                .await
                .is_ok()
        }
        8 => {
            let (nick, why) = ("member".into(), String::new());
            let kick = Admin::Kick { nick, why };
            client
                .admin(here(), session, "guess".into(), kick)
                .await
                .is_ok()
        }
        9 => client.join(here(), session, name, 0).await.is_ok(),
        10 => {
            let joined = client.join(here(), session, lobby(), 0).await;
            let post = |id| Post {
                id,
                kind: Kind::Said,
                body: "a".repeat(4000).into(),
            };
            let posts: Vec<_> = (0..20).map(post).collect();
            joined.is_ok()
                && client
                    .send(here(), session, lobby(), posts.into())
                    .await
                    .is_ok()
        }
        11 => client
            .who(here(), session, lobby(), String::new())
            .await
            .is_ok(),
        12 => client.rooms(here(), session, String::new()).await.is_ok(),
        _ => {
            let room = String::new();
            let cursor = Cursor {
                room,
                after: 0,
                epoch: 0,
            };
            let cursors = vec![cursor; MAX_CURSORS];
            client
                .poll(here(), session, cursors.into(), 15_000)
                .await
                .is_ok()
        }
    }
}
