//! How late messages reach their readers when few are sent: twenty a second, evenly or at random.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::asked::Bare;
#[cfg(feature = "nats")]
use crate::core_nats::CoreNats;
#[cfg(feature = "nats")]
use crate::fan_out::Contestant;
use crate::fan_out::Contestant::{Asked, Chat, Pushed, Sealed};
use crate::fan_out::{Measure, contestants, many, report, start, turns};
use crate::server::{Server, stopped_reader};

/// The paced messages of one measurement: five seconds of twenty a second.
const PACED: u32 = 100;
const PACE: Duration = Duration::from_millis(50);

/// The seed of random times.
const SEED: u64 = 1;

/// When the paced messages are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrivals {
    /// one every 50 ms
    Even,
    /// as many, but as people come: each independent of the others (a Poisson process), the same
    /// for all that are measured
    Random,
}

/// Readers, and when the messages come to them. At random times with many readers only, because
/// with a hundred one message is gone when the next one comes.
const PACES: [(u64, Arrivals); 3] = [
    (100, Arrivals::Even),
    (1000, Arrivals::Even),
    (1000, Arrivals::Random),
];

/// Prints and notes how late a message reaches its readers when twenty are sent in a second.
pub(crate) async fn paces(programs: &[PathBuf]) -> anyhow::Result<()> {
    let ours = Server::program()?;
    for (readers, arrivals) in PACES {
        let mut all = contestants(&ours, programs);
        if arrivals == Arrivals::Even {
            all.extend([Asked, Pushed]);
        }
        let mut late = vec![Vec::new(); all.len()];
        for turn in turns(all.len()) {
            late[turn].push(match all[turn] {
                Chat(program) => pace_chat(&start(program)?, readers, arrivals).await?.1,
                Sealed(program) => {
                    pace_chat(&Server::start_sealed(program)?, readers, arrivals)
                        .await?
                        .1
                }
                #[cfg(feature = "nats")]
                Contestant::CoreNats => CoreNats::start()?.pace(readers, arrivals).await?.1,
                Asked => Bare::start(true)?.pace(readers, arrivals).await?.1,
                Pushed => Bare::start(false)?.pace(readers, arrivals).await?.1,
                _ => continue,
            });
        }
        let readers = many(readers);
        let at = match arrivals {
            Arrivals::Even => readers,
            Arrivals::Random => format!("{readers}, messages at random times"),
        };
        report(Measure::Lateness, &at, &all, &late)?;
    }
    let server = start(&ours)?;
    let stopped = stopped_reader(&server.addr, 102)?;
    let before = server.memory()?;
    let (middle, late) = pace_chat(&server, 100, Arrivals::Even).await?;
    let grown = (server.memory()? - before) / 1e6;
    drop(stopped);
    println!(
        "100 readers and a stopped one: p50 {middle:.2} ms, p99 {late:.2} ms, \
         the server grew by {grown:.1} MB"
    );
    Ok(())
}

/// Has `send` send what the time is, twenty times a second.
pub(crate) async fn pace(
    began: Instant,
    arrivals: Arrivals,
    mut send: impl AsyncFnMut(String) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut dice = SmallRng::seed_from_u64(SEED);
    let mut at = tokio::time::Instant::now();
    for _ in 0..PACED {
        sleep_until(at).await;
        at += match arrivals {
            Arrivals::Even => PACE,
            // The time between two events of a Poisson process is distributed exponentially.
            Arrivals::Random => PACE.mul_f64(-(1.0 - dice.random::<f64>()).ln()),
        };
        send(began.elapsed().as_nanos().to_string()).await?;
    }
    Ok(())
}

/// Returns how late a message is that was sent at the time which is its text.
pub(crate) fn lateness(began: Instant, text: &str) -> Option<Duration> {
    let sent = Duration::from_nanos(text.parse().ok()?);
    Some(began.elapsed().saturating_sub(sent))
}

/// Returns the milliseconds that half of the messages needed at most, and 99 of 100.
pub(crate) fn p50_p99(mut late: Vec<Duration>) -> anyhow::Result<(f64, f64)> {
    ensure!(!late.is_empty(), "nobody heard anything");
    late.sort_unstable();
    let part = |part: f64| late[(part * (late.len() - 1) as f64) as usize].as_secs_f64() * 1e3;
    Ok((part(0.5), part(0.99)))
}

async fn pace_chat(
    server: &Server,
    readers: u64,
    arrivals: Arrivals,
) -> anyhow::Result<(f64, f64)> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut user in server.users(readers).await? {
        tasks.spawn(async move {
            let mut late = Vec::new();
            while let Ok(Ok(pages)) = timeout(Duration::from_secs(2), user.poll()).await {
                let entries = pages.iter().flat_map(|page| &page.entries);
                late.extend(entries.filter_map(|entry| lateness(began, &entry.body)));
            }
            late
        });
    }
    let mut writer = server.user(readers + 1).await?;
    pace(began, arrivals, async |text| writer.send(vec![text]).await).await?;
    p50_p99(tasks.join_all().await.concat())
}
