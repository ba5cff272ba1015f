//! The chat service over tarpc: drives [`People`] and the [log](crate::log), and waits for readers.
//!
//! The lock on the people is never held over an await. A poll that waits holds nothing but its
//! cursors: it watches the heads of its rooms, so a reader that has stopped costs the others
//! nothing.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::chat::{
    Admin, Chat, Cursor, Kind, LEASE, MAX_BODY, MAX_PAGE, MAX_WHY, POLL_WAIT, Page, Post, Refusal,
    RoomInfo, SERVICE, Sender, Session, sender,
};
use common::cli;
use common::key::Key;
use common::net::{self, Limits};
use futures::FutureExt;
use futures::future::{pending, select_all};
use tarpc::context::Context;
use tarpc::server::Serve as _;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::log::{Limit, Log, NewEntry};
use crate::metrics::{self, Answer, Counts};
use crate::nick;
use crate::room::{Notice, People, is_private_of, private};

/// How often leases are looked at: a ghost lives at most so much longer than its lease.
const SWEEP: Duration = LEASE.checked_div(6).expect("six is not zero");

/// What a reader of a log that was replaced is shown of the new one.
const AFRESH: u64 = 50;

/// What the owner of a server decides.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Messages a second for each session; 0 is no limit.
    pub rate: u32,
    /// Who knows it may kick and ban.
    pub admin: Option<Key>,
    /// What the network allows.
    pub limits: Limits,
}

/// What a server listens on.
#[derive(Debug)]
pub struct Listeners {
    /// For guests.
    pub chat: TcpListener,
    /// For operators, over HTTP.
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// Says where, the guests' first: see [`cli::ready`].
    ///
    /// # Errors
    /// If a listener has no address, which no bound one does.
    pub fn ready(&self) -> anyhow::Result<()> {
        cli::ready(&self.chat)?;
        if let Some(metrics) = &self.metrics {
            let line = format!("metrics on http://{}/metrics\n", metrics.local_addr()?);
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        Ok(())
    }
}

impl From<TcpListener> for Listeners {
    fn from(chat: TcpListener) -> Self {
        let metrics = None;
        Self { chat, metrics }
    }
}

/// Serves `listeners` from `log` until `shutdown`, then ends the polls that wait, answers what is
/// in hand, and returns.
pub async fn run(
    listeners: impl Into<Listeners>,
    log: Log,
    config: Config,
    shutdown: impl Future<Output = ()>,
) {
    let Listeners { chat, metrics } = listeners.into();
    let hall = Arc::new(Hall {
        log,
        counts: Counts::default(),
        people: Mutex::new(People::new(config.rate)),
        polls: Mutex::default(),
        began: Instant::now(),
        stop: CancellationToken::new(),
        admin: config.admin,
    });
    let stop = hall.stop.clone();
    let shutdown = async {
        shutdown.await;
        stop.cancel();
    };
    let sweeper = hall.clone();
    let (hosts, operators) = (hall.clone(), hall.clone());
    let watched = async {
        match metrics {
            Some(listener) => {
                metrics::serve(listener, move |path| operators.operators_page(path)).await;
            }
            None => pending().await,
        }
    };
    let serving = net::serve(chat, SERVICE, config.limits, shutdown, move |connection| {
        let handler = Handler {
            hall: hosts.clone(),
            peer: connection.peer,
        };
        let handler = handler.serve();
        connection.answer(move |context, request| handler.clone().serve(context, request))
    });
    tokio::select! {
        () = serving => {}
        () = sweeper.sweep() => {}
        () = watched => {}
    }
}

/// What all connections share.
struct Hall {
    log: Log,
    counts: Counts,
    people: Mutex<People>,
    /// ends the poll that a session has waiting
    polls: Mutex<HashMap<Session, CancellationToken>>,
    began: Instant,
    stop: CancellationToken,
    admin: Option<Key>,
}

impl Hall {
    /// Nothing under this lock panics half way through a change.
    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn operators_page(&self, path: &str) -> Option<Answer> {
        let log = self.log.status();
        match (path, &log.failure) {
            ("/metrics", _) => {
                let people = self.people().count();
                let body = self.counts.page(self.now(), people, &log);
                let (status, format) = ("200 OK", metrics::FORMAT);
                Some(Answer {
                    status,
                    format,
                    body,
                })
            }
            ("/health", None) => Some(Answer::plain("200 OK", "ok")),
            ("/health", Some(cause)) => {
                let body = format!("the log cannot be written: {cause}");
                Some(Answer::plain("503 Service Unavailable", body))
            }
            _ => None,
        }
    }

    /// Ends leases, for ever.
    async fn sweep(&self) {
        loop {
            sleep(SWEEP).await;
            let gone = self.people().expire(self.now());
            for Notice { room, nick, .. } in &gone {
                tracing::info!("{nick} of {room} was silent for too long");
            }
            self.forget_polls();
            self.tell(gone, Kind::Left, "").await;
        }
    }

    /// Writes notices into the log. They are for people; one that cannot be written is lost.
    async fn tell(&self, notices: Vec<Notice>, kind: Kind, body: &str) {
        for Notice {
            room,
            session,
            nick,
        } in notices
        {
            let entry = entry(sender(session), None, kind, nick, body.to_owned());
            if let Err(error) = self.log.append(&room, vec![entry]).await {
                tracing::warn!("a notice in {room} is lost: {error}");
            }
        }
    }

    /// Begins a poll of `session`, which ends its last one.
    fn begin_poll(&self, session: Session) -> CancellationToken {
        let mine = CancellationToken::new();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = polls.insert(session, mine.clone()) {
            last.cancel();
        }
        mine
    }

    /// Forgets the polls of sessions that are over.
    fn forget_polls(&self) {
        let people = self.people();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        polls.retain(|&session, _| people.rooms_of(session).is_ok());
    }

    /// Lets the poll of `session` look again.
    fn wake(&self, session: Session) {
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = polls.remove(&session) {
            waiting.cancel();
        }
    }

    /// The rooms of a session, each with the reader's cursor, or where it began.
    fn wanted(&self, session: Session, cursors: &[Cursor]) -> Result<Vec<Cursor>, Refusal> {
        let mut people = self.people();
        people.renew(session, self.now())?;
        let known: BTreeMap<&str, &Cursor> = cursors
            .iter()
            .map(|cursor| (cursor.room.as_str(), cursor))
            .collect();
        let rooms = people.rooms_of(session)?.iter();
        Ok(rooms
            .map(|(room, &after)| match known.get(room.as_str()) {
                Some(&cursor) => cursor.clone(),
                None => Cursor {
                    room: room.clone(),
                    after,
                    epoch: self.log.epoch(),
                },
            })
            .collect())
    }

    /// What is new after `cursors`, as far as it fits one answer.
    async fn news(&self, cursors: &[Cursor]) -> Result<Vec<Page>, Refusal> {
        let mut pages: Vec<Page> = Vec::new();
        let mut left = MAX_PAGE;
        for Cursor { room, after, epoch } in cursors {
            let head = *self.log.head(room).borrow();
            let same_log = *epoch == self.log.epoch();
            let after = if same_log {
                *after
            } else {
                head.saturating_sub(AFRESH)
            };
            if (same_log && head <= after) || (left == 0 && !pages.is_empty()) {
                continue;
            }
            let limit = Limit {
                bytes: left,
                ..Limit::entries(usize::MAX)
            };
            let page = self.log.read(room, after, limit).await?;
            let bytes: usize = page
                .entries
                .iter()
                .map(|e| e.nick.len() + e.body.len())
                .sum();
            left = left.saturating_sub(bytes);
            if !same_log || !page.entries.is_empty() {
                pages.push(page);
            }
        }
        Ok(pages)
    }

    /// Whether `session` may read `room`, by the room's normal name.
    fn readable(&self, session: Session, room: &str) -> Result<String, Refusal> {
        let mut people = self.people();
        people.renew(session, self.now())?;
        if people.rooms_of(session)?.contains_key(room) {
            return Ok(room.to_owned());
        }
        nick::room(room).map_err(Refusal::Unfit)
    }
}

/// One connection's view of the hall.
#[derive(Clone)]
struct Handler {
    hall: Arc<Hall>,
    peer: SocketAddr,
}

impl Handler {
    async fn try_send(
        &self,
        session: Session,
        room: &str,
        posts: Vec<Post>,
    ) -> Result<Vec<u64>, Refusal> {
        let entries = posts.into_iter().map(|post| fit(session, post));
        let mut entries: Vec<NewEntry> = entries.collect::<Result<_, _>>()?;
        let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
        if bytes > MAX_PAGE {
            return Err(Refusal::Unfit(format!(
                "one call may send {MAX_PAGE} bytes"
            )));
        }
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let nick = self
            .hall
            .people()
            .may_send(session, room, count, self.hall.now())?;
        for entry in &mut entries {
            entry.nick.clone_from(&nick);
        }
        Ok(self.hall.log.append(room, entries).await?)
    }
}

impl Chat for Handler {
    async fn enter(self, _: Context, session: Session, nick: String) -> Result<String, Refusal> {
        let entered = self
            .hall
            .people()
            .enter(session, &nick, self.peer.ip(), self.hall.now());
        let (nick, notices) = entered.inspect_err(|refusal| {
            tracing::info!("{}: {nick:?} is not let in: {refusal}", self.peer);
        })?;
        tracing::info!("{}: {nick} is here", self.peer);
        self.hall.tell(notices, Kind::Renamed, &nick).await;
        Ok(nick)
    }

    async fn join(
        self,
        _: Context,
        session: Session,
        room: String,
        history: u32,
    ) -> Result<Cursor, Refusal> {
        let room = match is_private_of(&room, session) {
            true => room,
            false => nick::room(&room).map_err(Refusal::Unfit)?,
        };
        let head = *self.hall.log.head(&room).borrow();
        let after = head.saturating_sub(history.into());
        let nick = self.hall.people().renew(session, self.hall.now())?;
        let told = self.hall.people().join(session, &room, after)?;
        self.hall.wake(session);
        if told {
            let notice = Notice {
                room: room.clone(),
                session,
                nick,
            };
            self.hall.tell(vec![notice], Kind::Joined, "").await;
        }
        Ok(Cursor {
            room,
            after,
            epoch: self.hall.log.epoch(),
        })
    }

    async fn leave(self, _: Context, session: Session, room: String) -> Result<(), Refusal> {
        let left = self.hall.people().leave(session, &room)?;
        self.hall.tell(Vec::from_iter(left), Kind::Left, "").await;
        Ok(())
    }

    async fn bye(self, _: Context, session: Session) {
        let left = self.hall.people().bye(session);
        self.hall.wake(session);
        self.hall.tell(left, Kind::Left, "").await;
    }

    async fn send(
        self,
        _: Context,
        session: Session,
        room: String,
        posts: Vec<Post>,
    ) -> Result<Vec<u64>, Refusal> {
        let count = posts.len();
        let sent = self.try_send(session, &room, posts).await;
        self.hall.counts.sent(count, &sent);
        sent
    }

    async fn poll(
        self,
        _: Context,
        session: Session,
        cursors: Vec<Cursor>,
        wait_ms: u32,
    ) -> Result<Vec<Page>, Refusal> {
        let until = Instant::now() + POLL_WAIT.min(Duration::from_millis(wait_ms.into()));
        let superseded = self.hall.begin_poll(session);
        let cursors = self.hall.wanted(session, &cursors)?;
        loop {
            // Watch first, look then: what comes in between is seen.
            let mut heads: Vec<_> = cursors
                .iter()
                .map(|c| self.hall.log.head(&c.room))
                .collect();
            let pages = self.hall.news(&cursors).await?;
            if !pages.is_empty() {
                self.hall.counts.delivered(&pages);
                return Ok(pages);
            }
            let _waits = self.hall.counts.waits();
            let mut changes: Vec<_> = heads
                .iter_mut()
                .map(|head| head.changed().boxed())
                .collect();
            changes.push(pending().boxed()); // in no room nothing happens
            tokio::select! {
                _ = select_all(changes) => {}
                () = sleep_until(until) => return Ok(Vec::new()),
                () = superseded.cancelled() => return Ok(Vec::new()),
                () = self.hall.stop.cancelled() => return Ok(Vec::new()),
            }
        }
    }

    async fn history(
        self,
        _: Context,
        session: Session,
        room: String,
        before: u64,
        limit: u32,
    ) -> Result<Page, Refusal> {
        let room = self.hall.readable(session, &room)?;
        Ok(self
            .hall
            .log
            .read_back(&room, before, Limit::entries(limit as usize))
            .await?)
    }

    async fn search(
        self,
        _: Context,
        session: Session,
        room: String,
        text: String,
        limit: u32,
    ) -> Result<Page, Refusal> {
        let room = self.hall.readable(session, &room)?;
        Ok(self
            .hall
            .log
            .search(&room, &text, Limit::entries(limit as usize))
            .await?)
    }

    async fn who(self, _: Context, session: Session, room: String) -> Result<Vec<String>, Refusal> {
        let room = self.hall.readable(session, &room)?;
        Ok(self.hall.people().who(&room))
    }

    async fn rooms(self, _: Context, session: Session) -> Result<Vec<RoomInfo>, Refusal> {
        let mut people = self.hall.people();
        people.renew(session, self.hall.now())?;
        Ok(people.rooms(|room| *self.hall.log.head(room).borrow()))
    }

    async fn private(self, _: Context, session: Session, nick: String) -> Result<Cursor, Refusal> {
        let (room, head) = {
            let mut people = self.hall.people();
            people.renew(session, self.hall.now())?;
            let other = people.find(&nick)?;
            let room = private(session, other);
            let head = *self.hall.log.head(&room).borrow();
            for member in [session, other] {
                people.join(member, &room, head)?;
                self.hall.wake(member);
            }
            (room, head)
        };
        Ok(Cursor {
            room,
            after: head,
            epoch: self.hall.log.epoch(),
        })
    }

    async fn admin(self, _: Context, token: String, order: Admin) -> Result<(), Refusal> {
        if !self.hall.admin.as_ref().is_some_and(|key| key.fits(&token)) {
            tracing::warn!("{}: a wrong admin token", self.peer);
            return Err(Refusal::WrongToken);
        }
        tracing::info!("{}: an operator: {order:?}", self.peer);
        let (nick, why, bans) = match order {
            Admin::Kick { nick, why } => (nick, why, false),
            Admin::Ban { nick, why } => (nick, why, true),
            Admin::Unban { nick } => return self.hall.people().unban(&nick),
        };
        if why.len() > MAX_WHY {
            return Err(Refusal::Unfit(format!(
                "a reason has at most {MAX_WHY} bytes"
            )));
        }
        let (session, told) = {
            let mut people = self.hall.people();
            if bans {
                people.ban(&nick)?;
            }
            people.put_out(&nick, &why)?
        };
        self.hall.wake(session);
        let done = if bans { "banned" } else { "put out" };
        let colon = if why.is_empty() { "" } else { ": " };
        let body = format!("was {done} by an operator{colon}{}", why.replace('\0', ""));
        self.hall.tell(told, Kind::Left, &body).await;
        Ok(())
    }
}

/// Makes an entry of a post, if it can be one. The nick is put in later.
fn fit(session: Session, post: Post) -> Result<NewEntry, Refusal> {
    let body = post.body.replace('\0', "");
    if !matches!(post.kind, Kind::Said | Kind::Did) {
        return Err(Refusal::Unfit("only messages can be sent".into()));
    }
    if body.trim().is_empty() {
        return Err(Refusal::Unfit("the message is empty".into()));
    }
    if body.len() > MAX_BODY {
        return Err(Refusal::Unfit(format!(
            "a message has at most {MAX_BODY} bytes"
        )));
    }
    Ok(entry(
        sender(session),
        Some(post.id),
        post.kind,
        String::new(),
        body,
    ))
}

fn entry(sender: Sender, id: Option<u64>, kind: Kind, nick: String, body: String) -> NewEntry {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let at_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    NewEntry {
        sender,
        id,
        kind,
        nick,
        body,
        at_ms,
    }
}
