//! Servers that exist on paper only: a dispatcher driven through simulated time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::*;
use crate::queue::Chunk;

/// A way there and back, in microseconds.
const WAY: u64 = 200;

/// A server on paper.
pub(super) struct Model {
    workers: usize,
    /// mean work on a word, in microseconds; each word draws from nothing to twice this
    word: f64,
    up: bool,
    /// raised with every restart: answers from before it are void
    life: u32,
    waiting: VecDeque<(u64, Chunk)>,
    working: Vec<u64>,
}

impl Model {
    pub(super) fn new(workers: usize, seconds_a_word: f64) -> Self {
        Self {
            workers,
            word: seconds_a_word * 1e6,
            up: true,
            life: 0,
            waiting: VecDeque::new(),
            working: Vec::new(),
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// a server's answer, in one of its lives, about the chunk at this line
    Answer(ServerId, u32, u64),
    /// one server goes or comes back
    Disturb,
}

pub(super) struct Sim {
    dispatcher: Dispatcher,
    servers: Vec<Model>,
    /// what the answer to each running call will be
    answers: BTreeMap<(ServerId, u64), (String, Timing)>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    now: u64,
    dice: u64,
    disturb: Option<u64>,
    words: usize,
    output: String,
}

impl Sim {
    pub(super) fn new(words: usize, servers: Vec<Model>, seed: u64) -> Self {
        let mut dispatcher = Dispatcher::new(&[], Fixed::default(), Duration::ZERO);
        for (id, model) in servers.iter().enumerate() {
            dispatcher.found(id.to_string());
            dispatcher.up(id, model.workers);
        }
        let list = (0..words).map(|n| format!("{n}\n"));
        dispatcher.queue.read(list.collect());
        dispatcher.queue.end();
        Self {
            dispatcher,
            servers,
            answers: BTreeMap::new(),
            events: BinaryHeap::new(),
            count: 0,
            now: 0,
            dice: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            disturb: None,
            words,
            output: String::new(),
        }
    }

    /// From now on stops a random server, or starts it again, at this interval.
    pub(super) fn kill_every(&mut self, seconds: f64) {
        self.disturb = Some((seconds * 1e6) as u64);
        self.at(0, Event::Disturb);
    }

    pub(super) fn run(&mut self) {
        self.pump();
        while !self.dispatcher.queue.is_finished() {
            let Reverse((now, _, event)) = self.events.pop().expect("it must not get stuck");
            self.now = now;
            match event {
                Event::Answer(server, life, first) => self.answer(server, life, first),
                Event::Disturb => self.disturb(),
            }
            self.pump();
        }
        let is_up = |server: &&Server| matches!(server.state, State::Up(_));
        let mut up = self.dispatcher.servers.iter().filter(is_up);
        assert!(up.all(|server| server.out == 0), "all is answered");
    }

    pub(super) fn seconds(&self) -> f64 {
        self.now as f64 / 1e6
    }

    pub(super) fn output(&self) -> &str {
        &self.output
    }

    pub(super) fn expected(&self) -> String {
        (0..self.words).map(|n| format!("<{n}\n")).collect()
    }

    /// Returns the next number of xorshift64 (Marsaglia, 2003), from 0 to 1.
    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice as f64 / u64::MAX as f64
    }

    fn at(&mut self, time: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((time, self.count, event)));
    }

    fn pump(&mut self) {
        for server in 0..self.servers.len() {
            while let Some(call) = self.dispatcher.assign(server) {
                let waiting = &mut self.servers[server].waiting;
                waiting.push_back((self.now, call.chunk));
                self.start(server);
            }
        }
        if let Some(text) = self.dispatcher.queue.take() {
            self.output += &text;
        }
    }

    fn start(&mut self, server: ServerId) {
        while self.servers[server].working.len() < self.servers[server].workers {
            let Some((since, chunk)) = self.servers[server].waiting.pop_front() else {
                return;
            };
            let work = (0..chunk.words).map(|_| 2.0 * self.servers[server].word * self.roll());
            let work = work.sum::<f64>() as u64;
            let words = chunk.text.lines();
            let answer = words.map(|word| format!("<{word}\n")).collect();
            let timing = Timing {
                took: Duration::from_micros(self.now - since + work + WAY),
                waited: Duration::from_micros(self.now - since),
                worked: Duration::from_micros(work),
            };
            let (first, life) = (chunk.first, self.servers[server].life);
            self.answers.insert((server, first), (answer, timing));
            self.servers[server].working.push(first);
            self.at(self.now + work + WAY, Event::Answer(server, life, first));
        }
    }

    fn answer(&mut self, server: ServerId, life: u32, first: u64) {
        if self.servers[server].life != life {
            return; // from before a restart
        }
        let Some((answer, timing)) = self.answers.remove(&(server, first)) else {
            return; // cancelled
        };
        self.dispatcher.answered(server, first, answer, timing);
        while let Some(effect) = self.dispatcher.next_effect() {
            if let Effect::Cancel(other, first) = effect {
                self.forget(other, first);
            }
        }
        self.forget(server, first);
    }

    fn forget(&mut self, server: ServerId, first: u64) {
        self.answers.remove(&(server, first));
        self.servers[server].working.retain(|at| *at != first);
        self.servers[server]
            .waiting
            .retain(|(_, chunk)| chunk.first != first);
        self.start(server);
    }

    fn disturb(&mut self) {
        let server = (self.roll() * self.servers.len() as f64) as usize % self.servers.len();
        let model = &mut self.servers[server];
        model.up = !model.up;
        model.life += 1;
        model.waiting.clear();
        model.working.clear();
        self.answers.retain(|(at, _), _| *at != server);
        if self.servers[server].up {
            self.dispatcher.up(server, self.servers[server].workers);
        } else {
            self.dispatcher.closed(server);
        }
        let next = self.now + self.disturb.unwrap_or(1);
        self.at(next, Event::Disturb);
    }
}
