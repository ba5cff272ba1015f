//! The conversation with the server: one poll and one send out at a time, and what to do when
//! either fails.
//!
//! ```text
//!   typed ──▶ outbox ──▶ send ──▶ server         enter, join ──▶ ┐
//!                         ▲  └─ lost: again       after a loss   ├─ then poll and send go on
//!   shown ◀── view ◀── poll ◀── server            or NoSession ──┘
//! ```
//!
//! A connection that is lost is found again by itself, with growing waits. The session stays the
//! same, so the server sees one person who never left, and stores no message twice.

use std::time::Duration;

use common::chat::{Cursor, Entry, Page, Refusal, Session};
use common::cli::{Failure, Interrupted};
use common::net::Backoff;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::calls::{Calls, Trouble};
use crate::clean::Clean;
use crate::names::Names;
use crate::outbox::Outbox;
use crate::view::{News, View, is_message};

mod attach;
mod typed;

/// The first and the longest wait before the server is tried again: soon enough after a restart
/// not to be noticed, seldom enough that a thousand clients do not hinder it.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long unacknowledged messages keep a client whose input has ended.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `HH:MM nick: text`
    Lines,
    /// One JSON object a line.
    Json,
}

/// What a client is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// `HOST:PORT`.
    pub server: String,
    /// Wanted nick.
    pub nick: String,
    /// First room.
    pub room: String,
    /// How messages are printed.
    pub style: Style,
    /// The message number after which to begin, instead of `history`.
    pub after: Option<u64>,
    /// How many earlier messages to show.
    pub history: u32,
}

/// Something for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// An entry of a room; with the room if it is not the present one.
    Entry(Entry, String, bool),
    /// Anything else.
    Status(String),
}

/// Something that was being waited for.
enum Done {
    Attached(Result<(String, Vec<Cursor>), Trouble>),
    Polled(Result<Vec<Page>, Trouble>),
    Sent(String, Result<Vec<u64>, Trouble>),
    Whispered(String, Result<Cursor, Trouble>),
    Joined(Result<Cursor, Trouble>),
    Left(String, Result<(), Trouble>),
    Renamed(Result<String, Trouble>),
    Found(Result<Page, Trouble>),
    Told(Result<Vec<String>, Trouble>),
    /// It is time to send again.
    Rested,
}

/// A conversation.
pub(crate) struct Talk {
    config: Config,
    calls: Calls,
    view: View,
    outbox: Outbox,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    show: mpsc::Sender<Show>,
    names: Names,
    nick: String,
    room: String,
    backoff: Backoff,
    attached: bool,
    attaching: bool,
    polling: bool,
    sending: bool,
    /// questions whose answers are awaited
    asking: usize,
    /// the connection was there once, and its loss was told
    known: bool,
    lost: bool,
    quits: bool,
    /// messages that the server refused
    failed: usize,
    last_status: String,
}

impl Talk {
    pub(crate) fn new(
        config: Config,
        session: Session,
        show: mpsc::Sender<Show>,
        names: Names,
    ) -> Self {
        Self {
            calls: Calls::new(&config.server, session),
            view: View::new(session),
            outbox: Outbox::default(),
            work: FuturesUnordered::new(),
            show,
            names,
            nick: config.nick.clone(),
            room: config.room.clone(),
            backoff: Backoff::new(RETRY.0, RETRY.1),
            attached: false,
            attaching: false,
            polling: false,
            sending: false,
            asking: 0,
            known: false,
            lost: false,
            quits: false,
            failed: 0,
            last_status: String::new(),
            config,
        }
    }

    /// Talks until the input ends and all is acknowledged, until `/quit`, or until `shutdown`. If
    /// the input ends before its first line, listens until `shutdown`.
    pub(crate) async fn run(
        mut self,
        mut input: mpsc::Receiver<String>,
        shutdown: impl Future<Output = Interrupted>,
    ) -> anyhow::Result<()> {
        tokio::pin!(shutdown);
        let (mut spoken, mut ended) = (false, false);
        let mut patience = std::pin::pin!(futures::future::pending().left_future());
        let result = loop {
            if (ended && spoken || self.quits) && self.outbox.is_empty() && self.asking == 0 {
                break Ok(());
            }
            self.go_on();
            tokio::select! {
                biased;
                signal = &mut shutdown => break Err(signal.into()),
                Some(done) = self.work.next() => {
                    if let Err(failure) = self.done(done).await {
                        break Err(failure.into());
                    }
                }
                line = input.recv(), if self.wants_input(ended) => match line {
                    Some(line) => {
                        spoken = true;
                        self.typed(&line).await;
                    }
                    None => {
                        ended = true;
                        patience.set(sleep(GIVE_UP).right_future());
                    }
                },
                () = &mut patience, if ended && spoken => break Ok(()),
                () = self.show.closed() => break Ok(()),
            }
        };
        if self.attached {
            // At most as long as a person waits for a program to end.
            let _ = timeout(Duration::from_secs(2), self.calls.bye()).await;
        }
        match self.outbox.len() + self.failed {
            0 => result,
            n => {
                let what = if n == 1 {
                    "message was"
                } else {
                    "messages were"
                };
                let failure = Failure::new(format!("{n} {what} not delivered"));
                Err(failure
                    .help("the server did not take it: see above, or try again later")
                    .into())
            }
        }
    }

    /// Not before we are in, and not more than the outbox holds.
    fn wants_input(&self, ended: bool) -> bool {
        self.known && !ended && !self.quits && self.outbox.has_room()
    }

    /// Starts what can be started.
    fn go_on(&mut self) {
        if !self.attached {
            if !self.attaching {
                self.attach();
            }
            return;
        }
        if !self.polling {
            self.polling = true;
            let (calls, cursors) = (self.calls.clone(), self.view.cursors());
            self.work
                .push(async move { Done::Polled(calls.poll(cursors).await) }.boxed());
        }
        if !self.sending
            && let Some((room, posts)) = self.outbox.next_call()
        {
            self.sending = true;
            let calls = self.calls.clone();
            self.work.push(
                async move { Done::Sent(room.clone(), calls.send(room, posts).await) }.boxed(),
            );
        }
    }

    async fn done(&mut self, done: Done) -> Result<(), Failure> {
        match done {
            Done::Attached(result) => {
                self.attaching = false;
                match result {
                    Ok((nick, cursors)) => self.is_attached(nick, cursors).await,
                    Err(trouble) if !self.known => return Err(self.cannot_begin(trouble)),
                    Err(Trouble::Refused(refusal)) => {
                        self.status_once(format!("cannot come back: {refusal}"))
                            .await;
                    }
                    Err(Trouble::Lost(..)) => {}
                }
            }
            Done::Polled(result) => {
                self.polling = false;
                match result {
                    Ok(pages) => self.pages(pages).await,
                    Err(trouble) => self.trouble(trouble).await,
                }
            }
            Done::Sent(room, result) => {
                self.sending = false;
                self.sent(&room, result).await;
            }
            Done::Rested => self.sending = false,
            other => {
                self.asking -= 1;
                self.answered(other).await;
            }
        }
        Ok(())
    }

    async fn sent(&mut self, room: &str, result: Result<Vec<u64>, Trouble>) {
        match result {
            Ok(_) => self.outbox.stored(),
            Err(Trouble::Refused(Refusal::TooFast(ms))) => {
                self.rest(Duration::from_millis(ms.into()));
            }
            Err(Trouble::Refused(Refusal::Full | Refusal::Unavailable(_))) => {
                let wait = self.backoff.wait(rand::random());
                self.rest(wait);
            }
            // A restarted server has let us in and not yet into the room: this came in between.
            Err(Trouble::Refused(Refusal::NotJoined)) if self.view.reads(room) => {
                self.outbox.again();
                self.attached = false;
            }
            Err(Trouble::Refused(refusal @ (Refusal::Unfit(_) | Refusal::NotJoined))) => {
                if let Some(post) = self.outbox.refused() {
                    self.failed += 1;
                    let body = Clean::new(&post.body)
                        .as_str()
                        .chars()
                        .take(40)
                        .collect::<String>();
                    self.status(format!("not delivered: \"{body}\": {refusal}"))
                        .await;
                }
            }
            Err(trouble) => {
                self.outbox.again();
                self.trouble(trouble).await;
            }
        }
    }

    /// Sends again after a while.
    fn rest(&mut self, wait: Duration) {
        self.outbox.again();
        self.sending = true; // until the wait is over
        self.work.push(sleep(wait).map(|()| Done::Rested).boxed());
    }

    async fn pages(&mut self, pages: Vec<Page>) {
        self.backoff.reset();
        for page in pages {
            for news in self.view.page(page) {
                match news {
                    News::Entry(room, entry) => self.entry(room, entry).await,
                    News::Gone(room, n) => {
                        let room = Clean::new(&room);
                        self.status(format!("{n} older messages of {room} are gone"))
                            .await;
                    }
                    News::Anew(room) => {
                        let room = Clean::new(&room);
                        self.status(format!("{room} begins anew: the server has another log"))
                            .await;
                    }
                }
            }
        }
    }

    async fn entry(&mut self, room: String, entry: Entry) {
        self.names.add_nick(&entry.nick);
        let here = room == self.room;
        if is_message(&entry) || here {
            let _ = self.show.send(Show::Entry(entry, room, here)).await;
        }
    }

    /// For what is tried again and again.
    async fn status_once(&mut self, text: String) {
        if self.last_status != text {
            self.status(text).await;
        }
    }

    async fn status(&mut self, text: String) {
        self.last_status.clone_from(&text);
        let _ = self.show.send(Show::Status(text)).await;
    }
}
