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

use common::chat::{Cursor, Entry, Kind, Page, Refusal, Session};
use common::cli::{Failure, Interrupted};
use common::net::Backoff;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::calls::{Calls, Trouble};
use crate::clean::Clean;
use crate::command::{Command, HELP, parse};
use crate::names::Names;
use crate::outbox::Outbox;
use crate::view::{News, View, is_message};

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

    /// Enters, and joins all rooms: at first, and again after a loss.
    fn attach(&mut self) {
        self.attaching = true;
        let calls = self.calls.clone();
        let (nick, history) = (self.nick.clone(), self.config.history);
        let mut rooms: Vec<String> = self.view.cursors().into_iter().map(|c| c.room).collect();
        if rooms.is_empty() {
            rooms.push(self.room.clone());
        }
        let wait = if self.known {
            self.backoff.wait(rand::random())
        } else {
            Duration::ZERO
        };
        let attach = async move {
            sleep(wait).await;
            let nick = calls.enter(nick).await?;
            let mut cursors = Vec::new();
            for room in rooms {
                cursors.push(calls.join(room, history).await?);
            }
            Ok((nick, cursors))
        };
        self.work.push(attach.map(Done::Attached).boxed());
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

    async fn is_attached(&mut self, nick: String, cursors: Vec<Cursor>) {
        self.attached = true;
        self.backoff.reset();
        self.nick = nick;
        if let (false, Some(first)) = (self.known, cursors.first()) {
            self.room.clone_from(&first.room);
        }
        for mut cursor in cursors {
            if let (Some(after), false) = (self.config.after, self.known) {
                cursor.after = after;
            }
            self.names.add_room(&cursor.room);
            self.view.join(cursor);
        }
        if std::mem::take(&mut self.lost) {
            self.status("connected again".into()).await;
        }
        self.known = true;
    }

    fn cannot_begin(&self, trouble: Trouble) -> Failure {
        let server = &self.config.server;
        match trouble {
            Trouble::Lost(Some(error), _) => {
                let failure = Failure::new(error.to_string());
                error.help().into_iter().fold(failure, Failure::help)
            }
            Trouble::Lost(None, why) => Failure::new(format!("cannot talk to {server}: {why}")),
            Trouble::Refused(refusal) => {
                let failure = Failure::new(format!(
                    "{server} does not let {} in: {refusal}",
                    Clean::new(&self.nick)
                ));
                match refusal {
                    Refusal::NickTaken | Refusal::Unfit(_) => {
                        failure.help("choose another name: --name NICK")
                    }
                    _ => failure.help("try again later"),
                }
            }
        }
    }

    /// A poll or a send failed: the connection is lost, or the session is over.
    async fn trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Refused(Refusal::NoSession) => self.attached = false,
            Trouble::Refused(refusal) => {
                self.attached = false;
                self.status(format!("the server refuses: {refusal}")).await;
            }
            Trouble::Lost(..) => {
                self.attached = false;
                if !std::mem::replace(&mut self.lost, true) {
                    let server = self.config.server.clone();
                    self.status(format!("connection to {server} lost: trying again"))
                        .await;
                }
            }
        }
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

/// What the person typed.
impl Talk {
    async fn typed(&mut self, line: &str) {
        match parse(line) {
            None => {}
            Some(Err(why)) => self.status(Clean::new(&why).to_string()).await,
            Some(Ok(command)) => self.command(command).await,
        }
    }

    fn ask(&mut self, call: impl Future<Output = Done> + Send + 'static) {
        self.asking += 1;
        self.work.push(call.boxed());
    }

    async fn command(&mut self, command: Command) {
        let (calls, room) = (self.calls.clone(), self.room.clone());
        match command {
            Command::Say(kind, body) => self.outbox.push(&room, kind, body),
            Command::Whisper(nick, text) => {
                self.ask(async move { Done::Whispered(text, calls.private(nick).await) })
            }
            Command::Join(room) => {
                let history = self.config.history;
                self.ask(async move { Done::Joined(calls.join(room, history).await) });
            }
            Command::Leave(named) => {
                let room = named.unwrap_or(room);
                self.ask(async move { Done::Left(room.clone(), calls.leave(room).await) });
            }
            Command::Nick(nick) => self.ask(async move { Done::Renamed(calls.enter(nick).await) }),
            Command::Who => self.ask(async move {
                let who = calls.who(room.clone()).await;
                Done::Told(who.map(|nicks| vec![format!("in {room}: {}", nicks.join(", "))]))
            }),
            Command::Rooms => self.ask(async move {
                let rooms = calls.rooms().await;
                let line =
                    |info: common::chat::RoomInfo| format!("#{} ({} here)", info.room, info.people);
                Done::Told(rooms.map(|rooms| rooms.into_iter().map(line).collect()))
            }),
            Command::History(limit) => {
                self.ask(async move { Done::Found(calls.history(room, limit).await) });
            }
            Command::Search(text) => {
                self.ask(async move { Done::Found(calls.search(room, text).await) });
            }
            Command::Help => {
                for (usage, what) in HELP {
                    self.status(format!("{usage:15} {what}")).await;
                }
            }
            Command::Quit => self.quits = true,
        }
    }

    async fn answered(&mut self, done: Done) {
        let outcome = match done {
            Done::Whispered(text, Ok(cursor)) => {
                self.outbox.push(&cursor.room, Kind::Said, text);
                self.view.join(cursor);
                Ok(())
            }
            Done::Joined(Ok(cursor)) => {
                self.room.clone_from(&cursor.room);
                self.names.add_room(&cursor.room);
                self.view.join(cursor);
                self.status(format!("now in {}", Clean::new(&self.room)))
                    .await;
                Ok(())
            }
            Done::Left(room, Ok(())) => {
                self.view.leave(&room);
                if let (true, Some(other)) = (room == self.room, self.view.cursors().pop()) {
                    self.room = other.room;
                }
                self.status(format!(
                    "left {}; now in {}",
                    Clean::new(&room),
                    Clean::new(&self.room)
                ))
                .await;
                Ok(())
            }
            Done::Renamed(Ok(nick)) => {
                self.nick = nick;
                self.status(format!("you are now called {}", Clean::new(&self.nick)))
                    .await;
                Ok(())
            }
            Done::Found(Ok(page)) => {
                let nothing = page.entries.is_empty();
                for entry in page.entries {
                    let _ = self
                        .show
                        .send(Show::Entry(entry, page.room.clone(), true))
                        .await;
                }
                if nothing {
                    self.status("nothing found".into()).await;
                }
                Ok(())
            }
            Done::Told(Ok(lines)) => {
                for line in lines {
                    self.status(Clean::new(&line).to_string()).await;
                }
                Ok(())
            }
            Done::Whispered(_, Err(trouble)) | Done::Joined(Err(trouble)) => Err(trouble),
            Done::Left(_, Err(trouble)) | Done::Renamed(Err(trouble)) => Err(trouble),
            Done::Found(Err(trouble)) | Done::Told(Err(trouble)) => Err(trouble),
            Done::Attached(_) | Done::Polled(_) | Done::Sent(..) | Done::Rested => Ok(()),
        };
        match outcome {
            Ok(()) => {}
            Err(Trouble::Refused(refusal)) => self.status(format!("no: {refusal}")).await,
            Err(Trouble::Lost(..)) => self.status("no answer: try again".into()).await,
        }
    }
}
