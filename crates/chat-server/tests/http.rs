//! The chat over HTTP: the same as over tarpc, within the same limits.

#[path = "../../common/tests/support/http.rs"]
mod http;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use chat_server::log::Bounds;
use chat_server::{Config, Listeners, Memory, run};
use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Kind, MAX_CURSORS, MAX_POSTS, Owner, Post,
    SERVICE, Session,
};
use common::cli::Interrupted;
use common::credential::Credential;
use common::net::http::{Door, Site};
use common::net::{Limits, Redial};
use futures::FutureExt;
use futures::future::join_all;
use http::{Http, exchange, get, post, rpc};
use serde_json::{Value, json};
use tarpc::client::stub::Stub;
use tarpc::context;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TOKEN: &str = "sixteen bytes or";

/// A server in this process, and the addresses of its doors.
struct Server {
    chat: SocketAddr,
    http: SocketAddr,
    metrics: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Server {
    async fn start(http: &str, names: &[&str], limits: Limits) -> Self {
        let bind = async |addr: &str| TcpListener::bind(addr).await.expect("a free port");
        let (chat, metrics) = (bind("127.0.0.1:0").await, bind("127.0.0.1:0").await);
        let listener = bind(http).await;
        let here = |listener: &TcpListener| {
            let port = listener.local_addr().expect("bound").port();
            SocketAddr::from(([127, 0, 0, 1], port))
        };
        let addrs = [&chat, &listener, &metrics].map(here);
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let site = Site {
            names: Some(names),
            token: None,
        };
        let listeners = Listeners {
            chat,
            metrics: Some(metrics),
            http: Some(Door { listener, site }),
        };
        let config = Config {
            rate: 5,
            admin: Some(Credential::new(TOKEN.into())),
            limits,
            ..Config::new(Memory::new(Bounds::keeping(100)))
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(run(listeners, config, stopped.map(|_| Interrupted::Term)));
        let [chat, http, metrics] = addrs;
        Self {
            chat,
            http,
            metrics,
            stop,
            done,
        }
    }

    async fn usual() -> Self {
        Self::start("127.0.0.1:0", &[], Limits::default()).await
    }

    /// Waits until this number of polls wait.
    async fn polls(&self, count: usize) {
        let line = format!("\nchat_polls_waiting {count}\n");
        while !get(self.metrics, "/metrics", "").await.contains(&line) {}
    }
}

fn hex(session: u128) -> String {
    format!("{session:032x}")
}

/// The refusal in an answer.
fn refused(answer: &Value) -> &str {
    answer["error"]["data"]["refusal"]
        .as_str()
        .unwrap_or("none")
}

/// What a test shows of an answer: all but what differs from run to run.
fn shown<T: std::fmt::Debug>(method: &str, answer: T) -> String {
    let mut text = format!("{method} {answer:?}");
    for name in ["epoch: ", "at_ms: "] {
        let parts: Vec<_> = text.split(name).collect();
        let (first, rest) = parts.split_first().expect("one part at least");
        let rest = rest
            .iter()
            .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
        text = [*first]
            .into_iter()
            .chain(rest)
            .collect::<Vec<_>>()
            .join(name);
    }
    text
}

/// What every method of the service returns, in several of its ways.
async fn transcript<S>(client: ChatClient<S>) -> Vec<String>
where
    S: Stub<Req = ChatRequest, Resp = ChatResponse>,
{
    let (now, lobby) = (context::current, || "lobby".to_owned());
    let (ann, bob) = (Session(u128::MAX), Session(1));
    let mut lines = Vec::new();
    macro_rules! call {
        ($method:ident($($argument:expr),*)) => {{
            let answer = client.$method(now(), $($argument),*).await.expect("answered");
            lines.push(shown(stringify!($method), &answer));
            answer
        }};
    }
    call!(enter(ann, "ann".into(), None)).expect("free");
    call!(enter(bob, "ANN".into(), None)).expect_err("taken");
    call!(enter(bob, "bob".into(), None)).expect("free");
    let owner = Owner::new([7; 32], &[8; 64]);
    call!(register(ann, owner)).expect_err("no proof");
    call!(join(ann, "no room".into(), 0)).expect_err("a space");
    let cursor = call!(join(ann, lobby(), 10)).expect("a room");
    call!(join(bob, lobby(), 10)).expect("a room");
    let post = |id, kind, body: &str| Post {
        id,
        kind,
        body: body.into(),
    };
    let texts = [
        post(1, Kind::Said, "hello \"\\\u{1b}[2J\u{202e} \u{1f600}"),
        post(2, Kind::Did, "waves"),
    ];
    call!(send(ann, lobby(), texts.to_vec().into())).expect("stored");
    call!(send(ann, lobby(), texts.to_vec().into())).expect("stored once");
    call!(send(ann, lobby(), vec![post(3, Kind::Said, " ")].into())).expect_err("empty");
    call!(poll(ann, vec![cursor].into(), 0)).expect("pages");
    call!(poll(Session(7), vec![].into(), 0)).expect_err("nobody");
    call!(history(bob, lobby(), u64::MAX, 10)).expect("a page");
    call!(search(bob, lobby(), "WAVES".into(), 10)).expect("a page");
    call!(who(bob, lobby(), String::new())).expect("nicks");
    call!(who(bob, "kitchen".into(), String::new())).expect_err("not in it");
    call!(rooms(ann, String::new())).expect("rooms");
    let private = call!(private(ann, "bob".into())).expect("a room");
    let secret = vec![post(4, Kind::Said, "psst")];
    call!(send(ann, private.cursor.room.clone(), secret.into())).expect("stored");
    call!(poll(bob, vec![private.cursor].into(), 0)).expect("pages");
    let ban = |whom: &str| Admin::Ban {
        whom: whom.into(),
        minutes: 0,
        why: "loud".into(),
    };
    let bans = Admin::Bans {
        after: String::new(),
    };
    call!(admin(ann, "a guess".into(), bans.clone())).expect_err("a guess");
    call!(admin(ann, TOKEN.into(), ban("192.0.2.7"))).expect("banned");
    call!(admin(ann, TOKEN.into(), bans)).expect("a list");
    let kick = Admin::Kick {
        nick: "bob".into(),
        why: "loud".into(),
    };
    call!(admin(ann, TOKEN.into(), kick)).expect("kicked");
    call!(enter(bob, "bob".into(), None)).expect_err("kicked");
    call!(leave(ann, "LOBBY".into())).expect("left");
    call!(bye(ann));
    lines
}

#[tokio::test]
async fn both_doors_return_the_same_for_every_method() {
    let (one, other) = (Server::usual().await, Server::usual().await);
    let by_tarpc = transcript(Redial::new(one.chat.to_string(), SERVICE).into()).await;
    let by_http = transcript(Http::new(other.http).into()).await;
    assert_eq!(by_tarpc, by_http);
    let list = get(other.http, "/rpc", "").await;
    let methods = list
        .lines()
        .filter_map(|line| Some(line.strip_suffix(')')?.split_once('(')?.0));
    let called = by_http.iter().filter_map(|line| line.split(' ').next());
    assert_eq!(
        methods.collect::<BTreeSet<_>>(),
        called.collect::<BTreeSet<_>>()
    );
}

#[tokio::test]
async fn a_message_of_one_door_is_read_through_the_other() {
    let server = Server::usual().await;
    let (browser, terminal) = (hex(1), Session(2));
    let client: ChatClient<Redial<_, _>> = Redial::new(server.chat.to_string(), SERVICE).into();
    let entered = client
        .enter(context::current(), terminal, "tom".into(), None)
        .await;
    entered.expect("up").expect("free");
    let joined = client
        .join(context::current(), terminal, "lobby".into(), 0)
        .await;
    let cursor = joined.expect("up").expect("a room");
    let entered = rpc(
        server.http,
        "enter",
        &json!({"session": browser, "nick": "web"}),
    )
    .await;
    let sender = entered["result"]["sender"]
        .as_str()
        .expect("a sender")
        .to_owned();
    rpc(server.http, "join", &json!([browser, "lobby", 0])).await;
    let post = json!({"id": 1, "kind": "Said", "body": "from a browser"});
    rpc(server.http, "send", &json!([browser, "lobby", [post]])).await;
    let pages = client
        .poll(context::current(), terminal, vec![cursor].into(), 15_000)
        .await;
    let entries = &pages.expect("up").expect("pages")[0].entries;
    let said = entries
        .iter()
        .find(|entry| entry.kind == Kind::Said)
        .expect("it came");
    assert_eq!((&*said.nick, &*said.body), ("web", "from a browser"));
    assert_eq!(hex(said.sender), sender);
}

#[tokio::test]
async fn the_page_carries_its_policy_and_other_paths_say_what_there_is() {
    let server = Server::usual().await;
    let page = get(server.http, "/", "").await;
    let (head, body) = page.split_once("\r\n\r\n").expect("a head");
    let policy = head
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "));
    let policy = policy.expect("a policy");
    for rule in [
        "default-src 'none'; ",
        "connect-src 'self'; ",
        "frame-ancestors 'none'; ",
        "require-trusted-types-for 'script'; ",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(
        head.contains("\r\ncross-origin-opener-policy: same-origin\r\n"),
        "{head}"
    );
    assert!(body.starts_with("<!doctype html>"));
    let again = get(server.http, "/", "").await;
    assert!(!again.contains(policy), "the nonce is new each time");
    assert!(
        get(server.http, "/health", "")
            .await
            .ends_with("\r\n\r\nok\n")
    );
    assert!(
        get(server.http, "/metrics", "")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    let head = "PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let wrong = exchange(server.http, head.as_bytes()).await;
    assert!(wrong.starts_with("HTTP/1.1 405 ") && wrong.contains("\r\nallow: GET, HEAD\r\n"));
}

#[tokio::test]
async fn operators_are_heard_on_this_machine_only_and_with_the_token() {
    let open = Server::start("0.0.0.0:0", &[], Limits::default()).await;
    let command = json!([hex(1), TOKEN, {"Bans": {"after": ""}}]);
    let hidden = rpc(open.http, "admin", &command).await;
    assert_eq!(hidden["error"]["code"], -32601, "{hidden}");
    assert!(!get(open.http, "/rpc", "").await.contains("admin"));
    let local = Server::usual().await;
    assert_eq!(
        rpc(local.http, "admin", &command).await["result"]["more"],
        0
    );
    let guess = json!([hex(2), "a guess", {"Bans": {"after": ""}}]);
    for expected in ["WrongToken", "WrongToken", "WrongToken", "TooFast"] {
        assert_eq!(refused(&rpc(local.http, "admin", &guess).await), expected);
    }
}

#[tokio::test]
async fn a_poll_whose_caller_has_gone_waits_no_more() {
    let server = Server::usual().await;
    rpc(server.http, "enter", &json!([hex(1), "ann"])).await;
    let poll = json!({"jsonrpc": "2.0", "id": 1, "method": "poll", "params": [hex(1), [], 15_000]});
    let poll = poll.to_string();
    let mut io = TcpStream::connect(server.http).await.expect("up");
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        poll.len()
    );
    let head = head.replace("Host: x", "Host: localhost");
    io.write_all((head + &poll).as_bytes()).await.expect("sent");
    server.polls(1).await;
    drop(io);
    server.polls(0).await;
}

#[tokio::test]
async fn a_server_that_stops_answers_the_polls_that_wait() {
    let server = Server::usual().await;
    let addr = server.http;
    let polls: Vec<_> = (1..=20)
        .map(|n| {
            tokio::spawn(async move {
                rpc(addr, "enter", &json!([hex(n), format!("p{n}")])).await;
                rpc(addr, "poll", &json!([hex(n), [], 15_000])).await
            })
        })
        .collect();
    server.polls(20).await;
    server.stop.send(()).expect("it runs");
    for answer in join_all(polls).await {
        assert_eq!(answer.expect("no panic")["result"], json!([]));
    }
    server.done.await.expect("no panic");
}

#[tokio::test]
async fn an_address_has_its_share_of_sessions_calls_and_rooms() {
    let limits = Limits {
        per_address: 2,
        ..Limits::default()
    };
    // Loopback is free; behind a proxy, each caller has the address that the proxy writes down.
    let server = Server::start("127.0.0.1:0", &["chat.example"], limits).await;
    let call = async |from: &str, method: &str, params: Value| -> Value {
        let lines = format!("X-Forwarded-For: 127.0.0.1, {from}\r\n");
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = post(server.http, &lines, &call.to_string()).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).expect("JSON")
    };
    let (here, there) = ("10.0.0.7", "10.0.0.8");
    for n in 1..=2 {
        let entered = call(here, "enter", json!([hex(n), format!("p{n}")])).await;
        assert_eq!(entered["result"]["nick"], format!("p{n}"), "{entered}");
    }
    assert_eq!(
        refused(&call(here, "enter", json!([hex(3), "p3"])).await),
        "Share"
    );
    assert!(call(there, "enter", json!([hex(4), "p4"])).await["result"].is_object());

    call(here, "join", json!([hex(1), "lobby", 0])).await;
    let flood = async || {
        let search = json!([hex(1), "lobby", "x", 1000]);
        refused(&call(here, "search", search).await) == "TooFast"
    };
    while !flood().await {}
    assert!(call(there, "join", json!([hex(4), "lobby", 0])).await["result"].is_object());
}

#[tokio::test]
async fn hostile_calls_are_refused_before_they_cost_anything() {
    let limits = Limits {
        deadline: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::start("127.0.0.1:0", &[], limits).await;
    rpc(server.http, "enter", &json!([hex(1), "ann"])).await;
    rpc(server.http, "join", &json!([hex(1), "lobby", 0])).await;
    let cursor = json!({"room": "lobby", "after": 0, "epoch": "0123456789abcdef"});
    let post_one = json!({"id": 1, "kind": "Said", "body": "x"});
    let long = "\u{fdfa}".repeat(60_000);
    for (method, params, code) in [
        (
            "poll",
            json!([hex(1), vec![cursor; MAX_CURSORS + 1], 0]),
            -32602,
        ),
        (
            "send",
            json!([hex(1), "lobby", vec![post_one; MAX_POSTS + 1]]),
            -32602,
        ),
        ("history", json!([1, "lobby", 10, 10]), -32602),
        ("history", json!([hex(1), "lobby", -1, 10]), -32602),
        ("history", json!([hex(1), "lobby", 1e300, 10]), -32602),
        ("private", json!([hex(1), long]), 1),
        ("join", json!([hex(1), long, 0]), 1),
        ("search", json!([hex(1), "lobby", long, 10]), 1),
        ("history", json!([hex(2), "lobby", 10, 10]), 1),
    ] {
        let answer = rpc(server.http, method, &params).await;
        assert_eq!(answer["error"]["code"], code, "{method} {answer}");
        assert!(answer.to_string().len() < 1000, "it repeats what was sent");
    }
    // A batch of polls ends with the time that one message has.
    let poll = json!({"jsonrpc": "2.0", "id": 1, "method": "poll", "params": [hex(1), [], 15_000]});
    let drained = rpc(server.http, "poll", &json!([hex(1), [], 0])).await;
    assert!(drained["result"].is_array());
    let head = rpc(server.http, "join", &json!([hex(1), "lobby", 0])).await["result"].clone();
    let mut waits = poll.clone();
    waits["params"][1] = json!([head]);
    let batch = Value::Array(vec![waits; 32]).to_string();
    let late = post(server.http, "", &batch).await;
    assert!(late.starts_with("HTTP/1.1 504 "), "{late}");
    server.polls(0).await;
}
