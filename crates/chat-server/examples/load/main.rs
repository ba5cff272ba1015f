//! Load on a chat server, beside what plain TCP does in the same run: see `scripts/bench/chat.sh`.
//!
//! ```text
//! load [deliveries] [durable] [paced] [idle] [browsers] [restart]      all if none is named
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use baseline::{SPAN, raw_fan_out};
use durable::durable;
use server::{READING, Server, Store, stopped_reader};
use user::{User, users};

mod alone;
mod baseline;
mod browsers;
mod durable;
#[path = "../../../common/tests/support/figures.rs"]
mod figures;
#[cfg(feature = "nats")]
mod jetstream;
#[cfg(feature = "nats")]
#[path = "../../tests/support/nats.rs"]
mod nats;
#[path = "../../../common/tests/support/program.rs"]
mod program;
mod rounds;
mod server;
mod user;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, addr, number] = &args[..]
        && role == "reader"
    {
        return read_on(addr, number.parse()?).await;
    }
    let (programs, parts): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.contains('/'));
    let programs: Vec<PathBuf> = programs.into_iter().map(PathBuf::from).collect();
    let wanted = |what: &str| parts.is_empty() || parts.iter().any(|part| *part == what);
    if wanted("deliveries") {
        println!(
            "{:36} {:>12} {:>12} {:>7}",
            "", "chat", "plain TCP", "ratio"
        );
        for readers in [1, 10, 100, 1000] {
            let ours = saturated(readers).await?;
            let raw = raw_fan_out(readers).await?;
            row(&format!("deliveries/s, {readers} readers"), ours, raw);
            let what = "deliveries a second, of a plain TCP frame each";
            figures::note("chat", what, &many(readers, "reader"), vec![ours / raw])?;
        }
    }
    if wanted("durable") {
        durable(&programs).await?;
    }
    if wanted("paced") {
        paced(100, false).await?;
        paced(100, true).await?;
    }
    if wanted("idle") {
        let bytes = idle(1000).await?;
        println!("idle client: {:.1} KB in the server", bytes / 1000.0);
    }
    if wanted("browsers") {
        let (waits, kept) = (browsers::waiting(1000).await?, browsers::kept(1000).await?);
        let (waits, kept) = (waits / 1000.0, kept / 1000.0);
        println!("waiting browser: {waits:.1} KB in the server, and {kept:.1} KB after typing");
    }
    if wanted("restart") {
        restart(1000).await?;
    }
    Ok(())
}

fn many(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {one}{ending}")
}

fn row(what: &str, ours: f64, raw: f64) {
    println!("{what:36} {ours:>12.0} {raw:>12.0} {:>7.2}", ours / raw);
}

/// One writer sends as fast as it can, and all read. Returns the entries delivered a second.
async fn saturated(readers: u64) -> anyhow::Result<f64> {
    let server = Server::start(Store::Memory)?;
    let delivered = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for mut user in users(&server.addr, readers).await? {
        let delivered = delivered.clone();
        tasks.spawn(async move {
            while let Ok(pages) = user.poll().await {
                let entries: usize = pages.iter().map(|page| page.entries.len()).sum();
                delivered.fetch_add(entries as u64, Ordering::Relaxed);
            }
        });
    }
    let mut writer = User::enter(&server.addr, readers + 1).await?;
    let began = Instant::now();
    while began.elapsed() < SPAN {
        writer.send(vec!["x".repeat(120); 64]).await?;
        // The writer must not get far ahead of the readers, because delivery is what is measured.
        while delivered.load(Ordering::Relaxed) + 20_000 * readers < writer.id * readers {
            sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(delivered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// Sends twenty messages a second and prints the time from the send to the receipt. One more reader
/// may be a process that is stopped.
async fn paced(readers: u64, stop_one: bool) -> anyhow::Result<()> {
    let server = Server::start(Store::Memory)?;
    let stopped = if stop_one {
        Some(stopped_reader(&server.addr, readers + 2)?)
    } else {
        None
    };
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut user in users(&server.addr, readers).await? {
        tasks.spawn(async move {
            let mut late = Vec::new();
            while let Ok(Ok(pages)) = timeout(Duration::from_secs(2), user.poll()).await {
                let now = began.elapsed().as_nanos();
                for entry in pages.into_iter().flat_map(|page| page.entries) {
                    let sent: Option<u128> = entry.body.parse().ok();
                    late.extend(sent.map(|sent| now.saturating_sub(sent)));
                }
            }
            late
        });
    }
    let mut writer = User::enter(&server.addr, readers + 1).await?;
    let before = server.memory()?;
    let mut pace = interval(Duration::from_millis(50));
    for _ in 0..60 {
        pace.tick().await;
        writer
            .send(vec![began.elapsed().as_nanos().to_string()])
            .await?;
    }
    let grown = (server.memory()? - before) / 1e6;
    let mut late: Vec<u128> = tasks.join_all().await.concat();
    ensure!(!late.is_empty(), "nobody heard anything");
    late.sort_unstable();
    let ms = |part: f64| late[(part * (late.len() - 1) as f64) as usize] as f64 / 1e6;
    println!(
        "paced, {readers} readers{}: p50 {:.2} ms, p99 {:.2} ms, the server grew by {grown:.1} MB",
        if stopped.is_some() {
            " and a stopped one"
        } else {
            ""
        },
        ms(0.5),
        ms(0.99),
    );
    Ok(())
}

/// Reads in a process of its own, which is to be stopped. Prints a line when it is in the room.
async fn read_on(addr: &str, number: u64) -> anyhow::Result<()> {
    let mut user = User::enter(addr, number).await?;
    eprintln!("{READING}");
    loop {
        user.poll().await?;
    }
}

/// Kills a server under its readers and starts it again. Prints how long it takes until all of them
/// are shown the next message.
async fn restart(readers: u64) -> anyhow::Result<()> {
    let server = Server::start(Store::File)?;
    let mut writer = User::enter(&server.addr, readers + 1).await?;
    let (first, mut heard) = mpsc::channel(1024);
    let mut tasks = JoinSet::new();
    for mut user in users(&server.addr, readers).await? {
        let first = first.clone();
        tasks.spawn(async move {
            loop {
                let pages = user.poll().await.unwrap_or_default();
                if pages.iter().any(|page| !page.entries.is_empty()) {
                    let _ = first.send(()).await;
                }
                if pages.is_empty() && user.come_back().await.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    let server = server.restart()?;
    let began = Instant::now();
    // Repeated, because the first call finds the connection broken.
    while writer.come_back().await.is_err() {}
    writer.send(vec!["back".into()]).await?;
    for _ in 0..readers {
        heard.recv().await.context("every reader is alive")?;
    }
    println!(
        "restart under {readers} readers: all are shown the next message after {:.2} s",
        began.elapsed().as_secs_f64()
    );
    drop(server);
    Ok(())
}

/// Returns the bytes that a client costs the server while its poll waits.
async fn idle(clients: u64) -> anyhow::Result<f64> {
    let server = Server::start(Store::Memory)?;
    let before = server.memory()?;
    let mut tasks = JoinSet::new();
    for mut user in users(&server.addr, clients).await? {
        tasks.spawn(async move { while user.poll().await.is_ok() {} });
    }
    sleep(SPAN).await;
    Ok((server.memory()? - before) / clients as f64)
}
