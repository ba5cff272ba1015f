//! Writes what is appended: each room has a lane, in which one message is out at a time. What comes
//! meanwhile goes together in the next one. So a busy room makes larger messages by itself.
//!
//! The answer to an append is that our own follower has played the message. So a number that was
//! answered can be read at once, and there is one place where entries come in. That NATS has
//! acknowledged the message says only that it is in the list.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use futures::FutureExt;
use futures::future::ready;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::connection::{Link, TRY};
use super::follower::Progress;
use super::replica::{Outcome, Replica, lock};
use super::tries;
use super::wire::{Body, Does, InRoom, Message};
use crate::bounds::bytes;
use crate::log::{LogError, NewEntry, Reply};
use crate::sides::Change;
use crate::waiting::{WAITING, Waiting};

/// Most appends that wait in one room: so many that the last of them waits about a second.
const QUEUE: usize = 4096;

/// Most appends in one message, and most bytes of their entries. NATS takes a mebibyte.
const GROUP: usize = 256;
const GROUP_BYTES: usize = 384 * 1024;

/// How long an append is tried. With the last try, it is below the 8 s of a client's call.
const PATIENCE: Duration = Duration::from_secs(6);

/// How long a message that NATS has may take to be played. Then the follower begins again, because
/// it may listen to a consumer that is dead.
const RETURN: Duration = Duration::from_millis(250);

/// How long a server is unwell after a try that failed. Not until one succeeds, because a server
/// that is unwell is given no clients, and so would never try again.
const UNWELL: Duration = Duration::from_secs(10);

/// Entries for a room, with the channel for their numbers.
struct Append {
    entries: Vec<NewEntry>,
    reply: oneshot::Sender<Result<Vec<u64>, LogError>>,
    waiting: Waiting,
    until: Instant,
}

/// The lanes of all rooms.
pub(super) struct Lanes {
    link: Link,
    replica: Arc<Replica>,
    progress: Arc<Progress>,
    /// what waits in each lane that is at work
    queues: Mutex<HashMap<String, VecDeque<Append>>>,
    waiting: Arc<AtomicUsize>,
    /// why the last try failed, if it did, and when
    failure: Mutex<Option<(String, Instant)>>,
}

impl Lanes {
    pub(super) fn new(link: Link, replica: Arc<Replica>, progress: Arc<Progress>) -> Self {
        Self {
            link,
            replica,
            progress,
            queues: Mutex::default(),
            waiting: Arc::default(),
            failure: Mutex::default(),
        }
    }

    /// Returns the bytes of entries that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Returns why the last try failed, if that was just now.
    pub(super) fn failure(&self) -> Option<String> {
        let failure = lock(&self.failure);
        let failed = failure.as_ref().filter(|(_, at)| at.elapsed() < UNWELL);
        failed.map(|(why, _)| why.clone())
    }

    /// Appends entries to a room that may exist.
    pub(super) fn append(self: &Arc<Self>, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>> {
        let size = entries.iter().map(|e| bytes(&e.nick, &e.body)).sum();
        let Some(waiting) = Waiting::count(&self.waiting, size, WAITING) else {
            return ready(Err(LogError::Busy)).boxed();
        };
        let (reply, numbers) = oneshot::channel();
        let append = Append {
            entries,
            reply,
            waiting,
            until: Instant::now() + PATIENCE,
        };
        let mut queues = lock(&self.queues);
        match queues.get_mut(room) {
            Some(queue) if queue.len() >= QUEUE => return ready(Err(LogError::Busy)).boxed(),
            Some(queue) => queue.push_back(append),
            None => {
                queues.insert(room.to_owned(), VecDeque::from([append]));
                tokio::spawn(self.clone().run(room.to_owned()));
            }
        }
        async move { numbers.await.map_err(|_| LogError::stopped())? }.boxed()
    }

    /// Writes what waits in a lane, until there is nothing.
    async fn run(self: Arc<Self>, room: String) {
        while let Some(group) = self.next(&room) {
            self.write(&room, group).await;
        }
    }

    /// Takes what goes into the next message. The lane is over if there is nothing.
    fn next(&self, room: &str) -> Option<Vec<Append>> {
        let mut queues = lock(&self.queues);
        let queue = queues.get_mut(room)?;
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(append) = queue.front() {
            bytes += append.waiting.bytes();
            if !group.is_empty() && (bytes > GROUP_BYTES || group.len() >= GROUP) {
                break;
            }
            group.extend(queue.pop_front());
        }
        if group.is_empty() {
            queues.remove(room);
            return None;
        }
        Some(group)
    }

    /// Writes appends until they stand, or the time of each is over.
    async fn write(&self, room: &str, mut group: Vec<Append>) {
        let (tell, mut outcomes) = mpsc::unbounded_channel();
        let mut attempts = Vec::new();
        let began = Instant::now();
        while !group.is_empty() {
            let limit = tries::limit(began.elapsed());
            let attempt = self.attempt(room, &group, &tell, &mut outcomes, &mut attempts);
            let attempt = timeout(limit, attempt).await;
            match attempt.unwrap_or_else(|_| Err("NATS does not answer".into())) {
                Ok(true) => {
                    *lock(&self.failure) = None;
                    for append in group.drain(..) {
                        self.answer(room, append);
                    }
                }
                Ok(false) => {} // another server was first, and what it wrote is played
                Err(error) => {
                    self.replica.counts.retries.fetch_add(1, Relaxed);
                    tracing::debug!("{room}: {error}");
                    *lock(&self.failure) = Some((error.clone(), Instant::now()));
                    let is_over = |append: &mut Append| append.until <= Instant::now();
                    for append in group.extract_if(.., is_over) {
                        let _ = append.reply.send(Err(LogError::Failed(error.clone())));
                    }
                    sleep(tries::PAUSE).await;
                }
            }
        }
        self.replica.give_up(attempts);
    }

    /// Makes one try. Returns whether the entries are stored, or another server was first.
    async fn attempt(
        &self,
        room: &str,
        group: &[Append],
        tell: &mpsc::UnboundedSender<Outcome>,
        outcomes: &mut mpsc::UnboundedReceiver<Outcome>,
        attempts: &mut Vec<u64>,
    ) -> Result<bool, String> {
        let (top, fresh) = self
            .replica
            .plan(room, group.iter().map(|append| &*append.entries));
        if fresh.is_empty() {
            return Ok(true);
        }
        let written = fresh
            .into_iter()
            .map(|one| one.into_iter().map(Into::into).collect());
        let body = InRoom::new(room, top, Does::Adds(written.collect()));
        let message = self.replica.write(Body::Room(body), tell);
        attempts.push(message.origin().attempt);
        let subject = self.link.subject(room);
        Ok(self.publish(subject, &message, outcomes).await?.stands)
    }

    /// Publishes a message. Returns what became of it, or of another one that `outcomes` is about
    /// and that stands.
    async fn publish(
        &self,
        subject: String,
        message: &Message,
        outcomes: &mut mpsc::UnboundedReceiver<Outcome>,
    ) -> Result<Outcome, String> {
        if !self.link.is_up() {
            return Err("there is no connection to NATS".into());
        }
        if self.progress.is_in_doubt() {
            return Err("the list in NATS looks wrong".into());
        }
        let attempt = message.origin().attempt;
        let message = PublishMessage::build().payload(message.bytes()?.into());
        let sent = timeout(TRY, self.link.js.send_publish(subject, message)).await;
        let ack = sent
            .map_err(|_| "NATS takes nothing".to_owned())?
            .map_err(|error| error.to_string())?;
        let mut ack = ack.into_future();
        let mut outcome = std::pin::pin!(outcome(attempt, outcomes));
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome,
            ack = &mut ack => ack.map_err(|error| error.to_string())?,
        };
        if let Ok(outcome) = timeout(RETURN, &mut outcome).await {
            return outcome;
        }
        self.progress.anew.notify_one();
        let outcome = timeout(TRY, outcome).await;
        outcome.map_err(|_| "it is stored, and was not played yet".to_owned())?
    }

    fn answer(&self, room: &str, append: Append) {
        let newest = self.replica.view.newest(room);
        let numbers = self.replica.view.numbers(room, &append.entries).into_iter();
        // A notice has no key, and nobody asks for its number. A message may be gone already, when
        // the store is full.
        let numbers = numbers.map(|number| number.unwrap_or(newest)).collect();
        let _ = append.reply.send(Ok(numbers)); // fails if the caller has given up
    }

    /// Ends a room, unless something is written in it meanwhile. Then NATS deletes what it held.
    pub(super) async fn end(&self, room: &str) -> Result<(), String> {
        let Some(body) = self.replica.plan_end(room) else {
            return Ok(());
        };
        let (tell, mut outcomes) = mpsc::unbounded_channel();
        let message = self.replica.write(Body::Room(body), &tell);
        let attempt = message.origin().attempt;
        let subject = format!("{}.end", self.link.name);
        let ended = self.publish(subject, &message, &mut outcomes).await;
        self.replica.give_up([attempt]);
        let ended = ended?;
        if ended.stands {
            let stream = self.link.get(&self.link.name).await?;
            // What is before the end only, because the room may have begun again.
            let purge = stream.purge().filter(self.link.subject(room));
            let purge = purge.sequence(ended.at);
            purge.await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Writes a change of what is kept beside the rooms, and returns when it is played here.
    pub(super) async fn keep(&self, change: Change) -> Result<(), String> {
        let (tell, mut outcomes) = mpsc::unbounded_channel();
        let subject = self.link.side(&change.key);
        let message = self.replica.write(Body::Side(change), &tell);
        let attempt = message.origin().attempt;
        let kept = self.publish(subject, &message, &mut outcomes).await;
        self.replica.give_up([attempt]);
        kept.map(drop)
    }

    /// Notes for all servers that entries are lost: what is left is another log.
    pub(super) async fn begin_anew(&self) -> Result<(), String> {
        let (tell, _) = mpsc::unbounded_channel();
        let message = self.replica.write(Body::Epoch(rand::random()), &tell);
        let subject = format!("{}.epoch", self.link.name);
        let ack = self.link.js.publish(subject, message.bytes()?.into()).await;
        let ack = ack.map_err(|error| error.to_string())?;
        ack.await.map(drop).map_err(|error| error.to_string())
    }
}

/// Returns what becomes of an attempt, or of an earlier one if it stands, because that is as good.
async fn outcome(
    attempt: u64,
    outcomes: &mut mpsc::UnboundedReceiver<Outcome>,
) -> Result<Outcome, String> {
    while let Some(outcome) = outcomes.recv().await {
        if outcome.stands || outcome.attempt == attempt {
            return Ok(outcome);
        }
    }
    Err("it was given up".into())
}
