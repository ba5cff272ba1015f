//! People who do anything at all, at random: what holds after every step.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Returns how many people are at each of these places.
fn count<T: std::hash::Hash + Eq>(people: &People, place: impl Fn(&Person) -> T) -> Vec<usize> {
    let mut counts = HashMap::new();
    for person in people.by_session.values() {
        *counts.entry(place(person)).or_default() += 1;
    }
    counts.into_values().collect()
}

fn check(people: &People) {
    let here = people.by_session.len();
    assert_eq!(people.by_sender.len(), here);
    let keys = people.by_session.iter().flat_map(|(session, person)| {
        let keys: HashSet<_> = person.nick.keys.iter().collect();
        keys.into_iter().map(move |key| (key, session))
    });
    let keys: Vec<_> = keys.collect();
    assert_eq!(keys.len(), people.by_key.len(), "no two look alike");
    assert!(
        keys.iter()
            .all(|(key, session)| people.by_key.get(*key) == Some(session))
    );
    assert!(
        count(people, |person| person.caller.ip)
            .iter()
            .all(|&n| n <= 3)
    );
    assert!(
        count(people, |person| person.caller.connection)
            .iter()
            .all(|&n| n <= 4)
    );
    for room in ["a", "b"] {
        let is_in = |person: &&Person| person.rooms.contains_key(room);
        let members = people.by_session.values().filter(is_in).count();
        assert_eq!(people.public.people(room).count(), members);
    }
}

#[test]
fn whatever_they_do_the_shares_hold_and_nothing_is_left_behind() {
    const NICKS: [&str; 6] = ["ann", "Ann", "bob", "b0b", "BOB", "eve"];
    for seed in 0..100 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut people, mut now) = (empty(0, 3), 0);
        for _ in 0..300 {
            let session = rng.random_range(1..=8);
            let name = NICKS[rng.random_range(0..NICKS.len())];
            let room = ["a", "b"][rng.random_range(0..2)];
            let caller = Caller {
                ip: [10, 0, 0, rng.random_range(1..=2)].into(),
                connection: rng.random_range(1..=3),
            };
            match rng.random_range(0..8) {
                0..=2 => drop(people.enter(session, &nick(name), caller, at(now))),
                3 => drop(people.joins(session, room, now)),
                4 => drop(people.leave(session, room, at(now))),
                5 => drop(
                    people
                        .opens(session, name)
                        .and_then(|(room, _)| people.may_send(session, &room, 1, at(now), || 0)),
                ),
                6 => drop(people.bye(session)),
                _ => {
                    now += rng.random_range(0..20);
                    people.expire(at(now));
                }
            }
            check(&people);
        }
        people.expire(at(now + 99));
        check(&people);
        assert_eq!((people.by_key.len(), people.count()), (0, (0, 0)), "{seed}");
    }
}
