//! What operators see: the pages over real sockets, and what odd requests get.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_server::log::{
    Bounds, Head, Log, LogError, NewEntry, PageLimit, Ready, Reply, RoomLog, Status,
};
use chat_server::{Config, Listeners, Memory, run};
use common::chat::{
    ChatClient, ChatRequest, ChatResponse, Cursor, Kind, Page, Post, SERVICE, Session,
};
use common::net::Redial;
use common::pen::Pen;
use futures::FutureExt;
use futures::future::ready;
use tarpc::context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Client = ChatClient<Redial<ChatRequest, ChatResponse>>;

/// Starts a server. Returns the address of its chat and that of its metrics.
async fn start(log: Log) -> (SocketAddr, SocketAddr) {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let chat = bind().await.expect("a free port");
    let metrics = bind().await.expect("a free port");
    let addr = |listener: &TcpListener| listener.local_addr().expect("bound");
    let addrs = (addr(&chat), addr(&metrics));
    let listeners = Listeners {
        chat,
        metrics: Some(metrics),
        http: None,
    };
    tokio::spawn(run(listeners, Config::new(log), std::future::pending()));
    addrs
}

/// The same, with a client of its chat instead of the address.
async fn start_with_client() -> (Client, SocketAddr) {
    let (chat, metrics) = start(Memory::new(Bounds::keeping(100))).await;
    let redial = Redial::new(chat.to_string(), SERVICE);
    (redial.within(Duration::from_secs(30)).into(), metrics)
}

/// Sends `request`, which is to be the last one. Returns the answer, as much of it as comes:
/// writing and reading may fail, because a server that refuses a request need not read all of it.
async fn answer(addr: SocketAddr, request: &[u8]) -> String {
    let mut io = TcpStream::connect(addr).await.expect("up");
    let end = request
        .windows(2)
        .position(|two| two == b"\r\n")
        .map_or(0, |end| end + 2);
    let (first, rest) = request.split_at(end);
    let request = [first, b"Connection: close\r\n", rest].concat();
    let _ = io.write_all(&request).await;
    let mut answer = Vec::new();
    let _ = io.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

async fn get(addr: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    answer(addr, request.as_bytes()).await
}

/// Returns the value of a metric, by its name and labels.
fn value(page: &str, name: &str) -> f64 {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in\n{page}"))
}

#[tokio::test]
async fn the_values_move_with_the_messages() {
    let (client, metrics) = start_with_client().await;
    let (here, ann) = (context::current(), Session(1 << 64));
    let before = get(metrics, "/metrics").await;
    assert!(before.starts_with("HTTP/1.1 200 OK\r\n"), "{before}");
    assert!(before.contains("\r\ncontent-type: text/plain; version=0.0.4;"));
    assert_eq!(value(&before, "chat_sessions"), 0.0);
    let entered = client.enter(here, ann, "ann".into(), None).await;
    entered.expect("up").expect("free");
    let cursor = client.join(here, ann, "lobby".into(), 0).await.expect("up");
    let cursor: Cursor = cursor.expect("room");
    let post = |id, body: &str| {
        let (kind, body) = (Kind::Said, body.into());
        client.send(
            here,
            ann,
            "lobby".into(),
            vec![Post { id, kind, body }].into(),
        )
    };
    assert!(post(1, "hello").await.expect("up").is_ok());
    assert!(post(2, " ").await.expect("up").is_err());
    let pages = client.poll(here, ann, vec![cursor].into(), 0).await;
    let pages = pages.expect("up").expect("here");
    assert_eq!(pages[0].entries.len(), 2);
    let after = get(metrics, "/metrics").await;
    for (name, expected) in [
        ("chat_sessions", 1.0),
        ("chat_rooms", 1.0),
        ("chat_messages_accepted_total", 1.0),
        ("chat_messages_refused_total{reason=\"unfit\"}", 1.0),
        ("chat_deliveries_total", 2.0),
        ("chat_log_entries_total", 2.0),
        ("chat_log_up", 1.0),
    ] {
        assert_eq!(value(&after, name), expected, "{name}");
    }
    assert!(
        !after.contains("lobby") && !after.contains("ann"),
        "{after}"
    );
}

#[tokio::test]
async fn polls_that_wait_are_counted_and_only_they() {
    let (client, metrics) = start_with_client().await;
    let (here, ann) = (context::current(), Session(1 << 64));
    let entered = client.enter(here, ann, "ann".into(), None).await;
    entered.expect("up").expect("free");
    let other = client.clone();
    let poll = tokio::spawn(async move { other.poll(here, ann, vec![].into(), 15_000).await });
    let waiting = async |expected| {
        while value(&get(metrics, "/metrics").await, "chat_polls_waiting") != expected {}
    };
    waiting(1.0).await;
    client.bye(here, ann).await.expect("up");
    poll.await.expect("no panic").expect("up").expect("empty");
    waiting(0.0).await;
}

#[tokio::test]
async fn odd_requests_are_refused_and_bounded() {
    let (_, metrics) = start(Memory::new(Bounds::keeping(100))).await;
    let long = [&b"GET /"[..], &vec![b'x'; 100_000], b" HTTP/1.1\r\n\r\n"].concat();
    let many = [
        b"GET / HTTP/1.1\r\n",
        "a: b\r\n".repeat(5000).as_bytes(),
        b"\r\n",
    ]
    .concat();
    for (request, status) in [
        (&b"GET /nothing HTTP/1.1\r\n\r\n"[..], "404 Not Found"),
        (
            b"DELETE /metrics HTTP/1.1\r\n\r\n",
            "405 Method Not Allowed",
        ),
        (
            b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405 Method Not Allowed",
        ),
        (b"\x16\x03\x01\x02\x00\n\n", "400 Bad Request"),
    ] {
        let answer = answer(metrics, request).await;
        let expected = format!("HTTP/1.1 {status}\r\n");
        assert!(answer.starts_with(&expected), "{answer}");
    }
    for request in [&long, &many] {
        let answer = answer(metrics, request).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
            "{answer}"
        );
    }
    let refused = answer(metrics, b"PUT /metrics HTTP/1.1\r\n\r\n").await;
    assert!(refused.contains("\r\nallow: GET, HEAD\r\n"), "{refused}");
    let head = answer(metrics, b"HEAD /health HTTP/1.1\r\n\r\n").await;
    assert!(
        head.contains("content-length: 3\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn silent_callers_are_cut_off_and_the_next_one_is_answered() {
    let (_, metrics) = start(Memory::new(Bounds::keeping(100))).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut io = TcpStream::connect(metrics).await.expect("the backlog");
        io.write_all(b"GET /metrics HTTP/1.1\r\n")
            .await
            .expect("sent");
        silent.push(io);
    }
    let mut rest = Vec::new();
    // Ignored, because a connection may also be cut off by a reset.
    let _ = silent[0].read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
    assert!(get(metrics, "/health").await.ends_with("\r\n\r\nok\n"));
}

/// A log whose disk is full as long as the flag is set.
struct Full(Arc<Memory>, AtomicBool);

impl RoomLog for Full {
    fn append(&self, _: &str, _: Vec<NewEntry>) -> Reply<Vec<u64>> {
        ready(Err(LogError::Failed("disk full".into()))).boxed()
    }

    fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        self.0.read(room, after, limit)
    }

    fn ready(&self, room: &str, after: u64, limit: PageLimit) -> Option<Ready> {
        self.0.ready(room, after, limit)
    }

    fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page> {
        self.0.read_back(room, before, limit)
    }

    fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page> {
        self.0.search(room, text, limit)
    }

    fn before_last(&self, room: &str, messages: u32) -> Reply<u64> {
        self.0.before_last(room, messages)
    }

    fn head(&self, room: &str) -> Head {
        self.0.head(room)
    }

    fn has_place(&self, room: &str) -> bool {
        self.0.has_place(room)
    }

    fn end_rooms(&self, used: HashSet<String>, now_ms: u64) -> Reply<()> {
        self.0.end_rooms(used, now_ms)
    }

    fn close(&self) -> Reply<()> {
        self.0.close()
    }

    fn keep_journal(&self, journal: Pen) {
        self.0.keep_journal(journal);
    }

    fn epoch(&self) -> u64 {
        self.0.epoch()
    }

    fn status(&self) -> Status {
        let full = self.1.load(Ordering::Relaxed);
        Status {
            failure: full.then(|| "disk full".into()),
            ..self.0.status()
        }
    }
}

#[tokio::test]
async fn health_shows_a_full_disk_and_its_end() {
    let log = Arc::new(Full(Memory::new(Bounds::keeping(1)), AtomicBool::new(true)));
    let (_, metrics) = start(log.clone()).await;
    let bad = get(metrics, "/health").await;
    let status = "HTTP/1.1 503 Service Unavailable\r\n";
    assert!(bad.starts_with(status), "{bad}");
    let cause = "the log cannot be written: disk full\n";
    assert!(bad.ends_with(cause), "{bad}");
    assert_eq!(value(&get(metrics, "/metrics").await, "chat_log_up"), 0.0);
    log.1.store(false, Ordering::Relaxed);
    let good = get(metrics, "/health").await;
    assert!(good.starts_with("HTTP/1.1 200 OK\r\n"), "{good}");
}
