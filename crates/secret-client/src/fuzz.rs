//! Fuzz targets: a list of any bytes, and servers that lie about it.

use std::collections::VecDeque;
use std::time::Duration;

use common::secret::Refusal;

use crate::cause::Cause;
use crate::dispatch::{Dispatcher, Effect};
use crate::lines::{self, Cleaner, MAX_LINE};
use crate::pacing::{Fixed, Timing};
use crate::queue::Assigned;
use crate::server::ServerId;
use input::Input;

#[path = "../../common/tests/support/input.rs"]
mod input;

/// The servers; the last one answers right, if it answers.
const SERVERS: usize = 3;
const HONEST: ServerId = SERVERS - 1;

/// Most calls to one server at once, and most steps until the work is done from then on, when only
/// the honest server is left.
const MOST_CALLS: usize = 1024;
const MOST_STEPS: usize = 20_000;

/// However the reads cut it, a list has the same lines, and each can be sent.
pub fn texts(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (step, repeat) = (1 + input.below(64), 1 + input.below(3) * 1000);
    let list = bytes.get(2..).unwrap_or_default().repeat(repeat);
    let [(lines, whole), (same, cut)] = [list.len().max(1), step].map(|step| {
        let mut cleaner = Cleaner::default();
        let mut lines: String = list.chunks(step).map(|part| cleaner.push(part)).collect();
        lines += &cleaner.end();
        (lines, cleaner)
    });
    assert!(lines == same, "cut every {step} bytes, the lines differ");
    assert_eq!(
        (whole.replaced, whole.too_long),
        (cut.replaced, cut.too_long)
    );
    assert!(lines.is_empty() || lines.ends_with('\n'));
    assert!(
        lines
            .split_inclusive('\n')
            .all(|line| line.len() <= MAX_LINE)
    );
    let newlines = list.iter().filter(|byte| **byte == b'\n').count();
    let unended = usize::from(list.last().is_some_and(|byte| *byte != b'\n'));
    match whole.too_long {
        None => assert_eq!(lines::count(&lines), newlines + unended),
        Some(line) => assert_eq!(lines::count(&lines) as u64 + 1, line),
    }
}

/// The work, and the calls that are out.
struct Work {
    dispatcher: Dispatcher,
    calls: VecDeque<Assigned>,
    resumes: Vec<ServerId>,
    is_up: [bool; SERVERS],
    words: usize,
    is_over: bool,
    output: String,
    now: Duration,
}

/// Whatever two of three servers answer, and whenever any of them goes, each word is printed once
/// and in order, by an answer to that word.
pub fn work(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let fixed = Fixed {
        words: (input.below(3) == 0).then(|| 1 + input.below(9)),
        calls: (input.below(3) == 0).then(|| 1 + input.below(9)),
    };
    let mut dispatcher = Dispatcher::new(fixed, false, Duration::ZERO);
    (0..SERVERS).for_each(|n| dispatcher.add(&format!("10.0.0.{n}:1")));
    let mut work = Work {
        dispatcher,
        calls: VecDeque::new(),
        resumes: Vec::new(),
        is_up: [false; SERVERS],
        words: 0,
        is_over: false,
        output: String::new(),
        now: Duration::ZERO,
    };
    while !input.is_over() {
        work.step(&mut input);
        work.pump();
    }
    work.ends();
    work.check();
}

impl Work {
    fn step(&mut self, input: &mut Input<'_>) {
        let server = input.below(SERVERS);
        self.now += Duration::from_millis(input.number() % 2000);
        match input.below(12) {
            0 | 1 if !self.is_up[server] => self.up(server, input.number() as usize),
            2 if self.is_up[server] => self.dispatcher.closed(server),
            3 if self.is_up[server] => {
                let cause = Cause::Silent("it".into());
                self.dispatcher.down(server, cause, 0.5);
            }
            4 if !self.is_over => self.read(input.below(40)),
            5 if !self.resumes.is_empty() => {
                let resumed = self
                    .resumes
                    .remove(input.below(self.resumes.len().min(256)));
                self.dispatcher.resume(resumed);
            }
            6.. if !self.calls.is_empty() => {
                let at = input.below(self.calls.len().min(256));
                if let Some(call) = self.calls.remove(at) {
                    self.answer(call, input);
                }
            }
            _ => {}
        }
    }

    fn up(&mut self, server: ServerId, workers: usize) {
        self.is_up[server] = true;
        self.dispatcher.up(server, workers);
    }

    fn read(&mut self, words: usize) {
        let list = self.words..self.words + words;
        self.words += words;
        let list = list.map(|n| format!("{n}\n")).collect();
        self.dispatcher.queue.read(list);
    }

    fn answer(&mut self, call: Assigned, input: &mut Input<'_>) {
        let (server, first) = (call.server, call.chunk.first);
        let lies = server != HONEST;
        let dice = f64::from(input.byte()) / 255.0;
        let answer = match input.below(16) {
            0 if lies => "\n".repeat(input.below(5)),
            1 if lies => {
                return self
                    .dispatcher
                    .refused(server, first, Refusal::KeyWrong, dice);
            }
            2 if lies => call.chunk.text.trim_end().to_owned(),
            3 | 4 => return self.dispatcher.refused(server, first, Refusal::Busy, dice),
            5 => {
                let words = "boom".to_owned();
                return self.dispatcher.failed(server, first, words, dice);
            }
            6 if lies => return self.dispatcher.unasked(server),
            7 if lies => reversed(&call).replace('1', "7"),
            // A lie that cannot be seen.
            8 if lies => call.chunk.text.clone(),
            _ => reversed(&call),
        };
        let most = if lies { u64::MAX } else { 86_400_000 };
        let mut time = || Duration::from_millis(input.number() % most);
        let timing = Timing {
            took: time().min(Duration::from_millis(86_400_000)),
            waited: time(),
            worked: time(),
        };
        self.dispatcher.answered(server, first, answer, timing);
    }

    /// Carries out what was decided, makes the calls, and takes the output.
    fn pump(&mut self) {
        while let Some(effect) = self.dispatcher.next_effect() {
            match effect {
                Effect::Close(server) | Effect::Abandon(server) => {
                    self.is_up[server] = false;
                    self.calls.retain(|call| call.server != server);
                }
                Effect::Cancel(server, first) => {
                    self.calls
                        .retain(|call| (call.server, call.chunk.first) != (server, first));
                }
                Effect::ResumeAfter(server, _) => self.resumes.push(server),
                Effect::LookUp(..) | Effect::Connect(..) | Effect::Say(_) | Effect::Note(_) => {}
            }
        }
        while let Some(call) = self.dispatcher.next_call(self.now) {
            assert!(
                self.is_up[call.server],
                "a server that is not there is called"
            );
            let is_same = |out: &&Assigned| out.chunk.first == call.chunk.first;
            let same = Vec::from_iter(self.calls.iter().filter(is_same));
            assert!(same.iter().all(|out| out.server != call.server));
            self.calls.push_back(call);
        }
        for server in 0..SERVERS {
            let out = self.calls.iter().filter(|call| call.server == server);
            assert!(out.count() <= MOST_CALLS);
        }
        self.output += &self.dispatcher.queue.take().unwrap_or_default();
        // It may be over, because no server is there for a moment, but only the time for it is set.
        if let Ok(Some(look_again_at)) = self.dispatcher.check(self.now) {
            assert!(look_again_at > self.now, "it would look again without end");
        }
    }

    /// Ends the list. Only the honest server answers from now on.
    fn ends(&mut self) {
        self.dispatcher.end(0);
        for server in 0..HONEST {
            if self.is_up[server] {
                self.dispatcher.closed(server);
            }
        }
        if !self.is_up[HONEST] {
            self.up(HONEST, 1);
        }
        for _ in 0..MOST_STEPS {
            self.pump();
            if self.dispatcher.queue.is_finished() || self.dispatcher.queue.hopeless.is_some() {
                return;
            }
            if let Some(call) = self.calls.pop_front() {
                let answer = reversed(&call);
                let (server, first) = (call.server, call.chunk.first);
                let timing = Timing::default();
                self.dispatcher.answered(server, first, answer, timing);
            } else {
                let server = self.resumes.pop().expect("it waits for nothing");
                self.dispatcher.resume(server);
            }
        }
        panic!("it does not end");
    }

    fn check(&self) {
        // A word as it is may be a lie, which only a second server could show.
        let fits = |(n, line): (usize, &str)| line == n.to_string() || line == backwards(&n);
        assert!(self.output.lines().enumerate().all(fits), "{}", self.output);
        if self.dispatcher.queue.hopeless.is_none() {
            assert_eq!(lines::count(&self.output), self.words);
        }
    }
}

/// Returns the right answer to a call.
fn reversed(call: &Assigned) -> String {
    let words = call.chunk.text.lines();
    words.map(|word| backwards(&word) + "\n").collect()
}

fn backwards(word: &impl ToString) -> String {
    word.to_string().chars().rev().collect()
}

#[cfg(test)]
mod tests;
