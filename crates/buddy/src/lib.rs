//! A buddy sings "99 Bottles of Beer" with other buddies, in a ring.
//!
//! Read in this order:
//!
//! | File | What it holds |
//! |---|---|
//! | [`ring`] | PURE: the song, the repair of every fault, the promises. The heart of it |
//! | [`roll_call`] | PURE: the roll call before the song |
//! | `failure_detector`, `ledger`, [`song`] | PURE: who counts as gone; who did how much; the words |
//! | `reach`, `stall` | PURE: who can reach whom, should a buddy die; who holds the song |
//! | [`state`] | PURE: a whole buddy, how it leaves early, and how it ends |
//! | `waiting`, `singing` | PURE: its two phases, around the roll call and around the ring |
//! | [`effect`] | PURE: what a state decides and what is reported to it, as plain data |
//! | `node` | the shell: the one lock, the timers, and the execution of effects |
//! | `handler`, `sender` | calls in; calls out, one mailbox, task and connection for each buddy called |
//! | `dial` | the way to a buddy: several addresses, and a proof that it is the one |
//! | `end` | how a buddy ends: the word for its journal, the error with its advice |
//! | `output`, `spin` | lines out; spinning between verses at full tempo |
//!
//! # How a verse travels
//! `sender` of buddy 1 calls `pass` → `handler` of buddy 2 hands it to its `node`, which takes the
//! lock → `state` → `singing` → [`Ring::handle`] returns `Sing(98)` → the effect `Sing` comes back
//! to `node`, which prints the verse on `output` and waits for the tempo → [`Ring::handle`] hears
//! `Sung` and returns `Call(2, Pass(Go, Left(97)))` → the effect `Send` puts it into the mailbox of
//! a `sender`, which writes the call `pass` at once, and only then looks for its answer.
//!
//! At full tempo all that is one turn of one task. No verse waits for the answer to a call:
//! answers linger, so that many are written at once.
//!
//! [`Ring::handle`]: ring::Ring::handle

use std::sync::Arc;

use anyhow::Context as _;
use common::buddy::SERVICE;
use common::cli::Interrupted;
use common::net::Seal;
use common::pen::Pen;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub mod effect;
pub mod ring;
pub mod roll_call;
pub mod song;
pub mod state;

mod args;
mod config;
mod dial;
mod end;
mod failure_detector;
mod handler;
mod ledger;
mod node;
mod output;
mod reach;
mod sender;
mod singing;
mod spin;
mod stall;
mod waiting;

pub use args::Args;
pub use config::Config;
pub use output::LineWriter;

/// Notices that wait for a slow terminal. More are dropped, because a ring that loses and finds
/// buddies faster than a person reads needs no complete record.
const NOTICES: usize = 64;

/// Sings along on stdout until the song is over, with buddies under the same `seal`.
/// What happens is written into `journal`. On `shutdown`
/// it finishes its verse, passes the song on, and leaves.
///
/// # Errors
/// The `shutdown`'s [`Interrupted`] if the song was not over; a next that can never become a
/// buddy; no song within [`Config::wait`]; a stdout that cannot be written.
pub async fn run(
    listener: TcpListener,
    (seal, journal): (Seal, Pen),
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let output = (LineWriter::stdout()?, LineWriter::stderr()?);
    run_on(listener, output, (seal, journal), config, shutdown).await
}

/// Does what [`run`] does, errors included, on other writers: first for verses, then for notices.
pub async fn run_on(
    listener: TcpListener,
    (verses, notices): (LineWriter, LineWriter),
    (seal, journal): (Seal, Pen),
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let (to_tell, mut told) = mpsc::channel(NOTICES);
    let mut config = config;
    config.listen = listener.local_addr().context("the own address")?;
    config.is_noted = journal.is_on();
    journal.listens(&listener);
    let node = Arc::new(node::Node::new(
        config,
        (seal.of(SERVICE), journal),
        verses,
        to_tell,
    ));
    let serving = tokio::spawn(handler::serve(node.clone(), listener));
    node.start();
    // A notice that cannot be written is lost, because the song matters more.
    let telling = async {
        while let Some(text) = told.recv().await {
            let _ = notices.line(text).await;
        }
    };
    let end = tokio::select! {
        biased;
        end = node.run(shutdown) => end,
        () = telling => Ok(None),
    };
    serving.await.context("serving the other buddies")?;
    while let Ok(text) = told.try_recv() {
        let _ = notices.line(text).await;
    }
    if let Some(summary) = end? {
        let _ = notices.line(summary).await;
    }
    Ok(())
}
