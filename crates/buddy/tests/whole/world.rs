//! Whole buddies in memory: real states; processes, a network and a clock that are simulated.
//!
//! Everything is drawn from one seed, so that a run can be repeated to the last event. Letters
//! arrive in any order, because each takes its own time.

mod deeds;
mod journal;
mod map;
mod network;
mod sender;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use buddy::effect::{Effect, End, Report, Target};
use buddy::state::State;
use common::journal::Event as Noted;
pub(crate) use map::Map;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use sender::{Letter, Sender, Try};

use super::journals::Journals;

pub(crate) const MS: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(1);
const RECALL: Duration = Duration::from_secs(2);

/// Simulated time after which a song that has not ended never will: the longest takes half of it.
const FOR_EVER: Duration = Duration::from_secs(300);

/// What all buddies of a world are told, and what their network is like.
#[derive(Clone, Copy)]
pub(crate) struct Song {
    pub(crate) seed: u64,
    /// Writes every event down.
    pub(crate) is_loud: bool,
    /// Every buddy has a journal.
    pub(crate) is_noted: bool,
    pub(crate) bottles: u64,
    pub(crate) tempo: Duration,
    /// The longest way of a letter.
    pub(crate) latency: Duration,
    /// Whether a new connection takes a round trip more, for the handshake of a seal.
    pub(crate) is_sealed: bool,
    /// How long an answer waits for others, at the longest.
    pub(crate) linger: Duration,
    /// The share of letters that are lost.
    pub(crate) loss: f64,
    /// The share of letters that arrive after their sender has given up.
    pub(crate) late: f64,
}

/// Buddies and what happens to them. Numbers count from 1, as in the song.
pub(crate) struct World {
    pub(crate) song: Song,
    next: Vec<usize>,
    map: Map,
    /// what each buddy was given as its `--next`
    typed: Vec<String>,
    /// pairs of which the first does not get through to the second
    walls: BTreeSet<(usize, usize)>,
    buddies: Vec<Option<Buddy>>,
    /// how many processes each buddy has been
    lives: Vec<u64>,
    now: Duration,
    /// in the order of time; the count keeps events of one moment apart
    events: BTreeMap<(Duration, u64), Event>,
    count: u64,
    cut: BTreeSet<usize>,
    /// the buddy whose verses cannot be written, and its process once one is not
    held: Option<usize>,
    stuck: Option<Process>,
    pub(crate) dice: SmallRng,
    /// what was sung, printed and done
    pub(crate) lines: Vec<String>,
    log: Vec<String>,
    journals: Journals<Process>,
    /// the buddies that have got a roll
    pub(crate) begun: BTreeSet<usize>,
}

struct Buddy {
    state: State,
    life: u64,
    senders: BTreeMap<Target, Sender>,
}

/// A buddy, and the number of its process.
type Process = (usize, u64);

#[derive(Debug)]
enum Event {
    Beat(Process),
    Recall(Process, Duration),
    Sung(Process),
    Exit(Process),
    PatienceOver(Process),
    Call(Box<Letter>),
    Answer(Try, Report),
    Retry(Try),
}

impl World {
    /// Buddies in a ring, all up. Buddy 1 starts the song.
    pub(crate) fn of(size: usize, song: Song) -> Self {
        Self::on(|_| Map::Simple, size, song)
    }

    /// The same on another map, which is drawn.
    pub(crate) fn on(map: impl FnOnce(&mut SmallRng) -> Map, size: usize, song: Song) -> Self {
        let next: Vec<usize> = (1..=size).map(|n| n % size + 1).collect();
        let mut world = Self::wired(&next, song);
        world.map = map(&mut world.dice);
        for n in 1..=size {
            world.typed[n - 1] = world.map.typed(&mut world.dice, n, next[n - 1]);
        }
        for n in (1..=size).rev() {
            world.start(n, (n == 1).then_some(song.bottles));
        }
        world
    }

    /// Buddies of which the n-th has `next[n]` after it; none is up.
    pub(crate) fn wired(next: &[usize], song: Song) -> Self {
        let places = 1 + next.iter().fold(next.len(), |most, &n| most.max(n));
        Self {
            song,
            next: next.to_vec(),
            map: Map::Simple,
            typed: next.iter().map(usize::to_string).collect(),
            walls: BTreeSet::new(),
            buddies: (0..places).map(|_| None).collect(),
            lives: vec![0; places],
            now: Duration::ZERO,
            events: BTreeMap::new(),
            count: 0,
            cut: BTreeSet::new(),
            held: None,
            stuck: None,
            dice: SmallRng::seed_from_u64(song.seed),
            lines: Vec::new(),
            log: Vec::new(),
            journals: Journals::new(),
            begun: BTreeSet::new(),
        }
    }

    // How time passes.

    /// Lets time pass until `done` says so of the lines so far.
    pub(crate) fn until(&mut self, done: impl Fn(&[String]) -> bool) {
        while !done(&self.lines) {
            let count = self.lines.len();
            while self.lines.len() == count {
                self.step();
            }
        }
    }

    /// Waits until a line has `text` in it.
    pub(crate) fn says(&mut self, text: &str) {
        self.until(|lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits until Buddy `n` sings after the last thing that was done.
    pub(crate) fn sings_again(&mut self, n: usize) {
        let who = format!("Buddy {n}: ");
        self.until(|lines| {
            let after = lines.iter().rev().take_while(|line| !line.starts_with('#'));
            after.into_iter().any(|line| line.starts_with(&who))
        });
    }

    /// Lets the song go on to a random verse of the next `verses`, and a random moment of it.
    pub(crate) fn moment(&mut self, verses: usize) {
        let count = self.sung() + self.dice.random_range(1..=verses);
        while self.sung() < count {
            self.step();
        }
        let moment = self.dice.random_range(0..30);
        self.pass(moment * MS);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self
            .events
            .first_key_value()
            .is_some_and(|((at, _), _)| *at <= end)
        {
            self.step();
        }
        self.now = end;
    }

    /// Waits until all have ended, and returns all lines.
    pub(crate) fn all_home(&mut self) -> &[String] {
        while self.buddies.iter().any(Option::is_some) {
            self.step();
        }
        &self.lines
    }

    pub(crate) fn is_up(&self, n: usize) -> bool {
        self.buddies[n].is_some()
    }

    pub(crate) fn sung(&self) -> usize {
        self.lines.iter().filter(|line| is_sung(line)).count()
    }

    /// Returns what there is to read: every event of a loud world.
    pub(crate) fn story(&self) -> String {
        [&self.log, &self.lines][usize::from(!self.song.is_loud)].join("\n")
    }

    // How it works.

    fn step(&mut self) {
        let Some(((now, _), event)) = self.events.pop_first() else {
            panic!("nothing happens any more:\n{}", self.story());
        };
        assert!(now < FOR_EVER, "{}", self.story());
        self.now = now;
        if self.song.is_loud {
            self.log.push(format!("{now:?} {event:?}"));
        }
        match event {
            Event::Call(letter) => self.call(*letter),
            Event::Answer(of, report) => self.answer(of, report),
            Event::Retry(of) => self.retry(of),
            Event::Beat(process) => self.beat(process),
            Event::Recall(process, wait) => self.recall(process, wait),
            Event::Exit(process) => self.exit(process),
            Event::PatienceOver(process) => {
                assert!(self.buddy(process).is_none(), "it stays: {}", self.story());
            }
            Event::Sung(process) if self.held == Some(process.0) => self.stuck = Some(process),
            Event::Sung(process) => {
                if let Some(buddy) = self.buddy(process) {
                    buddy.state.sung();
                    self.act(process.0);
                }
            }
        }
    }

    fn buddy(&mut self, (n, life): Process) -> Option<&mut Buddy> {
        self.buddies[n].as_mut().filter(|buddy| buddy.life == life)
    }

    fn note(&mut self, line: String) {
        if self.song.is_loud {
            self.log.push(line.clone());
        }
        self.lines.push(line);
    }

    fn later(&mut self, time: Duration, event: Event) {
        self.count += 1;
        self.events.insert((self.now + time, self.count), event);
    }

    fn beat(&mut self, process: Process) {
        if let Some(buddy) = self.buddy(process) {
            buddy.state.beat();
            self.act(process.0);
            let beat = self
                .buddy(process)
                .map_or(PATIENCE, |buddy| buddy.state.beat_time());
            let time = beat.mul_f64(self.dice.random_range(0.9..1.1));
            self.later(time, Event::Beat(process));
        }
    }

    fn recall(&mut self, process: Process, wait: Duration) {
        if let Some(buddy) = self.buddy(process) {
            buddy.state.call_the_roll();
            self.act(process.0);
            self.later(wait, Event::Recall(process, wait * 2));
        }
    }

    fn exit(&mut self, process: Process) {
        let now = self.now;
        let Some(buddy) = self.buddy(process) else {
            return;
        };
        let end = buddy.state.end(now);
        self.close_journal(process, &end);
        match end {
            End::Home(Some(summary)) => self.note(summary),
            End::Home(None) | End::Left => {}
            End::LeftOut | End::Deserted => self.note(format!("# Buddy {} is left out", process.0)),
            end => panic!("{end:?}\n{}", self.story()),
        }
        self.buddies[process.0] = None;
    }

    /// Carries out the effects of Buddy `n`.
    fn act(&mut self, n: usize) {
        let mut effects = Vec::new();
        let Some(buddy) = &mut self.buddies[n] else {
            return;
        };
        let process = (n, buddy.life);
        let mut verse = None;
        buddy.state.take_effects(&mut effects);
        for effect in effects {
            if self.song.is_loud {
                self.log.push(format!("    {n}: {effect:?}"));
            }
            // A process stops at the next turn of its thread, so it may still hear something.
            let turn = self.dice.random_range(0..500) * MS / 1000;
            match effect {
                Effect::Send(to, job) => self.put(n, to, job),
                Effect::Tell(text) => self.note(text),
                Effect::Note(event) => self.write(process, *event),
                Effect::Sing(left, line) => {
                    verse = Some(left);
                    self.note(line);
                    self.later(self.song.tempo.max(turn), Event::Sung(process));
                }
                Effect::Begun => {
                    self.begun.insert(n);
                    let buddy = self.buddy(process).expect("it begins");
                    buddy.senders.remove(&Target::Next);
                }
                Effect::Ended => self.later(turn, Event::Exit(process)),
            }
        }
        // After all that came of the same event, because the shell sings without the lock.
        if let Some(left) = verse {
            self.write(process, Noted::Sing { left });
            self.write(process, Noted::Sang { left });
        }
    }
}

/// The address of the machine of Buddy `n`. Each has one of its own.
pub(crate) fn machine(n: usize) -> IpAddr {
    IpAddr::from([10, 0, (n >> 8) as u8, n as u8])
}

pub(crate) fn is_sung(line: &str) -> bool {
    line.starts_with("Buddy ")
}
