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

use std::collections::VecDeque;
use std::time::Duration;

use common::chat::{Cursor, Entry, POLL_WAIT, Page, Refusal, Session};
use common::cli::Failure;
use common::key::Key;
use common::net::Backoff;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{sleep, timeout};

use crate::api::{Calls, Trouble};
use crate::clean::Clean;
use crate::completion::Names;
use crate::cursors::{News, View, is_message};
use crate::outbox::Outbox;

mod attach;
mod sent;
mod typed;

/// The first and the longest wait before the server is tried again: soon enough after a restart
/// not to be noticed, seldom enough that a thousand clients do not hinder it.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long unacknowledged messages keep a client whose input has ended.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How long leaving may take: as long as a person waits for a program to end.
const GOODBYE: Duration = Duration::from_secs(1);

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
    /// What lets its holder put people out.
    pub admin: Option<Key>,
}

/// Something for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// An entry of a room; with the room if it is not the present one.
    Entry(Entry, String, bool),
    /// Anything else.
    Status(Clean),
}

/// Something that was being waited for.
enum Done {
    Attached(Result<(String, Vec<Cursor>), Trouble>),
    Polled(Result<Vec<Page>, Trouble>),
    LookedLast(Result<Vec<Page>, Trouble>),
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
    /// what waits to be shown: a page, for nothing more is asked for until it is empty
    shows: VecDeque<Show>,
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
    /// a room to leave when what was said there is acknowledged
    leaves: Option<String>,
    /// the connection was there once, and its loss was told
    known: bool,
    lost: bool,
    quits: bool,
    /// the last look at the rooms before leaving is out, and has shown all
    looking: bool,
    seen_all: bool,
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
            shows: VecDeque::new(),
            names,
            nick: config.nick.clone(),
            room: config.room.clone(),
            backoff: Backoff::new(RETRY.0, RETRY.1),
            attached: false,
            attaching: false,
            polling: false,
            sending: false,
            asking: 0,
            leaves: None,
            known: false,
            lost: false,
            quits: false,
            looking: false,
            seen_all: false,
            failed: 0,
            last_status: String::new(),
            config,
        }
    }

    /// Talks until the input has ended, all is acknowledged and what was said until then is shown;
    /// until `/quit`; or until `stop`. Nothing here waits for whoever reads what is shown.
    pub(crate) async fn run(
        mut self,
        mut input: mpsc::Receiver<String>,
        stop: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        tokio::pin!(stop);
        let show = self.show.clone();
        let mut ended = false;
        let mut patience = std::pin::pin!(futures::future::pending().left_future());
        let result = loop {
            self.hand_on();
            if self.has_finished(ended) {
                break Ok(());
            }
            self.go_on();
            tokio::select! {
                biased;
                stopped = &mut stop => break stopped,
                Some(done) = self.work.next() => {
                    let before = self.outbox.len();
                    if let Err(failure) = self.done(done) {
                        break Err(failure.into());
                    }
                    if (ended || self.quits) && self.outbox.len() < before {
                        patience.set(sleep(GIVE_UP).right_future());
                    }
                }
                Ok(_) = show.reserve(), if !self.shows.is_empty() => {} // handed on above
                line = input.recv(), if self.wants_input(ended) => match line {
                    Some(line) => {
                        self.typed(&line);
                        if self.quits {
                            patience.set(sleep(GIVE_UP).right_future());
                        }
                    }
                    None => {
                        ended = true;
                        patience.set(sleep(GIVE_UP).right_future());
                    }
                },
                () = &mut patience, if self.shows.is_empty() => break Ok(()),
                // Nobody reads any more. What was typed is delivered all the same.
                () = show.closed(), if !self.quits => {
                    self.quits = true;
                    patience.set(sleep(GIVE_UP).right_future());
                }
            }
        };
        self.leave_all(result).await
    }

    /// Says goodbye, and whether all was delivered.
    async fn leave_all(self, result: anyhow::Result<()>) -> anyhow::Result<()> {
        if self.attached {
            let _ = timeout(GOODBYE, self.calls.bye()).await;
        }
        let left = match self.outbox.len() + self.failed {
            0 => return result,
            1 => "1 message was not delivered".to_owned(),
            n => format!("{n} messages were not delivered"),
        };
        Err(match result {
            Err(error) => error.context(left),
            Ok(()) => Failure::new(left)
                .help("the server did not take it: see above, or try again later")
                .into(),
        })
    }

    /// Hands on what can be shown without waiting.
    fn hand_on(&mut self) {
        while let Some(show) = self.shows.pop_front() {
            if let Err(TrySendError::Full(show)) = self.show.try_send(show) {
                self.shows.push_front(show);
                return;
            }
        }
    }

    /// Whether nothing is left to do; if only leaving is, sees to that.
    fn has_finished(&mut self, ended: bool) -> bool {
        if !self.outbox.is_empty() {
            return false;
        }
        if let Some(room) = self.leaves.take() {
            self.leave(room);
        }
        if self.asking > 0 || !self.shows.is_empty() {
            return false;
        }
        if ended && !self.quits && !self.seen_all {
            self.look_a_last_time();
        }
        self.quits || self.seen_all
    }

    /// Asks once more, without waiting, for what was said until now. The server then ends the poll
    /// that waits.
    fn look_a_last_time(&mut self) {
        if self.attached && !self.looking {
            self.looking = true;
            let (calls, cursors) = (self.calls.clone(), self.view.cursors());
            let look = async move { Done::LookedLast(calls.poll(cursors, Duration::ZERO).await) };
            self.work.push(look.boxed());
        }
    }

    /// Not before we are in, nor more than the outbox holds; and not while a command is on its
    /// way, for what follows `/join` is for that room.
    fn wants_input(&self, ended: bool) -> bool {
        let is_asking = self.asking > 0 || self.leaves.is_some();
        let can_go_on = !ended && !self.quits && !is_asking && self.shows.is_empty();
        self.known && can_go_on && self.outbox.has_room()
    }

    /// Starts what can be started.
    fn go_on(&mut self) {
        if !self.attached {
            if !self.attaching {
                self.attach();
            }
            return;
        }
        if !self.polling && !self.looking && self.shows.is_empty() {
            self.polling = true;
            let (calls, cursors) = (self.calls.clone(), self.view.cursors());
            self.work
                .push(async move { Done::Polled(calls.poll(cursors, POLL_WAIT).await) }.boxed());
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

    fn done(&mut self, done: Done) -> Result<(), Failure> {
        match done {
            Done::Attached(result) => {
                self.attaching = false;
                match result {
                    Ok((nick, cursors)) => self.is_attached(nick, cursors),
                    Err(trouble) if !self.known => return Err(self.cannot_begin(trouble)),
                    Err(Trouble::Refused(refusal @ (Refusal::Kicked(_) | Refusal::Banned))) => {
                        let what = format!("{}: {refusal}", self.config.server);
                        return Err(Failure::new(Clean::new(&what).to_string()));
                    }
                    Err(Trouble::Refused(refusal)) => {
                        self.status_once(format!("cannot come back: {refusal}"));
                    }
                    Err(Trouble::Lost(..)) => {}
                }
            }
            Done::Polled(result) => {
                self.polling = false;
                match result {
                    Ok(pages) => self.pages(pages),
                    Err(trouble) => self.trouble(trouble),
                }
            }
            Done::LookedLast(result) => {
                self.looking = false;
                match result {
                    Ok(pages) => {
                        self.seen_all = pages.is_empty();
                        self.pages(pages);
                    }
                    Err(trouble) => self.trouble(trouble),
                }
            }
            Done::Sent(room, result) => {
                self.sending = false;
                self.sent(&room, result);
            }
            Done::Rested => self.sending = false,
            other => {
                self.asking -= 1;
                self.answered(other);
            }
        }
        Ok(())
    }

    fn pages(&mut self, pages: Vec<Page>) {
        self.backoff.reset();
        for page in pages {
            for news in self.view.page(page) {
                match news {
                    News::Entry(room, entry) => self.entry(room, entry),
                    News::Gone(room, n) => {
                        let room = Clean::new(&room);
                        self.status(format!("{n} older messages of {room} are gone"));
                    }
                    News::Anew(room) => {
                        let room = Clean::new(&room);
                        self.status(format!("{room} begins anew: the server has another log"));
                    }
                }
            }
        }
    }

    fn entry(&mut self, room: String, entry: Entry) {
        self.names.add_nick(&entry.nick);
        let here = room == self.room;
        if is_message(&entry) || here {
            self.shows.push_back(Show::Entry(entry, room, here));
        }
    }

    /// For what is tried again and again.
    fn status_once(&mut self, text: String) {
        if self.last_status != text {
            self.status(text);
        }
    }

    fn status(&mut self, text: String) {
        self.last_status.clone_from(&text);
        self.shows.push_back(Show::Status(Clean::new(&text)));
    }
}
