//! What one server has played of the shared log: the rule's memory, and the entries for readers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::hole::Hole;
use super::wire::{Body, Does, InRoom, Message, Written};
use crate::chain::{Chain, Origin, Place, Verdict};
use crate::log::NewEntry;
use crate::names::is_private;
use crate::sides::Sides;
use crate::view::View;
use crate::view::replay;

/// How old an entry may be that goes into the journal of a server that starts: another one that
/// has died may have stored it, and not written it down.
const UNWRITTEN_MS: u64 = 60_000;

/// What became of a message that this server has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Which one.
    pub(super) attempt: u64,
    /// Its place in the list.
    pub(super) at: u64,
    pub(super) stands: bool,
}

/// Why the log cannot be followed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A message is missing. Perhaps it comes.
    Hole(Hole),
    /// What was to be played next is deleted because of its age.
    Late,
    /// What was played is not in the list: entries that were shown are lost.
    WentBack,
    /// The stream of the log is deleted.
    Gone,
    /// Another server has found that entries are lost, and has begun another log.
    Anew,
    /// A message that this server does not understand.
    Strange(String),
    /// There will be no connection to NATS any more.
    Dead,
}

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) stood: AtomicU64,
    pub(super) void: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) holes: AtomicU64,
}

/// What has been played.
pub(super) struct Replica {
    pub(super) view: View,
    pub(super) me: u64,
    pub(super) counts: Counts,
    chain: Mutex<Chain>,
    /// the place up to which everything is played
    reached: watch::Sender<u64>,
    attempts: AtomicU64,
    sides: Mutex<Sides>,
    /// who waits for which of our messages
    waiting: Mutex<HashMap<u64, mpsc::UnboundedSender<Outcome>>>,
    begun_ms: u64,
    /// the end of the list when this server began
    begun_at: u64,
}

/// What the people have to hear of what was played.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Something was said in this private room, after this number.
    Private(String, u64),
    /// Bans or registered nicks have changed.
    Sides,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock is taken all the same, because no change can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replica {
    /// Returns one that has played nothing of a list that ends at `end`, at the time `now_ms`.
    pub(super) fn new(view: View, end: u64, now_ms: u64) -> Self {
        Self {
            view,
            me: rand::random(),
            counts: Counts::default(),
            chain: Mutex::new(Chain::new(end)),
            reached: watch::Sender::new(0),
            attempts: AtomicU64::new(1),
            sides: Mutex::default(),
            waiting: Mutex::default(),
            begun_ms: now_ms,
            begun_at: end,
        }
    }

    /// Returns the place that was played last.
    pub(super) fn played(&self) -> u64 {
        lock(&self.chain).played().at
    }

    /// Returns the place up to which everything is played, to be waited for.
    pub(super) fn reached(&self) -> watch::Receiver<u64> {
        self.reached.subscribe()
    }

    /// Notes that there is nothing up to `place` that is not played.
    pub(super) fn reach(&self, place: u64) {
        self.reached.send_if_modified(|reached| {
            let is_further = place > *reached;
            *reached = place.max(*reached);
            is_further
        });
    }

    /// Plays the message at `at`, which NATS has stored at `at_ms`. Returns what was said in a
    /// private room just now.
    pub(super) fn play(&self, at: u64, at_ms: u64, bytes: &[u8]) -> Result<Option<News>, Trouble> {
        let message = Message::read(bytes)
            .map_err(|what| Trouble::Strange(format!("the message at {at} {what}")))?;
        let origin = message.origin();
        let place = Place { at, origin };
        let mut chain = lock(&self.chain);
        if !chain.is_new(place).map_err(|_| Trouble::WentBack)? {
            return Ok(None);
        }
        let is_live = at > self.begun_at;
        let (mut news, mut stands) = (None, true);
        match message.body {
            Body::Room(body) => (news, stands) = self.play_room(&mut chain, place, at_ms, body)?,
            Body::Epoch(_) if is_live => return Err(Trouble::Anew),
            Body::Epoch(epoch) => self.view.set_epoch(epoch),
            Body::Side(change) => {
                lock(&self.sides).take(change, Duration::from_millis(at_ms));
                news = is_live.then_some(News::Sides);
            }
        }
        chain.pass(place);
        drop(chain);
        self.reach(at);
        self.tell(place, stands);
        Ok(news)
    }

    /// Tells who waits for one of our messages what has become of it.
    fn tell(&self, Place { at, origin }: Place, stands: bool) {
        let Origin { writer, attempt } = origin;
        if writer == self.me
            && let Some(waits) = lock(&self.waiting).remove(&attempt)
        {
            let outcome = Outcome {
                attempt,
                at,
                stands,
            };
            let _ = waits.send(outcome); // fails if nobody waits any more
        }
    }

    /// Returns bans and registered nicks, as the log has them.
    pub(super) fn sides(&self) -> Sides {
        lock(&self.sides).clone()
    }

    /// Forgets the room of a message whose predecessor is deleted because of its age. Returns
    /// whether it can be played now: see [`Chain::forget`].
    pub(super) fn forget(&self, hole: &Hole) -> bool {
        lock(&self.chain).forget(&hole.room, hole.at)
    }

    fn play_room(
        &self,
        chain: &mut Chain,
        place: Place,
        at_ms: u64,
        body: InRoom,
    ) -> Result<(Option<News>, bool), Trouble> {
        let link = body.link();
        let InRoom { room, does, .. } = body;
        let verdict = chain.judge(place, &room, link);
        let mut news = None;
        match (verdict, does) {
            (Verdict::Stands { begins }, Does::Adds(appends)) => {
                let is_live = place.at > self.begun_at;
                let is_cut = begins && link.prev.at > 0;
                let is_unwritten = at_ms + UNWRITTEN_MS > self.begun_ms;
                let how = replay::Place {
                    after: link.after,
                    begins,
                    is_cut,
                    // What is only trusted may be void, and a journal takes nothing back.
                    is_news: is_live || (is_unwritten && !is_cut),
                };
                self.view.play(&room, how, stored(appends, at_ms));
                let is_news = is_live && is_private(&room);
                news = is_news.then_some(News::Private(room, link.after));
            }
            (Verdict::Stands { .. }, Does::Ends(floor)) => self.view.end(&room, floor),
            (Verdict::Void, _) => {}
            (Verdict::Hole, _) => {
                let (missing, at) = (link.prev.at, place.at);
                return Err(Trouble::Hole(Hole { room, missing, at }));
            }
            (Verdict::WentBack, _) => return Err(Trouble::WentBack),
        }
        let stands = verdict != Verdict::Void;
        let count = if stands {
            &self.counts.stood
        } else {
            &self.counts.void
        };
        count.fetch_add(1, Relaxed);
        Ok((news, stands))
    }

    /// Returns what is new of some appends to a room, and on what it is to be written.
    pub(super) fn plan<'a>(
        &self,
        room: &str,
        appends: impl Iterator<Item = &'a [NewEntry]>,
    ) -> ((Place, u64), Vec<Vec<NewEntry>>) {
        // The chain is locked until the keys are looked up, because otherwise an entry that is
        // played in between would be written again, on top of itself.
        let chain = lock(&self.chain);
        let mut seen = std::collections::HashSet::new();
        let fresh = appends.map(|entries| {
            let known = self.view.numbers(room, entries);
            let pairs = entries.iter().zip(known);
            let is_fresh = |(entry, known): &(&NewEntry, Option<u64>)| {
                let key = entry.id.map(|id| (entry.sender, id));
                known.is_none() && key.is_none_or(|key| seen.insert(key))
            };
            pairs
                .filter(is_fresh)
                .map(|(entry, _)| entry.clone())
                .collect()
        });
        let fresh: Vec<Vec<NewEntry>> = fresh.collect();
        let fresh = fresh.into_iter().filter(|entries| !entries.is_empty());
        (chain.top(room), fresh.collect())
    }

    /// Returns what ends a room, if it exists.
    pub(super) fn plan_end(&self, room: &str) -> Option<InRoom> {
        let chain = lock(&self.chain);
        let top = chain.top(room);
        let floor = chain.floor_without(room);
        (top.0.at > 0).then(|| InRoom::new(room, top, Does::Ends(floor)))
    }

    /// Returns a new message, and lets `outcome` know what becomes of it.
    pub(super) fn write(&self, body: Body, outcome: &mpsc::UnboundedSender<Outcome>) -> Message {
        let attempt = self.attempts.fetch_add(1, Relaxed);
        lock(&self.waiting).insert(attempt, outcome.clone());
        let origin = Origin {
            writer: self.me,
            attempt,
        };
        Message::new(origin, body)
    }

    /// Forgets that somebody waits for these messages.
    pub(super) fn give_up(&self, attempts: impl IntoIterator<Item = u64>) {
        let mut waiting = lock(&self.waiting);
        for attempt in attempts {
            waiting.remove(&attempt);
        }
    }
}

impl From<NewEntry> for Written {
    fn from(entry: NewEntry) -> Self {
        Self {
            sender: entry.sender,
            id: entry.id,
            kind: entry.kind,
            nick: entry.nick,
            body: entry.body,
        }
    }
}

/// Returns appends with the time at which they were stored.
fn stored(appends: Vec<Vec<Written>>, at_ms: u64) -> Vec<Vec<NewEntry>> {
    let entry = |written: Written| NewEntry {
        sender: written.sender,
        id: written.id,
        kind: written.kind,
        nick: written.nick,
        body: written.body,
        at_ms,
    };
    let stored = |entries: Vec<Written>| entries.into_iter().map(entry).collect();
    appends.into_iter().map(stored).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::Bounds;

    #[test]
    fn an_outcome_has_the_place_of_its_message_whatever_is_played_since() {
        let replica = Replica::new(View::new(Bounds::keeping(10), 1), 0, 0);
        let (tell, mut outcomes) = mpsc::unbounded_channel();
        let play = |at: u64, does: Does| {
            let body = match does {
                Does::Ends(_) => replica.plan_end("r").expect("it exists"),
                does => InRoom::new("r", replica.plan("r", [].into_iter()).0, does),
            };
            let message = replica.write(Body::Room(body), &tell);
            let bytes = message.bytes().expect("written");
            replica.play(at, 0, &bytes).expect("played");
        };
        play(1, Does::Adds(vec![]));
        play(5, Does::Ends(0));
        play(9, Does::Adds(vec![])); // the room begins again, and what ended it must not touch this
        let places = std::iter::from_fn(|| outcomes.try_recv().ok());
        let places: Vec<_> = places.map(|outcome| (outcome.at, outcome.stands)).collect();
        assert_eq!(places, [(1, true), (5, true), (9, true)]);
        assert_eq!(replica.played(), 9);
    }
}
