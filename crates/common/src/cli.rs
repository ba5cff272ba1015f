//! Manners on the command line, the same in all five programs.
//!
//! The product goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage,
//! 130/143 interrupted with work left undone. An error is one line, `PROGRAM: what failed: cause`,
//! and then at most three lines of `help:`.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

use crate::net;

/// The port of the lab sheet, where a server listens and a client calls unless told otherwise.
pub const DEFAULT_PORT: u16 = 8030;

/// The flags every program has.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Common {
    /// Say more on stderr: once for what happens, twice for every detail (or set RUST_LOG)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Reads the command line; usage errors end the program with 2. The lab sheet's programs take
/// `-port` for `--port`, so ours do.
pub fn parse<A: Parser>() -> A {
    let command = A::command();
    let longs: Vec<String> = command
        .get_arguments()
        .flat_map(|arg| {
            arg.get_long_and_visible_aliases()
                .unwrap_or_default()
                .into_iter()
        })
        .map(str::to_owned)
        .collect();
    A::parse_from(std::env::args_os().map(|arg| with_two_dashes(arg, &longs)))
}

fn with_two_dashes(arg: OsString, longs: &[String]) -> OsString {
    let known = |text: &str| {
        let name = text.strip_prefix('-')?;
        let name = name.split_once('=').map_or(name, |(name, _)| name);
        (name.len() > 1 && longs.iter().any(|long| long == name)).then(|| format!("-{text}"))
    };
    match arg.to_str().and_then(known) {
        Some(fixed) => fixed.into(),
        None => arg,
    }
}

/// A listen address: `8030`, `:8030` and `0.0.0.0:8030` mean the same.
///
/// # Errors
/// A sentence for clap, if it is none of these.
pub fn listen_addr(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    text.parse()
        .map_err(|_| "expected PORT, :PORT or IP:PORT, such as 8030 or 0.0.0.0:8030".to_owned())
}

/// An address to call: `HOST:PORT`; `:8030` and `8030` are on this machine.
///
/// # Errors
/// A sentence for clap, if there is no port or no host.
pub fn host_port(text: &str) -> Result<String, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Ok(format!("{}:{port}", Ipv4Addr::LOCALHOST));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
            Ok(text.to_owned())
        }
        _ => Err("expected HOST:PORT, such as 127.0.0.1:8030 or [::1]:8030".to_owned()),
    }
}

/// A duration: `250ms`, `2s`, `1m`; `0` is none.
///
/// # Errors
/// A sentence for clap.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration with its unit, such as 250ms, 2s or 1m".to_owned())
}

/// Longest key, in bytes.
const MAX_KEY: u64 = 1024;

/// Reads a key from `path`: the file's only line, spaces around it aside.
///
/// # Errors
/// [`Failure`] if there is no such file, or no one line of text in it.
pub fn read_key(path: &Path) -> Result<String, Failure> {
    let read = || {
        let mut text = String::new();
        File::open(path)?
            .take(MAX_KEY + 1)
            .read_to_string(&mut text)?;
        Ok(text)
    };
    let shown = path.display();
    let text = read().map_err(|e: io::Error| {
        Failure::new(format!("cannot read the key in {shown}: {e}"))
            .help("put the key into a file of its own, which only you may read")
    })?;
    let key = text.trim();
    if key.is_empty() || key.lines().count() > 1 || text.len() as u64 > MAX_KEY {
        let what = format!("{shown} is no key: expected one line of at most {MAX_KEY} bytes");
        return Err(Failure::new(what));
    }
    Ok(key.to_owned())
}

/// Sends logs to stderr: `RUST_LOG` if set, else what `-v` says; quiet by default. Broken connections
/// are heard from `-v`: one port scan makes a flood of them.
pub fn start_logging(common: Common) {
    let default = match common.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// Prints the line that scripts and people wait for: `listening on IP:PORT`.
///
/// # Errors
/// If the listener has no address, which no bound one does.
pub fn ready(listener: &TcpListener) -> anyhow::Result<()> {
    let addr = listener
        .local_addr()
        .context("a listener without an address")?;
    // In one piece, for several programs may share a terminal, and stderr has no buffer. A closed
    // one is no reason not to serve.
    let _ = io::stderr().write_all(format!("listening on {addr}\n").as_bytes());
    Ok(())
}

/// The signal that ended a program; as an error, it says that work was left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// Ctrl-C.
    Int,
    /// `kill`, a closing session, a service manager.
    Term,
}

impl Interrupted {
    /// The exit code shells expect: 128 and the signal's number.
    pub fn code(self) -> u8 {
        match self {
            Self::Int => 130,
            Self::Term => 143,
        }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Hears Ctrl-C and SIGTERM from this call on, and returns the first one: it asks for an orderly
/// end. A second one gets its way at once. To be called inside the runtime, before the ready line:
/// whoever has read that may send a signal.
pub fn interrupted() -> impl Future<Output = Interrupted> {
    let first = next_signal();
    async {
        let first = first.await;
        let second = next_signal();
        tokio::spawn(async { std::process::exit(second.await.code().into()) });
        first
    }
}

#[cfg(unix)]
fn next_signal() -> impl Future<Output = Interrupted> {
    use tokio::signal::unix::{SignalKind, signal};
    // If no handler can be installed, the system's default ends the program.
    let int = signal(SignalKind::interrupt());
    let term = signal(SignalKind::terminate());
    async {
        let (Ok(mut int), Ok(mut term)) = (int, term) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = int.recv() => Interrupted::Int,
            _ = term.recv() => Interrupted::Term,
        }
    }
}

#[cfg(not(unix))]
async fn next_signal() -> Interrupted {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Interrupted::Int,
        Err(_) => std::future::pending().await,
    }
}

/// An error with advice that is not about the network: a file, a limit, a refusal.
#[derive(Debug)]
pub struct Failure {
    what: String,
    help: Vec<String>,
}

impl Failure {
    /// What failed, with its cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: Vec::new(),
        }
    }

    /// A line on what a person can do; at most three are shown.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// Runs a program's `work` on a runtime of such `threads`, says what failed, and gives the exit
/// code. Threads that still wait then are left behind: for a name server, or for somebody to read
/// stdout.
pub fn run(
    threads: &mut Builder,
    program: &str,
    work: impl Future<Output = anyhow::Result<()>>,
) -> ExitCode {
    let result = match threads.enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(error).context("the system gives no threads or files"),
    };
    exit(program, result)
}

/// Ends a program: prints what failed and what can be done, and picks the exit code. A closed
/// stdout (`| head`) is an end like any other; whoever interrupts knows it, and is told only what
/// came of it, if that is its context.
fn exit(program: &str, result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let closed = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    if error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(closed))
    {
        return ExitCode::SUCCESS;
    }
    let signal = error.downcast_ref::<Interrupted>();
    let code = signal.map_or(ExitCode::FAILURE, |signal| signal.code().into());
    if signal.is_some() && error.chain().count() == 1 {
        return code;
    }
    let mut text = format!("{program}: {error:#}\n");
    for line in help(&error).iter().take(3) {
        text.push_str(&format!("help: {line}\n"));
    }
    let _ = io::stderr().write_all(text.as_bytes());
    code
}

fn help(error: &anyhow::Error) -> Vec<String> {
    let lines = |cause: &(dyn std::error::Error + 'static)| {
        let network = cause.downcast_ref::<net::Error>().map(net::Error::help);
        network.or_else(|| Some(cause.downcast_ref::<Failure>()?.help.clone()))
    };
    error.chain().find_map(lines).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_many_spellings() {
        for text in ["8030", ":8030", "0.0.0.0:8030"] {
            assert_eq!(listen_addr(text), Ok(([0, 0, 0, 0], 8030).into()), "{text}");
        }
        assert!(listen_addr("[::]:8030").is_ok_and(|addr| addr.is_ipv6()));
        for text in ["", ":", "host:8030", "99999", "1.2.3.4"] {
            assert!(listen_addr(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_to_call_needs_a_port() {
        for text in ["8030", ":8030", "127.0.0.1:8030"] {
            assert_eq!(host_port(text).as_deref(), Ok("127.0.0.1:8030"), "{text}");
        }
        assert!(host_port("[::1]:8030").is_ok() && host_port("lab.example.org:1").is_ok());
        for text in ["", "0", ":0", "host", "host:", "host:0", "host:99999"] {
            assert!(host_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_carry_their_unit_except_none() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("5").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn one_dash_is_enough_for_a_flag_we_know() {
        let longs = ["port".to_owned(), "next".to_owned()];
        let fixed = |arg: &str| with_two_dashes(arg.into(), &longs);
        assert_eq!(fixed("-port"), "--port");
        assert_eq!(fixed("-next=:8040"), "--next=:8040");
        for untouched in ["--port", "-n", "-vv", "-", "8030", "-nextdoor"] {
            assert_eq!(fixed(untouched), untouched);
        }
    }

    #[test]
    fn an_error_carries_its_help_through_context() {
        let error = anyhow::Error::new(Failure::new("cannot read x").help("give another file"))
            .context("reading the list");
        assert_eq!(help(&error), ["give another file"]);
        assert_eq!(format!("{error:#}"), "reading the list: cannot read x");
    }
}
