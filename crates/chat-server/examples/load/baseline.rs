//! What plain TCP does, for comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long each figure is measured.
pub(crate) const SPAN: Duration = Duration::from_secs(3);

/// About the bytes of a message on the wire: 120 of text and its envelope.
pub(crate) const FRAME: usize = 160;

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
