//! What all connections share: the people, the log, the polls that wait, the counters.
//!
//! The lock on the people is never held over an await. A poll that waits only watches the heads of
//! its rooms. So a reader that has stopped costs the others nothing.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::chat::{Crowd, Cursor, Kind, LEASE, MAX_ENTRIES, Refusal, Result, Session};
use common::credential::Credential;
use common::log_limit::LogLimit;
use common::net::{Fingerprint, Gate};
use futures::TryFutureExt;
use futures::future::join_all;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::company::Company;
use crate::config::Config;
use crate::door::{Caller, Shares};
use crate::log::{Head, Log, NewEntry, PageLimit, Ready, now_ms};
use crate::metrics::{Counts, Report, State};
use crate::people::People;
use crate::person::Notice;
use crate::polls::{Polls, Reading};
use crate::presence::Side;
use crate::side_file;
#[cfg(feature = "nats")]
use crate::sides::Sides;

mod others;

/// How often leases are checked. A session may outlive its lease by this much.
const SWEEP: Duration = Duration::from_secs(LEASE.as_secs() / 6);

/// How often rooms are checked, which live for an hour at least.
const ROOMS_SWEEP: Duration = Duration::from_secs(60);

/// How many of the newest entries a reader gets whose cursor is of a log that was replaced.
const AFRESH: u64 = 50;

/// The state of one server.
pub(crate) struct Shared {
    log: Log,
    company: Company,
    people: Mutex<People>,
    polls: Polls,
    counts: Counts,
    lines: Mutex<LogLimit>,
    gate: Gate,
    admin: Option<Credential>,
    /// what callers sign for, if connections are sealed
    host: Option<Fingerprint>,
    /// locked while the file is written, because the last ban must be in the last file
    ban_file: tokio::sync::Mutex<Option<PathBuf>>,
    /// the same, with the version of the registrations that is in it
    owner_file: tokio::sync::Mutex<(Option<PathBuf>, u64)>,
    began: Instant,
    /// the time since 1970 at which it began
    began_at: Duration,
}

/// A poll that has begun.
pub(crate) struct Begun {
    pub(crate) reading: Reading,
    /// how long to wait before reading, because of what was read before
    pub(crate) debt: Option<Duration>,
}

impl Shared {
    /// Returns the state of a server that begins now.
    pub(crate) fn new(config: Config) -> Self {
        let shares = Shares {
            rate: config.rate,
            sessions: config.limits.per_address,
            frees_loopback: config.limits.frees_loopback,
        };
        let began_at = Duration::from_millis(now_ms());
        let mut people = People::new(shares, config.bans.bans);
        people.door.owners = config.owners.owners;
        let is_alone = match &config.company {
            Company::Alone => true,
            #[cfg(feature = "nats")]
            Company::Together(others) => {
                let sides = others.give(&Sides::default(), began_at);
                (people.door.bans, people.door.owners) = (sides.bans, sides.owners);
                people.meet(others.me());
                false
            }
        };
        // With others, it is known who was there before.
        if is_alone && config.log.status().rooms > 0 {
            people.quiet_until = began_at + LEASE;
        }
        Self {
            host: config.seal.fingerprint(),
            ban_file: tokio::sync::Mutex::new(config.bans.path),
            owner_file: tokio::sync::Mutex::new((config.owners.path, 0)),
            log: config.log,
            company: config.company,
            people: Mutex::new(people),
            polls: Polls::default(),
            counts: Counts::default(),
            lines: Mutex::default(),
            gate: Gate::new(config.limits),
            admin: config.admin,
            began: Instant::now(),
            began_at,
        }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Locks the people. A poisoned lock is taken all the same, because no change of theirs can
    /// panic half way.
    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn polls(&self) -> &Polls {
        &self.polls
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the time since 1970. It never jumps, because it was looked up only once.
    pub(crate) fn now(&self) -> Duration {
        self.began_at.saturating_add(self.began.elapsed())
    }

    /// Returns whether `token` is the admin token.
    pub(crate) fn is_admin(&self, token: &str) -> bool {
        self.admin.as_ref().is_some_and(|key| key.fits(token))
    }

    /// Returns what this server is known by, if connections are sealed.
    pub(crate) fn host(&self) -> Option<Fingerprint> {
        self.host
    }

    /// Writes what `ip` does, at most once a minute for each `kind`.
    pub(crate) fn complain(&self, ip: IpAddr, kind: &'static str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.note(ip, kind, self.now()) {
            tracing::warn!("{line}");
        }
    }

    /// Returns what operators may see.
    pub(crate) fn report(&self) -> Report {
        let log = self.log.status();
        let (sessions, rooms, remote, bans) = {
            let people = self.people();
            let (sessions, rooms) = people.count();
            let bans = people.door.bans.all(self.now()).count();
            (sessions, rooms, people.remote(), bans)
        };
        let state = State {
            uptime: self.began.elapsed(),
            sessions,
            rooms,
            remote,
            bans,
            connections: self.gate.places().taken(),
            connections_refused: self.gate.places().refused(),
            bytes: self.gate.bytes().taken(),
            bytes_refused: self.gate.bytes().refused(),
        };
        let metrics = self.counts.text(&state, &log);
        let failure = log.failure;
        Report { metrics, failure }
    }

    /// Ends leases that have run out, and rooms that nobody uses any more, for ever.
    pub(crate) async fn sweep(&self) {
        // Only when clients had the time to come back after a restart, because a private room with
        // people in it does not end.
        let mut rooms_at = self.now() + 2 * LEASE;
        loop {
            sleep(SWEEP).await;
            if self.now() >= rooms_at {
                rooms_at = self.now() + ROOMS_SWEEP;
                self.end_rooms().await;
            }
            let gone = self.people().expire(self.now());
            for Notice { room, nick, .. } in &gone {
                tracing::info!("{nick} of {room} was silent for too long");
            }
            {
                let people = self.people();
                self.polls.retain(|session| people.is_here(session));
            }
            self.announce(gone, Kind::Left, "").await;
        }
    }

    /// Ends the rooms that are old enough.
    async fn end_rooms(&self) {
        let used = self.people().used_rooms();
        if let Err(error) = self.log.end_rooms(used, now_ms()).await {
            tracing::debug!("old rooms stay: {error}");
        }
    }

    /// Puts the log away, after the last call.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.log.close().await {
            tracing::warn!("the log was not closed: {error}");
        }
    }

    /// Writes notices into the log. A notice that cannot be written is lost, because no client
    /// depends on it.
    pub(crate) async fn announce(
        &self,
        notices: impl IntoIterator<Item = Notice>,
        kind: Kind,
        body: &str,
    ) {
        // All at once, because each of them may have to wait until the log refuses it.
        let written = notices.into_iter().map(|notice| {
            let Notice { room, sender, nick } = notice;
            let entry = NewEntry::said(sender, None, kind, nick, body.to_owned());
            self.log.append(&room, vec![entry]).map_err(move |error| {
                self.counts.lost();
                tracing::debug!("a notice in {room} is lost: {error}");
            })
        });
        join_all(written).await;
    }

    /// Writes the bans into their file, if they have one.
    ///
    /// # Errors
    /// If they cannot be written. They hold all the same, until the server ends.
    pub(crate) async fn save_bans(&self) -> Result<()> {
        let file = self.ban_file.lock().await;
        if self.share(Side::Bans).await? {
            return Ok(());
        }
        let text = self.people().door.bans.text();
        self.write(file.as_ref(), text).await
    }

    /// Writes the registered nicks into their file, if they have one and it is not up to date.
    ///
    /// # Errors
    /// Those of [`save_bans`](Self::save_bans).
    pub(crate) async fn save_owners(&self) -> Result<()> {
        let mut file = self.owner_file.lock().await;
        if self.share(Side::Owners).await? {
            return Ok(());
        }
        let (text, version) = {
            let owners = &self.people().door.owners;
            if owners.version == file.1 {
                return Ok(());
            }
            (owners.text(), owners.version)
        };
        self.write(file.0.as_ref(), text).await?;
        file.1 = version;
        Ok(())
    }

    async fn write(&self, path: Option<&PathBuf>, text: String) -> Result<()> {
        let Some(path) = path.cloned() else {
            return Ok(());
        };
        let shown = path.display().to_string();
        let written = spawn_blocking(move || side_file::write(&path, &text)).await;
        let failed = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!("cannot write {shown}: {failed}");
        Err(Refusal::Unavailable(format!(
            "it holds, but only until the server ends: {failed}"
        )))
    }

    /// Renews a session's lease and begins a poll, which ends its last ones.
    pub(crate) fn begin_poll(
        &self,
        session: Session,
        caller: Caller,
        cursors: &[Cursor],
    ) -> Result<Begun> {
        let mut people = self.people();
        self.renew(&mut people, session, caller)?;
        let next = people.next_page(session, cursors, self.now())?;
        // While the people are locked, because otherwise a room that is joined now would be missed.
        let turn = self.polls.begin(session, caller.connection);
        let cursor = |(room, after): (&String, u64)| {
            let own = cursors.iter().rfind(|cursor| cursor.room == *room);
            own.cloned()
                .unwrap_or_else(|| self.cursor(room.clone(), after))
        };
        let cursors: Vec<Cursor> = people.rooms_of(session).map(cursor).collect();
        // Before reading, because otherwise an entry that comes in between is missed.
        let heads = cursors.iter().map(|cursor| self.log.head(&cursor.room));
        let heads = heads.collect();
        let debt = people.door.debt(caller.ip, self.now());
        let reading = Reading {
            turn,
            cursors,
            heads,
            most: next.most,
            rest: next.rest,
        };
        Ok(Begun { reading, debt })
    }

    /// Renews a session's lease. Returns where a call hears of the answer to the poll of the
    /// session that waits, if there is one that it can follow.
    pub(crate) fn follow_poll(
        &self,
        session: Session,
        caller: Caller,
    ) -> Result<Option<oneshot::Receiver<Reading>>> {
        self.renew(&mut self.people(), session, caller)?;
        Ok(self.polls.follow(session, caller.connection))
    }

    fn renew(&self, people: &mut People, session: Session, caller: Caller) -> Result<()> {
        let now = self.now();
        people.door.admit(session, caller.ip, 0, now)?;
        people.renew(session, now)
    }

    /// Returns a cursor of this log.
    pub(crate) fn cursor(&self, room: String, after: u64) -> Cursor {
        let epoch = self.log.epoch();
        Cursor { room, after, epoch }
    }

    /// Returns the newest number of a room.
    pub(crate) fn head(&self, room: &str) -> u64 {
        self.log.head(room).newest()
    }

    /// Refuses a room that does not exist and may not be made now.
    pub(crate) fn place(&self, room: &str) -> Result<()> {
        if self.log.has_place(room) {
            Ok(())
        } else {
            Err(Refusal::Full(Crowd::Rooms))
        }
    }

    /// Returns the entries after `cursors`, as many as fit an answer of `most` bytes, without empty
    /// pages. `heads` are those of the same rooms.
    pub(crate) async fn pages_after(
        &self,
        cursors: &[Cursor],
        heads: &[Head],
        most: usize,
    ) -> Result<Vec<Ready>> {
        let mut pages: Vec<Ready> = Vec::new();
        let mut left = PageLimit {
            bytes: most,
            ..PageLimit::messages(MAX_ENTRIES)
        };
        for (Cursor { room, after, epoch }, head) in cursors.iter().zip(heads) {
            let head = head.newest();
            let is_same_log = *epoch == self.log.epoch();
            let after = if is_same_log {
                *after
            } else {
                head.saturating_sub(AFRESH)
            };
            if (is_same_log && head <= after) || (left.bytes == 0 && !pages.is_empty()) {
                continue;
            }
            let ready = match self.log.ready(room, after, left) {
                Some(ready) => ready,
                None => self.log.read(room, after, left).await?.into(),
            };
            left.bytes = left.bytes.saturating_sub(ready.bytes);
            // Some go out even when they are empty: because of another log's epoch, and because the
            // cursor has to get past what is damaged.
            if !is_same_log || ready.page.damaged > 0 || ready.count > 0 {
                pages.push(ready);
            }
        }
        Ok(pages)
    }
}
