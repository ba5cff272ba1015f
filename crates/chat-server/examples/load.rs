//! Load on a chat server, beside what plain TCP does in the same run: see `scripts/bench/chat.sh`.
//!
//! ```text
//! load [deliveries] [durable] [paced] [idle] [restart]      all of them if none is named
//! ```

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use common::chat::{
    ChatClient, ChatRequest, ChatResponse, Cursor, Kind, Page, Post, SERVICE, Session,
};
use common::net::Redial;
use futures::future::try_join_all;
use tarpc::context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(3);

/// A message as it is on the wire, more or less: 120 bytes of text and its envelope.
const FRAME: usize = 160;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, addr, number] = &args[..]
        && role == "reader"
    {
        return read_on(addr, number.parse()?).await;
    }
    let wanted = |what: &str| args.is_empty() || args.iter().any(|arg| arg == what);
    println!(
        "{:36} {:>12} {:>12} {:>7}",
        "", "chat", "plain TCP", "ratio"
    );
    if wanted("deliveries") {
        for readers in [1, 10, 100, 1000] {
            let ours = saturated(readers).await?;
            let raw = raw_fan_out(readers).await?;
            row(&format!("deliveries/s, {readers} readers"), ours, raw);
        }
    }
    if wanted("durable") {
        for senders in [1, 8, 64] {
            let before = commits()?;
            let ours = durable(senders).await?;
            let disk = f64::midpoint(before, commits()?);
            let raw = raw_round_trips(senders).await?;
            row(&format!("durable sends/s, {senders} senders"), ours, raw);
            let share = ours / disk;
            println!("    of the commits/s of the disk alone {disk:14.0} {share:>20.2}");
        }
    }
    if wanted("paced") {
        paced(100, false).await?;
        paced(100, true).await?;
    }
    if wanted("idle") {
        let bytes = idle(1000).await?;
        println!("idle client: {:.1} KB in the server", bytes / 1000.0);
    }
    if wanted("restart") {
        restart(1000).await?;
    }
    Ok(())
}

fn row(what: &str, ours: f64, raw: f64) {
    println!("{what:36} {ours:>12.0} {raw:>12.0} {:>7.2}", ours / raw);
}

/// A server process of its own; killed when dropped.
struct Server {
    child: Child,
    addr: String,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(durable: bool) -> anyhow::Result<Self> {
        Self::start_at("127.0.0.1:0", tempfile::tempdir()?, durable)
    }

    /// Kills it with `kill -9`, and starts it anew on the same address and store.
    fn restart(mut self) -> anyhow::Result<Self> {
        self.child.kill()?;
        self.child.wait()?;
        let (addr, folder) = (self.addr.clone(), tempfile::tempdir()?);
        let folder = std::mem::replace(&mut self.folder, folder);
        Self::start_at(&addr, folder, true)
    }

    fn start_at(addr: &str, folder: tempfile::TempDir, durable: bool) -> anyhow::Result<Self> {
        let mut program: PathBuf = std::env::current_exe()?;
        program.pop();
        program.set_file_name("chat-server");
        let store = match durable {
            true => format!("sqlite:{}", folder.path().join("log").display()),
            false => "memory".into(),
        };
        let mut child = Command::new(&program)
            .args(["--listen", addr, "--rate", "0", "--store", &store])
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}: build it first", program.display()))?;
        let mut line = String::new();
        let stderr = child.stderr.take().context("piped")?;
        BufReader::new(stderr).read_line(&mut line)?;
        let addr = line
            .trim()
            .strip_prefix("listening on ")
            .ok_or_else(|| anyhow!("{line}"))?;
        Ok(Self {
            child,
            addr: addr.to_owned(),
            folder,
        })
    }

    /// Resident memory in bytes (Linux).
    fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: f64 = line
            .context("no VmRSS")?
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        Ok(kilobytes * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody in the lobby.
struct Guest {
    client: ChatClient<Redial<ChatRequest, ChatResponse>>,
    session: Session,
    cursor: Cursor,
    id: u64,
}

impl Guest {
    async fn enter(addr: &str, n: u64) -> anyhow::Result<Self> {
        let redial = Redial::new(addr, SERVICE).within(Duration::from_secs(30));
        let client = ChatClient::from(redial);
        let session = Session::from(n) << 64;
        client
            .enter(context::current(), session, format!("p{n}"))
            .await??;
        let cursor = client
            .join(context::current(), session, "lobby".into(), 0)
            .await??;
        Ok(Self {
            client,
            session,
            cursor,
            id: 0,
        })
    }

    async fn send(&mut self, bodies: Vec<String>) -> anyhow::Result<()> {
        let posts = bodies.into_iter().map(|body| {
            self.id += 1;
            Post {
                id: self.id,
                kind: Kind::Said,
                body,
            }
        });
        let posts = posts.collect();
        self.client
            .send(context::current(), self.session, "lobby".into(), posts)
            .await??;
        Ok(())
    }

    /// Enters again, after the server has forgotten everybody.
    async fn come_back(&mut self) -> anyhow::Result<()> {
        let nick = format!("p{}", self.session >> 64);
        self.client
            .enter(context::current(), self.session, nick)
            .await??;
        self.client
            .join(context::current(), self.session, "lobby".into(), 0)
            .await??;
        Ok(())
    }

    async fn poll(&mut self) -> anyhow::Result<Vec<Page>> {
        let cursors = vec![self.cursor.clone()];
        let pages = self
            .client
            .poll(context::current(), self.session, cursors, 15_000)
            .await??;
        let last = pages.last().and_then(|page| page.entries.last());
        self.cursor.after = last.map_or(self.cursor.after, |entry| entry.number);
        Ok(pages)
    }
}

async fn guests(addr: &str, count: u64) -> anyhow::Result<Vec<Guest>> {
    try_join_all((1..=count).map(|n| Guest::enter(addr, n))).await
}

/// One writer as fast as it can, all read: entries delivered a second.
async fn saturated(readers: u64) -> anyhow::Result<f64> {
    let server = Server::start(false)?;
    let delivered = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for mut guest in guests(&server.addr, readers).await? {
        let delivered = delivered.clone();
        tasks.spawn(async move {
            while let Ok(pages) = guest.poll().await {
                let entries: usize = pages.iter().map(|page| page.entries.len()).sum();
                delivered.fetch_add(entries as u64, Ordering::Relaxed);
            }
        });
    }
    let mut writer = Guest::enter(&server.addr, readers + 1).await?;
    let began = Instant::now();
    while began.elapsed() < SPAN {
        writer.send(vec!["x".repeat(120); 64]).await?;
        // Not further ahead than a reader may be: what is measured is delivery.
        while delivered.load(Ordering::Relaxed) + 20_000 * readers < writer.id * readers {
            sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(delivered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// Acknowledged sends a second, one message a call, each sender one call at a time.
async fn durable(senders: u64) -> anyhow::Result<f64> {
    let server = Server::start(true)?;
    let mut tasks = JoinSet::new();
    for mut guest in guests(&server.addr, senders).await? {
        tasks.spawn(async move {
            let began = Instant::now();
            while began.elapsed() < SPAN && guest.send(vec!["x".repeat(120)]).await.is_ok() {}
            guest.id
        });
    }
    let sent: u64 = tasks.join_all().await.into_iter().sum();
    Ok(sent as f64 / SPAN.as_secs_f64())
}

/// How many transactions of one message each the disk takes in a second, without a server.
fn commits() -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let disk = rusqlite::Connection::open(folder.path().join("log"))?;
    disk.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE entry (number INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    )?;
    let mut insert = disk.prepare("INSERT INTO entry (body) VALUES (?1)")?;
    let (began, mut count) = (Instant::now(), 0u32);
    while began.elapsed() < SPAN {
        insert.execute(["x".repeat(120)])?;
        count += 1;
    }
    Ok(f64::from(count) / SPAN.as_secs_f64())
}

/// Twenty messages a second; prints the time from the send to the receipt. One reader more may be
/// a process that is stopped.
async fn paced(readers: u64, stop_one: bool) -> anyhow::Result<()> {
    let server = Server::start(false)?;
    let stopped = match stop_one {
        true => Some(Stopped::start(&server.addr, readers + 2)?),
        false => None,
    };
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut guest in guests(&server.addr, readers).await? {
        tasks.spawn(async move {
            let mut late = Vec::new();
            while let Ok(Ok(pages)) = timeout(Duration::from_secs(2), guest.poll()).await {
                let now = began.elapsed().as_nanos();
                for entry in pages.into_iter().flat_map(|page| page.entries) {
                    let sent: Option<u128> = entry.body.parse().ok();
                    late.extend(sent.map(|sent| now.saturating_sub(sent)));
                }
            }
            late
        });
    }
    let mut writer = Guest::enter(&server.addr, readers + 1).await?;
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

/// A reader in a process of its own that is stopped with `kill -STOP` in mid-poll.
struct Stopped(Child);

impl Stopped {
    fn start(addr: &str, number: u64) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["reader", addr, &number.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("piped")?;
        let stopped = Self(child);
        BufReader::new(stdout).read_line(&mut String::new())?;
        let pid = stopped.0.id().to_string();
        let sent = Command::new("kill").args(["-STOP", &pid]).status()?;
        ensure!(sent.success(), "cannot stop the reader");
        Ok(stopped)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The reader that is to be stopped: says a line when it is in the room.
async fn read_on(addr: &str, number: u64) -> anyhow::Result<()> {
    let mut guest = Guest::enter(addr, number).await?;
    println!("reading");
    loop {
        guest.poll().await?;
    }
}

/// A server killed under so many readers and started anew: prints how long until each of them has
/// been shown the first message after it.
async fn restart(readers: u64) -> anyhow::Result<()> {
    let server = Server::start(true)?;
    let mut writer = Guest::enter(&server.addr, readers + 1).await?;
    let (first, mut heard) = mpsc::channel(1024);
    let mut tasks = JoinSet::new();
    for mut guest in guests(&server.addr, readers).await? {
        let first = first.clone();
        tasks.spawn(async move {
            loop {
                let pages = guest.poll().await.unwrap_or_default();
                if pages.iter().any(|page| !page.entries.is_empty()) {
                    let _ = first.send(()).await;
                }
                if pages.is_empty() && guest.come_back().await.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    let server = server.restart()?;
    let began = Instant::now();
    while writer.come_back().await.is_err() {} // the first call finds the connection broken
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

/// Bytes that a client costs the server while its poll waits.
async fn idle(clients: u64) -> anyhow::Result<f64> {
    let server = Server::start(false)?;
    let before = server.memory()?;
    let mut tasks = JoinSet::new();
    for mut guest in guests(&server.addr, clients).await? {
        tasks.spawn(async move { while guest.poll().await.is_ok() {} });
    }
    sleep(SPAN).await;
    Ok((server.memory()? - before) / clients as f64)
}

/// The same frame to so many sockets, one write each: frames received a second.
async fn raw_fan_out(readers: u64) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let received = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let mut writers = Vec::new();
    for _ in 0..readers {
        let mut reader = TcpStream::connect(addr).await?;
        let received = received.clone();
        tasks.spawn(async move {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n @ 1..) = reader.read(&mut buffer).await {
                received.fetch_add(n as u64, Ordering::Relaxed);
            }
        });
        writers.push(listener.accept().await?.0);
    }
    let began = Instant::now();
    while began.elapsed() < SPAN {
        for writer in &mut writers {
            writer.write_all(&[7; FRAME]).await?;
        }
        tokio::task::yield_now().await;
    }
    let frames = received.load(Ordering::Relaxed) as f64 / FRAME as f64;
    Ok(frames / began.elapsed().as_secs_f64())
}

/// A frame there and a byte back, without a disk: round trips a second.
async fn raw_round_trips(clients: u64) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let mut client = TcpStream::connect(addr).await?;
        let (mut server, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut frame = [0; FRAME];
            while server.read_exact(&mut frame).await.is_ok()
                && server.write_all(&[1]).await.is_ok()
            {}
        });
        tasks.spawn(async move {
            let (began, mut count) = (Instant::now(), 0u64);
            while began.elapsed() < SPAN {
                let sent = client.write_all(&[7; FRAME]).await;
                if sent.is_err() || client.read_u8().await.is_err() {
                    break;
                }
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    Ok(count as f64 / SPAN.as_secs_f64())
}
