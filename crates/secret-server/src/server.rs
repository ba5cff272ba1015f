//! Where tarpc meets the secret: which calls are admitted, which wait, how long a word takes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::cli::Interrupted;
use common::key::Key;
use common::net::{self, Gate, Limits};
use common::secret::{MAX_TEXT, Offer, Refusal, Reversed, SERVICE, Secret, Tier};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tarpc::context::Context;
use tarpc::server::Serve as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::delay::Delays;
use crate::reverse::{reverse, reverse_words};

/// Calls that may wait, for each worker. Enough that several clients with a full window find
/// room, and few enough that at the lab's 9 s a word no call waits for more than five minutes.
pub const QUEUE_PER_WORKER: usize = 32;

/// The longest deadline that a call may have. Long, because a chunk of many slow words takes long.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a server works.
#[derive(Clone, Debug)]
pub struct Config {
    /// Calls worked on at once.
    pub workers: usize,
    /// Longest time for a word.
    pub delay: Duration,
    /// The same on the premium tier.
    pub fast_delay: Duration,
    /// The key that the premium tier wants, if it wants one.
    pub key: Option<Key>,
    /// The seed of the random delays. The same seed draws the same delays in the same order.
    pub seed: u64,
}

/// Serves `listener` until `shutdown`, then answers the calls in hand and returns.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) {
    let limits = Limits {
        deadline: DEADLINE,
        ..Limits::default()
    };
    let gate = Gate::new(limits);
    let shared = Arc::new(Shared::new(config));
    let server = SecretServer(shared.clone()).serve();
    net::serve(listener, SERVICE, gate, shutdown, move |connection| {
        let server = server.clone();
        connection.answer(move |context, request| server.clone().serve(context, request))
    })
    .await;
    shared.log_work();
}

/// What all connections share.
struct Shared {
    config: Config,
    /// room for calls, at work or waiting
    places: Semaphore,
    /// room for calls at work; it is fair, so the first to come is the first to be served
    workers: Semaphore,
    dice: Mutex<(StdRng, Delays)>,
    words: AtomicU64,
    worked_us: AtomicU64,
}

impl Shared {
    fn new(config: Config) -> Self {
        Self {
            places: Semaphore::new(config.workers * (1 + QUEUE_PER_WORKER)),
            workers: Semaphore::new(config.workers),
            dice: Mutex::new((StdRng::seed_from_u64(config.seed), Delays::default())),
            words: AtomicU64::new(0),
            worked_us: AtomicU64::new(0),
            config,
        }
    }

    /// Waits until a worker is free and then for the delay of this number of words. Returns what
    /// `reverse` returns, and the times.
    async fn work(
        &self,
        tier: &Tier,
        words: usize,
        reverse: impl FnOnce() -> String,
    ) -> Result<Reversed, Refusal> {
        let most = self.admit(tier)?;
        let _place = self.places.try_acquire().map_err(|_| Refusal::Busy)?;
        let arrived = Instant::now();
        // `try_acquire` first, because `acquire` yields now and then even when a permit is free
        // (tokio's fairness to other tasks), which work as short as this does not need.
        let _worker = match self.workers.try_acquire() {
            Ok(worker) => worker,
            Err(_) => self.workers.acquire().await.map_err(|_| Refusal::Busy)?,
        };
        let begun = Instant::now();
        if !most.is_zero() {
            sleep(self.draw(most, words)).await;
        }
        let text = reverse();
        let worked = begun.elapsed();
        self.words.fetch_add(words as u64, Relaxed);
        self.worked_us.fetch_add(worked.as_micros() as u64, Relaxed);
        Ok(Reversed {
            text,
            waited: begun - arrived,
            worked,
        })
    }

    /// Returns the longest time for a word on `tier`, if the caller may use it.
    fn admit(&self, tier: &Tier) -> Result<Duration, Refusal> {
        let Tier::Premium { key } = tier else {
            return Ok(self.config.delay);
        };
        match (&self.config.key, key) {
            (None, _) => Ok(self.config.fast_delay),
            (Some(_), None) => Err(Refusal::KeyMissing),
            (Some(wanted), Some(given)) if wanted.fits(given) => Ok(self.config.fast_delay),
            (Some(_), Some(_)) => Err(Refusal::KeyWrong),
        }
    }

    fn draw(&self, most: Duration, words: usize) -> Duration {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let (dice, delays) = &mut *dice;
        let draw = |_| most.mul_f64(delays.draw(|| dice.random()));
        (0..words).map(draw).sum()
    }

    fn log_work(&self) {
        let (words, worked) = (self.words.load(Relaxed), self.worked_us.load(Relaxed));
        tracing::info!("worked on {words} words for {:.3}s", worked as f64 / 1e6);
    }
}

#[derive(Clone)]
struct SecretServer(Arc<Shared>);

impl SecretServer {
    async fn one(&self, tier: Tier, text: String) -> Result<String, Refusal> {
        check(&text)?;
        let reversed = self.0.work(&tier, 1, || reverse(&text)).await?;
        Ok(reversed.text)
    }
}

impl Secret for SecretServer {
    async fn reverse(self, _: Context, text: String) -> Result<String, Refusal> {
        self.one(Tier::Free, text).await
    }

    async fn fast_reverse(
        self,
        _: Context,
        text: String,
        key: Option<String>,
    ) -> Result<String, Refusal> {
        self.one(Tier::Premium { key }, text).await
    }

    async fn reverse_words(
        self,
        _: Context,
        tier: Tier,
        text: String,
    ) -> Result<Reversed, Refusal> {
        check(&text)?;
        let words = text.bytes().filter(|byte| *byte == b'\n').count();
        self.0.work(&tier, words, || reverse_words(text)).await
    }

    async fn offer(self, _: Context) -> Offer {
        let workers = u32::try_from(self.0.config.workers).unwrap_or(u32::MAX);
        Offer { workers }
    }
}

fn check(text: &str) -> Result<(), Refusal> {
    if text.len() > MAX_TEXT {
        return Err(Refusal::TooLong);
    }
    Ok(())
}
