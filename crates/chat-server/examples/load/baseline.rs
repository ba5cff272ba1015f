//! What the machine does without a server: plain TCP and the disk alone, for comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long each figure is measured.
pub(crate) const SPAN: Duration = Duration::from_secs(3);

/// About the bytes of a message on the wire: 120 of text and its envelope.
const FRAME: usize = 160;

/// Writes the same frame to each of `readers` sockets. Returns the frames received a second.
pub(crate) async fn raw_fan_out(readers: u64) -> anyhow::Result<f64> {
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

/// Sends a frame there and a byte back, without a disk. Returns the round trips a second.
pub(crate) async fn raw_round_trips(clients: u64) -> anyhow::Result<f64> {
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

/// Returns how many transactions of one message each the disk takes in a second.
pub(crate) fn commits() -> anyhow::Result<f64> {
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
