//! A log in NATS JetStream, which several servers share. What is acknowledged survives the death
//! of any server, and of a minority of the nats-servers.
//!
//! JetStream gives what is hard: one ordered list, kept by a majority. Nothing more is asked of
//! it: no checks of duplicates, which it forgets, and no expected sequences, of which old versions
//! accept two at once (nats-server issue 4320). Which messages count is decided by our own
//! [rule](crate::chain), by each server alike, while it plays the list into its
//! [`View`](crate::view). All reading happens there, with NATS or without.
//!
//! ```text
//!   append ──▶ lanes ──publish──▶ NATS: one stream, a subject a room
//!     ▲ answer                      │
//!     └────── replica ◀──follow─────┘   chain: does it stand?  view: what readers see
//! ```
//!
//! A server that finds that the list has a hole or went back ends, because it would tell people
//! something else than the other servers do.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::chat::Page;
use common::cli::Failure;
use common::pen::Pen;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::connection::Link;
use self::follower::Progress;
use self::lanes::Lanes;
use self::replica::{Replica, Trouble};
use crate::bounds::Bounds;
use crate::log::{
    Head, LogError, NewEntry, PageLimit, Ready, Reply, RoomLog, Shared, Status, now_ms,
};
use crate::view::View;

pub use self::connect::Settings;
pub(crate) use self::replica::News;
pub(crate) use self::together::Said;
pub use self::together::Together;

mod certificate;
mod connect;
mod connection;
mod description;
mod doubt;
mod ending;
mod feed;
mod follower;
mod hole;
mod lanes;
mod lap;
mod replica;
mod together;
mod tries;
mod url;
mod wire;

/// How long a server tries to tell the others that the log went back, before it ends.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How much of what the people have to hear may wait until they hear it.
const NEWS: usize = 1024;

/// The store in NATS.
pub struct Nats {
    replica: Arc<Replica>,
    lanes: Arc<Lanes>,
    progress: Arc<Progress>,
    link: Link,
    trouble: watch::Receiver<Option<Trouble>>,
    follower: JoinHandle<()>,
    bounds: Bounds,
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Nats {
    /// Joins the log, which is made if there is none, and plays it. What is stored is written into
    /// `journal`. Returns also the way to the other servers.
    ///
    /// # Errors
    /// If NATS cannot be reached, or has no such log, with advice.
    pub async fn open(
        settings: &Settings,
        bounds: Bounds,
        journal: Pen,
    ) -> anyhow::Result<(Arc<Self>, Together)> {
        let link = Link::open(settings).await?;
        let (info, kept) = link.log(bounds.history).await?;
        let bounds = Bounds {
            history: kept.history,
            ..bounds
        };
        let view = View::new(bounds, kept.epoch);
        view.keep_journal(journal);
        let end = info.state.last_sequence;
        let replica = Arc::new(Replica::new(view, end, now_ms()));
        let progress = Arc::new(Progress::new());
        let (to_tell, news) = mpsc::channel(NEWS);
        let (follower, trouble) =
            follower::start(link.clone(), replica.clone(), progress.clone(), to_tell);
        let lanes = Lanes::new(link.clone(), replica.clone(), progress.clone());
        let log = Self {
            replica,
            lanes: Arc::new(lanes),
            progress,
            link,
            trouble,
            follower,
            bounds,
        };
        let (mut reached, broken) = (log.replica.reached(), log.broken());
        tokio::select! {
            played = reached.wait_for(|&at| at >= end) => drop(played),
            why = broken => return Err(why.into()),
        }
        tracing::debug!("played the log up to {end}");
        let (link, replica, lanes) = (log.link.clone(), log.replica.clone(), log.lanes.clone());
        let others = Together::open(link, replica, lanes, news).await?;
        Ok((Arc::new(log), others))
    }
}

impl RoomLog for Nats {
    fn append(&self, room: &str, entries: Vec<NewEntry>) -> Reply<Vec<u64>> {
        if entries.is_empty() {
            return ready(Ok(Vec::new())).boxed();
        }
        // Here and not when it is played, because all servers must play the same.
        if !self.has_place(room) {
            return ready(Err(LogError::TooManyRooms)).boxed();
        }
        self.lanes.append(room, entries)
    }

    fn read(&self, room: &str, after: u64, limit: PageLimit) -> Reply<Page> {
        self.replica.view.read(room, after, limit)
    }

    fn ready(&self, room: &str, after: u64, limit: PageLimit) -> Option<Ready> {
        self.replica.view.ready(room, after, limit)
    }

    fn read_back(&self, room: &str, before: u64, limit: PageLimit) -> Reply<Page> {
        self.replica.view.read_back(room, before, limit)
    }

    fn search(&self, room: &str, text: &str, limit: PageLimit) -> Reply<Page> {
        self.replica.view.search(room, text, limit)
    }

    fn before_last(&self, room: &str, messages: u32) -> Reply<u64> {
        self.replica.view.before_last(room, messages)
    }

    fn head(&self, room: &str) -> Head {
        self.replica.view.head(room)
    }

    fn has_place(&self, room: &str) -> bool {
        self.replica.view.has_place(room)
    }

    fn end_rooms(&self, used: HashSet<String>, now_ms: u64) -> Reply<()> {
        let ended = self.replica.view.ended(&used, now_ms);
        let (lanes, link, most) = (self.lanes.clone(), self.link.clone(), self.bounds.bytes);
        let largest = self.replica.view.largest();
        async move {
            for room in ended {
                lanes.end(&room).await.map_err(LogError::Failed)?;
            }
            link.fit(most, largest).await.map_err(LogError::Failed)
        }
        .boxed()
    }

    fn close(&self) -> Reply<()> {
        // What is acknowledged is in NATS already.
        ready(Ok(())).boxed()
    }

    fn keep_journal(&self, journal: Pen) {
        self.replica.view.keep_journal(journal);
    }

    fn epoch(&self) -> u64 {
        self.replica.view.epoch()
    }

    fn broken(&self) -> BoxFuture<'static, Failure> {
        let (mut trouble, lanes) = (self.trouble.clone(), self.lanes.clone());
        let (replica, link) = (self.replica.clone(), self.link.clone());
        async move {
            let found = trouble.wait_for(Option::is_some).await.ok();
            let trouble = found.and_then(|found| found.clone());
            if trouble == Some(Trouble::WentBack) {
                let _ = timeout(LAST_WORDS, async {
                    while lanes.begin_anew().await.is_err() {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                })
                .await;
            }
            ending::told(trouble.as_ref(), replica.played(), &link)
        }
        .boxed()
    }

    fn status(&self) -> Status {
        let counts = &self.replica.counts;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        let behind = self.progress.behind();
        let behind = behind.map(|time| format!("NATS is not heard for {} s", time.as_secs()));
        Status {
            commits: count(&counts.stood),
            waiting: self.lanes.waiting(),
            failure: behind.or_else(|| self.lanes.failure()),
            shared: Some(Shared {
                void: count(&counts.void),
                retries: count(&counts.retries),
                restarts: count(&counts.restarts),
                holes: count(&counts.holes),
                played: self.replica.played(),
                end: *self.progress.end.borrow(),
                is_connected: self.link.is_up(),
            }),
            ..self.replica.view.status()
        }
    }
}
