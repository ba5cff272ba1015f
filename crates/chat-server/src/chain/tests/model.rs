//! Random walks of servers that write, read, start and die, over a list that loses what is old.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::chain::*;

/// How many messages of a room are kept. The rule holds as long as one of them stands, so they are
/// many against those on their way, as in NATS.
const KEPT: usize = 20;

/// How many messages a server is late at most.
const LATE: u64 = 5;
const ROOMS: [&str; 3] = ["a", "b", "c"];

/// A message in the list, with the keys of its entries.
#[derive(Clone)]
struct Message {
    origin: Origin,
    room: &'static str,
    link: Link,
    keys: Vec<u64>,
}

/// The list that the servers share. Old messages of each room are not kept.
#[derive(Default)]
struct List {
    messages: BTreeMap<u64, Message>,
    end: u64,
}

impl List {
    fn add(&mut self, message: Message) {
        self.end += 1;
        let is_entry = |message: &Message| matches!(message.link.what, What::Entries(_));
        let room = (message.room, is_entry(&message));
        self.messages.insert(self.end, message);
        let mut same: Vec<u64> = (self.messages.iter())
            .filter(|(_, other)| (other.room, is_entry(other)) == room)
            .map(|(&at, _)| at)
            .collect();
        let excess = if room.1 {
            same.len().saturating_sub(KEPT)
        } else {
            0
        };
        for at in same.drain(..excess) {
            self.messages.remove(&at);
        }
    }

    /// Returns whether this message of a room is not kept any more because of its age.
    fn is_of_age(&self, room: &str, at: u64) -> bool {
        let is_entry = |message: &Message| matches!(message.link.what, What::Entries(_));
        let mut older = self.messages.range(..=at).map(|(_, message)| message);
        !older.any(|message| message.room == room && is_entry(message))
    }
}

/// A server: what it has played, and what it shows of each room.
struct Server {
    chain: Chain,
    at: u64,
    /// the end of the list when it started: it serves nobody before it has played that
    begun_at: u64,
    shown: HashMap<&'static str, BTreeMap<u64, u64>>,
    writer: u64,
    attempts: u64,
}

impl Server {
    fn new(end: u64, writer: u64) -> Self {
        Self {
            chain: Chain::new(end),
            at: 0,
            begun_at: end,
            shown: HashMap::new(),
            writer,
            attempts: 0,
        }
    }

    fn serves(&self) -> bool {
        self.at >= self.begun_at
    }

    /// Plays what comes next. Returns whether there was something.
    fn step(&mut self, list: &List) -> bool {
        let Some((&at, message)) = list.messages.range(self.at + 1..).next() else {
            return false;
        };
        let origin = message.origin;
        let (place, room) = (Place { at, origin }, message.room);
        let mut verdict = self.chain.judge(place, room, message.link);
        if verdict == Verdict::Hole {
            let missing = message.link.prev.at;
            assert!(list.is_of_age(room, missing), "{missing} is lost");
            assert!(self.chain.forget(room, at), "it serves");
            verdict = self.chain.judge(place, room, message.link);
        }
        let is_end = matches!(message.link.what, What::End { .. });
        match verdict {
            Verdict::Stands { .. } if is_end => drop(self.shown.remove(message.room)),
            Verdict::Stands { begins } => {
                let room = self.shown.entry(message.room).or_default();
                if begins {
                    room.clear();
                }
                for (number, &key) in (message.link.after + 1..).zip(&message.keys) {
                    assert!(room.last_key_value().is_none_or(|(&last, _)| number > last));
                    assert!(!room.values().any(|&known| known == key), "{key} twice");
                    room.insert(number, key);
                }
            }
            Verdict::Void => {}
            Verdict::Hole | Verdict::WentBack => panic!("{verdict:?} at {at}"),
        }
        self.at = at;
        true
    }

    /// Returns a message with those keys that are not stored yet.
    fn write(&mut self, room: &'static str, keys: &[u64]) -> Option<Message> {
        let shown = self.shown.get(room);
        let is_known = |key: &u64| shown.is_some_and(|room| room.values().any(|k| k == key));
        let keys: Vec<u64> = (keys.iter().copied())
            .filter(|key| !is_known(key))
            .collect();
        let (prev, after) = self.chain.top(room);
        let what = What::Entries(keys.len() as u64);
        (!keys.is_empty()).then(|| self.message(room, Link { prev, after, what }, keys))
    }

    fn end(&mut self, room: &'static str) -> Option<Message> {
        let (prev, after) = self.chain.top(room);
        let floor = self.chain.floor_without(room);
        let what = What::End { floor };
        (prev.at > 0).then(|| self.message(room, Link { prev, after, what }, Vec::new()))
    }

    fn message(&mut self, room: &'static str, link: Link, keys: Vec<u64>) -> Message {
        self.attempts += 1;
        let origin = Origin {
            writer: self.writer,
            attempt: self.attempts,
        };
        Message {
            origin,
            room,
            link,
            keys,
        }
    }
}

/// Two rooms may differ in how much of the past is known, and not in what both know.
fn agree(one: &Server, other: &Server) {
    for room in ROOMS {
        let (Some(one), Some(other)) = (one.shown.get(room), other.shown.get(room)) else {
            assert_eq!(one.shown.contains_key(room), other.shown.contains_key(room));
            continue;
        };
        let begin = one.keys().next().max(other.keys().next()).copied();
        let begin = begin.unwrap_or_default();
        // What was trusted and may be void is at the very beginning of what is kept.
        let begin = if one.keys().next() == other.keys().next() {
            begin
        } else {
            begin + 3
        };
        assert!(one.range(begin..).eq(other.range(begin..)), "{room}");
    }
}

fn run(seed: u64) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut list = List::default();
    let mut servers: Vec<Server> = (0..3).map(|writer| Server::new(0, writer)).collect();
    let (mut flying, mut copies) = (Vec::<Message>::new(), Vec::new());
    let (mut next_key, mut writers) = (0, 3);
    let mut recent: Vec<(&str, Vec<u64>)> = Vec::new();
    for _ in 0..600 {
        let at = dice.random_range(0..servers.len());
        let room = ROOMS[dice.random_range(0..ROOMS.len())];
        match dice.random_range(0..20) {
            // A new call, or one that a client repeats at another server.
            0..6 if servers[at].serves() && flying.len() < 4 => {
                let again = (!recent.is_empty() && dice.random_bool(0.4))
                    .then(|| recent[dice.random_range(0..recent.len())].clone());
                let (room, keys) = again.unwrap_or_else(|| {
                    let keys = (0..dice.random_range(1..=2)).map(|n| next_key + n);
                    (room, keys.collect())
                });
                next_key += 2;
                recent.push((room, keys.clone()));
                recent.drain(..recent.len().saturating_sub(4));
                flying.extend(servers[at].write(room, &keys));
            }
            6 if servers[at].serves() && flying.len() < 4 && dice.random_bool(0.3) => {
                flying.extend(servers[at].end(room))
            }
            // A message arrives, perhaps late, perhaps not for the last time.
            7..12 if !flying.is_empty() => {
                let one = dice.random_range(0..flying.len());
                let message = flying.swap_remove(one);
                list.add(message.clone());
                if dice.random_bool(0.2) {
                    copies.push(message);
                }
            }
            12 if !copies.is_empty() => list.add(copies.swap_remove(0)), // much later
            13 if !flying.is_empty() => drop(flying.swap_remove(0)),     // it is lost
            14 if list.end > 0 => {
                // A server is killed, and one starts that reads what is kept.
                writers += 1;
                servers[at] = Server::new(list.end, writers);
            }
            // No server is so late that it misses what is not kept any more, but one that starts.
            _ => {
                for _ in 0..dice.random_range(1..=8) {
                    servers[at].step(&list);
                }
                for server in servers.iter_mut().filter(|server| server.serves()) {
                    while server.at + LATE < list.end && server.step(&list) {}
                }
            }
        }
    }
    for server in &mut servers {
        while server.step(&list) {}
    }
    let mut newcomer = Server::new(list.end, 99);
    while newcomer.step(&list) {}
    servers.push(newcomer);
    for pair in servers.windows(2) {
        agree(&pair[0], &pair[1]);
    }
}

/// Whatever servers do, and whenever they start: all show the same, no key twice, no number twice.
#[test]
fn all_readers_agree() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    if let Some(seed) = seed {
        return run(seed);
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let seed = rand::random();
        println!("SEED={seed}");
        run(seed);
    }
}
