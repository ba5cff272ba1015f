//! What a client costs the server while its poll waits. In a program of its own, because it counts
//! the memory of the whole process; its clients are bare sockets, which take none of it.

use std::future::pending;
use std::net::SocketAddr;

use chat_server::log::Bounds;
use chat_server::{Config, Listeners, Memory, run};
use common::chat::{ChatRequest, ChatResponse, Cursor, SERVICE, Session};
use common::net::{greeting, wire};
use peak_alloc::PeakAlloc;
use tarpc::{ClientMessage, Request, Response, context};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const CLIENTS: usize = 200;

/// The most bytes of an idle client: 8231 were measured, of which 1024 are its two buffers.
const MOST: usize = 9000;

/// Sends a request, and does not wait for its answer.
async fn ask(io: &mut TcpStream, message: ChatRequest) {
    let request = Request {
        context: context::current(),
        id: 1,
        message,
    };
    let bytes = postcard::to_stdvec(&ClientMessage::Request(request)).expect("bytes");
    let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
    let frame = [length.as_slice(), &bytes].concat();
    io.write_all(&frame).await.expect("up");
}

async fn call(io: &mut TcpStream, request: ChatRequest) -> ChatResponse {
    ask(io, request).await;
    let length = io.read_u32().await.expect("an answer");
    let mut frame = vec![0; length as usize];
    io.read_exact(&mut frame).await.expect("all of it");
    let response: Response<ChatResponse> = wire::decode(&frame).expect("an answer");
    response.message.expect("no error")
}

/// Joins the lobby, which may be repeated. Returns a cursor after all that is there.
async fn join(io: &mut TcpStream, session: Session) -> Cursor {
    let (room, history) = ("lobby".into(), 0);
    let request = ChatRequest::Join {
        session,
        room,
        history,
    };
    match call(io, request).await {
        ChatResponse::Join(Ok(cursor)) => cursor,
        refused => panic!("{refused:?}"),
    }
}

async fn enter(addr: SocketAddr, session: Session) -> TcpStream {
    let mut io = TcpStream::connect(addr).await.expect("up");
    let greeted = greeting::exchange(&mut io, SERVICE, false).await;
    greeted.expect("a chat server");
    let nick = format!("p{}", session.0);
    let owner = None;
    let request = ChatRequest::Enter {
        session,
        nick,
        owner,
    };
    let entered = call(&mut io, request).await;
    assert!(matches!(entered, ChatResponse::Enter(Ok(_))), "{entered:?}");
    join(&mut io, session).await;
    io
}

/// Returns how many polls wait, as operators see it.
async fn waiting(metrics: SocketAddr) -> usize {
    let mut io = TcpStream::connect(metrics).await.expect("up");
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    io.write_all(request).await.expect("up");
    let mut page = String::new();
    io.read_to_string(&mut page).await.expect("a page");
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("chat_polls_waiting "));
    line.expect("there").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_client_takes_little_memory() {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let (chat, operators) = (bind().await.expect("a port"), bind().await.expect("a port"));
    let addr = |listener: &TcpListener| listener.local_addr().expect("bound");
    let (at, metrics) = (addr(&chat), addr(&operators));
    let listeners = Listeners {
        chat,
        metrics: Some(operators),
        http: None,
    };
    let log = Memory::new(Bounds::default());
    tokio::spawn(run(listeners, Config::new(log), pending()));
    assert_eq!(waiting(metrics).await, 0);
    let before = MEMORY.current_usage();
    let mut clients = Vec::new();
    for n in 1..=CLIENTS {
        let session = Session(n as u128);
        clients.push((session, enter(at, session).await));
    }
    let mut polling = Vec::new();
    for (session, mut io) in clients {
        let cursors = vec![join(&mut io, session).await].into();
        let wait_ms = 15_000;
        let request = ChatRequest::Poll {
            session,
            cursors,
            wait_ms,
        };
        ask(&mut io, request).await;
        polling.push(io.into_std().expect("a socket"));
    }
    while waiting(metrics).await < CLIENTS {}
    let each = MEMORY.current_usage().saturating_sub(before) / CLIENTS;
    assert!(each <= MOST, "{each} bytes");
    assert_eq!(
        waiting(metrics).await,
        CLIENTS,
        "a poll has ended: nothing was measured"
    );
}
