//! What a send waits when a nats-server that leads is killed, beside what NATS itself needs.
//!
//! In the same death a client of NATS alone publishes into the same stream, through the servers
//! that are left, every few milliseconds. It publishes copies of an old message of the chat: they
//! are void for the chat-servers, because they are late.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::lab::{Chat, LIMIT, PAUSE};
use crate::three::{NAME, Three};
use crate::user::User;

/// As many on each of three chat-servers.
const SENDERS: usize = 9;

/// Between two messages of a sender.
const TYPING: Duration = Duration::from_millis(20);

/// Between two messages of the client of NATS alone.
const PROBE: Duration = Duration::from_millis(10);

/// How long the senders send before the death.
const BEFORE: Duration = Duration::from_secs(1);

/// Which nats-server is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// It leads the log, and not the cluster.
    Log,
    /// It leads the cluster, which makes streams and consumers, and not the log.
    Cluster,
    /// It leads both.
    Both,
}

/// What the death of a leader has meant, in seconds.
pub(crate) struct Death {
    /// until NATS took a message again
    pub(crate) alone: f64,
    /// the longest that a message of a sender has waited
    pub(crate) longest: f64,
}

/// Kills a leader while users send, and starts it again.
pub(crate) async fn death(three: &mut Three, chat: &Chat, victim: Victim) -> anyhow::Result<Death> {
    let killed = choose(three, victim).await?;
    let calm = watch::Sender::new(false);
    let mut senders = JoinSet::new();
    for user in chat.users(SENDERS).await? {
        senders.spawn(send_on(user, calm.subscribe()));
    }
    let (clients, copy) = bare(three, killed).await?;
    sleep(BEFORE).await;
    three.kill(killed);
    let dead = Instant::now();
    let alone = timeout(LIMIT, taken(&clients, &copy)).await;
    let alone = alone.context("NATS takes nothing any more")??;
    // From now on nothing should wait, so each sender ends with the next message.
    calm.send_replace(true);
    let waits = timeout(LIMIT, senders.join_all()).await;
    let waits = waits.context("a message waits for ever")?;
    three.go_on(killed);
    let waits: anyhow::Result<Vec<_>> = waits.into_iter().collect();
    let waits = waits?.concat();
    let after = waits.iter().filter(|(sent, took)| *sent + *took > dead);
    let longest = after.map(|(_, took)| *took).max().unwrap_or_default();
    Ok(Death {
        alone: alone.as_secs_f64(),
        longest: longest.as_secs_f64(),
    })
}

/// Sends one message after the other, until one has begun when all was calm. Returns when each
/// was sent, and how long it took until it was acknowledged.
async fn send_on(
    mut user: User,
    calm: watch::Receiver<bool>,
) -> anyhow::Result<Vec<(Instant, Duration)>> {
    let mut waits = Vec::new();
    loop {
        let (sent, is_last, id) = (Instant::now(), *calm.borrow(), user.id);
        while let Err(error) = user.send(vec!["x".into()]).await {
            if sent.elapsed() > LIMIT {
                return Err(error);
            }
            user.id = id; // so it is the same message again
            sleep(PAUSE).await;
        }
        waits.push((sent, sent.elapsed()));
        if is_last {
            return Ok(waits);
        }
        sleep(TYPING).await;
    }
}

/// Returns the nats-server to kill, once all have all of the log.
async fn choose(three: &Three, victim: Victim) -> anyhow::Result<usize> {
    let client = async_nats::connect(three.addrs.to_vec()).await?;
    let since = Instant::now();
    while since.elapsed() < LIMIT {
        let of_log = three.leader().await;
        let of_cluster = three.meta_leader();
        let is_found = of_cluster.is_some_and(|it| (it == of_log) == (victim == Victim::Both));
        match of_cluster.filter(|_| is_found) {
            Some(of_cluster) if victim == Victim::Cluster => return Ok(of_cluster),
            Some(_) => return Ok(of_log),
            None => {
                let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{NAME}");
                client.request(subject, "".into()).await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
    bail!("the leaders do not move")
}

/// A message of the log: where it is published, and its bytes.
type Copy = (String, Vec<u8>);

/// Returns clients of the nats-servers that are left, one of each, and what they publish.
async fn bare(three: &Three, killed: usize) -> anyhow::Result<(Vec<Context>, Copy)> {
    let mut clients = Vec::new();
    for (n, addr) in three.addrs.iter().enumerate() {
        if n != killed {
            let client = async_nats::connect(addr).await?;
            clients.push(ContextBuilder::new().ack_timeout(LIMIT).build(client));
        }
    }
    let context = clients.first().context("two are left")?;
    let stream = context.get_stream(NAME).await?;
    // A room that talks all the time, so that its last message is an old one in a moment.
    let room: String = "lobby".bytes().map(|byte| format!("{byte:02x}")).collect();
    let subject = format!("{NAME}.log.{room}");
    let last = stream.get_last_raw_message_by_subject(&subject).await?;
    Ok((clients, (subject, last.payload.to_vec())))
}

/// Returns how long it takes until a message is acknowledged that was published after now.
async fn taken(clients: &[Context], (subject, bytes): &Copy) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut tries = FuturesUnordered::new();
    let mut pace = interval(PROBE);
    loop {
        tokio::select! {
            _ = pace.tick() => tries.extend(clients.iter().map(async |client| {
                client.publish(subject.clone(), bytes.clone().into()).await?.await
            })),
            Some(answer) = tries.next() => if answer.is_ok() {
                return Ok(began.elapsed());
            },
        }
    }
}
