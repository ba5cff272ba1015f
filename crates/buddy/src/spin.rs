//! Awake between verses at full tempo.
//!
//! A process that waits for the network sleeps, and to wake it on an idle core takes longer than a
//! verse: `scripts/bench/ring.sh` shows it by a ring of raw TCP, which is several times as fast on
//! one core as on two. So after each verse a buddy goes on looking for the next message for a
//! moment, and before each look it offers its core to whoever else wants it.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// How long a buddy looks before it sleeps: the verses of some ten others on idle cores. Longer
/// gains little for ten and takes time from each other in a ring of a hundred.
const SPIN: Duration = Duration::from_micros(300);

/// Keeps a runtime of one thread awake.
#[derive(Default)]
pub(crate) struct Spin(Notify);

impl Spin {
    /// A verse was sung: another may be due soon.
    pub(crate) fn begin(&self) {
        self.0.notify_one();
    }

    /// Looks after each verse. On a single core there is nobody to wait for: while the next buddy
    /// sings, this one does not run.
    pub(crate) async fn keep(&self) {
        if thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
            return;
        }
        loop {
            self.0.notified().await;
            let began = Instant::now();
            while began.elapsed() < SPIN {
                thread::yield_now();
                // Whatever is ready goes first; if nothing is, the runtime asks the network.
                yield_now().await;
            }
        }
    }
}
