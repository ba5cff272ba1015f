//! How deliveries grow with the servers: one writer as fast as the readers, and what a server
//! spends on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::lab::Chat;
use crate::speed::SPAN;

/// Messages in a call of the writer.
const BATCH: usize = 64;

/// How far the writer may be ahead of the readers, in messages.
const AHEAD: u64 = 5_000;

/// What was delivered in the span.
pub(crate) struct Delivered {
    pub(crate) a_second: f64,
    /// the part of a second of a core that one delivery has cost its server, if that is known
    pub(crate) cost: Option<f64>,
    /// the deliveries a second that there were if each server had a core of its own: as many as the
    /// one that has spent most can do
    pub(crate) on_cores: Option<f64>,
}

pub(crate) async fn delivered(chat: &Chat, readers: usize) -> anyhow::Result<Delivered> {
    let delivered = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let mut users = chat.users(readers + 1).await?;
    let mut writer = users.pop().context("a writer")?;
    for mut user in users {
        let delivered = delivered.clone();
        tasks.spawn(async move {
            while let Ok(pages) = user.poll().await {
                let entries: usize = pages.iter().map(|page| page.entries.len()).sum();
                delivered.fetch_add(entries as u64, Relaxed);
            }
        });
    }
    let (began, before, start) = (Instant::now(), chat.spent(), delivered.load(Relaxed));
    let readers = readers as u64;
    while began.elapsed() < SPAN {
        writer.send(vec!["x".repeat(120); BATCH]).await?;
        // Not far ahead of the readers, because delivery is what is measured.
        while delivered.load(Relaxed) + AHEAD * readers < writer.id * readers {
            sleep(Duration::from_millis(1)).await;
        }
    }
    let count = (delivered.load(Relaxed) - start) as f64;
    let spent = chat.spent();
    let a_second = count / began.elapsed().as_secs_f64();
    let spent: Vec<f64> = (spent.iter().zip(&before))
        .map(|(now, before)| now - before)
        .filter(|&spent| spent > 0.0)
        .collect();
    let is_known = spent.len() == chat.count();
    let most = spent.iter().copied().fold(0.0, f64::max);
    tasks.shutdown().await;
    Ok(Delivered {
        a_second,
        cost: is_known.then(|| spent.iter().sum::<f64>() / count),
        on_cores: is_known.then(|| count / most),
    })
}
