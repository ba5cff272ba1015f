//! The chat over HTTP: the same as over tarpc.

#[path = "support/doors.rs"]
mod doors;
#[path = "../../common/tests/support/http.rs"]
mod http;

use common::chat::{
    Admin, ChatClient, ChatRequest, ChatResponse, Kind, Owner, Post, SERVICE, Session,
};
use common::net::Redial;
use doors::{Server, TOKEN, hex};
use http::{Http, assert_listed, exchange, get, rpc};
use serde_json::json;
use tarpc::client::stub::Stub;
use tarpc::context;

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
    assert_listed(other.http, &by_http).await;
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
