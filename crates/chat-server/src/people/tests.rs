//! Who may do what, as short stories of three people from one address.

use common::chat::{MAX_LISTED, MAX_PRIVATE, sender};

use super::*;
use crate::bans::Whom;
use crate::rooms::QUIET_ABOVE;

mod arriving;
mod limits;
mod several;

const ANN: Session = Session(1);
const BOB: Session = Session(2);
const EVE: Session = Session(3);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn nick(text: &str) -> Nick {
    Nick::new(text).expect("a nick")
}

/// A connection of its own for each session, all from one address.
fn from(session: Session) -> Caller {
    Caller {
        ip: [10, 0, 0, 1].into(),
        connection: session.0 as u64,
    }
}

fn empty(rate: u32, sessions: usize) -> People {
    let shares = Shares {
        rate,
        sessions,
        frees_loopback: false,
    };
    People::new(shares, Bans::default())
}

fn notice(room: &str, session: Session, nick: &str) -> Notice {
    Notice {
        room: room.into(),
        sender: sender(session),
        nick: nick.into(),
    }
}

impl People {
    fn enters(&mut self, session: Session, name: &str, now: u64) -> Result<Vec<Notice>> {
        self.enter(session, &nick(name), from(session), at(now))
    }

    fn joins(&mut self, session: Session, room: &str, now: u64) -> Result<Option<Notice>> {
        self.join(session, room, false, at(now), || Ok(7))
    }

    fn says(&mut self, session: Session, room: &str, count: u32) -> Result<Author> {
        self.may_send(session, room, count, at(1), || 9)
    }

    /// Opens a private room. Returns it, and the nick of the other one.
    fn opens(&mut self, session: Session, name: &str) -> Result<(String, String)> {
        let (room, other) = self.private(session, &nick(name))?;
        self.open(session, &room, &other, 3);
        Ok((room, other.nick))
    }

    fn nicks(&self, session: Session, room: &str) -> Vec<String> {
        self.who(session, room, "").part
    }
}

fn two_in_the_lobby() -> People {
    let mut people = empty(5, 99);
    for (session, nick) in [(ANN, "ann"), (BOB, "bob")] {
        people.enters(session, nick, 0).expect("free");
        let joined = people.joins(session, "lobby", 0);
        assert_eq!(joined, Ok(Some(notice("lobby", session, nick))));
    }
    people
}

#[test]
fn a_session_that_comes_back_in_time_was_never_away() {
    let mut people = two_in_the_lobby();
    people.enters(ANN, "ann", 20).expect("hers");
    let again = people.join(ANN, "lobby", true, at(20), || panic!("it is open"));
    assert_eq!(again, Ok(None), "no notice");
    let rooms: Vec<_> = people.rooms_of(ANN).collect();
    assert_eq!(rooms, [(&"lobby".to_owned(), 7)], "no entry is skipped");
}

#[test]
fn another_nick_frees_the_old_one_and_is_announced_under_it() {
    let mut people = two_in_the_lobby();
    let renamed = people.enters(ANN, "eve", 1);
    assert_eq!(renamed, Ok(vec![notice("lobby", ANN, "ann")]));
    people.enters(EVE, "ann", 1).expect("free again");
    assert_eq!(people.nicks(ANN, "lobby"), ["bob", "eve"]);
}

#[test]
fn big_rooms_get_no_notices() {
    let mut people = empty(0, 99);
    for n in 0..=QUIET_ABOVE {
        let session = Session(n as u128);
        people.enters(session, &format!("p{n}"), 0).expect("free");
        let joined = people.joins(session, "lobby", 0).expect("room");
        assert_eq!(joined.is_some(), n < QUIET_ABOVE);
    }
    assert_eq!(people.bye(Session(0)), [], "51 are quiet");
    assert_eq!(people.bye(Session(1)).len(), 1, "50 are not");
}

#[test]
fn those_who_go_together_are_announced_in_a_fixed_order() {
    let mut people = empty(0, 99);
    for session in (0..20).rev() {
        people
            .enters(Session(session), &format!("p{session}"), 0)
            .expect("free");
        people.joins(Session(session), "lobby", 0).expect("room");
    }
    let gone = people.expire(at(31));
    let nicks = gone.iter().map(|notice| notice.nick.clone());
    assert!(
        nicks.eq((0..20).map(|session| format!("p{session}"))),
        "{gone:?}"
    );
}

#[test]
fn a_room_that_cannot_be_opened_has_no_members() {
    let mut people = two_in_the_lobby();
    let full = people.join(ANN, "kitchen", false, at(0), || {
        Err(Refusal::Full(Crowd::Rooms))
    });
    assert_eq!(full, Err(Refusal::Full(Crowd::Rooms)));
    assert_eq!(people.rooms_of(ANN).count(), 1);
    assert_eq!(people.count(), (2, 1));
}

#[test]
fn a_private_room_opens_for_the_other_one_with_its_first_message() {
    let mut people = two_in_the_lobby();
    let (room, shown) = people.opens(ANN, "BOB").expect("here");
    assert_eq!(shown, "bob", "the name of its holder");
    assert_eq!(people.rooms_of(BOB).count(), 1, "nothing was said");
    let said = people.says(ANN, &room, 1).expect("hers");
    assert_eq!(said.opened_for, Some(BOB));
    assert!(
        people
            .rooms_of(BOB)
            .any(|(opened, after)| *opened == room && after == 9)
    );
    assert_eq!(
        people.says(BOB, &room, 1).map(|said| said.opened_for),
        Ok(None)
    );
    assert_eq!(people.nicks(ANN, &room), ["ann", "bob"]);
    let shown = |people: &mut People| people.other(ANN, &room).map(|other| other.nick);
    people.enters(BOB, "bobby", 1).expect("free");
    assert_eq!(shown(&mut people), Ok("bobby".into()), "the same person");
    people.leave(BOB, &room, at(1)).expect("his");
    let said = people.says(ANN, &room, 1).expect("hers");
    assert_eq!(said.opened_for, Some(BOB), "again");
    assert_eq!(people.rooms("", |_| 3).part.len(), 1, "not listed");
}

#[test]
fn private_rooms_take_none_of_the_others_and_the_oldest_is_left() {
    let mut people = empty(0, 999);
    people.enters(ANN, "ann", 0).expect("free");
    for n in 0..=MAX_PRIVATE {
        let session = Session(100 + n as u128);
        people.enters(session, &format!("p{n}"), 0).expect("free");
        let (room, _) = people.opens(session, "ann").expect("room");
        people.says(session, &room, 1).expect("in it");
    }
    assert_eq!(people.rooms_of(ANN).count(), MAX_PRIVATE);
    for n in 0..MAX_JOINED {
        people.joins(ANN, &format!("r{n}"), 0).expect("her own 32");
    }
    let full = people.joins(ANN, "one-more", 0);
    assert!(matches!(full, Err(Refusal::Share(_))), "{full:?}");
    assert!(people.opens(ANN, "p1").is_ok());
    let oldest = names::private(sender(ANN), sender(Session(100)));
    assert!(people.rooms_of(ANN).all(|(room, _)| *room != oldest));
}

#[test]
fn only_its_two_members_are_in_a_private_room_before_and_after_a_restart() {
    let mut people = two_in_the_lobby();
    let (room, _) = people.opens(ANN, "bob").expect("here");
    people.enters(EVE, "eve", 0).expect("free");
    assert_eq!(people.is_in(EVE, &room), Ok(false));
    for wrong in [&room, &format!("{room}+1"), "@1+2", "@+\u{1b}]0;x"] {
        assert_eq!(people.joins(EVE, wrong, 0), Err(Refusal::NotJoined));
    }
    people.bye(ANN);
    // Whoever has the sender of ann has her session.
    assert_eq!(people.joins(EVE, &room, 0), Err(Refusal::NotJoined));
    let mut restarted = empty(0, 9);
    restarted.enters(ANN, "ann", 0).expect("free");
    assert_eq!(restarted.joins(ANN, &room, 0), Err(Refusal::NotJoined));
    let known = restarted.join(ANN, &room, true, at(0), || Ok(0));
    assert_eq!(known, Ok(None), "the log has kept it");
    assert_eq!(restarted.is_in(ANN, &room), Ok(true));
}

#[test]
fn lists_are_bounded_and_go_on() {
    let mut people = empty(0, 9999);
    for n in 0..MAX_LISTED + 5 {
        let session = Session(1000 + n as u128);
        people
            .enters(session, &format!("p{n:03}"), 0)
            .expect("free");
        people.joins(session, "lobby", 0).expect("room");
        people.joins(session, &format!("r{n:03}"), 0).expect("room");
    }
    let who = people.who(Session(1000), "lobby", "");
    assert_eq!((who.part.len(), who.more), (MAX_LISTED, 5));
    let rest = people.who(Session(1000), "lobby", &who.part[MAX_LISTED - 1]);
    assert_eq!((rest.part.len(), rest.more), (5, 0));
    let rooms = people.rooms("", |_| 3);
    assert_eq!((rooms.part.len(), rooms.more), (MAX_LISTED, 6));
    assert_eq!(rooms.part[0].people as usize, MAX_LISTED + 5);
    assert_eq!(people.rooms("r203", |_| 3).part[0].room, "r204");
}

#[test]
fn a_ban_ends_all_sessions_of_the_address_except_an_operators() {
    let mut people = two_in_the_lobby();
    let elsewhere = Caller {
        ip: [10, 9, 9, 9].into(),
        connection: 9,
    };
    people
        .enter(EVE, &nick("eve"), elsewhere, at(0))
        .expect("free");
    let ip = from(ANN).ip;
    people
        .door
        .operate(ANN, ip, || true, at(0))
        .expect("the token");
    let ban = |people: &mut People, whom: &str| {
        let whom = Whom::new(whom).expect("somebody");
        people.ban(&whom, "loud", Some(at(60)), at(1))
    };
    assert_eq!(ban(&mut people, "mallory"), Err(Refusal::Nobody));
    let out = ban(&mut people, "Bob");
    assert_eq!(out, Ok((vec![BOB], vec![notice("lobby", BOB, "bob")])));
    let kicked = Refusal::Kicked("loud".into());
    assert_eq!(people.door.check(BOB), Err(kicked));
    // Every call from there is refused, of a session that entered elsewhere, too.
    let mut admit = |session, ip, now| people.door.admit(session, ip, 0, at(now));
    assert_eq!(admit(EVE, ip, 2), Err(Refusal::Banned));
    assert_eq!(admit(EVE, elsewhere.ip, 2), Ok(()));
    assert_eq!(admit(ANN, ip, 2), Ok(()), "an operator");
    assert_eq!(admit(EVE, ip, 60), Ok(()), "it is over");
    let all = ban(&mut people, "10.0.0.0/8").expect("a network");
    assert_eq!(all.0, [EVE]);
}

#[test]
fn a_kicked_session_learns_why_and_cannot_come_back() {
    let mut people = two_in_the_lobby();
    let kicked = people.kick(&nick("bob"), "too loud");
    assert_eq!(kicked, Ok((BOB, vec![notice("lobby", BOB, "bob")])));
    assert_eq!(people.renew(BOB, at(1)), Err(Refusal::NoSession));
    let why = Refusal::Kicked("too loud".into());
    assert_eq!(people.door.check(BOB), Err(why));
    people.enters(EVE, "bob", 1).expect("a free nick");
}
