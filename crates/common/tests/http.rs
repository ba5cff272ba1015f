//! HTTP over real sockets: who is answered, how much, how long. `rpc/tests.rs` has what is said.

#[path = "support/echo.rs"]
mod echo;
#[path = "support/http.rs"]
mod http;

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use common::credential::Credential;
use common::net::http::{Door, Site, rpc_page, serve};
use common::net::{self, Gate, Limits, MAX_FRAME};
use common::rpc::Methods;
use common::secret::{Refusal, SERVICE, Secret as _, SecretRequest};
use echo::Echo;
use http::{exchange, get, post, rpc};
use serde_json::json;
use tarpc::context;
use tarpc::server::Serve as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a server waits here: longer than a busy machine needs between two lines of a test.
const PATIENCE: Duration = Duration::from_secs(1);

/// The length of a long answer, as the text that asks for it.
const LONG: &str = "16000000";

struct Server {
    addr: SocketAddr,
    gate: Gate,
    echo: Echo,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Server {
    /// An echo server that is called lab.example, and has shares for loopback, too.
    async fn start(limits: Limits, token: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let gate = Gate::new(Limits {
            frees_loopback: false,
            ..limits
        });
        let site = Site {
            names: Some(vec!["lab.example".into()]),
            token: token.map(|token| Credential::new(token.into())),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (echo, echoes) = (Echo::default(), gate.clone());
        let for_calls = echo.clone();
        let door = Door { listener, site };
        let done = tokio::spawn(serve(door, echoes, stopped, move |asked| {
            let echo = for_calls.clone();
            async move {
                let call = |request| {
                    let server = echo.clone().serve();
                    async move { server.serve(context::current(), request).await }
                };
                let methods = Methods::of::<SecretRequest>();
                rpc_page::<_, _, Refusal, _>(&methods, asked, call).await
            }
        }));
        Self {
            addr,
            gate,
            echo,
            stop,
            done,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.expect("up")
    }

    /// Sends a head and the beginning of a body. Returns the status that is answered.
    async fn status(&self, head: &str, body: &str) -> String {
        let addr = self.addr;
        let head = head.replace("HOST", &addr.to_string());
        let answer = exchange(addr, format!("{head}\r\n{body}").as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or("none");
        status.to_owned()
    }
}

fn echo_of(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "reverse", "params": [text]}).to_string()
}

/// The start of a call whose body has not come yet.
fn head(addr: SocketAddr, length: usize) -> String {
    format!("POST /rpc HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {length}\r\n\r\n")
}

/// Returns what comes until the server closes the connection.
async fn rest(mut io: TcpStream) -> String {
    let mut rest = Vec::new();
    // Ignored, because a connection may also be closed by a reset.
    let _ = io.read_to_end(&mut rest).await;
    String::from_utf8(rest).expect("text")
}

#[tokio::test]
async fn calls_are_answered_with_headers_that_close_the_door_to_other_sites() {
    let server = Server::start(Limits::default(), None).await;
    let answer = post(server.addr, "", &echo_of("hello")).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(
        body,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"hello\"}\n"
    );
    for line in [
        "HTTP/1.1 200 OK",
        "content-type: application/json",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
    ] {
        assert!(head.lines().any(|l| l == line), "{line} is not in {head}");
    }
    let own = format!("Origin: http://{}\r\n", server.addr);
    assert!(
        post(server.addr, &own, &echo_of("hello"))
            .await
            .contains("\"hello\"")
    );
    let preflight = "OPTIONS /rpc HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\
                     Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    assert_eq!(server.status(preflight, "").await, "403");
    for answer in [
        answer,
        get(server.addr, "/rpc", &own).await,
        post(server.addr, "Origin: http://evil.example\r\n", "{}").await,
    ] {
        assert!(
            !answer.to_lowercase().contains("access-control"),
            "{answer}"
        );
    }
    let notification = "{\"jsonrpc\":\"2.0\",\"method\":\"offer\"}";
    let nothing = post(server.addr, "", notification).await;
    assert!(
        nothing.starts_with("HTTP/1.1 200 OK\r\n") && nothing.ends_with("\r\n\r\n"),
        "{nothing}"
    );
    let list = get(server.addr, "/rpc", "").await;
    assert!(
        list.contains("\nfast_reverse(text, key)\noffer()\n"),
        "{list}"
    );
}

#[tokio::test]
async fn requests_of_other_sites_and_odd_ones_are_refused_before_their_calls() {
    let server = Server::start(Limits::default(), None).await;
    let body = echo_of("x");
    let post = |host: &str, lines: &str| {
        let length = body.len();
        format!(
            "POST /rpc HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n\
             Content-Length: {length}\r\n{lines}"
        )
    };
    for (head, status) in [
        (post("HOST", ""), "200"),
        (post("lab.example", ""), "200"),
        (
            post("LAB.example:99", "Content-Type: text/plain\r\n"),
            "200",
        ),
        (post("evil.example", ""), "421"),
        // DNS rebinding: to the browser, the page and the server are one site.
        (
            post("evil.example", "Origin: http://evil.example\r\n"),
            "421",
        ),
        (post("HOST", "Origin: http://evil.example\r\n"), "403"),
        (post("HOST", "Origin: null\r\n"), "403"),
        (post("HOST", "Host: HOST\r\n"), "400"),
        (
            "PUT /rpc HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n".into(),
            "405",
        ),
        (
            "POST /rpc HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\n".into(),
            "421",
        ),
        ("nonsense\r\n".into(), "400"),
    ] {
        assert_eq!(server.status(&head, &body).await, status, "{head}");
    }
    assert_eq!(
        server
            .echo
            .answers
            .load(std::sync::atomic::Ordering::Relaxed),
        3
    );
}

#[tokio::test]
async fn with_a_key_only_calls_with_its_token_are_made() {
    let server = Server::start(Limits::default(), Some("token")).await;
    let bearer = |token: &str| format!("Authorization: {token}\r\n");
    for (lines, status) in [
        (bearer("Bearer token"), "200"),
        (bearer("bearer token"), "200"),
        (bearer("Bearer tokem"), "401"),
        (bearer("Bearer token "), "200"), // spaces at the end are not part of a header
        (bearer("Basic token"), "401"),
        (bearer("token"), "401"),
        (String::new(), "401"),
    ] {
        let answer = post(server.addr, &lines, &echo_of("x")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{lines} {answer}"
        );
        assert_eq!(
            status == "401",
            answer.contains("\r\nwww-authenticate: Bearer\r\n")
        );
    }
    // What may be read without a call, may be read by all.
    assert!(
        get(server.addr, "/rpc", "")
            .await
            .starts_with("HTTP/1.1 200 OK")
    );
}

#[tokio::test]
async fn a_body_has_its_bound_whether_it_is_announced_or_not() {
    let server = Server::start(Limits::default(), None).await;
    let long = |length: usize| echo_of(&"x".repeat(length - echo_of("").len()));
    let most = post(server.addr, "", &long(MAX_FRAME)).await;
    assert!(most.starts_with("HTTP/1.1 200 OK"), "{}", &most[..100]);
    let announced = format!("{}\r\n", head(server.addr, MAX_FRAME + 1).trim_end());
    assert_eq!(server.status(&announced, "").await, "413");
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "x".repeat(64 * 1024));
    let chunked = "POST /rpc HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(server.status(chunked, &chunk.repeat(5)).await, "413");
    assert_eq!(server.gate.bytes().taken(), 0);
}

#[tokio::test]
async fn who_sends_or_reads_too_slowly_is_cut_off_and_its_memory_is_free() {
    let limits = Limits {
        silence: PATIENCE,
        flush: PATIENCE,
        ..Limits::default()
    };
    let server = Server::start(limits, None).await;
    let sends = async |text: String| {
        let mut io = server.connect().await;
        io.write_all(text.as_bytes()).await.expect("sent");
        io
    };
    let silent = async { rest(server.connect().await).await };
    let slow_head = async { rest(sends("POST /rpc HTTP/1.1\r\nHos".into()).await).await };
    let slow_body = async { rest(sends(head(server.addr, 100) + "{").await).await };
    let no_reader = async {
        // Far more than the system keeps for a connection.
        let long = json!({"jsonrpc": "2.0", "id": 1, "method": "fast_reverse", "params": [LONG]});
        let long = long.to_string();
        let io = sends(head(server.addr, long.len()) + &long).await;
        while server.gate.bytes().taken() < 15_000_000 {
            tokio::task::yield_now().await;
        }
        while server.gate.bytes().taken() > 0 {
            tokio::task::yield_now().await;
        }
        rest(io).await.len()
    };
    let (silent, slow_head, slow_body, read) =
        tokio::join!(silent, slow_head, slow_body, no_reader);
    assert_eq!((&*silent, &*slow_head), ("", ""));
    assert!(slow_body.starts_with("HTTP/1.1 408 "), "{slow_body}");
    assert!(read < 16_000_000);
}

#[tokio::test]
async fn an_address_has_its_share_of_places_and_of_memory_over_both_doors() {
    let limits = Limits {
        per_address: 2,
        connections: 64,
        bytes: 1024 * 1024,
        ..Limits::default()
    };
    let server = Server::start(limits, None).await;
    let other_door = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let other_addr = other_door.local_addr().expect("bound");
    let echo = Echo::default().serve();
    let gate = server.gate.clone();
    tokio::spawn(net::serve(
        other_door,
        SERVICE,
        gate,
        pending::<()>(),
        move |connection| {
            let echo = echo.clone();
            connection.answer(move |context, request| echo.clone().serve(context, request))
        },
    ));
    let taken = async |count| {
        while server.gate.places().taken() != count {
            tokio::task::yield_now().await;
        }
    };
    let tarpc_link = TcpStream::connect(other_addr).await.expect("up");
    let browser = server.connect().await;
    taken(2).await;
    assert_eq!(rest(server.connect().await).await, "", "no place is left");
    drop(tarpc_link);
    taken(1).await;
    assert_eq!(
        rpc(server.addr, "offer", &json!({})).await["result"]["workers"],
        1
    );
    drop(browser);
    taken(0).await;

    // A quarter of the memory is 256 KiB, and a call may grow to eight times its length.
    let long = echo_of(&"x".repeat(60_000));
    let answer = post(server.addr, "", &long).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let short = echo_of(&"x".repeat(20_000));
    assert!(
        post(server.addr, "", &short)
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    assert_eq!(server.gate.bytes().taken(), 0);
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out() {
    let limits = Limits {
        connections: 64, // eight of them for those who have not asked yet
        per_address: 64,
        ..Limits::default()
    };
    let server = Server::start(limits, None).await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(server.connect().await);
    }
    assert_eq!(rest(silent.remove(0)).await, "", "the oldest has to go");
    assert_eq!(
        rpc(server.addr, "offer", &json!([])).await["result"]["workers"],
        1
    );
}

#[tokio::test]
async fn a_server_that_stops_answers_the_calls_in_hand_and_no_more() {
    let server = Server::start(Limits::default(), None).await;
    let idle = server.connect().await;
    let waits = json!({"jsonrpc": "2.0", "id": 1, "method": "fast_reverse", "params": ["wait"]});
    let addr = server.addr;
    let call = tokio::spawn(async move { post(addr, "", &waits.to_string()).await });
    server.echo.held.notified().await;
    server.stop.send(()).expect("it runs");
    assert_eq!(rest(idle).await, "");
    server.echo.release.notify_one();
    assert!(
        call.await
            .expect("no panic")
            .contains("\"result\":\"wait\"")
    );
    server.done.await.expect("no panic");
}

#[tokio::test]
async fn a_panic_is_the_error_of_its_call_only() {
    let server = Server::start(Limits::default(), None).await;
    let one = echo_of("panic");
    let batch = format!("[{one},{}]", echo_of("fine"));
    let answer = post(server.addr, "", &batch).await;
    assert!(answer.contains("\"code\":-32000"), "{answer}");
    assert!(answer.contains("\"result\":\"fine\""), "{answer}");
}
