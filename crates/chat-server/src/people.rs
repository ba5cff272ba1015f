//! Who is here, under which nick, in which rooms. PURE: the caller hands in the time, and posts
//! the notices that are returned.
//!
//! Presence is a lease. Every call of a session renews it. A session that is silent for the length
//! of the lease is gone, and its nick is free. So a crashed client leaves no ghost, and a client
//! that comes back in time was never away: no notice is posted.
//!
//! The messages themselves are in the [log](crate::log), not here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use common::chat::{Crowd, Listed, MAX_JOINED, Refusal, Result, RoomInfo, Sender, Session};

use crate::bans::Bans;
use crate::door::{Caller, Door, Shares};
use crate::names::{self, Nick, is_private};
use crate::person::{Author, Notice, Other, Person};
use crate::presence::Company;
use crate::rooms::Rooms;

#[cfg(any(test, fuzzing))]
pub(crate) mod model;

mod company;
#[cfg(any(test, feature = "nats"))]
pub(crate) mod hearing;
mod leaving;
mod owning;
mod reading;

/// All sessions that are here.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) door: Door,
    /// sorted, so that the same calls lead to the same notices in the same order
    by_session: BTreeMap<Session, Person>,
    by_sender: HashMap<Sender, Session>,
    /// the session that holds a nick, by both keys of the nick
    by_key: HashMap<String, Session>,
    public: Rooms,
    company: Company,
    rate: f64,
    /// until when nobody is told who joins: after a restart most of them were there before
    pub(crate) quiet_until: Duration,
}

impl People {
    /// Returns an empty register.
    pub(crate) fn new(shares: Shares, bans: Bans) -> Self {
        Self {
            door: Door::new(shares, bans),
            by_session: BTreeMap::new(),
            by_sender: HashMap::new(),
            by_key: HashMap::new(),
            public: Rooms::default(),
            company: Company::default(),
            rate: f64::from(shares.rate),
            quiet_until: Duration::ZERO,
        }
    }

    /// Admits a session under a nick, or changes its nick. Returns, after a change, the notices to
    /// post; they carry the old nick.
    pub(crate) fn enter(
        &mut self,
        session: Session,
        nick: &Nick,
        caller: Caller,
        now: Duration,
    ) -> Result<Vec<Notice>> {
        if let Some(holder) = self.holder(nick).filter(|holder| *holder != session) {
            let by = self.person(holder)?.nick.text.clone();
            let mut like = nick.like();
            let is_free = |nick: &Nick| self.holder(nick).is_none() && self.is_unowned(nick, now);
            let free = like.find(is_free);
            let free = free.map_or_else(String::new, |nick| nick.text);
            return Err(Refusal::NickTaken { by, free });
        }
        let Some(person) = self.by_session.get_mut(&session) else {
            self.door.enter(caller)?;
            self.add(session, nick, caller, now);
            self.marks(session);
            return Ok(Vec::new());
        };
        person.seen = now;
        let is_renamed = person.nick != *nick;
        if is_renamed {
            person.moves(now)?;
        }
        if !person.has_place {
            self.door.enter(caller)?; // it called another server until now
        } else if person.caller != caller {
            // First, because otherwise a session could not come back to a full address.
            self.door.leave(person.caller);
            if let Err(refusal) = self.door.enter(caller) {
                self.door.enter(person.caller)?;
                return Err(refusal);
            }
        }
        (person.caller, person.has_place) = (caller, true);
        if !person.is_mine || is_renamed {
            person.is_mine = true;
            self.marks(session);
        }
        let mut notices = Vec::new();
        if is_renamed {
            notices = self.notices_of(session);
            self.renames(session, nick);
        }
        Ok(notices)
    }

    /// Gives a session another nick, if it is another one.
    fn renames(&mut self, session: Session, nick: &Nick) {
        let Some(person) = self.by_session.get_mut(&session) else {
            return;
        };
        if person.nick == *nick {
            return;
        }
        let old = std::mem::replace(&mut person.nick, nick.clone());
        for key in &old.keys {
            self.by_key.remove(key);
        }
        // Not one that it has only asked for.
        if let Some(claim) = person.claim.take() {
            person.was = Some((old, claim));
        }
        self.hold(session, nick);
    }

    fn add(&mut self, session: Session, nick: &Nick, caller: Caller, now: Duration) {
        let person = Person::new(session, nick, caller, self.rate, now);
        self.by_sender.insert(person.sender, session);
        self.by_session.insert(session, person);
        self.hold(session, nick);
    }

    fn hold(&mut self, session: Session, nick: &Nick) {
        for key in &nick.keys {
            self.by_key.insert(key.clone(), session);
        }
    }

    /// Renews a session's lease.
    pub(crate) fn renew(&mut self, session: Session, now: Duration) -> Result<()> {
        let person = self.person(session)?;
        person.seen = now;
        if !person.is_mine {
            person.is_mine = true; // it called another server until now
            self.marks(session);
        }
        Ok(())
    }

    /// Returns the rooms of a session, each with the number from which it is read.
    pub(crate) fn rooms_of(&self, session: Session) -> impl Iterator<Item = (&String, u64)> {
        self.by_session
            .get(&session)
            .into_iter()
            .flat_map(Person::all_rooms)
    }

    /// Returns whether a session is here.
    pub(crate) fn is_here(&self, session: Session) -> bool {
        self.by_session.contains_key(&session)
    }

    /// Returns whether a session is here, and in this room.
    pub(crate) fn is_in(&mut self, session: Session, room: &str) -> Result<bool> {
        Ok(self.person(session)?.is_in(room))
    }

    /// Adds a session to a room, which `exists` in the log or not. `open` returns the number from
    /// which it is read, and is called only if nothing else is against it. Returns the notice to
    /// post, if any.
    pub(crate) fn join(
        &mut self,
        session: Session,
        room: &str,
        exists: bool,
        now: Duration,
        open: impl FnOnce() -> Result<u64>,
    ) -> Result<Option<Notice>> {
        let me = self.person(session)?.sender;
        let other = names::other(room, me);
        let is_known = exists || other.is_some_and(|other| self.by_sender.contains_key(&other));
        let has_place = self.public.has_place(room);
        let person = self.person(session)?;
        if person.is_in(room) {
            return Ok(None);
        }
        person.moves(now)?;
        if is_private(room) {
            // Only one that was used or can be used, because it could be any name otherwise.
            let other = other.filter(|_| is_known).ok_or(Refusal::NotJoined)?;
            person.open(room, other, open()?);
            self.marks(session);
            return Ok(None);
        }
        if person.rooms.len() >= MAX_JOINED {
            return Err(Refusal::Share(format!(
                "you are in {MAX_JOINED} rooms already: leave one first"
            )));
        }
        if !has_place {
            return Err(Refusal::Full(Crowd::Rooms));
        }
        person.rooms.insert(room.to_owned(), open()?);
        let joined = person.notice(room);
        self.marks(session);
        let is_told = self.public.add(room, session) && now >= self.quiet_until;
        Ok(is_told.then_some(joined))
    }

    /// Returns the private room of `session` and the holder of `nick`, with the holder.
    pub(crate) fn private(&self, session: Session, nick: &Nick) -> Result<(String, Other)> {
        let person = |session| self.by_session.get(&session).ok_or(Refusal::NoSession);
        let holder = person(self.find(nick)?)?;
        let other = Other {
            sender: holder.sender,
            nick: holder.nick.text.clone(),
        };
        Ok((names::private(person(session)?.sender, other.sender), other))
    }

    /// Returns the other one of a private room that `session` is in, if that one is here.
    pub(crate) fn other(&mut self, session: Session, room: &str) -> Result<Other> {
        let mut opened = self.person(session)?.private.iter();
        let opened = opened.find(|opened| opened.room == room);
        let sender = opened.ok_or(Refusal::NotJoined)?.other;
        let other = self.by_sender.get(&sender).ok_or(Refusal::Nobody)?;
        let nick = self.by_session.get(other).ok_or(Refusal::Nobody)?;
        let nick = nick.nick.text.clone();
        Ok(Other { sender, nick })
    }

    /// Opens a private room for `session` alone, which reads it after `after`.
    pub(crate) fn open(&mut self, session: Session, room: &str, other: &Other, after: u64) {
        if let Some(person) = self.by_session.get_mut(&session) {
            person.open(room, other.sender, after);
            self.marks(session);
        }
    }

    /// Removes a session from a room. Returns the notice to post, if any.
    pub(crate) fn leave(
        &mut self,
        session: Session,
        room: &str,
        now: Duration,
    ) -> Result<Option<Notice>> {
        let person = self.person(session)?;
        if !person.is_in(room) {
            return Err(Refusal::NotJoined);
        }
        person.moves(now)?;
        person.private.retain(|opened| opened.room != room);
        let is_public = person.rooms.remove(room).is_some();
        let left = person.notice(room);
        self.marks(session);
        if !is_public {
            return Ok(None);
        }
        Ok(self.public.remove(room, session).then_some(left))
    }

    /// Takes `count` messages to `room` from what a session may send now. A private room is opened
    /// for the other one, who reads from number `head` on.
    pub(crate) fn may_send(
        &mut self,
        session: Session,
        room: &str,
        count: u32,
        now: Duration,
        head: impl FnOnce() -> u64,
    ) -> Result<Author> {
        let person = self.person(session)?;
        person.seen = now;
        if !person.is_in(room) {
            return Err(Refusal::NotJoined);
        }
        person.says(count, now)?;
        let (me, other) = (person.sender, person.uses(room));
        let nick = person.nick.text.clone();
        let other = other.filter(|&other| other != me);
        let opened_for = other.and_then(|other| {
            let &session = self.by_sender.get(&other)?;
            let other = self.by_session.get_mut(&session)?;
            let is_new = other.uses(room).is_none();
            is_new.then(|| other.open(room, me, head()))?;
            Some(session)
        });
        if let Some(other) = opened_for {
            self.marks(other);
        }
        Ok(Author {
            sender: me,
            nick,
            opened_for,
        })
    }

    /// Returns the session that holds a nick, or one that looks like it.
    fn find(&self, nick: &Nick) -> Result<Session> {
        self.holder(nick).ok_or(Refusal::Nobody)
    }

    fn holder(&self, nick: &Nick) -> Option<Session> {
        nick.keys
            .iter()
            .find_map(|key| self.by_key.get(key))
            .copied()
    }

    /// Returns the nicks after `after` in a room of `session`, sorted.
    pub(crate) fn who(&self, session: Session, room: &str, after: &str) -> Listed<String> {
        let mut sessions: Vec<Session> = self.public.people(room).copied().collect();
        if is_private(room) {
            sessions.push(session);
        }
        if let Some(person) = self.by_session.get(&session) {
            let opened = person.private.iter().find(|opened| opened.room == room);
            let other = opened.and_then(|opened| self.by_sender.get(&opened.other));
            sessions.extend(other.filter(|other| **other != session));
        }
        let nick = |session| Some(&self.by_session.get(session)?.nick.text);
        let mut nicks: Vec<&String> = sessions.iter().filter_map(nick).collect();
        nicks.sort_unstable();
        let begin = nicks.partition_point(|nick| nick.as_str() <= after);
        Listed::first(nicks.into_iter().skip(begin).cloned())
    }

    /// Returns the public rooms after `after` that have people, sorted; `head` gives the newest
    /// number of a room.
    pub(crate) fn rooms(&self, after: &str, head: impl Fn(&str) -> u64) -> Listed<RoomInfo> {
        self.public.list(after, head)
    }

    /// Returns the rooms that sessions are in, private ones too.
    pub(crate) fn used_rooms(&self) -> HashSet<String> {
        let rooms = self.by_session.values().flat_map(Person::all_rooms);
        rooms.map(|(room, _)| room.clone()).collect()
    }

    /// Returns how many sessions there are, and in how many public rooms they are.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.by_session.len(), self.public.len())
    }

    fn person(&mut self, session: Session) -> Result<&mut Person> {
        self.by_session.get_mut(&session).ok_or(Refusal::NoSession)
    }

    fn notices_of(&self, session: Session) -> Vec<Notice> {
        let person = self.by_session.get(&session).into_iter();
        let rooms = person.flat_map(|person| person.rooms.keys().map(move |room| (room, person)));
        rooms
            .filter(|(room, _)| self.public.announces(room))
            .map(|(room, person)| person.notice(room))
            .collect()
    }
}

#[cfg(test)]
mod tests;
