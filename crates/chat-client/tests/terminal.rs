//! The real program on a terminal: nothing typed is lost, and nothing said by others is held back.
//!
//! `LINES=1000` makes the first test long. A failure prints the seed, and `SEED=...` repeats it.

#[path = "support/pty.rs"]
mod pty;
mod support;

use std::io::Write;
use std::process::{ChildStdin, Stdio};

use pty::Terminal;
use pty_process::blocking::Command;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use support::{Program, Server, chat_client, said};
use tempfile::TempDir;

/// Starts a client on a terminal, with a folder for what it keeps.
fn talk(server: &Server, nick: &str) -> (Terminal, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let command = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    let command = command.args(["--server", &server.addr, "--name", nick]);
    let terminal = Terminal::start(command.env("XDG_STATE_HOME", folder.path()));
    (terminal, folder)
}

/// Something that a person types: its bytes, and what it adds to the line.
fn piece(dice: &mut SmallRng) -> (&'static [u8], &'static str) {
    const PIECES: [(&[u8], &str); 24] = [
        (b"hello", "hello"),
        ("日本 🙂 é".as_bytes(), "日本 🙂 é"),
        ("👨‍👩‍👧 e\u{301}".as_bytes(), "👨‍👩‍👧 e\u{301}"),
        (
            b"a somewhat longer text that makes the line wrap",
            "a somewhat longer text that makes the line wrap",
        ),
        (b"\x1b[D\x1b[C", ""),
        (b"\x1bOD\x1bOC", ""),
        (b"\x1b[H\x1b[F", ""),
        (b"\x01\x05", ""),
        (b"\x1b[A\x1b[B", ""),
        (b"zz\t", "zz"),
        (b" bo\t.", " bob ."),
        (b" bo\t\t\x1b[Z\x07.", " bo."),
        (b"\x1bx", "x"),
        (b"\x1b3", "3"),
        (b"\x12\x07", ""),
        (b"\x12hel\x12\x07", ""),
        (b"\x16\x18", ""),
        (b" junk\x17", " "),
        (b"\xff", "\u{fffd}"),
        (b"caf\xe9.", "caf\u{fffd}."),
        (b"\xf0\x9f.", "\u{fffd}."),
        (b"\x1b[200~one\rtwo\x1b[201~", "one\ntwo"),
        (b"\x1b[15~\x1b[1;2P", ""),
        (b"xy\x7f", "x"),
    ];
    PIECES[dice.random_range(0..PIECES.len())]
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

/// A person who talks through a pipe, and the number of messages so far.
struct Other {
    _program: Program,
    stdin: ChildStdin,
    said: usize,
}

impl Other {
    fn enters(server: &Server) -> Self {
        let mut command = chat_client(&server.addr, &["--name", "bob"]);
        let mut program = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::null()));
        let stdin = program.child.stdin.take().expect("piped");
        server.wait_for("bob");
        Self {
            _program: program,
            stdin,
            said: 0,
        }
    }

    /// Says something, and returns how it is shown.
    fn says(&mut self) -> String {
        self.said += 1;
        writeln!(self.stdin, "message {}", self.said).expect("a reader");
        format!("bob: message {}", self.said)
    }
}

#[test]
fn nothing_typed_is_lost_and_nothing_said_is_held_back() {
    let lines = number("LINES").unwrap_or(300);
    let seed = number("SEED").unwrap_or_else(rand::random);
    println!("SEED={seed} LINES={lines}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let server = Server::start();
    let mut ear = server.listen("ear", &[]);
    let mut bob = Other::enters(&server);
    let (ann, _folder) = talk(&server, "ann");
    ann.shows(&bob.says());
    let (mut pieces, mut expected) = (Vec::new(), Vec::new());
    for n in 1..=lines {
        let mut line = format!("line {n} ");
        pieces.push(line.clone().into_bytes());
        for _ in 0..dice.random_range(0..6) {
            let (bytes, text) = piece(&mut dice);
            pieces.push(bytes.to_vec());
            line.push_str(text);
        }
        pieces.push(b"\r".to_vec());
        expected.push(line);
    }
    // Several lines in a bunch, or a part of one. Never a part of a key, because a pause ends it.
    let mut pieces = pieces.into_iter().peekable();
    while pieces.peek().is_some() {
        let bunch = pieces.by_ref().take(dice.random_range(1..20));
        ann.type_in(&bunch.flatten().collect::<Vec<_>>());
        if dice.random_range(0..8) == 0 {
            ann.resize(dice.random_range(30..120));
        }
        for _ in 0..dice.random_range(1..3) {
            let message = bob.says();
            ann.shows(&message);
        }
    }
    for line in expected {
        let mut messages = std::iter::repeat_with(|| ear.take(1).remove(0));
        let message = messages.find(|message| message["nick"] == "ann");
        assert_eq!(message.expect("endless")["text"], line);
    }
    // A message that was shown stays, and none is shown twice.
    let rows = ann.rows();
    let messages = rows
        .iter()
        .filter_map(|row| row.split_once(" bob: message "));
    let shown = messages.filter_map(|(_, n)| n.parse::<usize>().ok());
    assert!(shown.eq(1..=bob.said), "{}", rows.join("\n"));
}

#[test]
fn the_terminal_is_put_back_at_the_end() {
    let server = Server::start();
    for (keys, code) in [
        (&b"/quit\r"[..], 0),
        (b"\x04", 0),
        (b"half a line\x03\x03", 0),
    ] {
        let (mut ann, _folder) = talk(&server, "ann");
        server.wait_for("ann");
        ann.ends_with("#lobby>");
        assert!(!ann.is_cooked());
        ann.type_in(keys);
        assert_eq!(ann.child.wait().expect("a child").code(), Some(code));
        assert!(ann.is_cooked());
        ann.is_left_with_a_row_for_the_next_program();
    }
}

#[test]
fn a_closed_window_frees_the_nick_at_once() {
    let server = Server::start();
    let (ann, _folder) = talk(&server, "ann");
    server.wait_for("ann");
    // That somebody has come shows that ann knows that it is in itself. Before, it says no goodbye.
    ann.wait_until("doorman", |rows| {
        rows.iter().any(|row| row.contains("doorman"))
    });
    // By SIGHUP, or because there is nothing more to read, whichever it hears first.
    let ended = ann.close().wait().expect("a child").code();
    assert!(matches!(ended, Some(129 | 0)), "{ended:?}");
    let back = said(&server.addr, "ann", "back\n");
    assert_eq!(back.code, Some(0), "{back:?}");
}

#[test]
fn a_shell_gets_the_terminal_and_gives_it_back() {
    let server = Server::start();
    let mut ear = server.listen("ear", &[]);
    for shell in [&["bash", "--norc", "--noprofile", "-i"][..], &["sh", "-i"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let command = Command::new(shell[0]).args(&shell[1..]);
        let terminal = Terminal::start(command.env("XDG_STATE_HOME", folder.path()));
        let client = env!("CARGO_BIN_EXE_chat-client");
        let start = format!("{client} --server {} --name ann\r", server.addr);
        terminal.type_in(start.as_bytes());
        terminal.ends_with("#lobby>");
        for round in 1..=3 {
            terminal.type_in(b"half\x1a");
            terminal.ends_with("$");
            let said = said(&server.addr, "bob", "while it stands still\n");
            assert_eq!(said.code, Some(0));
            terminal.type_in(b"fg\r");
            terminal.ends_with("#lobby> half");
            // The keys are the editor's again, and not the terminal's own.
            terminal.type_in(b"x\x1b[D ");
            terminal.ends_with("#lobby> half x");
            terminal.type_in(format!("\x1b[F {round}\r").as_bytes());
        }
        terminal.type_in(b"/quit\r");
        terminal.ends_with("$");
        terminal.type_in(b"echo $?, \"$(stty -a | grep -o '[-]*icanon')\"\r");
        terminal.shows("0, icanon");
        let heard = ear.take(6).into_iter();
        let mut heard: Vec<_> = heard.filter(|message| message["nick"] == "ann").collect();
        let heard: Vec<_> = heard
            .iter_mut()
            .map(|message| message["text"].take())
            .collect();
        assert_eq!(heard, ["half x 1", "half x 2", "half x 3"], "{shell:?}");
    }
}
