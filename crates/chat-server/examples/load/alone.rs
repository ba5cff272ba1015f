//! What the disk does without a server: the store, its transaction, and the smallest commit there
//! is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use chat_server::Sqlite;
use chat_server::log::{Bounds, Log, NewEntry};
use common::chat::{Kind, Sender};
use futures::future::try_join_all;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::durable::Load;
use crate::rounds::SPAN;

/// Senders are hashes, so they are far apart in any order.
fn sender(n: u64) -> Sender {
    Sender::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn entry(n: u64, id: u64) -> NewEntry {
    let body = "x".repeat(120);
    NewEntry::said(sender(n), Some(id), Kind::Said, format!("p{n}"), body)
}

fn open(path: &Path) -> anyhow::Result<Log> {
    Ok(Sqlite::open(path, Bounds::default())?)
}

/// Appends to the store in this process, as the server does: one append at a time a sender. Returns
/// the messages a second.
pub(crate) async fn store(load: Load) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let log = open(&folder.path().join("log"))?;
    let posts = load.posts as u64;
    let senders = (1..=load.senders).map(|n| {
        let log = log.clone();
        tokio::spawn(async move {
            let (began, mut sent) = (Instant::now(), 0);
            while began.elapsed() < SPAN {
                let entries = (sent..sent + posts).map(|id| entry(n, id)).collect();
                log.append("lobby", entries).await?;
                sent += posts;
            }
            anyhow::Ok(sent)
        })
    });
    let mut sent = 0;
    for count in try_join_all(senders.collect::<Vec<_>>()).await? {
        sent += count?;
    }
    log.close().await?;
    Ok(sent as f64 / SPAN.as_secs_f64())
}

/// Commits the transactions of one sender, `posts` messages in each. Returns the messages a second.
pub(crate) async fn transactions(posts: usize) -> anyhow::Result<f64> {
    tokio::task::spawn_blocking(move || {
        let mut file = Transactions::new()?;
        let began = Instant::now();
        while began.elapsed() < SPAN {
            file.commit(posts)?;
        }
        Ok(file.rate())
    })
    .await?
}

/// Does so when asked over a socket, by a thread for each end that does nothing but wait. No server
/// can be faster, because each call must get there and back. Returns the messages a second.
pub(crate) async fn asked(posts: usize) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = asks(listener.local_addr()?, posts);
    let server = tokio::task::spawn_blocking(move || {
        let (mut socket, mut call) = (listener.accept()?.0, vec![0; call(posts)]);
        socket.set_nodelay(true)?;
        let mut file = Transactions::new()?;
        while socket.read_exact(&mut call).is_ok() {
            file.commit(posts)?;
            socket.write_all(&ANSWER)?;
        }
        Ok(file.rate())
    });
    client.await??;
    server.await?
}

/// Does so when asked of a task, which hands each call to a thread that commits, because a task
/// must not wait for a disk. The plainest server on tokio. Returns the messages a second.
pub(crate) async fn handed_over(posts: usize) -> anyhow::Result<f64> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let client = asks(listener.local_addr()?, posts);
    let (calls, mut to_do) = mpsc::channel::<oneshot::Sender<()>>(1);
    let writer = tokio::task::spawn_blocking(move || {
        let mut file = Transactions::new()?;
        while let Some(caller) = to_do.blocking_recv() {
            file.commit(posts)?;
            let _ = caller.send(()); // fails if the task has ended
        }
        Ok(file.rate())
    });
    let server = tokio::spawn(async move {
        let (mut socket, mut call) = (listener.accept().await?.0, vec![0; call(posts)]);
        socket.set_nodelay(true)?;
        while socket.read_exact(&mut call).await.is_ok() {
            let (caller, committed) = oneshot::channel();
            calls.send(caller).await?;
            committed.await?;
            socket.write_all(&ANSWER).await?;
        }
        anyhow::Ok(())
    });
    client.await??;
    server.await??;
    writer.await?
}

/// What is answered, in about as many bytes as the numbers of a call.
const ANSWER: [u8; 16] = [7; 16];

/// Returns about as many bytes as a call with this many messages has.
fn call(posts: usize) -> usize {
    40 + 130 * posts
}

/// Asks at `addr`, one call after the other, by a thread.
fn asks(addr: SocketAddr, posts: usize) -> JoinHandle<anyhow::Result<()>> {
    tokio::task::spawn_blocking(move || {
        let (mut socket, mut answer) = (TcpStream::connect(addr)?, ANSWER);
        socket.set_nodelay(true)?;
        let (began, call) = (Instant::now(), vec![7; call(posts)]);
        while began.elapsed() < SPAN {
            socket.write_all(&call)?;
            socket.read_exact(&mut answer)?;
        }
        Ok(())
    })
}

/// A file that the store has made, and the transactions of one sender in it.
struct Transactions {
    disk: Connection,
    number: u64,
    _folder: TempDir,
}

impl Transactions {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        let made = async {
            let log = open(&path)?;
            log.append("lobby", vec![entry(1, 0)]).await?;
            anyhow::Ok(log.close().await?)
        };
        futures::executor::block_on(made)?;
        Ok(Self {
            disk: connect(&path)?,
            number: 1,
            _folder: folder,
        })
    }

    /// Commits one transaction of this many messages.
    fn commit(&mut self, posts: usize) -> rusqlite::Result<()> {
        self.disk.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for _ in 0..posts {
            self.number += 1;
            let NewEntry {
                sender, nick, body, ..
            } = entry(1, self.number);
            self.disk
                .prepare_cached(
                    "INSERT INTO entry (place, sender, id, kind, nick, body, at_ms)
                     VALUES (1 << 40 | ?1, ?2, ?1, 0, ?3, ?4, ?5)",
                )?
                .execute(params![
                    self.number.cast_signed(),
                    sender.to_be_bytes(),
                    &*nick,
                    &*body,
                    0
                ])?;
        }
        self.disk.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Returns the messages of a second.
    fn rate(&self) -> f64 {
        (self.number - 1) as f64 / SPAN.as_secs_f64()
    }
}

/// Commits one row of 120 bytes each. Returns the commits a second.
pub(crate) async fn commits() -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let disk = connect(&folder.path().join("log"))?;
    disk.execute_batch("CREATE TABLE entry (number INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    tokio::task::spawn_blocking(move || {
        let mut insert = disk.prepare("INSERT INTO entry (body) VALUES (?1)")?;
        let (began, mut count) = (Instant::now(), 0u32);
        while began.elapsed() < SPAN {
            insert.execute(["x".repeat(120)])?;
            count += 1;
        }
        drop(folder);
        Ok(f64::from(count) / SPAN.as_secs_f64())
    })
    .await?
}

/// Opens a file with the settings of the store.
fn connect(path: &Path) -> anyhow::Result<Connection> {
    let disk = Connection::open(path)?;
    disk.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    Ok(disk)
}
