//! Load on a chat server, beside what plain TCP does in the same run: see `scripts/bench/chat.sh`.

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
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(3);

/// A message as it is on the wire, more or less: 120 bytes of text and its envelope.
const FRAME: usize = 160;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!(
        "{:36} {:>12} {:>12} {:>7}",
        "", "chat", "plain TCP", "ratio"
    );
    for readers in [1, 10, 100, 1000] {
        let ours = saturated(readers).await?;
        let raw = raw_fan_out(readers).await?;
        row(&format!("deliveries/s, {readers} readers"), ours, raw);
    }
    for senders in [1, 8, 64] {
        let ours = durable(senders).await?;
        let raw = raw_round_trips(senders).await?;
        row(&format!("durable sends/s, {senders} senders"), ours, raw);
    }
    let (p50, p99) = paced(100, false).await?;
    println!("paced, 100 readers: p50 {p50:.2} ms, p99 {p99:.2} ms");
    let (p50, p99) = paced(100, true).await?;
    println!("  one of them stopped: p50 {p50:.2} ms, p99 {p99:.2} ms");
    println!(
        "idle client: {:.1} KB in the server",
        idle(1000).await? / 1024.0
    );
    Ok(())
}

fn row(what: &str, ours: f64, raw: f64) {
    println!("{what:36} {ours:>12.0} {raw:>12.0} {:>7.2}", ours / raw);
}

/// A server process of its own; killed when dropped.
struct Server {
    child: Child,
    addr: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(durable: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut program: PathBuf = std::env::current_exe()?;
        program.pop();
        program.set_file_name("chat-server");
        let store = match durable {
            true => format!("sqlite:{}", folder.path().join("log").display()),
            false => "memory".into(),
        };
        let mut child = Command::new(&program)
            .args(["--listen", "127.0.0.1:0", "--rate", "0", "--store", &store])
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
            _folder: folder,
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

/// Twenty messages a second; milliseconds from the send to the receipt. One reader may stop.
async fn paced(readers: u64, stop_one: bool) -> anyhow::Result<(f64, f64)> {
    let server = Server::start(false)?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (n, mut guest) in guests(&server.addr, readers).await?.into_iter().enumerate() {
        if stop_one && n == 0 {
            let _ = guest.poll().await; // asks once more, and never again
            continue;
        }
        tasks.spawn(async move {
            let mut late = Vec::new();
            while let Ok(Ok(pages)) = timeout(Duration::from_secs(2), guest.poll()).await {
                let now = began.elapsed().as_nanos();
                for entry in pages.into_iter().flat_map(|page| page.entries) {
                    late.extend(
                        entry
                            .body
                            .parse()
                            .ok()
                            .map(|sent: u128| now.saturating_sub(sent)),
                    );
                }
            }
            late
        });
    }
    let mut writer = Guest::enter(&server.addr, readers + 1).await?;
    let mut pace = interval(Duration::from_millis(50));
    for _ in 0..60 {
        pace.tick().await;
        writer
            .send(vec![began.elapsed().as_nanos().to_string()])
            .await?;
    }
    let mut late: Vec<u128> = tasks.join_all().await.concat();
    ensure!(!late.is_empty(), "nobody heard anything");
    late.sort_unstable();
    let ms = |part: f64| late[(part * (late.len() - 1) as f64) as usize] as f64 / 1e6;
    Ok((ms(0.5), ms(0.99)))
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
