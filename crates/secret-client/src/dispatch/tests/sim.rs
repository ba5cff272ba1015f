//! Servers that exist on paper only: a dispatcher driven through simulated time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::*;
use crate::queue::Chunk;

/// A way there and back, in microseconds.
const WAY: u64 = 200;

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Honest,
    /// with a letter that the word does not have
    Letters,
    /// with a word less than asked
    Number,
    /// with what was not asked
    Unasked,
    /// with the word as it is, which nobody can see who does not know the secret
    Unreversed,
    /// never, though it says that it is there
    Never,
}

/// A server on paper.
pub(super) struct Model {
    workers: usize,
    /// mean work on a word, in microseconds; each word draws from nothing to twice this
    word: f64,
    manner: Manner,
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
            manner: Manner::Honest,
            up: true,
            life: 0,
            waiting: VecDeque::new(),
            working: Vec::new(),
        }
    }

    pub(super) fn answering(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    fn stop(&mut self) {
        self.up = false;
        self.life += 1;
        self.waiting.clear();
        self.working.clear();
    }

    fn answer(&self, chunk: &Chunk) -> String {
        let words = chunk.text.lines();
        match self.manner {
            Manner::Letters => words.map(|word| format!("x{}\n", &word[1..])).collect(),
            Manner::Number => words.skip(1).map(reversed).collect(),
            Manner::Unreversed => chunk.text.clone(),
            Manner::Honest | Manner::Unasked | Manner::Never => words.map(reversed).collect(),
        }
    }
}

/// Returns a word reversed, with its newline.
fn reversed(word: &str) -> String {
    word.chars().rev().chain(['\n']).collect()
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// a server's answer, in one of its lives, about the chunk at this line
    Answer(ServerId, u32, u64),
    /// one server goes or comes back
    Disturb,
    /// a person types a word
    Type,
}

pub(super) struct Sim {
    dispatcher: Dispatcher,
    servers: Vec<Model>,
    /// what the answer to each running call will be
    answers: BTreeMap<(ServerId, u64), (String, Timing)>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    now: u64,
    /// when the dispatcher wants to look again
    look_at: Option<u64>,
    dice: u64,
    disturb: Option<u64>,
    /// the words that are still to be typed, and the time between two of them
    untyped: usize,
    pause: u64,
    words: usize,
    output: String,
    /// when each word was typed that is not answered
    typed_at: VecDeque<u64>,
    /// the longest time in microseconds from a word to its answer in the output
    pub(super) longest_lag: u64,
}

impl Sim {
    /// A list of this number of words.
    pub(super) fn new(words: usize, servers: Vec<Model>, seed: u64) -> Self {
        let mut sim = Self::typed(words, 0.0, servers, seed);
        sim.events.clear();
        (0..words).for_each(|_| sim.hear());
        sim
    }

    /// The same, where each word comes this time after the one before it.
    pub(super) fn typed(words: usize, seconds: f64, servers: Vec<Model>, seed: u64) -> Self {
        let mut dispatcher = Dispatcher::new(Fixed::default(), false, Duration::MAX);
        for (id, model) in servers.iter().enumerate() {
            dispatcher.found(id.to_string());
            dispatcher.up(id, model.workers);
        }
        let mut sim = Self {
            dispatcher,
            servers,
            answers: BTreeMap::new(),
            events: BinaryHeap::new(),
            count: 0,
            now: 0,
            look_at: None,
            dice: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            disturb: None,
            untyped: words,
            pause: (seconds * 1e6) as u64,
            words,
            output: String::new(),
            typed_at: VecDeque::new(),
            longest_lag: 0,
        };
        sim.at(0, Event::Type);
        sim
    }

    /// Asks two servers for each word.
    pub(super) fn verify(mut self) -> Self {
        let queue = Queue::new(true);
        (self.dispatcher.queue, self.dispatcher.needed) = (queue, 2);
        self.untyped = self.words;
        self.typed_at.clear();
        (0..self.words).for_each(|_| self.hear());
        self
    }

    /// Takes the next word of the input.
    fn hear(&mut self) {
        let word = self.words - self.untyped;
        self.dispatcher.queue.read(format!("{word}\n"));
        self.typed_at.push_back(self.now);
        self.untyped -= 1;
        if self.untyped == 0 {
            self.dispatcher.queue.end();
        }
    }

    /// From now on stops a random server, or starts it again, at this interval.
    pub(super) fn kill_every(&mut self, seconds: f64) {
        self.disturb = Some((seconds * 1e6) as u64);
        self.at(0, Event::Disturb);
    }

    /// Works to the end.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.pump()?;
        while !self.dispatcher.queue.is_finished() {
            let next = self.events.peek().map(|Reverse((time, ..))| *time);
            if let Some(look_at) = self.look_at
                && next.is_none_or(|next| look_at < next)
            {
                self.now = look_at;
            } else {
                let Reverse((now, _, event)) = self.events.pop().expect("it must not get stuck");
                self.now = now;
                match event {
                    Event::Answer(server, life, first) => self.answer(server, life, first),
                    Event::Disturb => self.disturb(),
                    Event::Type => {
                        self.hear();
                        let next = self.now + self.pause;
                        (self.untyped > 0).then(|| self.at(next, Event::Type));
                    }
                }
            }
            self.pump()?;
            assert!(self.seconds() < 100_000.0, "it must not wait for ever");
        }
        let mut up = self.dispatcher.servers.iter().filter(|s| s.is_up());
        assert!(up.all(|server| server.out == 0), "all is answered");
        Ok(())
    }

    pub(super) fn seconds(&self) -> f64 {
        self.now as f64 / 1e6
    }

    pub(super) fn output(&self) -> &str {
        &self.output
    }

    pub(super) fn expected(&self) -> String {
        (0..self.words).map(|n| reversed(&n.to_string())).collect()
    }

    /// Returns whether this server was given up.
    pub(super) fn is_retired(&self, server: ServerId) -> bool {
        self.dispatcher.servers[server].is_retired()
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

    fn pump(&mut self) -> Result<(), String> {
        let now = Duration::from_micros(self.now);
        while let Some(Assigned { server, chunk }) = self.dispatcher.next_call(now) {
            self.servers[server].waiting.push_back((self.now, chunk));
            self.start(server);
        }
        if let Some(text) = self.dispatcher.queue.take() {
            for typed_at in self.typed_at.drain(..text.lines().count()) {
                self.longest_lag = self.longest_lag.max(self.now - typed_at);
            }
            self.output += &text;
        }
        let look_at = self.dispatcher.check(now);
        let look_at = look_at.map_err(|cause| cause.to_string())?;
        self.look_at = look_at.map(|at| at.as_micros() as u64);
        self.carry_out();
        Ok(())
    }

    fn start(&mut self, server: ServerId) {
        while self.servers[server].working.len() < self.servers[server].workers {
            let Some((since, chunk)) = self.servers[server].waiting.pop_front() else {
                return;
            };
            let work = (0..chunk.words).map(|_| 2.0 * self.servers[server].word * self.roll());
            let work = work.sum::<f64>() as u64;
            let timing = Timing {
                took: Duration::from_micros(self.now - since + work + WAY),
                waited: Duration::from_micros(self.now - since),
                worked: Duration::from_micros(work),
            };
            let model = &mut self.servers[server];
            let (first, life) = (chunk.first, model.life);
            model.working.push(first);
            if model.manner != Manner::Never {
                let answer = model.answer(&chunk);
                self.answers.insert((server, first), (answer, timing));
                self.at(self.now + work + WAY, Event::Answer(server, life, first));
            }
        }
    }

    fn answer(&mut self, server: ServerId, life: u32, first: u64) {
        if self.servers[server].life != life {
            return; // from before a restart
        }
        let Some((answer, timing)) = self.answers.remove(&(server, first)) else {
            return; // cancelled
        };
        if self.servers[server].manner == Manner::Unasked {
            self.dispatcher.unasked(server);
        } else {
            self.dispatcher.answered(server, first, answer, timing);
        }
        self.carry_out();
        self.forget(server, first);
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.dispatcher.next_effect() {
            match effect {
                Effect::Cancel(other, first) => self.forget(other, first),
                Effect::Abandon(server) => {
                    self.servers[server].stop();
                    self.answers.retain(|(at, _), _| *at != server);
                }
                _ => {}
            }
        }
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
        let next = self.now + self.disturb.unwrap_or(1);
        self.at(next, Event::Disturb);
        if self.is_retired(server) {
            return;
        }
        self.answers.retain(|(at, _), _| *at != server);
        let model = &mut self.servers[server];
        if model.up {
            model.stop();
            self.dispatcher.closed(server);
        } else {
            model.up = true;
            self.dispatcher.up(server, model.workers);
        }
    }
}
