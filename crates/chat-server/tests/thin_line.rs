//! A reader behind a line that carries little in the time of one call gets all the same.

use std::net::SocketAddr;
use std::time::Duration;

use chat_server::log::{Bounds, Log, NewEntry};
use chat_server::{Config, Memory, run};
use common::chat::{
    ChatClient, ChatRequest, ChatResponse, Cursor, Kind, MAX_PAGE, SERVICE, Session,
};
use common::net::Redial;
use tarpc::context;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// What the line brings on one connection: less than half of the largest page.
const LINE: u64 = 60_000;

/// More than three of the largest pages.
const MESSAGES: u64 = 4000;

/// A server with a backlog. Returns its address.
async fn server() -> SocketAddr {
    let log: Log = Memory::new(Bounds::default());
    let entry = |id| NewEntry {
        sender: 1,
        id: Some(id),
        kind: Kind::Said,
        nick: "bob".into(),
        body: "x".repeat(60).into(),
        at_ms: 1,
    };
    let entries: Vec<_> = (1..=MESSAGES).map(entry).collect();
    assert!(entries.len() * 60 > 3 * MAX_PAGE / 2);
    log.append("lobby", entries).await.expect("stored");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(run(listener, Config::new(log), std::future::pending()));
    addr
}

/// A line to `to` that brings so many bytes and then breaks, on each connection.
async fn line(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((here, _)) = listener.accept().await {
            tokio::spawn(async move {
                let there = TcpStream::connect(to).await.expect("up");
                let (mut from_here, mut to_here) = here.into_split();
                let (from_there, mut to_there) = there.into_split();
                let mut brings = from_there.take(LINE);
                tokio::select! {
                    _ = copy(&mut brings, &mut to_here) => {}
                    _ = copy(&mut from_here, &mut to_there) => {}
                }
                let _ = to_here.shutdown().await;
            });
        }
    });
    addr
}

#[tokio::test]
async fn a_backlog_arrives_in_pages_that_the_line_can_carry() {
    let line = line(server().await).await;
    let redial: Redial<ChatRequest, ChatResponse> = Redial::new(line.to_string(), SERVICE);
    let client = ChatClient::from(redial.within(Duration::from_secs(30)));
    let (here, ann) = (context::current, Session(1 << 64));
    let mut cursor: Option<Cursor> = None;
    let mut read = Vec::new();
    for _ in 0..100 {
        // Whatever of it fails is tried again, as a client does.
        let Ok(Ok(_)) = client.enter(here(), ann, "ann".into(), None).await else {
            continue;
        };
        if cursor.is_none()
            && let Ok(Ok(joined)) = client.join(here(), ann, "lobby".into(), 0).await
        {
            cursor = Some(Cursor { after: 0, ..joined });
        }
        let Some(cursor) = &mut cursor else { continue };
        while let Ok(Ok(pages)) = client
            .poll(here(), ann, vec![cursor.clone()].into(), 0)
            .await
        {
            for entry in pages.iter().flat_map(|page| &page.entries) {
                cursor.after = entry.number;
                read.push(entry.number);
            }
            if cursor.after >= MESSAGES {
                assert!(read.into_iter().eq(1..=cursor.after), "each of them once");
                return;
            }
        }
    }
    panic!("{} of {MESSAGES} messages have arrived", read.len());
}
