//! One writer and many readers: how many messages reach them in a second.
//!
//! Ratios are of our chat-server to the others, but for the one under a key, which is compared with
//! itself without.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::baseline::raw_fan_out;
#[cfg(feature = "nats")]
use crate::core_nats::CoreNats;
use crate::figures;
use crate::rounds::{ROUNDS, median, order};
use crate::server::{Server, Store};

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(2);

/// How far the writer may be ahead of the readers, in messages: delivery is what is measured.
const AHEAD: u64 = 20_000;

/// A message, without the envelope: a sentence.
pub(crate) const BODY: usize = 120;

/// Readers, and how many posts the writer puts in a call. More of them only for one reader, because
/// with many it is not the writer that has to wait.
const FLOODS: [(u64, usize); 5] = [(1, 64), (1, 512), (10, 64), (100, 64), (1000, 64)];

/// What the readers are connected to.
#[derive(Clone, Copy)]
pub(crate) enum Contestant<'a> {
    Chat(&'a Path),
    /// the chat under a lab's key
    Sealed(&'a Path),
    /// core NATS, whose publisher waits as often as our writer
    #[cfg(feature = "nats")]
    Confirmed,
    /// core NATS, whose publisher does not wait
    #[cfg(feature = "nats")]
    CoreNats,
    PlainTcp,
    /// bare tokio, whose readers ask for each message
    Asked,
    /// bare tokio, whose readers do not ask
    Pushed,
}

use Contestant::{Asked, Chat, PlainTcp, Pushed, Sealed};

impl Contestant<'_> {
    fn name(self) -> String {
        match self {
            Chat(program) => program.display().to_string(),
            Sealed(_) => "the same under a key".into(),
            #[cfg(feature = "nats")]
            Self::Confirmed => "core NATS, confirmed".into(),
            #[cfg(feature = "nats")]
            Self::CoreNats => "core NATS".into(),
            PlainTcp => "a plain TCP frame each".into(),
            Asked => "bare tokio, asked for each".into(),
            Pushed => "bare tokio, pushed".into(),
        }
    }
}

/// Returns those that can be measured here: our own chat-server first.
pub(crate) fn contestants<'a>(ours: &'a Path, programs: &'a [PathBuf]) -> Vec<Contestant<'a>> {
    let mut all = vec![Chat(ours), Sealed(ours)];
    all.extend(programs.iter().map(|program| Chat(program)));
    #[cfg(feature = "nats")]
    if crate::nats::program().is_some() {
        all.push(Contestant::CoreNats);
    }
    all
}

/// Prints and notes the messages delivered in a second, sent as fast as the readers follow.
pub(crate) async fn floods(programs: &[PathBuf]) -> anyhow::Result<()> {
    let ours = Server::program()?;
    let mut all = contestants(&ours, programs);
    #[cfg(feature = "nats")]
    if crate::nats::program().is_some() {
        all.push(Contestant::Confirmed);
    }
    all.push(PlainTcp);
    for (readers, posts) in FLOODS {
        let mut rates = vec![Vec::new(); all.len()];
        for turn in turns(all.len()) {
            rates[turn].push(match all[turn] {
                Chat(program) => flood_chat(&start(program)?, readers, posts).await?.0,
                Sealed(program) => {
                    let server = Server::start_sealed(program)?;
                    flood_chat(&server, readers, posts).await?.0
                }
                #[cfg(feature = "nats")]
                Contestant::Confirmed => CoreNats::start()?.flood(readers, Some(posts)).await?,
                #[cfg(feature = "nats")]
                Contestant::CoreNats => CoreNats::start()?.flood(readers, None).await?,
                PlainTcp => raw_fan_out(readers).await?,
                Asked | Pushed => continue,
            });
        }
        let at = format!("{}, {posts} posts a call", many(readers));
        report(Measure::Deliveries, &at, &all, &rates)?;
    }
    Ok(())
}

pub(crate) fn start(program: &Path) -> anyhow::Result<Server> {
    Server::start_program(program, Store::Memory)
}

/// Returns who is measured when.
pub(crate) fn turns(contestants: usize) -> impl Iterator<Item = usize> {
    (0..ROUNDS).flat_map(move |round| order(round, contestants))
}

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Measure {
    /// a second
    Deliveries,
    /// in milliseconds: that of 99 of 100 messages is less
    Lateness,
}

pub(crate) fn many(readers: u64) -> String {
    let ending = if readers == 1 { "" } else { "s" };
    format!("{readers} reader{ending}")
}

/// Prints the median of each contestant and its ratio to ours, round by round. Notes the ratios:
/// what our chat-server makes of the other, or what it makes under a key of itself without.
pub(crate) fn report(
    measure: Measure,
    at: &str,
    all: &[Contestant<'_>],
    measured: &[Vec<f64>],
) -> anyhow::Result<()> {
    let (what, digits) = match measure {
        Measure::Deliveries => ("deliveries a second", 0),
        Measure::Lateness => ("the time by which 99 of 100 messages are there", 2),
    };
    println!("{at}: {what}, {ROUNDS} rounds, every other one the other way round");
    for (turn, (which, theirs)) in all.iter().zip(measured).enumerate() {
        let pairs = measured[0].iter().zip(theirs);
        let is_sealed = matches!(which, Sealed(_));
        let ratios = pairs.map(|(ours, theirs)| match measure {
            Measure::Deliveries if is_sealed => theirs / ours,
            Measure::Deliveries => ours / theirs,
            // Turned over, because more is better in a figure.
            Measure::Lateness if is_sealed => ours / theirs,
            Measure::Lateness => theirs / ours,
        });
        let ratios: Vec<f64> = ratios.collect();
        let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let (name, middle, ratio) = (which.name(), median(theirs), median(&ratios));
        let shown = shown.join(" ");
        println!("  {name:44} {middle:>9.digits$} {ratio:>6.2} ({shown})");
        if turn > 0 {
            figures::note("chat", &format!("{what}, of {name}"), at, ratios)?;
        }
    }
    Ok(())
}

/// A writer that sends as fast as the readers follow.
pub(crate) struct Flood {
    readers: u64,
    /// the messages that the readers have counted so far, and how many of them before it began
    delivered: Arc<AtomicU64>,
    before: u64,
    sent: u64,
    began: Instant,
}

impl Flood {
    pub(crate) fn begin(readers: u64, delivered: Arc<AtomicU64>) -> Self {
        Self {
            readers,
            before: delivered.load(Ordering::Relaxed),
            delivered,
            sent: 0,
            began: Instant::now(),
        }
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.began.elapsed() < FLOOD
    }

    /// Counts messages that were sent, and waits if the readers are far behind.
    pub(crate) async fn sent(&mut self, count: usize) {
        self.sent += count as u64;
        while self.heard() + AHEAD * self.readers < self.sent * self.readers {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Returns the messages delivered in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.heard() as f64 / self.began.elapsed().as_secs_f64()
    }

    fn heard(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed) - self.before
    }
}

/// Returns the messages that are delivered in a second, and the pages in which they come.
pub(crate) async fn flood_chat(
    server: &Server,
    readers: u64,
    posts: usize,
) -> anyhow::Result<(f64, f64)> {
    let (delivered, pages) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for mut user in server.users(readers).await? {
        let (delivered, pages) = (delivered.clone(), pages.clone());
        tasks.spawn(async move {
            while let Ok(news) = user.poll().await {
                let entries: usize = news.iter().map(|page| page.entries.len()).sum();
                delivered.fetch_add(entries as u64, Ordering::Relaxed);
                pages.fetch_add(news.len() as u64, Ordering::Relaxed);
            }
        });
    }
    let mut writer = server.user(readers + 1).await?;
    let mut flood = Flood::begin(readers, delivered);
    // On a thread of the runtime, as in a program, because each answer would otherwise wake the
    // main thread, which takes longer than to store what was sent.
    let flood = tokio::spawn(async move {
        while flood.goes_on() {
            writer.send(vec!["x".repeat(BODY); posts]).await?;
            flood.sent(posts).await;
        }
        let pages = pages.load(Ordering::Relaxed) as f64;
        anyhow::Ok((flood.rate(), pages / flood.began.elapsed().as_secs_f64()))
    });
    flood.await?
}
