//! The chat client: talks in rooms, from a terminal or through pipes.
//!
//! | File | What it holds |
//! |---|---|
//! | `conversation` | PURE: what is called, printed and waited for, and when it ends |
//! | `connection` | PURE: the way to the server, and back to it after a loss |
//! | `servers` | PURE: which of several servers is called first, and which next |
//! | `cursors`, `outbox` | PURE: what of a room is new; what is not acknowledged yet |
//! | `waiting`, `pieces` | PURE: what is said about messages that wait; a text that is too long |
//! | `partners`, `ignored` | PURE: with whom one talks in private; whose words are not shown |
//! | `mention` | PURE: whether a text names a person |
//! | `words` | PURE: what is said about the outcome of a command |
//! | `effect` | PURE: the inputs and the effects of a conversation |
//! | `command`, `clean` | PURE: what a typed line means; what other people typed, made harmless |
//! | `client`, `api`, `end` | the shell that does what a conversation wants; its calls; its error |
//! | `fleet` | the dials to all servers, of which the first that answers is used |
//! | `identity_file` | what shows that a registered nick is this person's |
//! | `pipes`, `terminal` | lines in and out; a terminal and its line editor |
//! | `format`, `look` | how messages are printed: on one line, and in a terminal |
//! | `completion` | what the Tab key completes |

use std::io::{self, IsTerminal};
use std::pin::pin;

use common::cli::{self, Interrupted};
use futures::FutureExt;

mod api;
mod args;
mod clean;
mod client;
mod command;
mod completion;
mod config;
mod connection;
mod conversation;
mod cursors;
mod effect;
mod end;
mod fleet;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod identity_file;
mod ignored;
mod look;
mod mention;
mod outbox;
mod partners;
mod pieces;
mod pipes;
mod polls;
mod record;
mod servers;
mod terminal;
mod waiting;
mod words;

pub use args::Args;
pub use config::{Config, Style};
pub use conversation::After;
pub use identity_file::IdentityFile;
pub use servers::MAX_SERVERS;

/// Talks on this process's terminal, or through its stdin and stdout if they are not both one.
/// Ends when the input has ended, all is acknowledged and what was said until then is printed; or
/// with `shutdown`. With `/dev/null` as its input it listens, as long as its output has a reader.
///
/// # Errors
/// If the server cannot be reached at first, or does not let us in; if messages were not
/// delivered, or not printed; if a command of a pipe was refused; the `shutdown`'s
/// [`Interrupted`].
pub async fn run(
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let is_terminal =
        config.style == Style::Lines && io::stdin().is_terminal() && io::stdout().is_terminal();
    let opened = is_terminal.then(|| terminal::open(&config.room, config.bell));
    let (console, ends, restore) = match opened.flatten() {
        Some((console, ends, restore)) => (console, ends, Some(restore)),
        None => {
            let (console, ends) = pipes::open(config.style, config.commands);
            (console, ends, None)
        }
    };
    let shutdown = async {
        let signal = shutdown.await;
        if let Some(restore) = &restore {
            restore.now(); // before goodbye, because a second signal ends the program on the spot
        }
        signal
    };
    let mut shutdown = pin!(shutdown.fuse());
    let journal = config.journal.clone();
    let result = client::talk(config, console, &mut shutdown).await;
    journal.end("done", &result);
    // All output is printed before the program ends, unless it is to end at once.
    let hurried = matches!(&result, Err(error) if error.is::<Interrupted>());
    let printed = cli::let_it_print(ends.printed, hurried, shutdown).await?;
    result.and_then(|()| pipes::failure(printed, &ends.read))
}
