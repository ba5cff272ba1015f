//! A server in this process, and real clients that listen to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chat_server::{Config, Memory, Sqlite, run};
use common::key::Key;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Longest a test waits for a line: only what hangs takes so long.
const HANGS: Duration = Duration::from_secs(60);

/// The client, ready to be spawned.
pub(crate) fn chat_client(server: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    command.args(["--server", server]).args(flags);
    command
}

/// Pipes `text` into a client.
pub(crate) fn said(server: &str, nick: &str, text: &str) -> Output {
    let mut client = chat_client(server, &["--name", nick, "--no-history"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("built");
    client
        .stdin
        .take()
        .expect("piped")
        .write_all(text.as_bytes())
        .expect("it reads");
    client.wait_with_output().expect("ours")
}

/// What a client that is given `input` has printed when it has ended, on stdout and stderr.
pub(crate) fn printed(server: &Server, flags: &[&str], input: &str) -> (String, String) {
    let mut client = chat_client(&server.addr, flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("built");
    let mut stdin = client.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = client.wait_with_output().expect("ours");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (stdout, stderr)
}

/// How a client ends by itself, and what it wrote to stderr if that is piped. It must not hang.
pub(crate) fn end(mut client: Child) -> (Option<i32>, String) {
    let id = client.id().to_string();
    let (sender, ended) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let hangs = ended.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout);
        if hangs {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
        hangs
    });
    let mut text = String::new();
    if let Some(mut stderr) = client.stderr.take() {
        stderr.read_to_string(&mut text).expect("text");
    }
    let status = client.wait().expect("ours");
    drop(sender);
    assert!(!watch.join().expect("no panic"), "it does not end: {text}");
    (status.code(), text)
}

/// A server of its own for one test. Dropping it cuts its connections, as a crash does.
pub(crate) struct Server {
    pub(crate) addr: String,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::run("127.0.0.1:0", Config::new(Memory::new(10_000)))
    }

    /// One whose operators know `token`, and that takes `rate` messages a second.
    pub(crate) fn with(token: &str, rate: u32) -> Self {
        let config = Config {
            admin: Some(Key::new(token.into())),
            rate,
            ..Config::new(Memory::new(10_000))
        };
        Self::run("127.0.0.1:0", config)
    }

    /// One at a given address, over a file.
    pub(crate) fn over(addr: &str, file: &Path) -> Self {
        // A process that another test is just starting holds copies of this one's files until it
        // runs its own program: the lock of a server that was here, too.
        let until = Instant::now() + HANGS;
        let log = loop {
            match Sqlite::open(file, 10_000) {
                Ok(log) => break log,
                Err(error) if Instant::now() > until => panic!("{error:#}"),
                Err(_) => std::thread::yield_now(),
            }
        };
        Self::run(addr, Config::new(log))
    }

    fn run(addr: &str, config: Config) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind(addr))
            .expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        runtime.spawn(run(listener, config, std::future::pending()));
        Self {
            addr,
            _runtime: runtime,
        }
    }

    /// A client that listens, and is in the room.
    pub(crate) fn listen(&self, nick: &str) -> Ear {
        self.listen_with(nick, &[])
    }

    pub(crate) fn listen_with(&self, nick: &str, flags: &[&str]) -> Ear {
        let mut child = chat_client(&self.addr, &["--name", nick, "--json"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("built");
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let ear = Ear { child, lines };
        self.wait_for(nick);
        ear
    }

    /// Returns when `nick` is in the lobby.
    pub(crate) fn wait_for(&self, nick: &str) {
        loop {
            let who = said(&self.addr, "doorman", "/who\n");
            let here = String::from_utf8_lossy(&who.stderr).into_owned();
            let mut names = here.split([' ', ',', '\n']);
            if names.any(|name| name == nick) {
                return;
            }
        }
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &id])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// A client that listens.
pub(crate) struct Ear {
    child: Child,
    lines: Receiver<String>,
}

impl Ear {
    /// The next `count` messages.
    pub(crate) fn take(&self, count: usize) -> Vec<Value> {
        let line = |n| {
            let line = self.lines.recv_timeout(HANGS);
            let line = line.unwrap_or_else(|_| panic!("message {n} of {count} does not come"));
            serde_json::from_str(&line).expect("JSON")
        };
        (1..=count).map(line).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("ours")
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
