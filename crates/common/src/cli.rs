//! Manners on the command line, the same in all five programs.
//!
//! The product goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage,
//! 129, 130 or 143 interrupted with work left undone, by SIGHUP, SIGINT or SIGTERM. An error is one
//! line, `PROGRAM: what failed: cause`, and then at most three lines of `help:`.
//!
//! | File | What it holds |
//! |---|---|
//! | `args`, `parse` | flags that all programs have, the values that flags take; the command line |
//! | `http` | where a server answers over HTTP, and who may know |
//! | `lab_key` | the key of the lab: where it comes from, and how one is made |
//! | `signals` | Ctrl-C, SIGTERM and SIGHUP, and what an interrupted program still prints |
//! | `printable`, `secrets` | texts of other people, made harmless; secrets in a wrong place |
//! | `end` | an error with advice, and the exit code |
//! | `watchdog` | the sign of life for systemd |

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::net::Seal;

mod args;
mod end;
#[cfg(feature = "http")]
mod http;
mod lab_key;
mod parse;
mod printable;
mod secrets;
mod signals;
mod watchdog;

pub use args::{Common, DEFAULT_PORT, duration, host_port, http_addr, listen_addr};
pub use end::{Failure, Readers, run, run_for};
#[cfg(feature = "http")]
pub use http::{check_http, open_http, say_http};
pub use parse::parse;
pub use printable::printable;
pub use signals::{Interrupted, interrupted, interrupted_or_closed, let_it_print};

/// Sends logs to stderr: what `RUST_LOG` says if it is set, otherwise what `-v` says.
///
/// Broken connections are logged from `-v` only, because one port scan breaks very many.
///
/// A line that cannot be written is lost, because a stderr without a reader must not end any work.
pub fn start_logging(common: &Common) {
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
        .log_internal_errors(false) // it would use `eprintln!`, which panics
        .init();
}

/// Prints the line that scripts and people wait for: `listening on IP:PORT`. A second line says
/// who can come in, unless that is only this machine.
///
/// # Errors
/// If the listener has no address. A bound listener has one.
pub fn ready(listener: &TcpListener, seal: &Seal) -> anyhow::Result<()> {
    let addr = listener
        .local_addr()
        .context("a listener without an address")?;
    let who = match seal.name() {
        Some(name) => format!("only holders of the key {name} can come in\n"),
        None if addr.ip().to_canonical().is_loopback() => String::new(),
        None => "no key: whoever reaches this port can come in, and read along on the way; \
                 --key FILE closes it\n"
            .to_owned(),
    };
    // One write for the whole text, because several programs may share a terminal and stderr has
    // no buffer. A server whose stderr is closed must serve all the same.
    let _ = io::stderr().write_all(format!("listening on {addr}\n{who}").as_bytes());
    Ok(())
}
