//! Plays the shared log into the replica, for ever. The cursor is ours: whatever happens to a
//! [feed](super::feed), there is a new one from the last message on.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep};

use super::connection::Link;
use super::doubt::Doubt;
use super::feed::{Feed, Next, Stored, oldest};
use super::replica::{News, Replica, Trouble, lock};

/// The pause before the next feed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a follower may know nothing of the end of the list before the server is unwell.
const BEHIND: Duration = Duration::from_secs(10);

/// What others see of the follower.
pub(super) struct Progress {
    /// when this server knew last that it is up to date
    current: Mutex<Instant>,
    began: Instant,
    doubt: Mutex<Doubt>,
    /// the end of the list, as of a moment ago
    pub(super) end: watch::Sender<u64>,
    /// wakes the follower, because something is late
    pub(super) anew: Notify,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            current: Mutex::new(Instant::now()),
            began: Instant::now(),
            doubt: Mutex::default(),
            end: watch::Sender::new(0),
            anew: Notify::new(),
        }
    }

    /// Notes that everything is played.
    fn is_current(&self) {
        *lock(&self.current) = Instant::now();
        lock(&self.doubt).is_over();
    }

    /// Returns whether the list looks wrong now. What is written then might be written into another
    /// list than the one that was played.
    pub(super) fn is_in_doubt(&self) -> bool {
        lock(&self.doubt).is_on()
    }

    /// Returns how long it is not known that everything is played, if that is too long.
    pub(super) fn behind(&self) -> Option<Duration> {
        let since = lock(&self.current).elapsed();
        (since > BEHIND).then_some(since)
    }
}

/// Why a feed is given up.
enum Stop {
    Again(String),
    /// NATS says that there is no such stream. It must go on saying so.
    Gone,
    /// It is perhaps this, and must last.
    Doubt(Trouble),
    Trouble(Trouble),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            // A new feed may have what the last one had not.
            Trouble::Hole(_) => Self::Doubt(trouble),
            _ => Self::Trouble(trouble),
        }
    }
}

fn again(error: impl std::fmt::Display) -> Stop {
    Stop::Again(error.to_string())
}

/// Follows the log and hands on what the people have to hear. Returns why it cannot go on.
pub(super) async fn follow(
    link: &Link,
    replica: &Replica,
    progress: &Progress,
    news: &mpsc::Sender<News>,
) -> Trouble {
    let counts = &replica.counts;
    let mut is_gone = Doubt::default();
    loop {
        let stop = follow_once(link, replica, progress, news).await;
        let at = replica.played();
        if !matches!(stop, Stop::Gone) {
            is_gone.is_over();
        }
        match stop {
            Stop::Again(_) if link.is_dead().await => return Trouble::Dead,
            Stop::Again(why) => tracing::debug!("following the log after {at} again: {why}"),
            Stop::Doubt(trouble) => {
                tracing::debug!("{trouble:?} after {at}? following the log again");
                if matches!(trouble, Trouble::Hole(_)) {
                    counts.holes.fetch_add(1, Relaxed);
                }
                if lock(&progress.doubt).lasts(at, progress.began.elapsed()) {
                    return trouble;
                }
            }
            Stop::Gone if is_gone.lasts(at, progress.began.elapsed()) => return Trouble::Gone,
            Stop::Gone => tracing::debug!("NATS says that there is no stream {}", link.name),
            Stop::Trouble(trouble) => return trouble,
        }
        counts.restarts.fetch_add(1, Relaxed);
        sleep(PAUSE).await;
    }
}

async fn follow_once(
    link: &Link,
    replica: &Replica,
    progress: &Progress,
    news: &mpsc::Sender<News>,
) -> Stop {
    match try_follow(link, replica, progress, news).await {
        Ok(never) => match never {},
        Err(stop) => stop,
    }
}

async fn try_follow(
    link: &Link,
    replica: &Replica,
    progress: &Progress,
    news: &mpsc::Sender<News>,
) -> Result<std::convert::Infallible, Stop> {
    let stream = link.find().await.map_err(again)?;
    let mut stream = stream.ok_or(Stop::Gone)?;
    let end = stream.cached_info().state.last_sequence;
    let at = replica.played();
    if end < at {
        return Err(Stop::Doubt(Trouble::WentBack));
    }
    progress.end.send_replace(end);
    if stream.cached_info().state.messages == 0 {
        replica.reach(end); // there is nothing to play
    }
    // The last one once more, because it may be another one now.
    let mut feed = Feed::new(stream.clone(), at.max(1));
    loop {
        let next = tokio::select! {
            next = feed.next() => next.map_err(again)?,
            () = progress.anew.notified() => {
                tracing::debug!("something did not come back after {}", replica.played());
                replica.counts.restarts.fetch_add(1, Relaxed);
                feed.renew(replica.played().max(1));
                continue;
            }
        };
        match next {
            Next::Message(message) => {
                let at = message.at;
                if let Some(played) = play(link, &stream, replica, &message).await? {
                    // Waits for a slow listener, because it must not miss one. Without one, this
                    // fails at once.
                    let _ = news.send(played).await;
                }
                progress.end.send_if_modified(|end| {
                    let is_further = at > *end;
                    *end = at.max(*end);
                    is_further
                });
                if message.is_last {
                    progress.is_current();
                }
            }
            Next::End => progress.is_current(),
            Next::Silence => is_missing_nothing(&mut stream, replica, progress).await?,
        }
    }
}

/// Plays a message. If the one that it is written on is deleted because of its age, the room begins
/// with it.
async fn play(
    link: &Link,
    stream: &Stream,
    replica: &Replica,
    message: &Stored,
) -> Result<Option<News>, Stop> {
    let play = || replica.play(message.at, message.at_ms, &message.bytes);
    let hole = match play() {
        Err(Trouble::Hole(hole)) => hole,
        played => return Ok(played?),
    };
    let oldest = oldest(stream, link.subject(&hole.room)).await;
    if !hole.is_of_age(oldest.map_err(again)?) {
        return Err(Trouble::Hole(hole).into());
    }
    // With the same feed, because a new one would begin too late again: it takes a while.
    if !replica.forget(&hole) {
        return Err(Trouble::Late.into());
    }
    Ok(play()?)
}

/// Looks whether a silent feed is at the end of the list.
async fn is_missing_nothing(
    stream: &mut Stream,
    replica: &Replica,
    progress: &Progress,
) -> Result<(), Stop> {
    let state = stream.info().await.map_err(again)?.state.clone();
    let (end, at) = (state.last_sequence, replica.played());
    progress.end.send_replace(end);
    if end < at {
        return Err(Stop::Doubt(Trouble::WentBack));
    }
    if end > at && state.messages > 0 {
        return Err(Stop::Again(format!(
            "silent at {at}, and the list ends at {end}"
        )));
    }
    replica.reach(end);
    progress.is_current();
    Ok(())
}

/// Returns a task that follows, and the trouble that ends it.
pub(super) fn start(
    link: Link,
    replica: Arc<Replica>,
    progress: Arc<Progress>,
    news: mpsc::Sender<News>,
) -> (
    tokio::task::JoinHandle<()>,
    watch::Receiver<Option<Trouble>>,
) {
    let (to_tell, trouble) = watch::channel(None);
    let task = tokio::spawn(async move {
        let trouble = follow(&link, &replica, &progress, &news).await;
        to_tell.send_replace(Some(trouble));
    });
    (task, trouble)
}

#[cfg(test)]
mod tests;
