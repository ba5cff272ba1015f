//! Who is here, under which nick, in which rooms. PURE: time is handed in, and what must be told
//! to others is answered.
//!
//! Presence is a lease. Every call of a session renews it; a session that was silent for the
//! length of the lease is gone, and its nick is free. So a crashed client leaves no ghost, and one
//! that comes back in time was never away: nobody is told anything.
//!
//! The messages themselves are in the [log](crate::log), not here.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use common::chat::{LEASE, MAX_JOINED, Refusal, RoomInfo, Session, sender};

use crate::bucket::Bucket;
use crate::names;

/// Most sessions at once: twice the connections a server accepts, since a session outlives its
/// connection by a lease. A thousand bytes each.
pub const MAX_SESSIONS: usize = 4096;

/// In a room with more people, comings and goings are told to nobody: their number grows with the
/// square of the people.
pub const QUIET_ABOVE: usize = 50;

/// Most sessions remembered as put out, and most addresses banned; the oldest of the former are
/// forgotten. A client asks within a poll, is told, and ends: few are remembered that still matter.
const MAX_OUT: usize = 1000;

/// Somebody.
#[derive(Debug)]
struct Person {
    nick: String,
    address: IpAddr,
    seen: Duration,
    bucket: Bucket,
    /// the rooms it is in, with the number it had read up to when it joined
    rooms: BTreeMap<String, u64>,
}

/// Something to tell a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which room.
    pub room: String,
    /// Who it is about.
    pub session: Session,
    /// By which nick the room knows it.
    pub nick: String,
}

/// Everybody who is here.
#[derive(Debug, Default)]
pub struct People {
    by_session: HashMap<Session, Person>,
    /// whose every nick is, by how it looks
    by_look: HashMap<String, Session>,
    in_room: HashMap<String, BTreeSet<Session>>,
    /// who was put out, and why
    out: VecDeque<(Session, String)>,
    /// with the look of the nick it is banned for
    banned: BTreeMap<IpAddr, String>,
    rate: u32,
}

impl People {
    /// Nobody yet; each may send `rate` messages a second, or as many as it likes if 0.
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    /// Lets a session in under a nick, or gives it another nick. Answers the nick's normal form,
    /// and whom to tell about a change, under the old nick.
    ///
    /// # Errors
    /// [`Refusal::Unfit`], [`Refusal::NickTaken`], [`Refusal::Full`], [`Refusal::Forbidden`],
    /// [`Refusal::PutOut`], or [`Refusal::Banned`], which is for those who are not here yet.
    pub fn enter(
        &mut self,
        session: Session,
        wanted: &str,
        address: IpAddr,
        now: Duration,
    ) -> Result<(String, Vec<Notice>), Refusal> {
        if let Some((_, why)) = self.out.iter().find(|(out, _)| *out == session) {
            return Err(Refusal::PutOut(why.clone()));
        }
        if self.banned.contains_key(&address) && !self.by_session.contains_key(&session) {
            return Err(Refusal::Banned);
        }
        let nick = names::nick(wanted).map_err(Refusal::Unfit)?;
        let look = names::look(&nick);
        if self
            .by_look
            .get(&look)
            .is_some_and(|&holder| holder != session)
        {
            return Err(Refusal::NickTaken);
        }
        let forged = |&other: &Session| other != session && sender(other) == sender(session);
        if self.by_session.keys().any(forged) {
            return Err(Refusal::Forbidden); // somebody else's public half, and not the secret one
        }
        let full = self.by_session.len() >= MAX_SESSIONS;
        let rate = self.rate;
        let mut notices = Vec::new();
        match self.by_session.get_mut(&session) {
            Some(person) => {
                person.seen = now;
                if person.nick != nick {
                    self.by_look.remove(&names::look(&person.nick));
                    let old = std::mem::replace(&mut person.nick, nick.clone());
                    notices = self.notices(session, &old);
                }
            }
            None if full => return Err(Refusal::Full),
            None => {
                let person = Person {
                    nick: nick.clone(),
                    address,
                    seen: now,
                    bucket: Bucket::new(rate, now),
                    rooms: BTreeMap::new(),
                };
                self.by_session.insert(session, person);
            }
        }
        self.by_look.insert(look, session);
        Ok((nick, notices))
    }

    /// Renews a session's lease; answers its nick.
    ///
    /// # Errors
    /// [`Refusal::NoSession`].
    pub fn renew(&mut self, session: Session, now: Duration) -> Result<String, Refusal> {
        let person = self
            .by_session
            .get_mut(&session)
            .ok_or(Refusal::NoSession)?;
        person.seen = now;
        Ok(person.nick.clone())
    }

    /// Puts a session into a room that it has read up to `after`. Answers whether the room should
    /// be told.
    ///
    /// # Errors
    /// [`Refusal::NoSession`]; [`Refusal::Full`] above [`MAX_JOINED`].
    pub fn join(&mut self, session: Session, room: &str, after: u64) -> Result<bool, Refusal> {
        let person = self
            .by_session
            .get_mut(&session)
            .ok_or(Refusal::NoSession)?;
        if person.rooms.contains_key(room) {
            return Ok(false);
        }
        if person.rooms.len() >= MAX_JOINED {
            return Err(Refusal::Full);
        }
        person.rooms.insert(room.to_owned(), after);
        let people = self.in_room.entry(room.to_owned()).or_default();
        people.insert(session);
        Ok(is_told(room, people.len()))
    }

    /// Takes a session out of a room. Answers what to tell the room, if anything.
    ///
    /// # Errors
    /// [`Refusal::NoSession`], [`Refusal::NotJoined`].
    pub fn leave(&mut self, session: Session, room: &str) -> Result<Option<Notice>, Refusal> {
        let person = self
            .by_session
            .get_mut(&session)
            .ok_or(Refusal::NoSession)?;
        person.rooms.remove(room).ok_or(Refusal::NotJoined)?;
        let nick = person.nick.clone();
        Ok(self.part(session, room).then(|| Notice {
            room: room.to_owned(),
            session,
            nick,
        }))
    }

    /// Ends a session. Answers what to tell its rooms.
    pub fn bye(&mut self, session: Session) -> Vec<Notice> {
        let Some(person) = self.by_session.remove(&session) else {
            return Vec::new();
        };
        self.by_look.remove(&names::look(&person.nick));
        let told = person
            .rooms
            .into_keys()
            .filter(|room| self.part(session, room));
        let nick = person.nick;
        told.collect::<Vec<_>>()
            .into_iter()
            .map(|room| Notice {
                room,
                session,
                nick: nick.clone(),
            })
            .collect()
    }

    /// Ends the sessions whose lease has run out. Answers what to tell.
    pub fn expire(&mut self, now: Duration) -> Vec<Notice> {
        let is_gone = |person: &Person| now.saturating_sub(person.seen) > LEASE;
        let gone = self.by_session.iter().filter(|(_, person)| is_gone(person));
        let gone: Vec<Session> = gone.map(|(&session, _)| session).collect();
        gone.into_iter()
            .flat_map(|session| self.bye(session))
            .collect()
    }

    /// Whether a session may send `count` messages to `room` now; answers its nick.
    ///
    /// # Errors
    /// [`Refusal::NoSession`], [`Refusal::NotJoined`], [`Refusal::TooFast`].
    pub fn may_send(
        &mut self,
        session: Session,
        room: &str,
        count: u32,
        now: Duration,
    ) -> Result<String, Refusal> {
        let person = self
            .by_session
            .get_mut(&session)
            .ok_or(Refusal::NoSession)?;
        person.seen = now;
        if !person.rooms.contains_key(room) {
            return Err(Refusal::NotJoined);
        }
        let wait =
            |wait: Duration| Refusal::TooFast(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        person.bucket.take(count, now).map_err(wait)?;
        Ok(person.nick.clone())
    }

    /// The rooms of a session, with the number up to which it had read when it joined.
    ///
    /// # Errors
    /// [`Refusal::NoSession`].
    pub fn rooms_of(&self, session: Session) -> Result<&BTreeMap<String, u64>, Refusal> {
        self.by_session
            .get(&session)
            .map(|person| &person.rooms)
            .ok_or(Refusal::NoSession)
    }

    /// Whose nick this is.
    ///
    /// # Errors
    /// [`Refusal::Nobody`].
    pub fn find(&self, nick: &str) -> Result<Session, Refusal> {
        self.by_look
            .get(&names::look(nick))
            .copied()
            .ok_or(Refusal::Nobody)
    }

    /// The nicks in a room, sorted.
    pub fn who(&self, room: &str) -> Vec<String> {
        let people = self.in_room.get(room).into_iter().flatten();
        let mut nicks: Vec<_> = people
            .filter_map(|session| Some(self.by_session.get(session)?.nick.clone()))
            .collect();
        nicks.sort();
        nicks
    }

    /// The rooms with somebody in them, private ones left out, sorted; `head` knows the newest
    /// number of a room.
    pub fn rooms(&self, head: impl Fn(&str) -> u64) -> Vec<RoomInfo> {
        let public = self.in_room.iter().filter(|(room, _)| !is_private(room));
        let mut rooms: Vec<_> = public
            .map(|(room, people)| RoomInfo {
                room: room.clone(),
                people: u32::try_from(people.len()).unwrap_or(u32::MAX),
                head: head(room),
            })
            .collect();
        rooms.sort_by(|a, b| a.room.cmp(&b.room));
        rooms
    }

    /// Ends the session that has `nick` for good; answers it, and whom to tell: each of its public
    /// rooms, however big, since this is seldom.
    ///
    /// # Errors
    /// [`Refusal::Nobody`].
    pub fn put_out(&mut self, nick: &str, why: &str) -> Result<(Session, Vec<Notice>), Refusal> {
        let session = self.find(nick)?;
        let person = self.by_session.get(&session).ok_or(Refusal::Nobody)?;
        let public = person.rooms.keys().filter(|room| !is_private(room));
        let notice = |room: &String| Notice {
            room: room.clone(),
            session,
            nick: person.nick.clone(),
        };
        let notices = public.map(notice).collect();
        self.bye(session);
        self.out.push_back((session, why.to_owned()));
        if self.out.len() > MAX_OUT {
            self.out.pop_front();
        }
        Ok((session, notices))
    }

    /// Lets nobody in any more from the address of `nick`; who is here already stays.
    ///
    /// # Errors
    /// [`Refusal::Nobody`]; [`Refusal::Full`] after a thousand.
    pub fn ban(&mut self, nick: &str) -> Result<(), Refusal> {
        let session = self.find(nick)?;
        let person = self.by_session.get(&session).ok_or(Refusal::Nobody)?;
        if self.banned.len() >= MAX_OUT {
            return Err(Refusal::Full);
        }
        self.banned.insert(person.address, names::look(nick));
        Ok(())
    }

    /// Lifts the ban for `nick`.
    ///
    /// # Errors
    /// [`Refusal::Nobody`].
    pub fn unban(&mut self, nick: &str) -> Result<(), Refusal> {
        let before = self.banned.len();
        let look = names::look(nick);
        self.banned.retain(|_, banned| *banned != look);
        match self.banned.len() < before {
            true => Ok(()),
            false => Err(Refusal::Nobody),
        }
    }

    /// How many sessions there are, and how many rooms they are in.
    pub fn count(&self) -> (usize, usize) {
        (self.by_session.len(), self.in_room.len())
    }

    fn notices(&self, session: Session, nick: &str) -> Vec<Notice> {
        let rooms = self
            .by_session
            .get(&session)
            .into_iter()
            .flat_map(|person| person.rooms.keys());
        let people = |room: &str| self.in_room.get(room).map_or(0, BTreeSet::len);
        rooms
            .filter(|room| is_told(room, people(room)))
            .map(|room| Notice {
                room: room.clone(),
                session,
                nick: nick.to_owned(),
            })
            .collect()
    }

    /// Takes a session off a room's list. Answers whether the room should be told.
    fn part(&mut self, session: Session, room: &str) -> bool {
        let Some(people) = self.in_room.get_mut(room) else {
            return false;
        };
        let told = is_told(room, people.len());
        people.remove(&session);
        if people.is_empty() {
            self.in_room.remove(room);
        }
        told
    }
}

/// The private room of two sessions; the same whoever asks.
pub fn private(a: Session, b: Session) -> String {
    let (a, b) = (sender(a), sender(b));
    format!("@{:x}+{:x}", a.min(b), a.max(b))
}

/// Whether this is the name of a private room of `session`: after a restart of the server its two
/// come back by that name.
pub fn is_private_of(room: &str, session: Session) -> bool {
    let names = room
        .strip_prefix('@')
        .and_then(|names| names.split_once('+'));
    let mine = format!("{:x}", sender(session));
    names.is_some_and(|(a, b)| a == mine || b == mine)
}

fn is_private(room: &str) -> bool {
    room.starts_with('@')
}

fn is_told(room: &str, people: usize) -> bool {
    !is_private(room) && people <= QUIET_ABOVE
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ANN: Session = 1 << 64;
    const BOB: Session = 2 << 64;
    const EVE: Session = 3 << 64;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn two_in_the_lobby() -> People {
        let mut people = People::new(5);
        for (session, nick) in [(ANN, "ann"), (BOB, "bob")] {
            people.enter(session, nick, HERE, at(0)).expect("free");
            assert_eq!(people.join(session, "lobby", 0), Ok(true));
        }
        people
    }

    #[test]
    fn a_nick_belongs_to_its_session_until_the_lease_ends() {
        let mut people = two_in_the_lobby();
        assert_eq!(
            people.enter(EVE, "Ann", HERE, at(1)),
            Err(Refusal::NickTaken)
        );
        assert_eq!(
            people.enter(ANN, "ann", HERE, at(29)),
            Ok(("ann".into(), vec![])),
            "she is back"
        );
        let bob = Notice {
            room: "lobby".into(),
            session: BOB,
            nick: "bob".into(),
        };
        assert_eq!(people.expire(at(31)), [bob], "he was silent");
        assert_eq!(people.who("lobby"), ["ann"]);
        people
            .enter(EVE, "bob", HERE, at(32))
            .expect("his nick is free");
        assert_eq!(people.renew(BOB, at(32)), Err(Refusal::NoSession));
    }

    #[test]
    fn whoever_comes_back_in_time_was_never_away() {
        let mut people = two_in_the_lobby();
        people.enter(ANN, "ann", HERE, at(20)).expect("hers");
        assert_eq!(people.join(ANN, "lobby", 7), Ok(false), "nobody is told");
        assert_eq!(
            people.rooms_of(ANN).expect("here")["lobby"],
            0,
            "nor is anything skipped"
        );
    }

    #[test]
    fn another_nick_frees_the_old_one_and_is_told_under_it() {
        let mut people = two_in_the_lobby();
        let (nick, told) = people.enter(ANN, "eve", HERE, at(1)).expect("free");
        assert_eq!(nick, "eve");
        assert_eq!(
            told,
            [Notice {
                room: "lobby".into(),
                session: ANN,
                nick: "ann".into()
            }]
        );
        people.enter(EVE, "ann", HERE, at(1)).expect("free again");
        assert_eq!(people.who("lobby"), ["bob", "eve"]);
    }

    #[test]
    fn big_rooms_are_told_of_nobody() {
        let mut people = People::new(0);
        for n in 0..=QUIET_ABOVE {
            let session = (n as Session) << 64;
            people
                .enter(session, &format!("p{n}"), HERE, at(0))
                .expect("free");
            let told = people.join(session, "lobby", 0).expect("room");
            assert_eq!(told, n < QUIET_ABOVE);
        }
        assert_eq!(people.bye(0), [], "51 are quiet");
        assert_eq!(people.bye(1 << 64).len(), 1, "50 are not");
    }

    #[test]
    fn sending_needs_a_room_and_patience() {
        let mut people = two_in_the_lobby();
        assert_eq!(
            people.may_send(ANN, "kitchen", 1, at(1)),
            Err(Refusal::NotJoined)
        );
        assert_eq!(
            people.may_send(ANN, "lobby", 20, at(1)).as_deref(),
            Ok("ann")
        );
        assert_eq!(
            people.may_send(ANN, "lobby", 1, at(1)),
            Err(Refusal::TooFast(200))
        );
        assert_eq!(
            people.may_send(BOB, "lobby", 1, at(1)).as_deref(),
            Ok("bob")
        );
    }

    #[test]
    fn a_ban_keeps_the_address_out_until_it_is_lifted() {
        let mut people = two_in_the_lobby();
        assert_eq!(people.ban("nobody"), Err(Refusal::Nobody));
        people.ban("Bob").expect("here");
        let enter =
            |people: &mut People, who, address| people.enter(who, "eve", address, at(1)).err();
        assert_eq!(enter(&mut people, EVE, HERE), Some(Refusal::Banned));
        assert_eq!(enter(&mut people, ANN, HERE), None, "who is here stays");
        let elsewhere = IpAddr::V4([192, 0, 2, 1].into());
        people
            .enter(EVE, "zoe", elsewhere, at(1))
            .expect("not banned");
        people.bye(EVE);
        people.unban("bob").expect("banned");
        assert_eq!(people.unban("bob"), Err(Refusal::Nobody));
        people.enter(EVE, "zoe", HERE, at(1)).expect("lifted");
    }

    #[test]
    fn who_is_put_out_is_told_why_and_does_not_come_back_as_the_same() {
        let mut people = two_in_the_lobby();
        let (session, told) = people.put_out("bob", "too loud").expect("here");
        let rooms: Vec<_> = told.iter().map(|told| (&*told.room, &*told.nick)).collect();
        assert_eq!((session, rooms), (BOB, vec![("lobby", "bob")]));
        assert_eq!(people.renew(BOB, at(1)), Err(Refusal::NoSession));
        let why = Refusal::PutOut("too loud".into());
        assert_eq!(people.enter(BOB, "rob", HERE, at(1)), Err(why));
        people.enter(EVE, "bob", HERE, at(1)).expect("a free nick");
    }

    #[test]
    fn the_public_half_of_a_session_is_not_enough() {
        let mut people = two_in_the_lobby();
        let forged = ANN + 1;
        assert_eq!(sender(forged), sender(ANN));
        assert_eq!(
            people.enter(forged, "mallory", HERE, at(1)),
            Err(Refusal::Forbidden)
        );
    }

    #[test]
    fn private_rooms_are_not_shown() {
        let mut people = two_in_the_lobby();
        assert_eq!(people.join(ANN, &private(BOB, ANN), 0), Ok(false));
        assert_eq!(private(ANN, BOB), private(BOB, ANN));
        assert!(is_private_of(&private(BOB, ANN), ANN) && is_private_of(&private(BOB, ANN), BOB));
        for room in ["@1+2", "@", "lobby", "@3", "@1+2+3"] {
            assert!(!is_private_of(room, EVE), "{room}");
        }
        let rooms = people.rooms(|_| 3);
        assert_eq!(
            rooms,
            [RoomInfo {
                room: "lobby".into(),
                people: 2,
                head: 3
            }]
        );
    }
}
