//! What a client with several servers does when the one that it calls dies or falls silent: real
//! processes, two chat-servers over one log in NATS.
#![cfg(feature = "nats")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use program::{Lines, Program, closed, signal};
use tempfile::TempDir;

#[path = "support/client.rs"]
mod client;
#[path = "support/nats.rs"]
mod nats;
#[path = "../../common/tests/support/program.rs"]
mod program;

/// Two chat-servers.
struct Two {
    servers: [Option<Program>; 2],
    addrs: [String; 2],
    nats: nats::Nats,
    folder: TempDir,
}

impl Two {
    /// Starts them at these addresses, if there is a nats-server.
    fn start(addrs: [String; 2]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let nats = nats::Nats::start(&folder.path().join("nats"), nats::free_port())?;
        let mut two = Self {
            servers: [None, None],
            addrs,
            nats,
            folder,
        };
        for n in 0..2 {
            let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
            command.args(["--listen", &two.addrs[n], "--store", &two.nats.url("t")]);
            let mut server = Program::start(&mut command);
            server.ready();
            two.servers[n] = Some(server);
        }
        Some(two)
    }

    /// Returns the number of the server with this address.
    fn number(&self, addr: &str) -> usize {
        let found = self.addrs.iter().position(|one| one == addr);
        found.expect("one of the two")
    }
}

/// A client that talks.
struct Talker {
    program: Program,
    /// what it is connected to, as it says itself
    server: String,
    /// the address of that
    addr: String,
}

impl Talker {
    fn start(mut command: Command) -> Self {
        let command = command.args(["--name", "ann", "--no-history", "-v"]);
        let mut program = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::null()));
        let connected = program.stderr.by_ref().find_map(|line| {
            let (_, rest) = line.split_once("connected to ")?;
            let (server, addr) = rest.trim_end().split_once(" at ")?;
            Some((server.to_owned(), addr.to_owned()))
        });
        let (server, addr) = connected.expect("it connects");
        Self {
            program,
            server,
            addr,
        }
    }

    fn types(&mut self, text: &str) {
        let stdin = self.program.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{text}").expect("it reads");
    }
}

/// Starts a client that listens there from the beginning.
fn ear(server: &str) -> (Program, Lines) {
    let mut command = Command::new(client::path());
    command.args([
        "--server", server, "--name", "ear", "--json", "--after", "0",
    ]);
    let mut program = Program::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let lines = Lines::of(program.child.stdout.take().expect("piped"));
    (program, lines)
}

/// Returns the text of the next message.
fn heard(lines: &mut Lines) -> String {
    let line = lines.next().expect("it listens");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    line["text"].as_str().expect("a text").to_owned()
}

fn talker(server: &str) -> Talker {
    let mut command = Command::new(client::path());
    command.args(["--server", server]);
    Talker::start(command)
}

#[test]
fn a_client_leaves_a_killed_server_at_the_first_attempt() {
    let Some(mut two) = Two::start([closed(), closed()]) else {
        return;
    };
    let mut ann = talker(&two.addrs.join(","));
    ann.types("one");
    let (dies, stays) = (two.number(&ann.addr), 1 - two.number(&ann.addr));
    let (_ear, mut lines) = ear(&two.addrs[stays]);
    assert_eq!(heard(&mut lines), "one");
    two.servers[dies] = None; // kill -9
    // The other attempt would be told: that no server lets it in.
    let told = format!("-- connection to {} lost: ", ann.server);
    assert_eq!(
        ann.program.says(&told),
        format!("now on {}", two.addrs[stays])
    );
    ann.types("two");
    assert_eq!(heard(&mut lines), "two");
}

#[test]
fn a_client_leaves_a_silent_server_and_its_message_is_stored_once() {
    let Some(two) = Two::start([closed(), closed()]) else {
        return;
    };
    let mut ann = talker(&two.addrs.join(","));
    ann.types("one");
    let (stops, stays) = (two.number(&ann.addr), 1 - two.number(&ann.addr));
    let (_ear, mut lines) = ear(&two.addrs[stays]);
    assert_eq!(heard(&mut lines), "one");
    let stopped = two.servers[stops].as_ref().expect("it runs");
    signal(&stopped.child, "STOP");
    ann.types("two"); // the stopped server gets it too, and finds it when it wakes
    let told = format!("-- connection to {} lost: ", ann.server);
    assert_eq!(
        ann.program.says(&told),
        format!("now on {}", two.addrs[stays])
    );
    assert_eq!(heard(&mut lines), "two");
    signal(&stopped.child, "CONT");
    let mut bob = Command::new(client::path());
    bob.args(["--server", &two.addrs[stops], "--name", "bob"]);
    let said = program::run(&mut bob, "three\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(heard(&mut lines), "three", "and nothing twice before it");
}

/// As with an address in the DNS that has a line for each server.
#[test]
#[cfg(target_os = "linux")]
fn a_name_with_two_addresses_is_as_good_as_a_list() {
    // Its own names for the client only, in a name space where a file lies over /etc/hosts.
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]);
        command
    };
    let may = unshare().arg("true").output();
    if !may.is_ok_and(|may| may.status.success()) {
        return eprintln!("SKIPPED: no name spaces here: unshare --map-root-user --mount");
    }
    let first = closed();
    let (_, port) = first.rsplit_once(':').expect("a port");
    let Some(mut two) = Two::start([first.clone(), format!("127.0.0.2:{port}")]) else {
        return;
    };
    let hosts = two.folder.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 chat.test\n127.0.0.2 chat.test\n").expect("written");
    let name = format!("chat.test:{port}");
    let mut command = unshare();
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    command.args(["sh", "-c", script]).arg(hosts);
    command.arg(client::path()).args(["--server", &name]);
    let mut ann = Talker::start(command);
    assert_eq!(ann.server, name);
    ann.types("one");
    let (dies, stays) = (two.number(&ann.addr), 1 - two.number(&ann.addr));
    let (_ear, mut lines) = ear(&two.addrs[stays]);
    assert_eq!(heard(&mut lines), "one");
    two.servers[dies] = None;
    let told = format!("-- connection to {name} ({}) lost: ", ann.addr);
    let now = format!("now on {name} ({})", two.addrs[stays]);
    assert_eq!(ann.program.says(&told), now);
    ann.types("two");
    assert_eq!(heard(&mut lines), "two");
}
