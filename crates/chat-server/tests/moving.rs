//! A chat-server is killed, and its client goes on at another one: nobody is told that anybody
//! left, who is there stays right, and a private talk goes on. Real programs over one nats-server.
#![cfg(feature = "nats")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use common::chat::{ChatClient, Entry, Kind, SERVICE, Session};
use common::net::Redial;
use program::{Lines, Program, closed};
use tarpc::context;

#[path = "support/client.rs"]
mod client;
#[path = "support/nats.rs"]
mod nats;
#[path = "../../common/tests/support/program.rs"]
mod program;

fn server(addr: &str, store: &str, metrics: &str) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    command.args(["--listen", addr, "--store", store, "--metrics", metrics]);
    let mut server = Program::start(&mut command);
    server.ready();
    server
}

/// Returns the value of a metric.
fn metric(addr: &str, name: &str) -> String {
    let mut io = TcpStream::connect(addr).expect("it listens");
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    io.write_all(request).expect("it reads");
    let mut page = String::new();
    io.read_to_string(&mut page).expect("text");
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect("there is one").to_owned()
}

/// A person at a client.
struct Person {
    program: Program,
    shown: Lines,
    types: ChildStdin,
}

impl Person {
    fn new(name: &str, servers: &str) -> Self {
        let mut command = Command::new(client::path());
        command.args(["--server", servers, "--name", name]);
        let command = command.args(["--commands", "--no-history"]);
        let mut program = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let types = program.child.stdin.take().expect("piped");
        let shown = Lines::of(program.child.stdout.take().expect("piped"));
        Self {
            program,
            shown,
            types,
        }
    }

    fn types(&mut self, line: &str) {
        writeln!(self.types, "{line}").expect("the client reads");
    }

    /// Waits for an entry.
    fn sees(&mut self, what: &str) {
        let found = self.shown.find(|line| line.trim_end().ends_with(what));
        assert!(found.is_some(), "no {what:?} in {}", self.shown.heard);
    }

    fn who(&mut self) -> String {
        self.types("/who");
        self.program.says("-- in lobby: ")
    }
}

/// Returns what is in the log of the lobby, comings and goings included.
async fn lobby(addr: &str) -> Vec<Entry> {
    let redial = Redial::new(addr, SERVICE).within(Duration::from_secs(30));
    let (client, eve, room) = (ChatClient::from(redial), Session(1 << 100), "lobby");
    let here = context::current;
    let entered = client.enter(here(), eve, "eve".into(), None).await;
    entered.expect("answered").expect("let in");
    let joined = client.join(here(), eve, room.into(), 0).await;
    joined.expect("answered").expect("a room");
    let page = client.history(here(), eve, room.into(), u64::MAX, 1000);
    page.await.expect("answered").expect("a member").entries
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_that_anybody_left_when_a_client_moves_to_another_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(nats) = nats::Nats::start(folder.path(), nats::free_port()) else {
        return;
    };
    let (store, a, b, metrics) = (nats.url("t"), closed(), closed(), closed());
    let first = server(&a, &store, &closed());
    let mut ann = Person::new("ann", &format!("{b},{a}")); // at the first, as there is no other
    ann.types("am I in?");
    let _second = server(&b, &store, &metrics);
    let mut bob = Person::new("bob", &b);
    while bob.who() != "ann, bob" {}
    assert_eq!(metric(&metrics, "chat_people_remote"), "1");
    ann.types("one");
    bob.sees("ann: one");
    bob.types("/msg ann psst");
    ann.sees("(private) bob: psst");
    ann.types("/reply yes");
    bob.sees("(private) ann: yes");

    drop(first);
    assert_eq!(bob.who(), "ann, bob");
    ann.program
        .says(&format!("-- connection to {a} lost: now on {b}"));
    bob.types("/msg ann still there?");
    ann.sees("(private) bob: still there?");
    ann.types("/reply of course");
    bob.sees("(private) ann: of course");
    ann.types("two");
    bob.sees("ann: two");
    assert_eq!(bob.who(), "ann, bob");
    assert_eq!(metric(&metrics, "chat_people_remote"), "0");

    drop(ann.types);
    let ended = ann.program.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let log = lobby(&b).await;
    let anns = log.iter().filter(|entry| entry.nick == "ann");
    let anns = anns.map(|entry| (entry.kind, &*entry.body));
    let expected = [
        (Kind::Joined, ""),
        (Kind::Said, "am I in?"),
        (Kind::Said, "one"),
        (Kind::Said, "two"),
        (Kind::Left, ""),
    ];
    assert!(anns.eq(expected), "{log:?}");
    let seen = bob.shown.heard.lines();
    let seen = seen.filter_map(|line| line.split_once("ann: "));
    let seen = seen.map(|(_, text)| text);
    assert!(
        seen.eq(["one", "yes", "of course", "two"]),
        "once: {}",
        bob.shown.heard
    );
}
