//! The other servers over the same log: what they say of their sessions comes by a stream of its
//! own, which keeps the last word of each. What must hold for ever, bans and registered nicks, goes
//! through the log itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::stream::{Config, Stream};
use common::chat::{LEASE, Session, sender};
use futures::future::join_all;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::connection::Link;
use super::doubt::Doubt;
use super::feed::{Feed, Next};
use super::lanes::Lanes;
use super::lap::{Known, Lap};
use super::replica::{News, Replica, lock};
use super::wire::VERSION;
use crate::presence::{Side, Word};
use crate::sides::Sides;

/// The pause before the next feed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a word may take until it is heard: with the answer of NATS, below the 8 s of a call.
const RETURN: Duration = Duration::from_secs(3);

/// How long a start waits to hear who is at the others. Then guests are let in all the same.
const READY: Duration = Duration::from_secs(5);

/// This server among others.
pub struct Together {
    link: Link,
    /// the stream of words
    name: String,
    replica: Arc<Replica>,
    lanes: Arc<Lanes>,
    /// held while words are said
    turn: tokio::sync::Mutex<()>,
    /// the place up to which words are heard
    heard: watch::Sender<u64>,
    /// the same when there was none after it: see [`say`](Self::say)
    all_heard: watch::Sender<u64>,
    /// whether all words were heard, once
    is_ready: watch::Sender<bool>,
    news: Mutex<Option<mpsc::Receiver<News>>>,
    /// bans and registered nicks, as the people here have got them last
    given: Mutex<Arc<Sides>>,
}

/// What happens among the servers.
pub(crate) enum Said {
    /// This was said, at this place.
    Word(Word, u64),
    /// All words up to now are heard.
    All,
    /// It is not known whether there are more.
    Deaf,
    /// All words are lost.
    Lost,
}

impl Together {
    /// Joins the others.
    ///
    /// # Errors
    /// If NATS makes no stream for it, with advice.
    pub(super) async fn open(
        link: Link,
        replica: Arc<Replica>,
        lanes: Arc<Lanes>,
        news: mpsc::Receiver<News>,
    ) -> anyhow::Result<Self> {
        let together = Self {
            name: format!("{}_people", link.name),
            link,
            replica,
            lanes,
            turn: tokio::sync::Mutex::new(()),
            heard: watch::Sender::new(0),
            all_heard: watch::Sender::new(0),
            is_ready: watch::Sender::new(false),
            news: Mutex::new(Some(news)),
            given: Mutex::default(),
        };
        together.link.stream(together.config()).await?;
        Ok(together)
    }

    fn config(&self) -> Config {
        Config {
            name: self.name.clone(),
            subjects: vec![format!("{}.*", self.name)],
            max_messages_per_subject: 1,
            // For the time when all servers are gone.
            max_age: 2 * LEASE,
            ..self.link.config()
        }
    }

    /// Returns the number of this server.
    pub(crate) fn me(&self) -> u64 {
        self.replica.me
    }

    /// Returns when all words are heard, or after a while.
    pub(crate) async fn is_ready(&self) {
        let mut ready = self.is_ready.subscribe();
        let _ = timeout(READY, ready.wait_for(|ready| *ready)).await;
    }

    /// Returns bans and registered nicks, as all servers have them.
    pub(crate) fn sides(&self) -> Sides {
        self.replica.sides()
    }

    /// Returns the same for the people here, with what they have changed of `mine` themselves and
    /// the others may not have yet.
    pub(crate) fn give(&self, mine: &Sides, now: Duration) -> Sides {
        let theirs = self.sides();
        let base = std::mem::replace(&mut *lock(&self.given), theirs.clone().into());
        mine.onto(&base, theirs, now)
    }

    /// Returns what the people here were given last. What they have changed since is compared with
    /// that, and not with what the log has by now. Otherwise we would take away what another server
    /// has put there just before, and the people here have not got.
    pub(crate) fn given(&self) -> Arc<Sides> {
        lock(&self.given).clone()
    }

    /// Makes what is changed in a text since it was `given` what all servers have.
    ///
    /// # Errors
    /// If NATS does not take it; with the reason.
    pub(crate) async fn keep(&self, side: Side, text: &str, given: &Sides) -> Result<(), String> {
        for change in given.changes(side, text) {
            self.lanes.keep(change).await?;
        }
        Ok(())
    }

    /// Returns what comes of the log for the people. It can be had once.
    pub(crate) fn news(&self) -> Option<mpsc::Receiver<News>> {
        lock(&self.news).take()
    }

    /// Returns when nobody else is saying words. It lasts until the value is dropped.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    fn subject(&self, session: Session) -> String {
        format!("{}.{:x}", self.name, sender(session))
    }

    /// Says words, and returns those that NATS has not taken.
    pub(crate) async fn say_all(&self, words: Vec<Word>) -> Vec<Word> {
        let said = words
            .into_iter()
            .map(async |word| match self.publish(&word).await {
                Ok(_) => None,
                Err(error) => {
                    tracing::debug!("a word was not said: {error}");
                    Some(word)
                }
            });
        join_all(said).await.into_iter().flatten().collect()
    }

    /// Says a word, and returns when this server has heard it, and all before it. Of each session
    /// the last word is kept, so that one from before it may be kept behind it. So all words have
    /// to be heard that there are by then.
    pub(crate) async fn say(&self, word: &Word) -> Result<(), String> {
        let at = self.publish(word).await?;
        self.hears(|heard| heard >= at).await
    }

    /// Returns when all words are heard and it is so.
    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) -> Result<(), String> {
        self.hears(|_| is_so()).await
    }

    async fn hears(&self, enough: impl Fn(u64) -> bool) -> Result<(), String> {
        let mut heard = self.all_heard.subscribe();
        let heard = timeout(RETURN, heard.wait_for(|&heard| enough(heard))).await;
        heard.map(drop).map_err(|_| "NATS is not heard".to_owned())
    }

    async fn publish(&self, word: &Word) -> Result<u64, String> {
        if !self.link.is_up() {
            return Err("there is no connection to NATS".into());
        }
        let bytes = postcard::to_extend(word, vec![VERSION]).map_err(|error| error.to_string())?;
        let ack = self
            .link
            .js
            .publish(self.subject(word.session), bytes.into())
            .await;
        let ack = ack.map_err(|error| error.to_string())?.await;
        Ok(ack.map_err(|error| error.to_string())?.sequence)
    }

    /// Hears the others, for ever.
    pub(crate) async fn hear(&self, mut said: impl FnMut(Said)) {
        let (mut doubt, began) = (Doubt::default(), Instant::now());
        loop {
            let Err(why) = self.hear_once(&mut said, &mut doubt, began).await;
            said(Said::Deaf);
            tracing::debug!("hearing the other servers again: {why}");
            sleep(PAUSE).await;
        }
    }

    fn hears_all(&self, said: &mut impl FnMut(Said)) {
        said(Said::All);
        self.all_heard.send_replace(*self.heard.borrow());
        self.is_ready.send_replace(true);
    }

    async fn hear_once(
        &self,
        said: &mut impl FnMut(Said),
        doubt: &mut Doubt,
        began: Instant,
    ) -> Result<std::convert::Infallible, String> {
        let stream = self.link.js.get_or_create_stream(self.config()).await;
        let mut stream = stream.map_err(|error| error.to_string())?;
        let end = stream.cached_info().state.last_sequence;
        let heard = *self.heard.borrow();
        if end >= heard {
            doubt.is_over();
        } else if doubt.lasts(heard, began.elapsed()) {
            self.heard.send_replace(0);
            self.all_heard.send_replace(0);
            said(Said::Lost);
        } else {
            return Err(format!("{heard} is heard, and the words end at {end}"));
        }
        let heard = *self.heard.borrow();
        let (mut words, mut lap) = (Feed::new(stream.clone(), heard + 1), Lap::new(heard, end));
        if stream.cached_info().state.messages == 0 {
            self.hears_all(said);
        }
        loop {
            match words.next().await? {
                Next::Message(message) => {
                    match word(&message.bytes) {
                        Some(word) => said(Said::Word(word, message.at)),
                        None => tracing::warn!("a word of another version is not understood"),
                    }
                    self.heard.send_replace(message.at);
                    let hears_all = match lap.hears(message.at) {
                        Known::All => true,
                        Known::NotAll => false,
                        Known::Ask => self.ask(&mut stream, &mut lap).await?,
                    };
                    if hears_all {
                        self.hears_all(said);
                    }
                }
                Next::End => self.hears_all(said),
                Next::Silence => {
                    if !self.ask(&mut stream, &mut lap).await? {
                        return Err(format!("silent at {}", *self.heard.borrow()));
                    }
                    self.hears_all(said);
                }
            }
        }
    }

    /// Asks where the words end. Returns whether all are heard.
    async fn ask(&self, stream: &mut Stream, lap: &mut Lap) -> Result<bool, String> {
        let info = stream.info().await.map_err(|error| error.to_string())?;
        let (end, left) = (info.state.last_sequence, info.state.messages);
        let heard = *self.heard.borrow();
        if end < heard {
            return Err(format!("{heard} is heard, and the words end at {end}"));
        }
        *lap = Lap::new(heard, end);
        Ok(end == heard || left == 0)
    }
}

fn word(bytes: &[u8]) -> Option<Word> {
    let (version, rest) = bytes.split_first()?;
    (*version == VERSION).then_some(())?;
    postcard::from_bytes(rest).ok()
}
