//! People and operators who do anything at all, drawn from bytes: what holds after every step.

use std::hash::Hash;

use common::chat::{LEASE, MAX_PRIVATE, sender};

use super::*;
use crate::bans::{Subnet, Whom};
use crate::input::Input;

const NICKS: [&str; 6] = ["ann", "Ann", "bob", "b0b", "BOB", "eve"];

/// The shares of the test: sessions of an address, and on a connection.
const SESSIONS: usize = 3;
const ON_CONNECTION: usize = 4;

/// Returns how many people are at each of these places.
fn count<T: Hash + Eq>(people: &People, place: impl Fn(&Person) -> T) -> Vec<usize> {
    let mut counts = HashMap::new();
    for person in people.by_session.values() {
        *counts.entry(place(person)).or_default() += 1;
    }
    counts.into_values().collect()
}

fn check(people: &People, now: Duration) {
    let here = people.by_session.len();
    assert_eq!(people.by_sender.len(), here);
    let keys = people.by_session.iter().flat_map(|(session, person)| {
        let keys: HashSet<_> = person.nick.keys.iter().collect();
        keys.into_iter().map(move |key| (key, session))
    });
    let keys: Vec<_> = keys.collect();
    assert_eq!(keys.len(), people.by_key.len(), "no two look alike");
    let holds = |(key, session): &(&String, &Session)| people.by_key.get(*key) == Some(*session);
    assert!(keys.iter().all(holds));
    let addresses = count(people, |person| person.caller.ip);
    assert!(addresses.iter().all(|&n| n <= SESSIONS));
    let connections = count(people, |person| person.caller.connection);
    assert!(connections.iter().all(|&n| n <= ON_CONNECTION));
    for room in ["a", "b"] {
        let is_in = |person: &&Person| person.rooms.contains_key(room);
        let members = people.by_session.values().filter(is_in).count();
        assert_eq!(people.public.people(room).count(), members);
    }
    for (&session, person) in &people.by_session {
        assert_eq!(person.sender, sender(session));
        assert!(person.rooms.len() <= MAX_JOINED && person.private.len() <= MAX_PRIVATE);
        let is_mine = |room| names::other(room, person.sender).is_some();
        assert!(
            person.private.iter().all(|opened| is_mine(&opened.room)),
            "a private room is of the two in its name"
        );
    }
    assert!(people.door.bans.all(now).count() <= 2);
}

/// Whatever people do, the shares hold, no two look alike, a private room is of its two, a ban puts
/// out, and nothing is left behind.
pub(crate) fn people(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let shares = Shares {
        rate: input.below(3) as u32,
        sessions: SESSIONS,
        frees_loopback: false,
    };
    let (mut people, mut seconds) = (People::new(shares, Bans::default()), 0);
    while !input.is_over() {
        let now = Duration::from_secs(seconds);
        seconds += step(&mut people, now, &mut input);
        check(&people, now);
    }
    let later = Duration::from_secs(seconds) + 2 * LEASE;
    people.expire(later);
    check(&people, later);
    assert_eq!((people.by_key.len(), people.count()), (0, (0, 0)));
}

/// Makes one step. Returns how many seconds pass with it.
fn step(people: &mut People, now: Duration, input: &mut Input<'_>) -> u64 {
    let session = Session(1 + input.below(8) as u128);
    let Ok(nick) = Nick::new(NICKS[input.below(NICKS.len())]) else {
        return 0;
    };
    let caller = Caller {
        ip: [10, 0, 0, 1 + input.below(2) as u8].into(),
        connection: input.below(3) as u64,
    };
    let other = sender(Session(1 + input.below(8) as u128));
    let room = match input.below(4) {
        0 => names::private(sender(session), other),
        1 => names::private(other, sender(Session(1 + input.below(8) as u128))),
        2 => "a".into(),
        _ => "b".into(),
    };
    match input.below(12) {
        0..=2 => drop(people.enter(session, &nick, caller, now)),
        3 | 4 => {
            let exists = input.below(2) == 0;
            drop(people.join(session, &room, exists, now, || Ok(7)));
        }
        5 => drop(people.leave(session, &room, now)),
        6 => {
            let private = people.private(session, &nick);
            if let Ok((room, other)) = private {
                people.open(session, &room, &other, 7);
                drop(people.may_send(session, &room, 1, now, || 0));
            }
        }
        7 => drop(people.may_send(session, &room, 1, now, || 0)),
        8 => drop(people.bye(session)),
        9 => puts_out(people, session, caller, &nick, now, input),
        10 => drop(people.door.operate(session, caller.ip, || true, now)),
        _ => {
            people.expire(now);
            return input.below(20) as u64;
        }
    }
    0
}

/// An operator puts somebody out, or lifts a ban.
fn puts_out(
    people: &mut People,
    session: Session,
    caller: Caller,
    nick: &Nick,
    now: Duration,
    input: &mut Input<'_>,
) {
    let addresses = Whom::Addresses(Subnet::around(caller.ip));
    let by_nick = Whom::Nick(nick.clone());
    match input.below(4) {
        0 => {
            if let Ok((kicked, _)) = people.kick(nick, "out") {
                assert!(!people.is_here(kicked) && people.door.check(kicked).is_err());
            }
        }
        1 => {
            let until = now + Duration::from_secs(1 + input.below(50) as u64);
            if people.ban(&addresses, "loud", Some(until), now).is_ok() {
                let mut there = people.by_session.iter();
                let is_spared = there.all(|(&session, person)| {
                    person.caller.ip != caller.ip || people.door.is_operator(session)
                });
                assert!(is_spared, "all of a banned address are out");
                let is_refused = people.door.admit(session, caller.ip, 0, now).is_err();
                assert_eq!(is_refused, !people.door.is_operator(session));
            }
        }
        2 => drop(people.ban(&by_nick, "loud", None, now)),
        _ => {
            let whom = if input.below(2) == 0 {
                addresses
            } else {
                by_nick
            };
            drop(people.door.bans.lift(&whom));
        }
    }
}
