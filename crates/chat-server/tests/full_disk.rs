//! The real server on a disk that is full for a while: it says so, lets people in and read, loses
//! nothing, and goes on by itself.

// The limit of another process can be changed on Linux only.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use common::chat::{ChatClient, ChatRequest, ChatResponse, Kind, Post, Refusal, SERVICE, Session};
use common::net::Redial;
use program::Program;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tarpc::context;

#[path = "../../common/tests/support/program.rs"]
mod program;

/// Starts a server that can write no file beyond this many blocks of 512 bytes, and is told so.
fn start(store: &Path, blocks: &str) -> (Program, Member) {
    let program = env!("CARGO_BIN_EXE_chat-server");
    let script = format!(
        "trap '' XFSZ; ulimit -S -f {blocks}; \
         exec \"$0\" --listen 127.0.0.1:0 --rate 0 --store \"sqlite:$1\""
    );
    let mut command = Command::new("sh");
    let mut server = Program::start(command.args(["-c", &script, program]).arg(store));
    let client = Redial::new(server.ready(), SERVICE).into();
    (
        server,
        Member {
            client,
            session: Session(1 << 64),
        },
    )
}

struct Member {
    client: ChatClient<Redial<ChatRequest, ChatResponse>>,
    session: Session,
}

impl Member {
    /// Enters as another person, and joins the lobby.
    async fn enters(&mut self, session: Session, nick: &str) {
        self.session = session;
        let here = context::current;
        let entered = self.client.enter(here(), session, nick.into(), None).await;
        entered.expect("answered").expect("let in");
        let joined = self.client.join(here(), session, "lobby".into(), 0).await;
        joined.expect("answered").expect("a room");
    }

    async fn says(&self, id: u64) -> Result<(), Refusal> {
        let (kind, body) = (Kind::Said, format!("{id:04} {}", "x".repeat(4000)));
        let body = body.into();
        let posts = vec![Post { id, kind, body }].into();
        let (here, room) = (context::current(), "lobby".to_owned());
        let sent = self.client.send(here, self.session, room, posts).await;
        sent.expect("answered").map(drop)
    }

    /// Returns the ids of the last messages.
    async fn reads(&self) -> Vec<u64> {
        let (here, room) = (context::current(), "lobby".to_owned());
        let page = self
            .client
            .history(here, self.session, room, u64::MAX, 1000)
            .await;
        let entries = page.expect("answered").expect("readable").entries;
        let said = entries.iter().filter(|entry| entry.kind == Kind::Said);
        said.map(|entry| entry.body[..4].parse().expect("an id"))
            .collect()
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("log.sqlite");
    let (server, mut ann) = start(&store, "300");
    ann.enters(Session(1 << 64), "ann").await;
    let mut id = 1;
    let refusal = loop {
        match ann.says(id).await {
            Ok(_) => id += 1,
            Err(refusal) => break refusal,
        }
        assert!(id < 100, "so much does not fit");
    };
    assert!(id > 5, "{id}");
    let text = refusal.to_string();
    let says = "the log cannot be written: the disk fails, or is full";
    assert_eq!(text, says);
    let acknowledged: Vec<u64> = (1..id).collect();
    ann.enters(Session(2 << 64), "bob").await;
    assert_eq!(ann.reads().await, acknowledged, "for a newcomer, too");

    let all = Rlimit {
        current: None,
        maximum: None,
    };
    let pid = i32::try_from(server.child.id())
        .ok()
        .and_then(Pid::from_raw);
    prlimit(pid, Resource::Fsize, all).expect("it is our own child");
    ann.session = Session(1 << 64);
    assert!(ann.says(id).await.is_ok(), "there is room again");
    drop(server); // by kill -9
    let (_server, mut ann) = start(&store, "unlimited");
    ann.enters(Session(3 << 64), "eve").await;
    assert_eq!(ann.reads().await, (1..=id).collect::<Vec<_>>());
}
