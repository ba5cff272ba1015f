//! Which words go to which server, and in which order their answers come out. PURE: no socket, no
//! clock; what happens is told by calling a method.
//!
//! ```text
//!            read            give                 answered             take
//!   input ─────────> fresh ────────> out (1..2   ──────────> done ────────────> output
//!                      ^             servers)      first       wait here for
//!                      │               │           answer      all before them
//!                      └── returned <──┘           counts
//!                           lost, busy
//! ```
//!
//! It is a *pull* queue: a server is given a chunk of words when it has room for one, so a fast
//! server comes back more often, and nobody has to know beforehand who is fast. A chunk is known
//! by the number of its first line.
//!
//! - What a lost server had goes out again before anything fresh, cut to the size of whoever takes
//!   it: a chunk for a fast server would be a week's work for a slow one.
//! - When nothing is left to give out, because the input is over or because the window is full, a
//!   server with room is given a second copy of what another one still has, and the first answer
//!   counts. So a slow or stuck server does not set the finish line ("hedging": Dean and Barroso,
//!   The Tail at Scale, 2013). While more input may come there is none of it.
//! - The window bounds the memory, however long the list is and however late one answer.

use std::collections::{BTreeMap, VecDeque};

use crate::lines::{self, Lines};
use crate::pace::{Fixed, Pace, Timing};

/// Bytes of lines that may be given out, or answered and waiting for those before them. Two
/// servers flat out have 2 MiB on the way; the rest lets the fast go on while a slow one is late.
pub const WINDOW: usize = 8 << 20;

/// Bytes of lines read ahead: a few chunks, so that giving out never waits for the disk.
pub const READ_AHEAD: usize = 1 << 20;

/// What a chunk costs besides its text, in bytes: some 300 on the way, less when done. At a word a
/// call it is this that fills the window, with 24 thousand words.
const CHUNK_COST: usize = 320;

/// How much may befall a chunk before the work is given up: 8 failures that servers report
/// themselves, which speak against its words, or 128 lost servers. In a bad minute a slow word may
/// well lose its server a dozen times, but not so often.
const PATIENCE: u32 = 128;

/// What a failure counts that a server reports.
const REPORTED: u32 = PATIENCE / 8;

/// What a failure counts that comes with the loss of the server.
const LOST: u32 = 1;

/// A server, by its place in the list.
pub type ServerId = usize;

/// Something to send: ask `server` to reverse `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who.
    pub server: ServerId,
    /// The number of the first line, from 0.
    pub first: u64,
    /// The lines, each with its newline.
    pub text: String,
    /// How many they are.
    pub words: usize,
}

/// What an answer was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts. The same words at this other server are no longer needed.
    Counts(Option<ServerId>),
    /// Somebody else was first.
    Late,
    /// It has not the number of lines it should have: this server cannot be trusted.
    Garbled,
}

/// Totals, for the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Words read so far.
    pub read: u64,
    /// Words whose answers were taken.
    pub written: u64,
    /// Words that had to be given out again because a call failed.
    pub retried: u64,
    /// Words given to a second server as well.
    pub hedged: u64,
}

#[derive(Debug)]
struct Chunk {
    text: String,
    words: usize,
    blame: u32,
    at: ServerId,
    also: Option<ServerId>,
}

#[derive(Debug, Default)]
struct Server {
    /// none while it cannot be reached
    pace: Option<Pace>,
    paused: bool,
    out: usize,
    words: u64,
}

/// The queue. See the [module](self).
#[derive(Debug, Default)]
pub struct Queue {
    fixed: Fixed,
    servers: Vec<Server>,
    fresh: VecDeque<Lines>,
    fresh_bytes: usize,
    ended: bool,
    /// the number of the first fresh line
    cut: u64,
    returned: BTreeMap<u64, (Lines, u32)>,
    out: BTreeMap<u64, Chunk>,
    done: BTreeMap<u64, (String, usize)>,
    /// lines whose turn has come, and the number of the line after them
    ready: String,
    ready_cost: usize,
    next: u64,
    /// bytes that count against the window
    held: usize,
    totals: Totals,
    hopeless: Option<u64>,
}

impl Queue {
    /// An empty queue without servers.
    pub fn new(fixed: Fixed) -> Self {
        Self {
            fixed,
            ..Self::default()
        }
    }

    /// Adds a server, which cannot be reached yet.
    pub fn add_server(&mut self) -> ServerId {
        self.servers.push(Server::default());
        self.servers.len() - 1
    }

    /// `server` can be reached, and works on so many words at once.
    pub fn up(&mut self, server: ServerId, workers: usize) {
        let pace = Pace::new(workers, self.fixed);
        let server = &mut self.servers[server];
        (server.pace, server.paused) = (Some(pace), false);
    }

    /// `server` is gone: takes back what it had, and tells which chunks these were.
    pub fn down(&mut self, server: ServerId) -> Vec<u64> {
        self.servers[server].pace = None;
        let had = self.out.iter().filter(|(_, chunk)| chunk.is_at(server));
        let had: Vec<u64> = had.map(|(first, _)| *first).collect();
        for first in &had {
            self.blame(server, *first, LOST);
        }
        had
    }

    /// Takes whole lines of input.
    pub fn read(&mut self, text: String) {
        if !text.is_empty() {
            self.totals.read += lines::count(&text) as u64;
            self.fresh_bytes += text.len();
            self.fresh.push_back(Lines::new(text));
        }
    }

    /// There is no more input.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether more input is wanted now.
    pub fn wants_input(&self) -> bool {
        !self.ended && self.fresh_bytes < READ_AHEAD
    }

    /// The next thing to send to `server`, if it has room and there is something.
    pub fn give(&mut self, server: ServerId) -> Option<Order> {
        let taker = &self.servers[server];
        let pace = taker.pace.as_ref().filter(|_| !taker.paused)?;
        if taker.out >= pace.calls() {
            return None;
        }
        let words = pace.words();
        let order = self
            .cut_returned(server, words)
            .or_else(|| self.cut_fresh(server, words))
            .or_else(|| self.hedge(server, words))?;
        self.servers[server].out += 1;
        Some(order)
    }

    /// `server` answered the chunk that begins with line `first`.
    pub fn answered(
        &mut self,
        server: ServerId,
        first: u64,
        answer: String,
        timing: Timing,
    ) -> Verdict {
        let Some(chunk) = self.out.get(&first).filter(|chunk| chunk.is_at(server)) else {
            return Verdict::Late;
        };
        if lines::count(&answer) != chunk.words || !answer.ends_with('\n') {
            return Verdict::Garbled;
        }
        let (words, other) = (chunk.words, chunk.other(server));
        self.held = self.held + answer.len() - chunk.text.len();
        self.out.remove(&first);
        let winner = &mut self.servers[server];
        winner.words += words as u64;
        winner.out -= 1;
        if let Some(pace) = &mut winner.pace {
            pace.answered(words, timing);
        }
        if let Some(other) = other {
            self.servers[other].out -= 1;
        }
        self.done.insert(first, (answer, words));
        while let Some(entry) = self.done.first_entry().filter(|e| *e.key() == self.next) {
            let (text, words) = entry.remove();
            self.ready_cost += text.len() + CHUNK_COST;
            self.next += words as u64;
            if self.ready.is_empty() {
                self.ready = text;
            } else {
                self.ready += &text;
            }
        }
        Verdict::Counts(other)
    }

    /// `server` says that it failed on the chunk at `first`: somebody must do it again.
    pub fn failed(&mut self, server: ServerId, first: u64) {
        self.blame(server, first, REPORTED);
    }

    /// `server` had no room for the chunk at `first`. It gets nothing more until
    /// [`resume`](Self::resume).
    pub fn busy(&mut self, server: ServerId, first: u64) {
        if let Some(chunk) = self.take_from(server, first) {
            self.give_back(server, first, chunk);
        }
        let server = &mut self.servers[server];
        server.paused = true;
        if let Some(pace) = &mut server.pace {
            pace.busy(server.out + 1);
        }
    }

    /// `server` may have room again.
    pub fn resume(&mut self, server: ServerId) {
        self.servers[server].paused = false;
    }

    /// Answers whose turn has come, if any; they no longer count against the window.
    pub fn take(&mut self) -> Option<String> {
        if self.ready.is_empty() {
            return None;
        }
        let ready = std::mem::take(&mut self.ready);
        self.held -= std::mem::take(&mut self.ready_cost);
        self.totals.written = self.next;
        Some(ready)
    }

    /// Whether there is something to [`take`](Self::take).
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether all input was answered and taken.
    pub fn finished(&self) -> bool {
        self.ended && self.totals.written == self.totals.read
    }

    /// The line at which a chunk begins that fails wherever it is tried.
    pub fn hopeless(&self) -> Option<u64> {
        self.hopeless
    }

    /// Whether any server can be reached.
    pub fn any_up(&self) -> bool {
        self.servers.iter().any(|server| server.pace.is_some())
    }

    /// The totals so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// How many words `server` was the first to answer.
    pub fn words_by(&self, server: ServerId) -> u64 {
        self.servers[server].words
    }

    fn blame(&mut self, server: ServerId, first: u64, points: u32) {
        if let Some(mut chunk) = self.take_from(server, first) {
            chunk.blame += points;
            if chunk.blame >= PATIENCE {
                self.hopeless = self.hopeless.or(Some(first));
            }
            let words = chunk.words as u64;
            if self.give_back(server, first, chunk) {
                self.totals.retried += words;
            }
        }
    }

    fn take_from(&mut self, server: ServerId, first: u64) -> Option<Chunk> {
        self.out.get(&first).filter(|chunk| chunk.is_at(server))?;
        self.out.remove(&first)
    }

    /// Tells whether the chunk has to go out again, or else another server is still at it.
    fn give_back(&mut self, server: ServerId, first: u64, mut chunk: Chunk) -> bool {
        self.servers[server].out -= 1;
        if let Some(other) = chunk.other(server) {
            (chunk.at, chunk.also) = (other, None);
            self.out.insert(first, chunk);
        } else {
            self.held -= chunk.text.len() + CHUNK_COST;
            self.returned
                .insert(first, (Lines::new(chunk.text), chunk.blame));
        }
        self.returned.contains_key(&first)
    }

    fn cut_returned(&mut self, server: ServerId, most: usize) -> Option<Order> {
        let (first, (mut lines, blame)) = self.returned.pop_first()?;
        let (text, words) = lines.cut(most, lines::MAX_LINE);
        if !lines.as_str().is_empty() {
            self.returned.insert(first + words as u64, (lines, blame));
        }
        Some(self.send(server, first, text, words, blame))
    }

    fn cut_fresh(&mut self, server: ServerId, most: usize) -> Option<Order> {
        if self.full() {
            return None;
        }
        let lines = self.fresh.front_mut()?;
        let (text, words) = lines.cut(most, lines::MAX_LINE);
        if lines.as_str().is_empty() {
            self.fresh.pop_front();
        }
        self.fresh_bytes -= text.len();
        let first = self.cut;
        self.cut += words as u64;
        Some(self.send(server, first, text, words, 0))
    }

    fn send(
        &mut self,
        server: ServerId,
        first: u64,
        text: String,
        words: usize,
        blame: u32,
    ) -> Order {
        self.held += text.len() + CHUNK_COST;
        let order = Order {
            server,
            first,
            text: text.clone(),
            words,
        };
        let chunk = Chunk {
            text,
            words,
            blame,
            at: server,
            also: None,
        };
        self.out.insert(first, chunk);
        order
    }

    fn full(&self) -> bool {
        self.held >= WINDOW
    }

    /// A second copy of what another server still has. Stuck behind a full window, the oldest,
    /// which everything waits for; at the end the newest, which has most of its work before it.
    fn hedge(&mut self, server: ServerId, words: usize) -> Option<Order> {
        let over = self.ended && self.fresh.is_empty();
        if !over && !self.full() {
            return None;
        }
        // A chunk made for a much faster server is not one that this one would win.
        let fits = |(_, chunk): &(&u64, &mut Chunk)| {
            chunk.at != server && chunk.also.is_none() && chunk.words <= 2 * words
        };
        let (first, chunk) = if over {
            self.out.iter_mut().rev().find(fits)?
        } else {
            self.out.iter_mut().find(fits)?
        };
        chunk.also = Some(server);
        self.totals.hedged += chunk.words as u64;
        Some(Order {
            server,
            first: *first,
            text: chunk.text.clone(),
            words: chunk.words,
        })
    }
}

impl Chunk {
    fn is_at(&self, server: ServerId) -> bool {
        self.at == server || self.also == Some(server)
    }

    fn other(&self, server: ServerId) -> Option<ServerId> {
        if self.at == server {
            self.also
        } else {
            Some(self.at)
        }
    }
}

#[cfg(test)]
mod tests;
