//! A buddy sings "99 Bottles of Beer" with others like it, in a ring.
//!
//! Read in this order:
//!
//! | File | What it holds |
//! |---|---|
//! | [`ring`] | PURE: the song, the repair of every fault, the promises. The heart of it |
//! | [`roll_call`] | PURE: the roll-call before the song |
//! | [`failure_detector`], [`ledger`], [`song`] | PURE: when to give up on a buddy; who did how much; the words |
//! | `node` | the shell: heartbeat, singing, and the one lock |
//! | `state`, `waiting`, `singing` | what is behind the lock: in the roll-call, in the song |
//! | `handler`, `sender` | calls in; calls out, one task and one connection per buddy called |
//! | `output`, `spin` | where a buddy is heard; awake between verses at full tempo |
//!
//! # How a verse travels
//! `sender` of buddy 1 calls `pass` → `handler` of buddy 2 takes the lock of its `node`, and
//! [`Ring::handle`] says `Sing(98)` → the verse is printed, the tempo waited for, [`Ring::handle`]
//! told `Sung` → it says `Call(2, Pass(Go, Left(97)))` → `sender` of buddy 2 calls `pass`. At full
//! tempo all that is one turn of one thread. The answer to a call is on nobody's way: it lingers,
//! to be written with others.
//!
//! [`Ring::handle`]: ring::Ring::handle

use std::sync::Arc;
use std::time::Duration;

use common::buddy::{Incarnation, SERVICE};
use common::cli::Interrupted;
use common::net::{Dial, tcp};
use tokio::net::TcpListener;

pub mod ring;

pub mod roll_call;

pub mod failure_detector;
pub mod ledger;
pub mod song;

mod args;
mod handler;
mod node;
mod output;
mod sender;
mod singing;
mod spin;
mod state;
mod waiting;

pub use args::Args;
pub use node::run_on;
pub use output::{LineWriter, Stage};

/// What a buddy is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// `HOST:PORT` of the buddy after this one.
    pub next: String,
    /// Bottles, if this one starts the song.
    pub bottles: Option<u64>,
    /// Sings under this name instead of `Buddy 1`.
    pub name: Option<String>,
    /// Pause before each verse is passed on.
    pub tempo: Duration,
    /// Silence after which a buddy is taken for gone.
    pub patience: Duration,
    /// How long to wait for the song to begin; for ever if none.
    pub wait: Option<Duration>,
    /// This life of this buddy: random, never 0. Also seeds the jitter of its waits.
    pub incarnation: Incarnation,
}

impl Config {
    /// The heartbeat, and the limit of one try: patience is three of them.
    fn beat(&self) -> Duration {
        self.patience / failure_detector::SILENCES
    }

    fn beat_ms(&self) -> u64 {
        u64::try_from(self.beat().as_millis()).unwrap_or(u64::MAX)
    }
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        Self {
            next: args.next,
            bottles: args.bottles,
            name: args.name,
            tempo: args.tempo,
            patience: args.patience,
            wait: args.wait,
            incarnation: rand::random_range(1..=Incarnation::MAX),
        }
    }
}

/// Opens connections to an address on the roll.
pub type Dialler = Arc<dyn Fn(&str) -> Dial + Send + Sync>;

/// Sings along until the song is over, on stdout. On `shutdown` it finishes its verse, passes the
/// song on, and leaves.
///
/// # Errors
/// The `shutdown`'s [`Interrupted`] if the song was not over; a next that is no buddy at all; no
/// song within [`Config::wait`]; a stdout that cannot be written.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let dial: Dialler = Arc::new(|to| tcp(to, SERVICE));
    let stage = Stage {
        song: LineWriter::stdout(),
        notices: LineWriter::stderr(),
    };
    run_on(listener, dial, stage, config, shutdown).await
}
