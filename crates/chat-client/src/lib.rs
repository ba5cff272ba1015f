//! The chat client: talks in rooms, from a terminal or through pipes.
//!
//! | File | What it holds |
//! |---|---|
//! | [`cursors`] | PURE: what of a room is new, and how it looks |
//! | [`clean`] | PURE: what other people typed, made harmless |
//! | [`outbox`], [`command`] | PURE: what is not acknowledged yet; what a typed line means |
//! | `client`, `api` | the conversation with the server, and the calls it is made of |
//! | `pipes`, `terminal` | lines in and out; the line editor |
//! | `format`, `completion` | how messages are printed; what the Tab key knows |

use std::io::{self, IsTerminal};
use std::pin::pin;

use common::chat::Session;
use common::cli::{self, Interrupted};
use futures::FutureExt;
use tokio::sync::mpsc;

pub mod cursors;

pub mod clean;
pub mod command;
pub mod outbox;

mod api;
mod args;
mod client;
mod completion;
mod format;
mod pipes;
mod terminal;

pub use args::Args;
pub use client::{Config, Style};

use client::Talk;
use completion::Names;

/// Talks on this process's terminal, or through its stdin and stdout if either is none, until the
/// input ends, all is acknowledged and what was said until then is shown; or until `shutdown`. With
/// `/dev/null` as its input it listens, as long as somebody reads its output.
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
        let restore = &terminal.restore;
        let stop = async {
            let signal = shutdown.await;
            restore.now(); // before goodbye: a second signal ends the program on the spot
            Err(signal.into())
        };
        return talk.run(terminal.lines, stop).await;
    }
    talk_on_pipes(config, session, shutdown).await
}

async fn talk_on_pipes(
    config: Config,
    session: Session,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let mut shutdown = pin!(shutdown.fuse());
    let (nothing, no_lines) = mpsc::channel(1);
    let (listens, lines) = match pipes::has_nothing_to_say() {
        true => (true, no_lines),
        false => (false, pipes::read(io::stdin())),
    };
    let stop = async {
        tokio::select! {
            signal = &mut shutdown => Err(signal.into()),
            () = pipes::reader_gone(), if listens => Ok(()),
        }
    };
    let (show, printed) = pipes::print(config.style);
    let result = Talk::new(config, session, show, Names::default())
        .run(lines, stop)
        .await;
    drop(nothing);
    // All that was shown is printed before the program ends, unless it is to end at once.
    let hurried = matches!(&result, Err(error) if error.is::<Interrupted>());
    cli::let_it_print(printed, hurried, shutdown).await?;
    result
}
