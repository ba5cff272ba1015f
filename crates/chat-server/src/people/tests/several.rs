//! Several servers over one log: whatever one says, all hear in the same order.

use super::*;
use crate::people::hearing::Asks;
use crate::presence::Word;

/// Some servers, and what they have said.
struct Net {
    servers: Vec<People>,
    words: Vec<Word>,
    /// how many words each of them has heard
    heard: Vec<usize>,
}

impl Net {
    fn new(count: usize) -> Self {
        let servers = (1..=count as u64).map(|me| {
            let mut people = empty(0, 9);
            people.meet(me);
            people.hears(true, at(0));
            people
        });
        Self {
            servers: servers.collect(),
            words: Vec::new(),
            heard: vec![0; count],
        }
    }

    /// All say what is new. Returns how many words there were.
    fn speak(&mut self, now: u64) -> usize {
        let before = self.words.len();
        for people in &mut self.servers {
            self.words.extend(people.next_words(true, at(now)));
        }
        self.words.len() - before
    }

    /// One server hears what was said. Returns what follows.
    fn hear(&mut self, server: usize, now: u64) -> (Vec<Session>, Vec<Notice>) {
        let (mut woken, mut left) = (Vec::new(), Vec::new());
        for (index, word) in self.words.iter().enumerate().skip(self.heard[server]) {
            let heard = self.servers[server].hear(word.clone(), index as u64 + 1, at(now));
            woken.extend(heard.woken);
            left.extend(heard.left);
        }
        self.heard[server] = self.words.len();
        (woken, left)
    }

    /// All say and hear everything. Returns all notices.
    fn settle(&mut self, now: u64) -> Vec<Notice> {
        let mut left = Vec::new();
        loop {
            let said = self.speak(now);
            for server in 0..self.servers.len() {
                left.extend(self.hear(server, now).1);
            }
            if said == 0 {
                return left;
            }
        }
    }

    fn names(&self, server: usize) -> Vec<String> {
        let people = &self.servers[server].by_session;
        people
            .values()
            .map(|person| person.nick.text.clone())
            .collect()
    }
}

#[test]
fn of_two_who_want_a_nick_at_once_the_first_has_it_everywhere() {
    for first in [0, 1] {
        let mut net = Net::new(3);
        net.servers[0].enters(ANN, "paul", 0).expect("free here");
        net.servers[1].enters(BOB, "Paul", 0).expect("free here");
        for server in [first, 1 - first] {
            match net.servers[server].asks([ANN, BOB][server], at(0)) {
                Some(Asks::Now(word)) => net.words.push(word),
                asks => panic!("{asks:?}"),
            }
        }
        net.settle(0);
        let winner = [ANN, BOB][first];
        for people in &net.servers {
            assert_eq!(people.count(), (1, 0));
            assert!(people.is_here(winner));
        }
        let got = [(0, ANN, "paul"), (1, BOB, "Paul")]
            .map(|(server, one, name)| net.servers[server].has_got(one, &nick(name)).is_ok());
        assert_eq!(got, [first == 0, first == 1]);
        let mut late = empty(0, 9);
        late.meet(9);
        // A server that comes late finds the last word of each only.
        let last = |one| net.words.iter().rposition(|word| word.session == one);
        for at_word in [last(ANN), last(BOB)].into_iter().flatten() {
            late.hear(net.words[at_word].clone(), at_word as u64 + 1, at(0));
        }
        assert!(late.is_here(winner) && late.count() == (1, 0));
    }
}

/// Of each session the last word is kept: who has not heard the first would hear them in another
/// order.
#[test]
fn a_session_that_asks_says_one_word_until_it_is_heard() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "paul", 0).expect("free here");
    net.servers[1].enters(BOB, "paul", 0).expect("free here");
    net.words.extend(net.servers[0].next_words(false, at(0)));
    assert_eq!(net.words.len(), 1);
    assert_eq!(net.servers[0].asks(ANN, at(0)), Some(Asks::Already));
    net.servers[0].marks(ANN); // because it is in a room meanwhile
    assert_eq!(net.servers[0].next_words(false, at(0)), []);
    assert!(!net.servers[0].is_settled(ANN));
    net.settle(0);
    assert!(net.servers[0].is_settled(ANN) && net.servers[0].asks(ANN, at(0)).is_none());
    let of_ann = net.words.iter().filter(|word| word.session == ANN);
    let claims: Vec<u64> = of_ann.map(|word| word.claim).collect();
    assert_eq!(claims, [0, 1], "what else is new is said with the claim");
    for people in &net.servers {
        assert!(people.is_here(ANN) && people.count() == (1, 0));
    }
}

#[test]
fn who_comes_second_with_a_new_nick_keeps_the_old_one() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.servers[1].enters(BOB, "bob", 0).expect("free");
    net.settle(0);
    net.servers[0].enters(ANN, "zoe", 1).expect("free here");
    net.servers[1].enters(BOB, "zoe", 1).expect("free here");
    net.settle(1);
    for server in [0, 1] {
        assert_eq!(net.names(server), ["zoe", "bob"]);
    }
    let refused = net.servers[1].has_got(BOB, &nick("zoe"));
    assert!(matches!(refused, Err(Refusal::NickTaken { by, .. }) if by == "zoe"));
    let taken = net.servers[1].enters(EVE, "ZOE", 2);
    assert!(taken.is_err(), "it is known where the holder is not");
}

#[test]
fn a_session_calls_another_server_and_nobody_is_told() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.servers[0].joins(ANN, "lobby", 0).expect("a room");
    net.settle(0);
    assert_eq!(net.servers[1].who(ANN, "lobby", "").part, ["ann"]);
    assert_eq!(
        net.servers[1].joins(ANN, "lobby", 5),
        Ok(None),
        "she is in it"
    );
    assert_eq!(net.servers[1].renew(ANN, at(5)), Ok(()));
    assert_eq!(net.settle(5), []);
    // The first server is silent about her from now on, and may be gone.
    for now in (10..100).step_by(5) {
        net.servers[1].renew(ANN, at(now)).expect("she is here");
        for people in &mut net.servers {
            assert_eq!(people.expire(at(now)), []);
        }
        assert_eq!(net.settle(now), []);
    }
    assert_eq!(net.names(0), ["ann"]);
}

#[test]
fn the_places_at_the_doors_go_along() {
    let mut net = Net::new(2);
    net.servers[0] = empty(0, 1);
    net.servers[0].meet(1);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.settle(0);
    assert!(
        net.servers[0].enters(BOB, "bob", 0).is_err(),
        "one of an address"
    );
    net.servers[1].enters(ANN, "ann", 1).expect("she is known");
    net.settle(1);
    assert_eq!(net.servers[0].enters(BOB, "bob", 1), Ok(vec![]));
}

#[test]
fn the_end_of_a_dead_servers_session_is_told_once() {
    let mut net = Net::new(3);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.servers[0].joins(ANN, "lobby", 0).expect("a room");
    net.settle(0);
    net.servers[0] = empty(0, 9); // it is killed
    for server in [1, 2] {
        assert_eq!(
            net.servers[server].expire(at(31)),
            [],
            "not before all are asked"
        );
    }
    assert_eq!(net.settle(31), [notice("lobby", ANN, "ann")]);
    for server in [1, 2] {
        assert_eq!(net.servers[server].count(), (0, 0));
        assert_eq!(net.servers[server].enters(BOB, "ann", 32), Ok(vec![]));
    }
}

#[test]
fn a_server_that_slept_ends_no_session_that_has_moved() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.settle(0);
    net.servers[1].renew(ANN, at(60)).expect("she calls it");
    net.speak(60);
    // The first one wakes, finds her silent, and says so before it hears more.
    net.servers[0].expire(at(60));
    assert_eq!(net.settle(60), []);
    assert_eq!(
        (net.names(0), net.names(1)),
        (vec!["ann".into()], vec!["ann".into()])
    );
}

#[test]
fn who_hears_nothing_finds_nobody_silent() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.settle(0);
    let other = &mut net.servers[1];
    other.hears(false, at(1));
    other.expire(at(100));
    assert_eq!(other.next_words(true, at(100)), []);
    other.hears(true, at(100));
    other.expire(at(129));
    assert_eq!(other.next_words(true, at(129)), [], "a lease begins");
}

#[test]
fn who_is_put_out_at_one_server_is_out_at_all() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.servers[0].joins(ANN, "lobby", 0).expect("a room");
    net.settle(0);
    let (session, notices) = net.servers[1].kick(&nick("ann"), "loud").expect("here");
    assert_eq!((session, notices), (ANN, vec![notice("lobby", ANN, "ann")]));
    net.speak(1);
    assert_eq!(
        net.hear(0, 1),
        (vec![ANN], vec![]),
        "her poll ends, and it is told once"
    );
    for people in &net.servers {
        assert_eq!(people.door.check(ANN), Err(Refusal::Kicked("loud".into())));
        assert!(!people.is_here(ANN));
    }
}

#[test]
fn a_private_message_reaches_the_other_server() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.servers[1].enters(BOB, "bob", 0).expect("free");
    net.settle(0);
    let (room, other) = net.servers[0].private(ANN, &nick("bob")).expect("here");
    net.servers[0].open(ANN, &room, &other, 7);
    net.settle(1);
    assert_eq!(net.servers[1].invite(&room, 7), [BOB]);
    assert_eq!(net.servers[1].invite(&room, 8), [], "once");
    let rooms: Vec<_> = net.servers[1].rooms_of(BOB).collect();
    assert_eq!(rooms, [(&room, 7)]);
    assert_eq!(net.servers[1].invite("@1+2", 7), [], "no name of ours");
}

#[test]
fn what_could_not_be_said_is_said_later() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    let unsaid = net.servers[0].next_words(false, at(0));
    net.servers[0].unsaid(unsaid);
    net.settle(1);
    assert!(net.servers[1].is_here(ANN));
    net.servers[0].bye(ANN);
    let unsaid = net.servers[0].next_words(false, at(2));
    net.servers[0].unsaid(unsaid);
    net.settle(3);
    assert!(!net.servers[1].is_here(ANN));
}

#[test]
fn when_all_words_are_lost_each_server_says_its_own_anew() {
    let mut net = Net::new(2);
    net.servers[0].enters(ANN, "ann", 0).expect("free");
    net.servers[1].enters(BOB, "bob", 0).expect("free");
    net.settle(0);
    net.words.clear();
    net.heard = vec![0, 0];
    net.servers.iter_mut().for_each(People::begins_anew);
    assert_eq!(
        (net.names(0), net.names(1)),
        (vec!["ann".into()], vec!["bob".into()])
    );
    net.settle(1);
    for server in [0, 1] {
        assert_eq!(net.names(server), ["ann", "bob"]);
    }
}
