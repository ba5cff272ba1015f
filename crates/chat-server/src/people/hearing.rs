//! The people of all servers over one log: each server has all of them. PURE: the caller hands in
//! the time, and carries the words.
//!
//! - **A nick is whose claim is the earliest.** The claim is the place of the word with which the
//!   session asked for it. Later words repeat it, so the order in which they are heard does not
//!   matter. Until the first word is heard the session says no other one. Only the last word of a
//!   session is kept, so a server that missed the first would take the place of the second for the
//!   claim, and give the nick to a session that asked in between.
//! - **A session calls one server**, which renews it for the others. It may call another one at any
//!   time: that one says so, and nobody is told that the session was away.
//! - **A session whose server has died** is found silent by all others. The first who says so, in
//!   the order of the words, tells its rooms. So they are told once.

use std::collections::HashSet;
use std::time::Duration;

use common::chat::{LEASE, Refusal, Result, Session};

use super::People;
use crate::door::Caller;
use crate::names::{self, Nick};
use crate::person::{Opened, Person};
use crate::presence::{End, Heard, Word};

/// How often a session that calls is said to be here: two words may be lost.
const RENEW: Duration = Duration::from_secs(LEASE.as_secs() / 3);

/// How long it is not asked for the same nick again: longer than a word is on its way.
const AGAIN: Duration = Duration::from_secs(10);

/// What has to be done for a session that asks for its nick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Say this word.
    Now(Word),
    /// Wait, because the word was said with other news.
    Already,
}

impl People {
    /// Makes this the server `me` among others.
    pub(crate) fn meet(&mut self, me: u64) {
        self.company.me = me;
        self.company.is_deaf = true;
    }

    /// Returns what is to be said now. If `renews`, also of those who only called.
    pub(crate) fn next_words(&mut self, renews: bool, now: Duration) -> Vec<Word> {
        let mut words: Vec<Word> = self.company.over.drain(..).collect();
        let mut news = std::mem::take(&mut self.company.news);
        if renews {
            let is_due = |person: &Person| {
                person.is_mine && person.seen > person.said && person.said + RENEW <= now
            };
            let due = self.by_session.iter().filter(|(_, person)| is_due(person));
            news.extend(due.map(|(&session, _)| session));
        }
        words.extend(news.into_iter().filter_map(|one| self.word(one, now)));
        words
    }

    /// Notes that words were not said.
    pub(crate) fn unsaid(&mut self, words: Vec<Word>) {
        for word in words {
            match word.end {
                None => {
                    let person = self.by_session.get_mut(&word.session);
                    person.into_iter().for_each(|person| person.asked = None);
                    self.marks(word.session);
                }
                Some(end) => self.is_over(word.session, word.home, end),
            }
        }
    }

    /// Returns the word of a session that calls this server.
    fn word(&mut self, session: Session, now: Duration) -> Option<Word> {
        let is_operator = self.door.is_operator(session);
        let home = self.company.me;
        let person = self.by_session.get_mut(&session)?;
        if !person.is_mine {
            return None;
        }
        if person.claim.is_none() {
            if is_asked(person, now) {
                self.company.news.insert(session);
                return None;
            }
            person.asked = Some(now);
        }
        person.said = now;
        let private = person.private.iter();
        Some(Word {
            session,
            nick: person.nick.text.clone(),
            ip: person.caller.ip,
            rooms: person.rooms.clone(),
            private: private
                .map(|one| (one.room.clone(), one.other, one.after))
                .collect(),
            home,
            claim: person.claim.unwrap_or(0),
            is_operator,
            end: None,
        })
    }

    /// Returns how a session asks for its nick, if it has not got it yet.
    pub(crate) fn asks(&mut self, session: Session, now: Duration) -> Option<Asks> {
        let person = self.by_session.get(&session)?;
        if self.is_alone() || person.claim.is_some() {
            return None;
        }
        if is_asked(person, now) {
            return Some(Asks::Already);
        }
        self.company.news.remove(&session);
        self.word(session, now).map(Asks::Now)
    }

    /// Returns whether it is known if a session has got the nick that it asked for.
    pub(crate) fn is_settled(&self, session: Session) -> bool {
        let person = self.by_session.get(&session);
        person.is_none_or(|person| person.claim.is_some())
    }

    /// Refuses a nick that another session has asked for earlier, at another server.
    pub(crate) fn has_got(&self, session: Session, nick: &Nick) -> Result<()> {
        let person = self.by_session.get(&session);
        if person.is_some_and(|person| person.nick == *nick) {
            return Ok(());
        }
        let holder = self.holder(nick).and_then(|one| self.by_session.get(&one));
        let by = holder.map_or_else(|| nick.text.clone(), |person| person.nick.text.clone());
        let mut like = nick.like();
        let free = like.find(|nick| self.holder(nick).is_none());
        let free = free.map_or_else(String::new, |nick| nick.text);
        Err(Refusal::NickTaken { by, free })
    }

    /// Takes back that a session asks for its nick.
    pub(crate) fn gives_up(&mut self, session: Session) {
        let Some(person) = self.by_session.get_mut(&session) else {
            return;
        };
        if person.claim.is_some() {
            return;
        }
        let Some((nick, claim)) = person.was.take() else {
            drop(self.remove(session));
            return;
        };
        self.renames(session, &nick);
        if let Some(person) = self.by_session.get_mut(&session) {
            person.claim = Some(claim);
        }
        self.marks(session);
    }

    /// Takes in what a server has said, at place `at` of all words.
    pub(crate) fn hear(&mut self, word: Word, at: u64, now: Duration) -> Heard {
        let mut heard = Heard::default();
        let Word { session, home, .. } = word;
        if let Some(end) = word.end {
            self.hear_end(session, home, end, now, &mut heard);
            return heard;
        }
        let is_here = self.is_here(session);
        // What has left meanwhile, or was put out, is over.
        let is_over = (home == self.company.me && !is_here) || self.door.check(session).is_err();
        let Ok(nick) = Nick::new(&word.nick) else {
            return heard; // a mistake of another version
        };
        let claim = if word.claim == 0 { at } else { word.claim };
        if is_over || !self.wins(session, &nick, claim, &mut heard) {
            return heard;
        }
        if word.is_operator {
            self.door.is_known_operator(session);
        }
        if home == self.company.me {
            if let Some(person) = self.by_session.get_mut(&session) {
                person.home = home;
                if person.nick == nick {
                    (person.claim, person.was, person.asked) = (Some(claim), None, None);
                }
            }
            return heard;
        }
        self.takes_in(word, &nick, claim, now, &mut heard);
        heard
    }

    /// Returns whether a session gets this nick, and takes it from those who asked later.
    fn wins(&mut self, session: Session, nick: &Nick, claim: u64, heard: &mut Heard) -> bool {
        let holders = nick.keys.iter().filter_map(|key| self.by_key.get(key));
        let holders: HashSet<Session> = holders.copied().filter(|one| *one != session).collect();
        let claim_of = |one: &Session| self.by_session.get(one).and_then(|person| person.claim);
        let is_earlier = |one: &Session| claim_of(one).is_some_and(|theirs| theirs < claim);
        if holders.iter().any(is_earlier) {
            let is_mine = self.by_session.get(&session).is_some_and(|p| p.is_mine);
            if is_mine {
                self.gives_up(session);
                heard.woken.push(session);
            }
            return false;
        }
        for loser in holders {
            heard.woken.push(loser);
            let is_asking = self
                .by_session
                .get(&loser)
                .is_some_and(|p| p.claim.is_none());
            if is_asking {
                self.gives_up(loser);
            } else {
                drop(self.remove(loser));
            }
        }
        true
    }

    /// Makes a session what another server says of it.
    fn takes_in(&mut self, word: Word, nick: &Nick, claim: u64, now: Duration, heard: &mut Heard) {
        let session = word.session;
        let connection = 0;
        let caller = Caller {
            ip: word.ip,
            connection,
        };
        if !self.is_here(session) {
            self.add(session, nick, caller, now);
            let person = self.by_session.get_mut(&session);
            person.into_iter().for_each(|person| {
                (person.is_mine, person.has_place) = (false, false);
            });
        }
        self.renames(session, nick);
        let Some(person) = self.by_session.get_mut(&session) else {
            return;
        };
        if std::mem::replace(&mut person.is_mine, false) {
            heard.woken.push(session);
        }
        if std::mem::replace(&mut person.has_place, false) {
            self.door.leave(person.caller);
        }
        person.caller = caller;
        (person.home, person.claim, person.was) = (word.home, Some(claim), None);
        person.asked = None;
        person.seen = now;
        let opened = |(room, other, after)| Opened { room, other, after };
        person.private = word.private.into_iter().map(opened).collect();
        let old = std::mem::replace(&mut person.rooms, word.rooms.clone());
        for room in old.keys().filter(|room| !word.rooms.contains_key(*room)) {
            self.public.remove(room, session);
        }
        for room in word.rooms.keys() {
            self.public.add(room, session);
        }
    }

    fn hear_end(
        &mut self,
        session: Session,
        home: u64,
        end: End,
        now: Duration,
        heard: &mut Heard,
    ) {
        if let End::PutOut(why) = &end
            && self.door.check(session).is_ok()
        {
            self.door.kick(session, why);
        }
        let Some(person) = self.by_session.get(&session) else {
            return;
        };
        // A server that slept knows nothing of a session that has moved away.
        let (is_put_out, is_known) = match end {
            End::PutOut(_) => (true, true),
            End::Left { by } => (false, person.home == home || person.home == by),
            End::Silent { .. } => (false, person.home == home),
        };
        if !is_known {
            return;
        }
        let is_back = person.is_mine && now.saturating_sub(person.seen) <= LEASE;
        if is_back && !is_put_out {
            self.marks(session);
            return;
        }
        let left = self.remove(session);
        heard.woken.push(session);
        if end
            == (End::Silent {
                by: self.company.me,
            })
        {
            heard.left = left;
        }
    }

    /// Notes whether all words are heard. When they are again, the others have a lease from now on.
    pub(crate) fn hears(&mut self, all: bool, now: Duration) {
        if all && std::mem::replace(&mut self.company.is_deaf, false) {
            let others = self.by_session.values_mut().filter(|one| !one.is_mine);
            others.for_each(|other| other.seen = now);
        }
        self.company.is_deaf = !all;
    }

    /// Forgets who calls other servers, and says anew who calls this one, because all words are
    /// lost.
    pub(crate) fn begins_anew(&mut self) {
        let all: Vec<(Session, bool)> = (self.by_session.iter())
            .map(|(&session, person)| (session, person.is_mine))
            .collect();
        for (session, is_mine) in all {
            if !is_mine {
                drop(self.remove(session));
            } else if let Some(person) = self.by_session.get_mut(&session) {
                (person.claim, person.asked) = (None, None);
                self.marks(session);
            }
        }
    }

    /// Lets both people of a private room read in it after a number. Returns those who do so anew.
    pub(crate) fn invite(&mut self, room: &str, after: u64) -> Vec<Session> {
        let mut invited = Vec::new();
        for (me, other) in names::both(room).into_iter().flatten() {
            let Some(&session) = self.by_sender.get(&me) else {
                continue;
            };
            let Some(person) = self.by_session.get_mut(&session) else {
                continue;
            };
            if !person.is_in(room) {
                person.open(room, other, after);
                self.marks(session);
                invited.push(session);
            }
        }
        invited
    }
}

fn is_asked(person: &Person, now: Duration) -> bool {
    person.asked.is_some_and(|at| now < at + AGAIN)
}
