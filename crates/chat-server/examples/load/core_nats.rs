//! Core NATS as a peer: a publisher and many subscribers of one subject, as a program in Rust would
//! use it. Nothing is stored, and nobody is told whether a message has arrived. A publisher that
//! wants to know at least that the server has its messages sends itself one more after them, and
//! waits for that: the server hands on what comes on a connection in its order.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_nats::{Client, Subscriber};
use futures::StreamExt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::fan_out::{BODY, Flood};
use crate::paced::{Arrivals, lateness, p50_p99, pace};
use crate::program::{Program, closed};

const SUBJECT: &str = "lobby";

/// A nats-server without a store. Dropping it kills it.
pub(crate) struct CoreNats {
    addr: String,
    _program: Program,
}

impl CoreNats {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let addr = closed();
        let (host, port) = addr.split_once(':').context("HOST:PORT")?;
        let mut command = Command::new(crate::nats::program().context("no nats-server")?);
        let mut program = Program::start(command.args(["-a", host, "-p", port]));
        let is_ready = |line: String| line.contains("Server is ready");
        program
            .stderr
            .by_ref()
            .find(|line| is_ready(line.clone()))
            .context("it ended")?;
        Ok(Self {
            addr,
            _program: program,
        })
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        Ok(async_nats::connect(&self.addr).await?)
    }

    /// Returns the subscribers, each on a connection of its own.
    async fn subscribers(&self, count: u64) -> anyhow::Result<Vec<(Client, Subscriber)>> {
        let mut all = Vec::new();
        for _ in 0..count {
            let client = self.connect().await?;
            let subscriber = client.subscribe(SUBJECT).await?;
            client.flush().await?;
            all.push((client, subscriber));
        }
        Ok(all)
    }

    /// Returns the messages delivered in a second. With `posts`, the publisher waits after every
    /// `posts` messages until the server has them, as a writer of ours waits for its answer.
    /// Without, it only waits when it is far ahead of the readers.
    pub(crate) async fn flood(&self, readers: u64, posts: Option<usize>) -> anyhow::Result<f64> {
        let delivered = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for (client, mut subscriber) in self.subscribers(readers).await? {
            let delivered = delivered.clone();
            tasks.spawn(async move {
                while subscriber.next().await.is_some() {
                    delivered.fetch_add(1, Ordering::Relaxed);
                }
                drop(client);
            });
        }
        let writer = self.connect().await?;
        let inbox = writer.new_inbox();
        let mut confirmed = writer.subscribe(inbox.clone()).await?;
        let mut flood = Flood::begin(readers, delivered);
        // On a thread of the runtime, as our own writer.
        let flood = tokio::spawn(async move {
            while flood.goes_on() {
                for _ in 0..posts.unwrap_or(1) {
                    let body = vec![b'x'; BODY];
                    writer.publish(SUBJECT, body.into()).await?;
                }
                if posts.is_some() {
                    writer.publish(inbox.clone(), "".into()).await?;
                    confirmed.next().await.context("the server is there")?;
                }
                flood.sent(posts.unwrap_or(1)).await;
            }
            anyhow::Ok(flood.rate())
        });
        flood.await?
    }

    /// Returns the milliseconds that half of the messages needed at most, and 99 of 100.
    pub(crate) async fn pace(
        &self,
        readers: u64,
        arrivals: Arrivals,
    ) -> anyhow::Result<(f64, f64)> {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for (client, mut subscriber) in self.subscribers(readers).await? {
            tasks.spawn(async move {
                let mut late = Vec::new();
                let silence = Duration::from_secs(2);
                while let Ok(Some(message)) = timeout(silence, subscriber.next()).await {
                    let text = std::str::from_utf8(&message.payload).unwrap_or_default();
                    late.extend(lateness(began, text));
                }
                drop(client);
                late
            });
        }
        let writer = self.connect().await?;
        pace(began, arrivals, async |text| {
            writer.publish(SUBJECT, text.into()).await?;
            Ok(writer.flush().await?)
        })
        .await?;
        p50_p99(tasks.join_all().await.concat())
    }
}
