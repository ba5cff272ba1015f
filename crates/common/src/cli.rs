//! Manners on the command line, the same in all five programs.
//!
//! The product goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage,
//! 130/143 interrupted with work left undone. An error is one line, `PROGRAM: what failed: cause`,
//! and then at most three lines of `help:`.
//!
//! | File | What it holds |
//! |---|---|
//! | `args` | flags that all programs have, and the values that flags take |
//! | `signals` | Ctrl-C, SIGTERM and SIGHUP, and what an interrupted program still prints |
//! | `end` | an error with advice, and the exit code |
//! | `watchdog` | the sign of life for systemd |

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

mod args;
mod end;
mod signals;
mod watchdog;

pub use args::{Common, DEFAULT_PORT, duration, host_port, listen_addr, parse};
pub use end::{Failure, printable, run};
pub use signals::{Interrupted, interrupted, interrupted_or_closed, let_it_print};

/// Sends logs to stderr: what `RUST_LOG` says if it is set, otherwise what `-v` says.
///
/// Broken connections are logged from `-v` only, because one port scan breaks very many.
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
/// If the listener has no address. A bound listener has one.
pub fn ready(listener: &TcpListener) -> anyhow::Result<()> {
    let addr = listener
        .local_addr()
        .context("a listener without an address")?;
    // One write for the whole line, because several programs may share a terminal and stderr has
    // no buffer. A server whose stderr is closed must serve all the same.
    let _ = io::stderr().write_all(format!("listening on {addr}\n").as_bytes());
    Ok(())
}
