//! Spinning between verses at full tempo, instead of sleeping.
//!
//! A process that waits for the network sleeps, and to wake it on an idle core takes longer than a
//! verse. (`scripts/bench/ring.sh` shows it: a ring of raw TCP is several times as fast on one core
//! as on two.) So after each verse a buddy looks for the next message again and again for a moment.
//! Before each look it offers its core to other processes.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// How long a buddy spins before it sleeps: the verses of some ten others on idle cores. A longer
/// spin gains little for ten.
const SPIN: Duration = Duration::from_micros(300);

/// The longest lap in which a buddy spins. In a longer one, as of a hundred buddies, the song does
/// not come back before the spin ends, and those that spin take the cores from those that sing.
const LAP: Duration = SPIN.saturating_mul(2);

/// Keeps a runtime of one thread awake.
#[derive(Default)]
pub(crate) struct Spin(Notify);

impl Spin {
    /// Begins to spin, because a verse was sung and another may be due soon.
    pub(crate) fn begin(&self) {
        self.0.notify_one();
    }

    /// Spins after each verse, for ever. Returns at once on a single core, because there the next
    /// buddy cannot sing while this one spins.
    pub(crate) async fn keep(&self) {
        if thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
            return;
        }
        let mut last = Instant::now();
        loop {
            self.0.notified().await;
            let began = Instant::now();
            let lap = began - last;
            last = began;
            if lap > LAP {
                continue;
            }
            while began.elapsed() < SPIN {
                thread::yield_now();
                // The runtime asks the network only when no task is ready, so this task steps back.
                yield_now().await;
            }
        }
    }
}
