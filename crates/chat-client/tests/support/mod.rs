//! A server in this process, and real clients that listen to it.

#[path = "../../../common/tests/support/program.rs"]
mod program;

use std::future::pending;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chat_server::log::{Bounds, RoomLog};
use chat_server::{Config, Memory, Sqlite};
use common::credential::Credential;
use common::pen::Pen;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) use program::{Ended, Lines, Program, assert_flags, closed, run, signal};

/// The longest wait for the lock of a file: far above what a slow machine needs.
const LIMIT: Duration = Duration::from_secs(60);

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (assert_flags, closed, signal, said, printed);
    let _ = (Server::start, Server::with, Server::over, Server::listen);
    let _ = Server::taking;
    let _ = (Ear::take, Ear::texts, |ear: Ear| ear.program);
};

/// Returns a client, ready to be started.
pub(crate) fn chat_client(server: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    command.args(["--server", server]).args(flags);
    command
}

/// Starts a client that listens, with a pipe for its stdout.
pub(crate) fn listener(server: &str, flags: &[&str]) -> Program {
    let mut command = chat_client(server, flags);
    Program::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))
}

/// Pipes `text` into a client.
pub(crate) fn said(server: &str, nick: &str, text: &str) -> Ended {
    run(
        &mut chat_client(server, &["--name", nick, "--no-history"]),
        text,
    )
}

/// Returns what a client that is given `input` has printed when it has ended well.
pub(crate) fn printed(server: &Server, flags: &[&str], input: &str) -> Ended {
    let ended = run(&mut chat_client(&server.addr, flags), input);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

/// A server of its own for one test. Dropping it cuts its connections, as a crash does.
pub(crate) struct Server {
    pub(crate) addr: String,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::run(
            "127.0.0.1:0",
            Config::new(Memory::new(Bounds::keeping(10_000))),
        )
    }

    /// Starts a server whose operators have `token`.
    pub(crate) fn with(token: &str) -> Self {
        let mut config = Config::new(Memory::new(Bounds::keeping(10_000)));
        config.admin = Some(Credential::new(token.into()));
        Self::run("127.0.0.1:0", config)
    }

    /// Starts a server that takes this many messages a second of each session.
    pub(crate) fn taking(rate: u32) -> Self {
        let mut config = Config::new(Memory::new(Bounds::keeping(10_000)));
        config.rate = rate;
        Self::run("127.0.0.1:0", config)
    }

    /// Starts a server at a given address, with its log in a file and its journals beside it.
    pub(crate) fn over(addr: &str, file: &Path) -> Self {
        // Not at the first try only, because a process that another test is just starting holds
        // copies of this one's files, and so their locks, until it runs its own program.
        let until = Instant::now() + LIMIT;
        let log = loop {
            match Sqlite::open(file, Bounds::keeping(10_000)) {
                Ok(log) => break log,
                Err(error) if Instant::now() > until => panic!("{error:#}"),
                Err(_) => std::thread::yield_now(),
            }
        };
        let journals = file.with_extension("journals");
        let journal = Pen::begin(&journals, "chat-server", None).expect("a journal");
        log.keep_journal(journal);
        Self::run(addr, Config::new(log))
    }

    /// Starts a server at a given address with this configuration.
    pub(crate) fn run(addr: &str, config: Config) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(addr));
        let listener = listener.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        runtime.spawn(chat_server::run(listener, config, pending()));
        Self {
            addr,
            _runtime: runtime,
        }
    }

    /// Starts a client that listens, and waits until it is in the lobby.
    pub(crate) fn listen(&self, nick: &str, flags: &[&str]) -> Ear {
        let flags = [&["--name", nick, "--json"], flags].concat();
        let mut program = listener(&self.addr, &flags);
        let lines = Lines::of(program.child.stdout.take().expect("piped"));
        self.wait_for(nick);
        Ear { program, lines }
    }

    /// Waits until `nick` is in the lobby.
    pub(crate) fn wait_for(&self, nick: &str) {
        loop {
            let flags = ["--name", "doorman", "--no-history", "--commands"];
            let here = run(&mut chat_client(&self.addr, &flags), "/who\n").stderr;
            if here.split([' ', ',', '\n']).any(|name| name == nick) {
                return;
            }
        }
    }
}

/// A client that listens.
pub(crate) struct Ear {
    pub(crate) program: Program,
    lines: Lines,
}

impl Ear {
    /// Returns the next `count` messages.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Value> {
        let lines = self.lines.by_ref().take(count);
        let messages: Vec<_> = lines
            .map(|line| serde_json::from_str(&line).expect("JSON"))
            .collect();
        assert_eq!(messages.len(), count, "{}", self.lines.heard);
        messages
    }

    /// Returns the texts of the next `count` messages.
    pub(crate) fn texts(&mut self, count: usize) -> Vec<String> {
        let messages = self.take(count).into_iter();
        messages
            .map(|message| message["text"].as_str().expect("text").to_owned())
            .collect()
    }
}
