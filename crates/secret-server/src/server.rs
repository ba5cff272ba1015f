//! Where tarpc meets the secret: calls are admitted, wait for a worker and their delay, and are
//! answered.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::cli::Interrupted;
use common::log_limit::LogLimit;
use common::net::{self, Gate, Limits, Quota, SharedQuota};
use common::secret::{Offer, Refusal, Reversed, SERVICE, Secret, Tier};
use futures::future::join;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tarpc::context::{self, Context};
use tarpc::server::Serve as _;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Shown, check_length, check_work, words};
use crate::config::Config;
use crate::delay::Delays;
use crate::listeners::Listeners;
use crate::reverse::{reverse, reverse_words};
use crate::web;

/// Calls that may wait, for each worker. Enough that several clients with a full window find
/// room, and few enough that at the lab's 9 s a word no call waits for more than five minutes.
pub const QUEUE_PER_WORKER: usize = 32;

/// The longest deadline that a call may have. Long, because a chunk of many slow words takes long.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves `listeners` until `shutdown`, then answers the calls in hand and returns.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    shutdown: impl Future<Output = Interrupted>,
) {
    let limits = Limits {
        deadline: DEADLINE,
        per_address: config.per_address,
        ..Limits::default()
    };
    serve(listeners.into(), config, limits, shutdown).await;
}

/// Does what [`run`] does, within these `limits`. Clients and callers over HTTP share the gate, the
/// workers and the queue, so that no limit counts twice.
async fn serve(
    listeners: Listeners,
    config: Config,
    limits: Limits,
    shutdown: impl Future<Output = Interrupted>,
) {
    let gate = Gate::new(limits);
    let protocol = config.seal.of(SERVICE);
    let journal = config.journal.clone();
    let Listeners { calls, http } = listeners;
    journal.listens(&calls);
    let shared = Arc::new(Shared::new(config));
    let for_callers = shared.clone();
    let stop = CancellationToken::new();
    let shutdown = async {
        shutdown.await;
        stop.cancel();
    };
    let (shared_gate, for_http) = (gate.clone(), shared.clone());
    let clients = net::serve(calls, protocol, gate, shutdown, move |connection| {
        let server = SecretServer(for_callers.clone(), connection.peer.ip()).serve();
        connection.answer(move |context, request| server.clone().serve(context, request))
    });
    let others = async {
        if let Some(door) = http {
            let serve = move |ip, request| {
                let server = SecretServer(for_http.clone(), ip).serve();
                async move { server.serve(context::current(), request).await }
            };
            web::serve(door, shared_gate, stop.cancelled(), serve).await;
        }
    };
    join(clients, others).await;
    shared.log_work();
    journal.end("done", &Ok(()));
}

/// What all connections share.
struct Shared {
    config: Config,
    /// room for calls, at work or waiting, of which each address has a share
    places: SharedQuota,
    admission: Mutex<Admission>,
    log_limit: Mutex<LogLimit>,
    began: Instant,
    /// room for calls at work; it is fair, so the first to come is the first to be served
    workers: Semaphore,
    dice: Mutex<(StdRng, Delays)>,
    /// refused calls by cause, in the order of [`Self::note`]
    refused: [AtomicU64; 4],
    words: AtomicU64,
    worked_us: AtomicU64,
}

impl Shared {
    fn new(config: Config) -> Self {
        let places = config.workers * (1 + QUEUE_PER_WORKER);
        let share = (places * config.per_address).div_ceil(64).min(places);
        Self {
            places: SharedQuota::new(Quota::new(places, share, true)),
            admission: Mutex::default(),
            log_limit: Mutex::default(),
            began: Instant::now(),
            workers: Semaphore::new(config.workers),
            dice: Mutex::new((StdRng::seed_from_u64(config.seed), Delays::default())),
            refused: Default::default(),
            words: AtomicU64::new(0),
            worked_us: AtomicU64::new(0),
            config,
        }
    }

    /// Waits until a worker is free and then for the delay of this number of words. Returns what
    /// `reverse` returns, and the times.
    async fn work(
        &self,
        ip: IpAddr,
        tier: &Tier,
        words: usize,
        reverse: impl FnOnce() -> String,
    ) -> Result<Reversed, Refusal> {
        let most = self.admit(ip, tier)?;
        check_work(words, most)?;
        let _place = self.places.take(ip).map_err(|_| Refusal::Busy)?;
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
    fn admit(&self, ip: IpAddr, tier: &Tier) -> Result<Duration, Refusal> {
        let Tier::Premium { key } = tier else {
            return Ok(self.config.delay);
        };
        let shown = match (&self.config.premium_key, key) {
            (None, _) => Shown::NotNeeded,
            (Some(_), None) => Shown::Nothing,
            (Some(wanted), Some(given)) => Shown::Key(wanted.fits(given)),
        };
        let admission = self.admission.lock();
        let mut admission = admission.unwrap_or_else(PoisonError::into_inner);
        admission.admit(ip, shown, self.began.elapsed())?;
        Ok(self.config.fast_delay)
    }

    /// Counts a refusal of a call from `ip`, and logs it once a minute.
    fn note(&self, ip: IpAddr, refusal: Refusal) {
        let (cause, count) = match refusal {
            Refusal::Busy => ("no place in the queue", 0),
            Refusal::TooLong | Refusal::TooMuch => ("too much in one call", 1),
            Refusal::KeyMissing | Refusal::KeyWrong => ("a wrong premium key", 2),
            Refusal::KeyGuessed => ("too many wrong premium keys", 3),
        };
        self.refused[count].fetch_add(1, Relaxed);
        let limit = self.log_limit.lock();
        let mut limit = limit.unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = limit.note(ip, cause, self.began.elapsed()) {
            tracing::warn!("refused {line}");
        }
    }

    /// Returns the delay of this number of words, of which each takes `most` at most.
    fn draw(&self, most: Duration, words: usize) -> Duration {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let (dice, delays) = &mut *dice;
        let draw = |_| most.mul_f64(delays.draw(|| dice.random()));
        (0..words).map(draw).sum()
    }

    /// Logs what was done and what was refused, once, at the end.
    fn log_work(&self) {
        let (words, worked) = (self.words.load(Relaxed), self.worked_us.load(Relaxed));
        tracing::info!("worked on {words} words for {:.3}s", worked as f64 / 1e6);
        let [busy, large, wrong, guessed] = self.refused.each_ref().map(|n| n.load(Relaxed));
        tracing::info!(
            "refused {busy} calls without a place in the queue, {large} with too much in them, \
             {wrong} with a wrong premium key, {guessed} after too many wrong keys"
        );
    }
}

/// The service for the caller of one address.
#[derive(Clone)]
struct SecretServer(Arc<Shared>, IpAddr);

impl SecretServer {
    /// Returns one text reversed, line breaks included, on this tier.
    async fn one(&self, tier: Tier, text: String) -> Result<String, Refusal> {
        let work = async {
            check_length(&text)?;
            self.0.work(self.1, &tier, 1, || reverse(&text)).await
        };
        let result = work.await.map(|reversed| reversed.text);
        result.inspect_err(|refusal| self.0.note(self.1, *refusal))
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
        let work = async {
            let words = words(&text)?;
            let reverse = || reverse_words(text);
            self.0.work(self.1, &tier, words, reverse).await
        };
        let result = work.await;
        result.inspect_err(|refusal| self.0.note(self.1, *refusal))
    }

    async fn offer(self, _: Context) -> Offer {
        let workers = u32::try_from(self.0.config.workers).unwrap_or(u32::MAX);
        Offer { workers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::pending;
    use std::pin::Pin;

    use common::net::{Channel, Seal};
    use common::pen::Pen;
    use common::secret::{SecretClient, SecretRequest, SecretResponse};
    use futures::FutureExt;
    use futures::future::join_all;
    use tokio::net::TcpListener;

    /// Two tiers, nine times apart.
    fn config() -> Config {
        Config {
            workers: 1,
            delay: Duration::from_secs(9),
            fast_delay: Duration::from_secs(1),
            premium_key: None,
            per_address: 16,
            seal: Seal::none(),
            seed: 1,
            journal: Pen::none(),
        }
    }

    fn is_refused(call: &mut Pin<Box<impl Future<Output = Result<Reversed, Refusal>>>>) -> bool {
        call.as_mut().now_or_never() == Some(Err(Refusal::Busy))
    }

    #[tokio::test]
    async fn a_caller_that_vanishes_frees_its_places() {
        let config = Config {
            fast_delay: Duration::ZERO,
            per_address: 64, // all places
            ..config()
        };
        let limits = Limits {
            silence: Duration::from_millis(100),
            ..Limits::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        tokio::spawn(serve(listener.into(), config, limits, pending()));
        let open = async || {
            let channel = Channel::<SecretRequest, SecretResponse>::open(&addr, SERVICE).await;
            let channel = channel.expect("up");
            (SecretClient::from(channel.clone()), channel)
        };
        // It takes all places and says nothing more, but does not hang up either.
        let (greedy, silent) = open().await;
        let call = || {
            let greedy = greedy.clone();
            async move { greedy.reverse(context::current(), "ab".into()).await }
        };
        let calls = join_all((0..1 + QUEUE_PER_WORKER).map(|_| call()));
        let calls = tokio::spawn(calls);
        // Over a connection of its own each time, because one that waits is closed as well.
        let quick = async || {
            let (other, _channel) = open().await;
            let call = other.fast_reverse(context::current(), "ab".into(), None);
            call.await.ok()
        };
        // Until the calls have arrived, or have ended already on a busy machine.
        while !calls.is_finished() && quick().await != Some(Err(Refusal::Busy)) {}
        silent.broken().await;
        while quick().await != Some(Ok("ba".into())) {}
        let ended = calls.await.expect("no panic");
        assert!(ended.iter().all(Result::is_err), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_word_takes_its_time_on_each_tier() {
        let (shared, ip) = (Shared::new(config()), [10, 0, 0, 1].into());
        // The delays of two words that follow each other add up to the longest delay of one.
        for (tier, words, seconds) in [
            (Tier::Free, 2, 9),
            (Tier::Premium { key: None }, 2, 1),
            (Tier::Free, 4, 18),
        ] {
            let began = tokio::time::Instant::now();
            let work = shared.work(ip, &tier, words, String::new);
            work.await.expect("a free worker");
            let seconds = Duration::from_secs(seconds);
            let late = began.elapsed().abs_diff(seconds);
            assert!(
                late <= Duration::from_millis(1),
                "{tier:?} {words}: {late:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_call_that_waits_for_a_worker_says_so() {
        let shared = Shared::new(Config {
            delay: Duration::from_millis(20),
            ..config()
        });
        let work = |ip: [u8; 4]| shared.work(ip.into(), &Tier::Free, 2, String::new);
        let (first, second) = join(work([10, 0, 0, 1]), work([10, 0, 0, 2])).await;
        let worked = first.expect("a free worker").worked;
        assert!(worked >= Duration::from_millis(20), "{worked:?}");
        let waited = second.expect("a place").waited;
        assert!(waited > Duration::ZERO, "for the first one");
    }

    #[tokio::test]
    async fn an_address_has_its_share_of_the_queue_and_the_others_theirs() {
        let shared = Shared::new(Config {
            workers: 4,
            ..config()
        });
        let [greedy, other] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let work = |ip| Box::pin(shared.work(ip, &Tier::Free, 1, String::new));
        let places = 4 * (1 + QUEUE_PER_WORKER);
        let mut calls: Vec<_> = (0..places).map(|_| work(greedy)).collect();
        calls.retain_mut(|call| !is_refused(call));
        assert_eq!(calls.len(), places / 4, "a quarter");
        assert!(!is_refused(&mut work(other)));
        drop(calls); // its places are free again at once
        assert!(!is_refused(&mut work(greedy)));
    }
}
