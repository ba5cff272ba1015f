//! Who is here, under which nick, in which rooms. PURE: the caller hands in the time, and posts
//! the notices that are returned.
//!
//! Presence is a lease. Every call of a session renews it. A session that is silent for the length
//! of the lease is gone, and its nick is free. So a crashed client leaves no ghost, and a client
//! that comes back in time was never away: no notice is posted.
//!
//! The messages themselves are in the [log](crate::log), not here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use common::chat::{LEASE, MAX_JOINED, Refusal, Result, RoomInfo, Session, sender};

use crate::bans::Bans;
use crate::bucket::Bucket;
use crate::names::{self, is_private, skeleton};

/// Most sessions at once: twice the connections that a server accepts, because a session outlives
/// its connection by a lease. Each costs about a thousand bytes.
const MAX_SESSIONS: usize = 4096;

/// In a room with more people, comings and goings are not announced, because the number of these
/// notices grows with the square of the people.
const QUIET_ABOVE: usize = 50;

/// The rooms of a session, each with the number it had read up to when it joined.
type Rooms = BTreeMap<String, u64>;

/// One session and what is known of it.
#[derive(Debug)]
struct Person {
    nick: String,
    address: IpAddr,
    seen: Duration,
    bucket: Bucket,
    rooms: Rooms,
}

/// A line that the server has to post in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) room: String,
    /// the session it is about
    pub(crate) session: Session,
    /// the nick under which the room knows that session
    pub(crate) nick: String,
}

fn notice(room: &str, session: Session, nick: &str) -> Notice {
    Notice {
        room: room.to_owned(),
        session,
        nick: nick.to_owned(),
    }
}

/// All sessions that are here.
#[derive(Debug, Default)]
pub(crate) struct People {
    by_session: HashMap<Session, Person>,
    /// the session that holds a nick, by the skeleton of the nick
    by_skeleton: HashMap<String, Session>,
    in_room: BTreeMap<String, BTreeSet<Session>>,
    bans: Bans,
    rate: u32,
}

impl People {
    /// Returns an empty register whose sessions may each send `rate` messages a second; 0 is no
    /// limit.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    /// Admits a session under a nick, or changes its nick. Returns the normalised nick and, after
    /// a change, the notices to post; they carry the old nick.
    pub(crate) fn enter(
        &mut self,
        session: Session,
        wanted: &str,
        address: IpAddr,
        now: Duration,
    ) -> Result<(String, Vec<Notice>)> {
        let is_new = !self.is_here(session);
        self.bans.check(session, is_new.then_some(address))?;
        let nick = names::nick(wanted).map_err(Refusal::Unfit)?;
        let is_other = |&holder: &Session| holder != session;
        if self.find(&nick).is_ok_and(|holder| is_other(&holder)) {
            return Err(Refusal::NickTaken);
        }
        // Otherwise a client that knows only the public half of a session would pass for it.
        let is_forged = |other: &Session| is_other(other) && sender(*other) == sender(session);
        if self.by_session.keys().any(is_forged) {
            return Err(Refusal::Forbidden);
        }
        if is_new && self.by_session.len() >= MAX_SESSIONS {
            return Err(Refusal::Full);
        }
        let person = self.by_session.entry(session).or_insert_with(|| Person {
            nick: nick.clone(),
            address,
            seen: now,
            bucket: Bucket::new(self.rate, now),
            rooms: Rooms::new(),
        });
        person.seen = now;
        let old = std::mem::replace(&mut person.nick, nick.clone());
        self.by_skeleton.remove(&skeleton(&old));
        self.by_skeleton.insert(skeleton(&nick), session);
        let mut notices = Vec::new();
        if old != nick {
            notices = self.notices_of(session, &old);
        }
        Ok((nick, notices))
    }

    /// Renews a session's lease; returns its rooms.
    pub(crate) fn renew(&mut self, session: Session, now: Duration) -> Result<&Rooms> {
        let person = self.person(session)?;
        person.seen = now;
        Ok(&person.rooms)
    }

    /// Returns whether a session is here.
    pub(crate) fn is_here(&self, session: Session) -> bool {
        self.by_session.contains_key(&session)
    }

    /// Adds a session to a room that it has read up to `after`. Returns the notice to post, if any.
    pub(crate) fn join(
        &mut self,
        session: Session,
        room: &str,
        after: u64,
    ) -> Result<Option<Notice>> {
        let person = self.person(session)?;
        if person.rooms.contains_key(room) {
            return Ok(None);
        }
        if person.rooms.len() >= MAX_JOINED {
            return Err(Refusal::Full);
        }
        person.rooms.insert(room.to_owned(), after);
        let joined = notice(room, session, &person.nick);
        let people = self.in_room.entry(room.to_owned()).or_default();
        people.insert(session);
        Ok(is_announced(room, people.len()).then_some(joined))
    }

    /// Removes a session from a room. Returns the notice to post, if any.
    pub(crate) fn leave(&mut self, session: Session, room: &str) -> Result<Option<Notice>> {
        let person = self.person(session)?;
        person.rooms.remove(room).ok_or(Refusal::NotJoined)?;
        let left = notice(room, session, &person.nick);
        Ok(self.remove(session, room).then_some(left))
    }

    /// Ends a session. Returns the notices to post.
    pub(crate) fn bye(&mut self, session: Session) -> Vec<Notice> {
        let Some(person) = self.by_session.remove(&session) else {
            return Vec::new();
        };
        self.by_skeleton.remove(&skeleton(&person.nick));
        let mut notices = Vec::new();
        for room in person.rooms.keys() {
            if self.remove(session, room) {
                notices.push(notice(room, session, &person.nick));
            }
        }
        notices
    }

    /// Ends the sessions whose lease has run out. Returns the notices to post.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<Notice> {
        let is_gone = |person: &Person| now.saturating_sub(person.seen) > LEASE;
        let gone = self.by_session.iter().filter(|(_, person)| is_gone(person));
        let gone: Vec<Session> = gone.map(|(&session, _)| session).collect();
        gone.into_iter().flat_map(|one| self.bye(one)).collect()
    }

    /// Takes `count` messages to `room` from what a session may send now; returns its nick.
    pub(crate) fn may_send(
        &mut self,
        session: Session,
        room: &str,
        count: u32,
        now: Duration,
    ) -> Result<String> {
        let person = self.person(session)?;
        person.seen = now;
        if !person.rooms.contains_key(room) {
            return Err(Refusal::NotJoined);
        }
        let too_fast =
            |wait: Duration| Refusal::TooFast(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        person.bucket.take(count, now).map_err(too_fast)?;
        Ok(person.nick.clone())
    }

    /// Returns the session that holds a nick, or one that looks like it.
    pub(crate) fn find(&self, nick: &str) -> Result<Session> {
        let holder = self.by_skeleton.get(&skeleton(nick));
        holder.copied().ok_or(Refusal::Nobody)
    }

    /// Returns the nicks in a room, sorted.
    pub(crate) fn who(&self, room: &str) -> Vec<String> {
        let people = self.in_room.get(room).into_iter().flatten();
        let mut nicks: Vec<_> = people
            .filter_map(|session| Some(self.by_session.get(session)?.nick.clone()))
            .collect();
        nicks.sort();
        nicks
    }

    /// Returns the public rooms that have people, sorted; `head` gives the newest number of a
    /// room.
    pub(crate) fn rooms(&self, head: impl Fn(&str) -> u64) -> Vec<RoomInfo> {
        let public = self.in_room.iter().filter(|(room, _)| !is_private(room));
        public
            .map(|(room, people)| RoomInfo {
                room: room.clone(),
                people: u32::try_from(people.len()).unwrap_or(u32::MAX),
                head: head(room),
            })
            .collect()
    }

    /// Ends the session that holds `nick` for good. Returns it with the notices to post: one for
    /// each of its public rooms, however big, because a kick is rare.
    pub(crate) fn kick(&mut self, nick: &str, why: &str) -> Result<(Session, Vec<Notice>)> {
        let session = self.find(nick)?;
        let person = self.person(session)?;
        let public = person.rooms.keys().filter(|room| !is_private(room));
        let notices = public
            .map(|room| notice(room, session, &person.nick))
            .collect();
        self.bye(session);
        self.bans.kick(session, why);
        Ok((session, notices))
    }

    /// Bans the address of the session that holds `nick`. Sessions that are here already stay.
    pub(crate) fn ban(&mut self, nick: &str) -> Result<()> {
        let session = self.find(nick)?;
        let address = self.person(session)?.address;
        self.bans.ban(address, skeleton(nick))
    }

    /// Lifts the ban for `nick`.
    pub(crate) fn unban(&mut self, nick: &str) -> Result<()> {
        self.bans.lift(&skeleton(nick))
    }

    /// Returns the rooms that have people.
    pub(crate) fn used_rooms(&self) -> HashSet<String> {
        self.in_room.keys().cloned().collect()
    }

    /// Returns how many sessions there are, and in how many rooms they are.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.by_session.len(), self.in_room.len())
    }

    fn person(&mut self, session: Session) -> Result<&mut Person> {
        self.by_session.get_mut(&session).ok_or(Refusal::NoSession)
    }

    fn notices_of(&self, session: Session, nick: &str) -> Vec<Notice> {
        let people = |room: &str| self.in_room.get(room).map_or(0, BTreeSet::len);
        let person = self.by_session.get(&session).into_iter();
        person
            .flat_map(|person| person.rooms.keys())
            .filter(|room| is_announced(room, people(room)))
            .map(|room| notice(room, session, nick))
            .collect()
    }

    /// Removes a session from a room's list. Returns whether to post a notice.
    fn remove(&mut self, session: Session, room: &str) -> bool {
        let Some(people) = self.in_room.get_mut(room) else {
            return false;
        };
        let announced = is_announced(room, people.len());
        people.remove(&session);
        if people.is_empty() {
            self.in_room.remove(room);
        }
        announced
    }
}

/// Returns whether a room with this many people is told who comes and goes.
fn is_announced(room: &str, people: usize) -> bool {
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
            let joined = people.join(session, "lobby", 0);
            assert_eq!(joined, Ok(Some(notice("lobby", session, nick))));
        }
        people
    }

    #[test]
    fn a_nick_belongs_to_its_session_until_the_lease_ends() {
        let mut people = two_in_the_lobby();
        let taken = people.enter(EVE, "Ann", HERE, at(1));
        assert_eq!(taken, Err(Refusal::NickTaken));
        let again = people.enter(ANN, "ann", HERE, at(29));
        assert_eq!(again, Ok(("ann".into(), vec![])), "ann renews her lease");
        let bob = notice("lobby", BOB, "bob");
        assert_eq!(people.expire(at(31)), [bob], "bob was silent");
        assert_eq!(people.who("lobby"), ["ann"]);
        let entered = people.enter(EVE, "bob", HERE, at(32));
        entered.expect("the nick is free");
        assert_eq!(people.renew(BOB, at(32)), Err(Refusal::NoSession));
    }

    #[test]
    fn a_session_that_comes_back_in_time_was_never_away() {
        let mut people = two_in_the_lobby();
        people.enter(ANN, "ann", HERE, at(20)).expect("hers");
        assert_eq!(people.join(ANN, "lobby", 7), Ok(None), "no notice");
        let rooms = people.renew(ANN, at(20)).expect("here");
        assert_eq!(rooms["lobby"], 0, "no entry is skipped");
    }

    #[test]
    fn another_nick_frees_the_old_one_and_is_announced_under_it() {
        let mut people = two_in_the_lobby();
        let renamed = people.enter(ANN, "eve", HERE, at(1)).expect("free");
        assert_eq!(renamed, ("eve".into(), vec![notice("lobby", ANN, "ann")]));
        people.enter(EVE, "ann", HERE, at(1)).expect("free again");
        assert_eq!(people.who("lobby"), ["bob", "eve"]);
    }

    #[test]
    fn big_rooms_get_no_notices() {
        let mut people = People::new(0);
        for n in 0..=QUIET_ABOVE {
            let (session, nick) = ((n as Session) << 64, format!("p{n}"));
            people.enter(session, &nick, HERE, at(0)).expect("free");
            let joined = people.join(session, "lobby", 0).expect("room");
            assert_eq!(joined.is_some(), n < QUIET_ABOVE);
        }
        assert_eq!(people.bye(0), [], "51 are quiet");
        assert_eq!(people.bye(1 << 64).len(), 1, "50 are not");
    }

    #[test]
    fn sending_needs_a_room_and_patience() {
        let mut people = two_in_the_lobby();
        let mut send = |session, room, count| people.may_send(session, room, count, at(1));
        assert_eq!(send(ANN, "kitchen", 1), Err(Refusal::NotJoined));
        assert_eq!(send(ANN, "lobby", 20), Ok("ann".into()));
        assert_eq!(send(ANN, "lobby", 1), Err(Refusal::TooFast(200)));
        assert_eq!(send(BOB, "lobby", 1), Ok("bob".into()));
    }

    #[test]
    fn a_ban_keeps_the_address_out_until_it_is_lifted() {
        let mut people = two_in_the_lobby();
        assert_eq!(people.ban("nobody"), Err(Refusal::Nobody));
        people.ban("Bob").expect("here");
        let enter =
            |people: &mut People, who, address| people.enter(who, "eve", address, at(1)).err();
        assert_eq!(enter(&mut people, EVE, HERE), Some(Refusal::Banned));
        assert_eq!(enter(&mut people, ANN, HERE), None, "ann is here and stays");
        people.enter(ANN, "ann", HERE, at(1)).expect("hers");
        let elsewhere = IpAddr::V4([192, 0, 2, 1].into());
        assert_eq!(enter(&mut people, EVE, elsewhere), None, "not banned");
        people.bye(EVE);
        people.unban("bob").expect("banned");
        assert_eq!(people.unban("bob"), Err(Refusal::Nobody));
        assert_eq!(enter(&mut people, EVE, HERE), None, "lifted");
    }

    #[test]
    fn a_kicked_session_learns_why_and_cannot_come_back() {
        let mut people = two_in_the_lobby();
        let kicked = people.kick("bob", "too loud");
        assert_eq!(kicked, Ok((BOB, vec![notice("lobby", BOB, "bob")])));
        assert_eq!(people.renew(BOB, at(1)), Err(Refusal::NoSession));
        let why = Refusal::Kicked("too loud".into());
        assert_eq!(people.enter(BOB, "rob", HERE, at(1)), Err(why));
        people.enter(EVE, "bob", HERE, at(1)).expect("a free nick");
    }

    #[test]
    fn the_public_half_of_a_session_is_not_enough() {
        let mut people = two_in_the_lobby();
        let forged = people.enter(ANN + 1, "mallory", HERE, at(1));
        assert_eq!(forged, Err(Refusal::Forbidden));
    }

    #[test]
    fn private_rooms_are_neither_listed_nor_announced() {
        let mut people = two_in_the_lobby();
        let private = names::private(ANN, BOB);
        assert_eq!(people.join(ANN, &private, 0), Ok(None));
        let rooms = people.rooms(|_| 3);
        let (room, people, head) = ("lobby".into(), 2, 3);
        assert_eq!(rooms, [RoomInfo { room, people, head }]);
    }
}
