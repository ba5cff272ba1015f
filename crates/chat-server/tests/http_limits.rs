//! What callers over HTTP cannot do: the limits are those of all clients.

#[path = "support/doors.rs"]
mod doors;
#[path = "../../common/tests/support/http.rs"]
mod http;
#[path = "../../common/tests/support/program.rs"]
mod program;

use std::process::Command;
use std::time::Duration;

use common::chat::{MAX_CURSORS, MAX_POSTS};
use common::net::Limits;
use doors::{Server, TOKEN, hex, refused};
use futures::future::join_all;
use http::{get, post, rpc};
use program::{Program, run, signal};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

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
async fn an_address_has_its_share_of_requests_whatever_they_are_and_a_long_body_counts_more() {
    let limits = Limits {
        per_address: 1,
        ..Limits::default()
    };
    let server = Server::start("127.0.0.1:0", &["chat.example"], limits).await;
    let from = |n: u8| format!("X-Forwarded-For: 10.0.0.{n}\r\n");
    let is_ok = |answer: String| {
        assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 429 "));
        answer.starts_with("HTTP/1.1 200 ")
    };
    let mut asked = 0;
    while is_ok(get(server.http, "/health", &from(7)).await) {
        asked += 1;
        assert!(asked < 5000, "200 at once, and 50 a second");
    }
    assert!(asked >= 200, "{asked} requests");
    assert!(is_ok(get(server.http, "/health", &from(8)).await));
    let (mut posted, noise) = (0, "[".repeat(200 * 1024));
    while is_ok(post(server.http, &from(9), &noise).await) {
        posted += 1;
        assert!(posted < 150, "eight at once, and two a second");
    }
    assert!(posted >= 7, "{posted} bodies");
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

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_the_program_answers_http_on_this_machine_and_to_its_token_only() {
    const PROGRAM: &str = env!("CARGO_BIN_EXE_chat-server");
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, "labkey1aaaqeayeaudaocajbifqydiob5322\n").expect("written");
    let server = |http: &str| {
        let mut command = Command::new(PROGRAM);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--store",
            "memory",
            "--http",
            http,
        ]);
        command
    };
    let ended = run(server("0.0.0.0:0").arg("--key").arg(&key), "");
    assert_eq!(ended.code, Some(1));
    let says = "over HTTP the token of the key would cross the network for all to read\nhelp: ";
    assert!(ended.stderr.contains(says), "{ended:?}");
    let printed = run(
        Command::new(PROGRAM)
            .arg("--http-token")
            .arg("--key")
            .arg(&key),
        "",
    );
    assert_eq!(printed.stdout, "y3aqmgqm4s3dxsmnmlbrayxsi4\n");

    let mut closed = Program::start(server("0").arg("--key").arg(&key));
    let url = closed.says("chat in a browser: http://");
    let addr = url.trim_end_matches('/').parse().expect("an address");
    closed.says("callers over HTTP need the token that --http-token prints");
    // The page holds nothing, so that it needs no token.
    assert!(get(addr, "/", "").await.starts_with("HTTP/1.1 200 "));
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "rooms", "params": [hex(1), ""]});
    assert!(
        post(addr, "", &call.to_string())
            .await
            .starts_with("HTTP/1.1 401 ")
    );
    let shown = format!("Authorization: Bearer {}\r\n", printed.stdout.trim());
    assert!(
        post(addr, &shown, &call.to_string())
            .await
            .contains("NoSession")
    );
    signal(&closed.child, "TERM");
    assert_eq!(closed.end().code, Some(0));

    let mut open = Program::start(&mut server("0.0.0.0:0"));
    open.says("chat in a browser: http://");
    open.says("no key: whoever reaches this address can come in");
}
