//! Sends and deliveries: how many, and how long they take.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::lab::Chat;

/// How long each figure is measured.
pub(crate) const SPAN: Duration = Duration::from_secs(2);

/// Between two messages at the pace of people in a full room.
const PACE: Duration = Duration::from_millis(50);

/// How many of them.
const PACED: usize = 40;

/// How long a reader waits for all of them: far more than a slow machine needs.
const LIMIT: Duration = Duration::from_secs(20);

/// What was sent in the [`SPAN`], or at the pace.
pub(crate) struct Sends {
    pub(crate) a_second: f64,
    /// p50 and p99, in ms
    pub(crate) took: [f64; 2],
}

/// Senders send as fast as they can: one message a call, one call at a time a sender.
pub(crate) async fn flat_out(chat: &Chat, senders: usize) -> anyhow::Result<Sends> {
    let mut tasks = JoinSet::new();
    let users = chat.users(senders).await?;
    let began = Instant::now();
    for mut user in users {
        tasks.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < SPAN {
                let sent = Instant::now();
                user.send(vec!["x".repeat(120)]).await?;
                took.push(sent.elapsed());
            }
            user.leave().await?;
            anyhow::Ok(took)
        });
    }
    let took: anyhow::Result<Vec<_>> = tasks.join_all().await.into_iter().collect();
    let took = took?.concat();
    Ok(Sends {
        a_second: took.len() as f64 / SPAN.as_secs_f64(),
        took: percentiles(took),
    })
}

/// Twenty messages a second to this many readers. Returns p50 and p99 of the time from the call of
/// the sender until a reader has it, in ms.
pub(crate) async fn paced(chat: &Chat, readers: usize) -> anyhow::Result<[f64; 2]> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let mut users = chat.users(readers + 1).await?;
    let mut writer = users.pop().context("a writer")?;
    for mut user in users {
        tasks.spawn(async move {
            let mut late = Vec::new();
            while late.len() < PACED {
                let pages = timeout(LIMIT, user.poll()).await??;
                let now = began.elapsed();
                let entries = pages.into_iter().flat_map(|page| page.entries);
                let sent = entries.filter_map(|entry| entry.body.parse().ok());
                late.extend(sent.map(|sent| now.saturating_sub(Duration::from_nanos(sent))));
            }
            user.leave().await?;
            anyhow::Ok(late)
        });
    }
    let mut pace = interval(PACE);
    for _ in 0..PACED {
        pace.tick().await;
        let sent = began.elapsed().as_nanos().to_string();
        writer.send(vec![sent]).await?;
    }
    writer.leave().await?;
    let late: anyhow::Result<Vec<_>> = tasks.join_all().await.into_iter().collect();
    let late = late?.concat();
    ensure!(!late.is_empty(), "nobody heard anything");
    Ok(percentiles(late))
}

/// Returns p50 and p99 in ms.
fn percentiles(mut times: Vec<Duration>) -> [f64; 2] {
    times.sort_unstable();
    let last = times.len().saturating_sub(1) as f64;
    [0.5, 0.99].map(|part| {
        let time = times.get((part * last) as usize);
        time.map_or(0.0, Duration::as_secs_f64) * 1e3
    })
}
