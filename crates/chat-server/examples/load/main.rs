//! Load on a chat server, beside what plain TCP does in the same run: see `scripts/bench/chat.sh`.
//!
//! ```text
//! load [deliveries] [tls] [durable] [paced] [idle] [browsers] [restart]      all if none is named
//! ```

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use baseline::SPAN;
use durable::durable;
use server::{READING, Server, Store};
use user::{User, all, users};

mod alone;
mod asked;
#[path = "../../../common/tests/support/bare_tls.rs"]
mod bare_tls;
mod baseline;
mod browsers;
#[cfg(feature = "nats")]
mod core_nats;
mod durable;
mod fan_out;
#[path = "../../../common/tests/support/figures.rs"]
mod figures;
#[cfg(feature = "nats")]
mod jetstream;
#[cfg(feature = "nats")]
#[path = "../../tests/support/nats.rs"]
mod nats;
mod paced;
#[path = "../../../common/tests/support/program.rs"]
mod program;
mod rounds;
mod server;
mod tls;
mod user;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, addr, number] = &args[..]
        && role == "reader"
    {
        return read_on(addr, number.parse()?).await;
    }
    if let [role, is_asked] = &args[..]
        && role == "bare"
    {
        return asked::serve(is_asked.parse()?).await;
    }
    if let [role, bytes, is_sealed] = &args[..]
        && role == "pages"
    {
        return tls::serve(bytes.parse()?, is_sealed.parse()?).await;
    }
    let (programs, parts): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.contains('/'));
    let programs: Vec<PathBuf> = programs.into_iter().map(PathBuf::from).collect();
    let wanted = |what: &str| parts.is_empty() || parts.iter().any(|part| *part == what);
    if wanted("deliveries") {
        fan_out::floods(&programs).await?;
    }
    if wanted("tls") {
        tls::costs().await?;
    }
    if wanted("durable") {
        durable(&programs).await?;
    }
    if wanted("paced") {
        paced::paces(&programs).await?;
    }
    if wanted("idle") {
        for program in programs.iter().chain([&Server::program()?]) {
            let plain = idle(&Server::start_program(program, Store::Memory)?, 1000).await? / 1000.0;
            let sealed = idle(&Server::start_sealed(program)?, 1000).await? / 1000.0;
            println!("idle client: {plain:.1} KB in the server, {sealed:.1} KB under a lab's key");
        }
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

/// Returns the bytes that one more client costs the server while its poll waits.
async fn idle(server: &Server, clients: u64) -> anyhow::Result<f64> {
    let mut tasks = JoinSet::new();
    let mut poll = |users: Vec<User>| {
        for mut user in users {
            tasks.spawn(async move { while user.poll().await.is_ok() {} });
        }
    };
    // Some come before, because the first of them brings 1 MB of the program itself into memory,
    // which is there once, however many come.
    poll(all(10, |n| server.user(clients + n)).await?);
    sleep(SPAN).await;
    let before = server.memory()?;
    poll(server.users(clients).await?);
    sleep(SPAN).await;
    Ok((server.memory()? - before) / clients as f64)
}
