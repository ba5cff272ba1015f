//! A buddy sings "99 Bottles of Beer" with others like it, in a ring.
//!
//! Read in this order:
//!
//! | File | What it holds |
//! |---|---|
//! | [`ring`] | PURE: the song, the repair of every fault, the promises. The heart of it |
//! | [`muster`] | PURE: the roll-call before the song |
//! | [`patience`], [`ledger`], [`song`] | PURE: when to give up on a buddy; who did how much; the words |
//! | `peer` | the shell: heartbeat, singing, and the one lock |
//! | `state`, `gathering`, `part` | what is behind the lock: in the roll-call, in the song |
//! | `handler`, `link` | calls in; calls out, one task and one connection per buddy called |
//! | `stage`, `vigil` | where a buddy is heard; awake between verses at full tempo |
//!
//! # How a verse travels
//! `link` of buddy 1 calls `pass` → `handler` of buddy 2 takes the lock of its `peer`, and
//! [`Ring::handle`] says `Sing(98)` → the verse is printed, the tempo waited for, [`Ring::handle`]
//! told `Sung` → it says `Call(2, Pass(Go, Left(97)))` → `link` of buddy 2 calls `pass`. At full
//! tempo all that is one turn of one thread. The answer to a call is on nobody's way: it lingers,
//! to be written with others.
//!
//! [`Ring::handle`]: ring::Ring::handle

use std::sync::Arc;
use std::time::Duration;

use common::buddy::{Boot, SERVICE};
use common::cli::Interrupted;
use common::net::{Dial, tcp};
use tokio::net::TcpListener;

pub mod ring;

pub mod muster;

pub mod ledger;
pub mod patience;
pub mod song;

mod args;
mod gathering;
mod handler;
mod link;
mod part;
mod peer;
mod stage;
mod state;
mod vigil;

pub use args::Args;
pub use peer::run_on;
pub use stage::{Pen, Stage};

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
    pub boot: Boot,
}

impl Config {
    /// The heartbeat, and the limit of one try: patience is three of them.
    fn beat(&self) -> Duration {
        self.patience / patience::SILENCES
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
            boot: rand::random_range(1..=Boot::MAX),
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
        song: Pen::stdout(),
        notices: Pen::stderr(),
    };
    run_on(listener, dial, stage, config, shutdown).await
}
