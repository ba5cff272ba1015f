//! Built programs in tests and benchmarks: what they print, what signals do, how they end.
//!
//! One file for all crates, taken in by `#[path]`, so that the difficult parts (a limit for every
//! wait, a port without a race) are solved once.

use std::io::{BufRead, BufReader, Read, Write};
use std::mem::{forget, take};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::spawn;
use std::time::Duration;

/// The longest wait for a line or for the end: far above what a slow machine needs.
const LIMIT: Duration = Duration::from_secs(60);

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Program::ready, signal, run, assert_flags, closed);
};

/// A running program. Dropping it kills it with `kill -9` and waits until it is dead.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) stderr: Lines,
}

/// How a program ended, and the text it printed. `stdout` is empty unless it was piped and left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts `command`. Its stderr is read from now on; its stdin and stdout are the caller's.
    /// The lab's key of whoever runs the tests is not theirs.
    pub(crate) fn start(command: &mut Command) -> Self {
        if command.get_envs().all(|(name, _)| name != "LAB_KEY") {
            command.env_remove("LAB_KEY");
        }
        let child = command.stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = Lines::of(child.stderr.take().expect("piped"));
        Self { child, stderr }
    }

    /// Waits for the ready line and returns the address in it.
    pub(crate) fn ready(&mut self) -> String {
        self.says("listening on ")
    }

    /// Waits for a line on stderr that begins with `start`, and returns the rest of that line.
    pub(crate) fn says(&mut self, start: &str) -> String {
        let rest = |line: String| line.trim_end().strip_prefix(start).map(str::to_owned);
        let found = self.stderr.by_ref().find_map(rest);
        found.unwrap_or_else(|| panic!("it ended without {start:?}:\n{}", self.stderr.heard))
    }

    /// Waits until it ends.
    pub(crate) fn end(mut self) -> Ended {
        let stdout = self.child.stdout.take().map(Lines::of);
        self.stderr.by_ref().for_each(drop);
        let status = self.child.wait().expect("our own child");
        Ended {
            code: status.code(),
            stdout: stdout.map(Iterator::collect).unwrap_or_default(),
            stderr: take(&mut self.stderr.heard),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, each with its newline, as they come. Read by a thread, because a pipe
/// cannot be read with a limit.
pub(crate) struct Lines {
    lines: Receiver<String>,
    /// all lines so far
    pub(crate) heard: String,
}

impl Lines {
    pub(crate) fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).into_owned();
                if sender.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let heard = String::new();
        Self { lines, heard }
    }
}

impl Iterator for Lines {
    type Item = String;

    /// Waits for the next line; `None` when the program has closed the pipe.
    fn next(&mut self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => {
                self.heard.push_str(&line);
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it hangs, having printed:\n{}", self.heard),
        }
    }
}

/// Runs `command` with `input` on stdin until it ends.
pub(crate) fn run(command: &mut Command, input: &str) -> Ended {
    let mut program = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut stdin = program.child.stdin.take().expect("piped");
    let input = input.to_owned();
    // In a thread, because the program may print more than a pipe holds before it reads on. It
    // fails if the program ends without having read everything, which it may.
    spawn(move || stdin.write_all(input.as_bytes()));
    program.end()
}

/// Checks that `--help` names all `flags`, and that each list of arguments in `wrong` is refused.
pub(crate) fn assert_flags(program: &str, flags: &[&str], wrong: &[&[&str]]) {
    let help = run(Command::new(program).arg("--help"), "");
    assert_eq!(help.code, Some(0), "{help:?}");
    for flag in flags {
        assert!(help.stdout.contains(flag), "no {flag} in\n{}", help.stdout);
    }
    for args in wrong {
        let ended = run(Command::new(program).args(*args), "");
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
        assert_eq!(ended.stdout, "", "{args:?}");
    }
}

/// Sends `child` a signal by its name: TERM, INT, KILL, STOP, CONT.
pub(crate) fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let sent = kill.args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("kill exists").success(), "{name}");
}

/// Returns an address where nothing listens until the caller starts something there.
///
/// A port that the system hands out and that is given back must not be used again, because an
/// outgoing connection may get it in between. So this takes one below those (Linux: 32768 and up),
/// and claims it until this process ends by a UDP socket of the same number, which TCP ignores:
/// another test that runs at the same time cannot claim it.
pub(crate) fn closed() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "no port is free");
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if let Ok(claim) = UdpSocket::bind(addr)
            && TcpListener::bind(addr).is_ok()
        {
            forget(claim);
            return addr.to_string();
        }
    }
}
