//! The chat client: talks in rooms, from a terminal or through pipes.
//!
//! | File | What it holds |
//! |---|---|
//! | [`view`] | PURE: what of a room is new, and how it looks |
//! | [`clean`] | PURE: what other people typed, made harmless |
//! | [`outbox`], [`command`] | PURE: what is not acknowledged yet; what a typed line means |
//! | `client`, `calls` | the conversation with the server, and the calls it is made of |
//! | `pipes`, `terminal` | lines in and out; the line editor |
//! | `look`, `names` | how messages are printed; what the Tab key knows |

use std::io::{self, IsTerminal};

use common::cli::Interrupted;

pub mod view;

pub mod clean;
pub mod command;
pub mod outbox;

mod args;
mod calls;
mod client;
mod look;
mod names;
mod pipes;
mod terminal;

pub use args::Args;
pub use client::{Config, Style};

use client::Talk;
use names::Names;

/// Talks on this process's terminal, or through its stdin and stdout if either is none, until the
/// input ends and all is acknowledged, or until `shutdown`.
///
/// # Errors
/// If the server cannot be reached at first, or does not let us in; if messages were not
/// delivered; the `shutdown`'s [`Interrupted`].
pub async fn run(
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let session = rand::random();
    let people = io::stdin().is_terminal() && io::stdout().is_terminal();
    let names = Names::default();
    let terminal = match people && config.style == Style::Lines {
        true => terminal::open(names.clone()),
        false => None,
    };
    if let Some(terminal) = terminal {
        let talk = Talk::new(config, session, terminal.show, names);
        let result = talk.run(terminal.lines, shutdown).await;
        drop(terminal.restore);
        return result;
    }
    let (show, printer) = pipes::print(config.style);
    let talk = Talk::new(config, session, show, names);
    let result = talk.run(pipes::read(io::stdin()), shutdown).await;
    // All that was shown is printed before the program ends.
    let _ = tokio::task::spawn_blocking(|| printer.join()).await;
    result
}
