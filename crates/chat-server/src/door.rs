//! Who may come in, and how often anybody may knock: the shares of each address, bans and kicks.
//! PURE: the caller hands in the time.
//!
//! Whatever costs the server something takes tokens of the caller's address, by its kind. So an
//! address cannot multiply what it may do by opening more connections or sessions.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use common::chat::{Crowd, Refusal, Result, Session};
use common::net::{Exceeded, Quota};

use crate::bans::Bans;
use crate::owners::Owners;
use common::bucket::Buckets;

/// Most sessions at once: twice the connections that a server accepts, because a session outlives
/// its connection by a lease. Each costs about a thousand bytes.
const MAX_SESSIONS: usize = 4096;

/// Most sessions on one connection: our client has one.
const MAX_ON_CONNECTION: usize = 4;

/// Most kicked sessions and operators that are remembered, the latest ones. A kicked client learns
/// of it with its next call and ends, so only the last few kicks matter.
const MAX_KEPT: usize = 1000;

/// Wrong admin tokens a minute of one address: a person mistypes. A guesser of 16 bytes needs the
/// age of the universe at any rate, but should not keep the server busy.
const GUESSES: f64 = 3.0;

/// Rooms a minute that one address may make, and at once. A class needs that many when it meets; a
/// person who makes rooms all day cannot have most of them.
const ROOMS: f64 = 1.0;
const ROOMS_AT_ONCE: f64 = 64.0;

/// A full bucket holds this many seconds' worth: a class that starts its clients together.
const BURST_SECONDS: f64 = 4.0;

/// What a call costs, in tokens of its address: about what it costs the server, where a message is
/// one.
pub(crate) mod cost {
    /// A page from the disk, a list of names, a private room, a change that others are told.
    pub(crate) const PAGE: u32 = 4;
    /// A poll costs a token for this many bytes. Waiting costs nothing.
    pub(crate) const BYTES: usize = 8 * 1024;
    /// Looking at every message of a room.
    pub(crate) const SEARCH: u32 = 16;
    /// A new session: the place of one that is here for 30 seconds.
    pub(crate) const ENTER: u32 = 20;
}

/// How much each address may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Messages a second that each session may send; 0 is no limit on any call.
    pub(crate) rate: u32,
    /// Sessions of one address.
    pub(crate) sessions: usize,
    /// Whether loopback has no share of its own.
    pub(crate) frees_loopback: bool,
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) ip: IpAddr,
    /// the number of the connection
    pub(crate) connection: u64,
}

/// What is known of the callers.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) bans: Bans,
    pub(crate) owners: Owners,
    shares: Shares,
    /// kicked sessions, oldest first, each with the reason
    kicked: VecDeque<(Session, String)>,
    /// sessions that have shown the admin token, oldest first
    operators: VecDeque<Session>,
    sessions: Quota,
    on_connection: HashMap<u64, usize>,
    calls: Buckets,
    guesses: Buckets,
    rooms: Buckets,
}

impl Door {
    pub(crate) fn new(shares: Shares, bans: Bans) -> Self {
        // Twice what all the sessions of an address may say, so that there is some for the rest.
        let rate = 2.0 * f64::from(shares.rate) * shares.sessions as f64;
        Self {
            bans,
            owners: Owners::default(),
            shares,
            kicked: VecDeque::new(),
            operators: VecDeque::new(),
            sessions: Quota::new(MAX_SESSIONS, shares.sessions, shares.frees_loopback),
            on_connection: HashMap::new(),
            calls: Buckets::new(rate, rate * BURST_SECONDS),
            guesses: Buckets::new(GUESSES / 60.0, GUESSES),
            rooms: Buckets::new(ROOMS / 60.0, ROOMS_AT_ONCE),
        }
    }

    /// Lets a call of `session` from `ip` pass, which costs this many tokens.
    pub(crate) fn admit(
        &mut self,
        session: Session,
        ip: IpAddr,
        cost: u32,
        now: Duration,
    ) -> Result<()> {
        if self.bans.hold(ip, now) && !self.is_operator(session) {
            return Err(Refusal::Banned);
        }
        if cost == 0 || self.is_free(ip) {
            return Ok(());
        }
        self.calls.take(ip, cost, now).map_err(too_fast)
    }

    /// Notes that a poll from `ip` has read this many bytes. They are paid afterwards, because
    /// only then they are known.
    pub(crate) fn has_read(&mut self, ip: IpAddr, bytes: usize, now: Duration) {
        let count = u32::try_from(bytes / cost::BYTES).unwrap_or(u32::MAX);
        if self.shares.rate > 0 && !self.is_free(ip) {
            self.calls.owe(ip, count, now);
        }
    }

    /// Returns how long a poll from `ip` has to wait until what others have read is paid.
    pub(crate) fn debt(&mut self, ip: IpAddr, now: Duration) -> Option<Duration> {
        if self.is_free(ip) {
            return None;
        }
        self.calls.take(ip, 0, now).err()
    }

    /// Lets `ip` make a room.
    pub(crate) fn make_room(&mut self, ip: IpAddr, now: Duration) -> Result<()> {
        if self.is_free(ip) {
            return Ok(());
        }
        self.rooms.take(ip, 1, now).map_err(too_fast)
    }

    /// Returns whether `ip` has no share of its own.
    pub(crate) fn is_free(&self, ip: IpAddr) -> bool {
        self.shares.frees_loopback && ip.to_canonical().is_loopback()
    }

    /// Refuses a session that was kicked.
    pub(crate) fn check(&self, session: Session) -> Result<()> {
        match self.kicked.iter().find(|(kicked, _)| *kicked == session) {
            Some((_, why)) => Err(Refusal::Kicked(why.clone())),
            None => Ok(()),
        }
    }

    /// Takes a place for a session.
    pub(crate) fn enter(&mut self, caller: Caller) -> Result<()> {
        let on_connection = self.on_connection.get(&caller.connection);
        if on_connection.is_some_and(|&sessions| sessions >= MAX_ON_CONNECTION) {
            return Err(Refusal::Share(format!(
                "this connection has {MAX_ON_CONNECTION} sessions already: open another one"
            )));
        }
        self.sessions.take(caller.ip, 1).map_err(|e| match e {
            Exceeded::Total => Refusal::Full(Crowd::Sessions),
            Exceeded::Share => Refusal::Share(format!(
                "your address has {} sessions already: end one, or ask the operator for more \
                 (chat-server --per-address N)",
                self.shares.sessions
            )),
        })?;
        *self.on_connection.entry(caller.connection).or_default() += 1;
        Ok(())
    }

    /// Gives the place of a session back.
    pub(crate) fn leave(&mut self, caller: Caller) {
        self.sessions.give_back(caller.ip, 1);
        if let Some(sessions) = self.on_connection.get_mut(&caller.connection) {
            *sessions = sessions.saturating_sub(1);
            if *sessions == 0 {
                self.on_connection.remove(&caller.connection);
            }
        }
    }

    /// Remembers that `session` was kicked.
    pub(crate) fn kick(&mut self, session: Session, why: &str) {
        keep(&mut self.kicked, (session, why.to_owned()));
    }

    /// Makes `session` an operator's if the token `fits`. After a few wrong ones of its address the
    /// token is not looked at, unless the session has shown it before.
    pub(crate) fn operate(
        &mut self,
        session: Session,
        ip: IpAddr,
        fits: impl FnOnce() -> bool,
        now: Duration,
    ) -> Result<()> {
        let is_known = self.is_operator(session);
        if !is_known {
            self.guesses.take(ip, 1, now).map_err(too_fast)?;
        }
        if !fits() {
            return Err(Refusal::WrongToken);
        }
        if !is_known {
            self.guesses.give_back(ip, 1);
            keep(&mut self.operators, session);
        }
        Ok(())
    }

    /// Notes that `session` has shown the admin token to another server.
    #[cfg(any(test, feature = "nats"))]
    pub(crate) fn is_known_operator(&mut self, session: Session) {
        if !self.is_operator(session) {
            keep(&mut self.operators, session);
        }
    }

    /// Returns whether `session` is an operator's.
    pub(crate) fn is_operator(&self, session: Session) -> bool {
        self.operators.contains(&session)
    }
}

/// Keeps the latest ones.
fn keep<T>(all: &mut VecDeque<T>, one: T) {
    all.push_back(one);
    if all.len() > MAX_KEPT {
        all.pop_front();
    }
}

/// Returns the refusal of a caller that has to wait.
pub(crate) fn too_fast(wait: Duration) -> Refusal {
    let ms = wait.as_nanos().div_ceil(1_000_000);
    Refusal::TooFast(u32::try_from(ms).unwrap_or(u32::MAX))
}
