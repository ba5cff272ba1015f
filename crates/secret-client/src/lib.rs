//! The secret client: has a word list reversed by several secret servers, and does not know how
//! they do it.
//!
//! ```text
//!   file or      lines,      which words go where,   one task: a call for each    servers,
//!   stdin   ──>  cleaned ──> what happens when   ──> chunk, answers back      ──> kept reachable
//!   [pipes]      [lines]     [dispatch], [queue]     [work], [connections]        by [keeper]
//!                                   │
//!                                   └── in order ──> stdout [pipes], [progress], [report]
//! ```
//!
//! | File | What it holds |
//! |---|---|
//! | `dispatch` | PURE: the decisions: what is to be done, by which server |
//! | `queue`, `server`, `pacing` | PURE: where each word is; one server; how much to give it |
//! | `names`, `stall` | PURE: servers given by name; a wait that is worth a word |
//! | `lines`, `cause` | PURE: bytes into lines; what went wrong |
//! | `report`, `latencies` | PURE: what is said of the work; how long the calls took |
//! | `work` | the shell for `dispatch`; `list` and `string` are the two kinds of work |
//!
//! Memory is bounded for a list of any length, by the window of the queue and by short channels
//! between the threads.

use std::io::{Write, stderr};

use common::cli::Interrupted;

mod dispatch;
mod queue;

mod cause;
mod latencies;
mod lines;
mod names;
mod pacing;
mod report;
mod server;
mod stall;

mod args;
mod call;
mod config;
mod connections;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod keeper;
mod list;
mod pipes;
mod progress;
mod screen;
mod string;
mod work;

pub use args::Args;
pub use config::{Config, List, Options, Work};
pub use latencies::Latencies;
pub use list::reverse_list;
pub use pacing::Fixed;
pub use progress::Progress;
pub use queue::Totals;
pub use report::Report;
pub use string::reverse_string;

/// Reverses what `config` says, until it is done or until `shutdown`. The answers go to stdout, the
/// report goes to stderr.
///
/// # Errors
/// If not all could be reversed or printed; if interrupted.
pub async fn run(
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let journal = config.options.journal.clone();
    let list = match config.work {
        Work::List(list) => list,
        Work::String(text) => {
            let result = reverse_string(config.options, text, screen::stdout(), shutdown).await;
            journal.end("done", &result);
            return result;
        }
    };
    let (report, result) = reverse_list(config.options, list, screen::stdout(), shutdown).await;
    // Ignores a closed stderr, because the answers have been written.
    if config.verbose {
        let _ = stderr().write_all(format!("{}\n", report.detail()).as_bytes());
    }
    // In one write, because stderr has no buffer: each piece would be one of its own.
    let _ = stderr().write_all(format!("{report}\n").as_bytes());
    journal.end("done", &result);
    result
}

#[cfg(test)]
mod dice;
