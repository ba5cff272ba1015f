//! The service over HTTP: the same as over tarpc, and what its flags say.

#[path = "../../common/tests/support/http.rs"]
mod http;
#[path = "../../common/tests/support/program.rs"]
mod program;

use std::future::pending;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use common::credential::Credential;
use common::net::http::{Door, Site};
use common::net::{Redial, Seal};
use common::pen::Pen;
use common::secret::{
    MAX_TEXT, MAX_WORDS, SERVICE, SecretClient, SecretRequest, SecretResponse, Tier,
};
use http::{Http, assert_listed, get, post, rpc};
use program::{Program, run as run_program, signal};
use secret_server::{Config, Listeners, run};
use serde_json::json;
use tarpc::client::stub::Stub;
use tarpc::context;
use tokio::net::TcpListener;

const PROGRAM: &str = env!("CARGO_BIN_EXE_secret-server");
const KEY: &str = "a key of sixteen bytes";

/// Starts a server as fast as it can. Returns the addresses of its two doors.
async fn start() -> (SocketAddr, SocketAddr) {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let calls = bind().await.expect("a free port");
    let listener = bind().await.expect("a free port");
    let addr = |listener: &TcpListener| listener.local_addr().expect("bound");
    let addrs = (addr(&calls), addr(&listener));
    let names = Some(Vec::new());
    let site = Site { names, token: None };
    let http = Some(Door { listener, site });
    let config = Config {
        workers: 1,
        delay: Duration::ZERO,
        fast_delay: Duration::ZERO,
        premium_key: Some(Credential::new(KEY.into())),
        per_address: 16,
        seal: Seal::none(),
        seed: 1,
        journal: Pen::none(),
    };
    tokio::spawn(run(Listeners { calls, http }, config, pending()));
    addrs
}

/// What every method of the service returns, in each of its ways.
async fn transcript<S>(client: SecretClient<S>) -> Vec<String>
where
    S: Stub<Req = SecretRequest, Resp = SecretResponse>,
{
    let now = context::current;
    let mut lines = Vec::new();
    let long = "x".repeat(MAX_TEXT + 1);
    for text in [
        "",
        "hello",
        "naïve \u{1f468}\u{200d}\u{1f469} \"\\\u{0}\u{202e}",
        &long,
    ] {
        let answer = client.reverse(now(), text.into()).await.expect("answered");
        lines.push(format!("reverse {answer:?}"));
    }
    for key in [None, Some(KEY), Some("a guess")] {
        let call = client.fast_reverse(now(), "ab".into(), key.map(str::to_owned));
        lines.push(format!("fast_reverse {:?}", call.await.expect("answered")));
        let key = key.map(str::to_owned);
        let call = client.reverse_words(now(), Tier::Premium { key }, "ab\ncd\n".into());
        let answer = call.await.expect("answered").map(|reversed| reversed.text);
        lines.push(format!("reverse_words {answer:?}"));
    }
    for words in ["ab\n\ncafé\n", &"\n".repeat(MAX_WORDS + 1)] {
        let call = client.reverse_words(now(), Tier::Free, words.to_owned());
        let answer = call.await.expect("answered").map(|reversed| reversed.text);
        lines.push(format!("reverse_words {answer:?}"));
    }
    lines.push(format!(
        "offer {:?}",
        client.offer(now()).await.expect("answered")
    ));
    lines
}

#[tokio::test]
async fn both_doors_return_the_same_for_every_method() {
    // One server for each, because wrong keys count against an address.
    let (calls, _) = start().await;
    let (_, http) = start().await;
    let by_tarpc = transcript(Redial::new(calls.to_string(), SERVICE).into()).await;
    let by_http = transcript(Http::new(http).into()).await;
    assert_eq!(by_tarpc, by_http);
    assert_listed(http, &by_http).await;
    for outcome in ["TooLong", "TooMuch", "KeyMissing", "KeyWrong", "\"olleh\""] {
        assert!(
            by_http.iter().any(|line| line.contains(outcome)),
            "{outcome}"
        );
    }
}

#[tokio::test]
async fn guesses_count_whichever_door_they_come_through() {
    let (calls, http) = start().await;
    for guess in ["a", "b", "c"] {
        let answer = rpc(http, "fast_reverse", &json!(["ab", guess])).await;
        assert_eq!(answer["error"]["data"]["refusal"], "KeyWrong");
    }
    let client: SecretClient<Redial<_, _>> = Redial::new(calls.to_string(), SERVICE).into();
    let call = client.fast_reverse(context::current(), "ab".into(), Some(KEY.into()));
    let refused = call.await.expect("answered").expect_err("a guesser");
    assert_eq!(refused, common::secret::Refusal::KeyGuessed);
}

#[tokio::test]
async fn health_and_the_list_are_pages_and_nothing_else_is() {
    let (_, http) = start().await;
    let health = get(http, "/health", "").await;
    assert!(
        health.starts_with("HTTP/1.1 200 OK") && health.ends_with("\r\n\r\nok\n"),
        "{health}"
    );
    for path in ["/", "/rpc"] {
        let list = get(http, path, "").await;
        assert!(
            list.contains("\nreverse(text)\nreverse_words(tier, text)\n"),
            "{list}"
        );
    }
    assert!(get(http, "/metrics", "").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_where_it_answers_and_ends_in_order() {
    let mut command = Command::new(PROGRAM);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--delay",
        "0",
    ]);
    let mut server = Program::start(&mut command);
    server.ready();
    let url = server.says("calls over HTTP: http://");
    let addr = url.strip_suffix("/rpc").expect("the path");
    let answer = rpc(
        addr.parse().expect("an address"),
        "reverse",
        &json!(["hello"]),
    )
    .await;
    assert_eq!(answer["result"], "olleh");
    signal(&server.child, "TERM");
    assert_eq!(server.end().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_over_http_on_this_machine_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("letters")
            .to_owned()
    };
    let (premium, key) = (path("premium"), path("key"));
    std::fs::write(&premium, KEY).expect("written");
    std::fs::write(&key, "labkey1aaaqeayeaudaocajbifqydiob5322\n").expect("written");
    let server = |flags: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        command
    };
    for (flags, what) in [
        (["--premium-key-file", &premium], "the premium key"),
        (["--key", &key], "the token of the key"),
    ] {
        let ended = run_program(server(&flags).args(["--http", "0.0.0.0:0"]), "");
        assert_eq!(ended.code, Some(1));
        let says = format!("over HTTP {what} would cross the network for all to read\nhelp: ");
        assert!(ended.stderr.contains(&says), "{ended:?}");
    }
    let printed = run_program(server(&["--key", &key]).arg("--http-token"), "");
    assert_eq!(printed.stdout, "y3aqmgqm4s3dxsmnmlbrayxsi4\n");
    let none = run_program(server(&[]).arg("--http-token"), "");
    assert_eq!(none.code, Some(1), "{none:?}");

    let mut server = Program::start(server(&["--key", &key]).args(["--http", "0"]));
    let url = server.says("calls over HTTP: http://");
    let addr = url.strip_suffix("/rpc").expect("the path");
    let addr = addr.parse().expect("an address");
    server.says("callers over HTTP need the token that --http-token prints");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "offer"}).to_string();
    let lines = format!("Authorization: Bearer {}\r\n", printed.stdout.trim());
    assert!(post(addr, &lines, &call).await.starts_with("HTTP/1.1 200 "));
    assert!(post(addr, "", &call).await.starts_with("HTTP/1.1 401 "));
}
