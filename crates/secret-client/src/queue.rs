//! Which words go to which server, and in which order their answers come out. PURE: no socket, no
//! clock; what happens is told by calling a method.
//!
//! ```text
//!            read            give                 answered             take
//!   input ─────────> backlog ────────> out (1..2   ──────────> reorder ──────────> output
//!                      ^             servers)      first       each waits for
//!                      └───────────────┘           answer      all before it
//!                         lost, busy               counts
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

use std::collections::BTreeMap;

use backlog::{Backlog, Chunk};
use reorder::ReorderBuffer;

use crate::lines;
use crate::pacing::{Fixed, Pacing, Timing};

mod backlog;
mod reorder;

pub use backlog::READ_AHEAD;

/// Bytes of lines that may be given out, or answered and waiting for those before them. Two
/// servers flat out have 2 MiB on the way; the rest lets the fast go on while a slow one is late.
pub const WINDOW: usize = 8 << 20;

/// What a chunk costs besides its text, in bytes: some 300 on the way, less when done. At a word a
/// call it is this that fills the window, with 24 thousand words.
const CHUNK_COST: usize = 320;

/// How much may befall a chunk before the work is given up: 8 failures that servers report
/// themselves, which speak against its words, or 128 lost servers. In a bad minute a slow word may
/// well lose its server a dozen times, but not so often.
const BLAME_LIMIT: u32 = 128;

/// What a failure counts that a server reports.
const REPORTED: u32 = BLAME_LIMIT / 8;

/// What a failure counts that comes with the loss of the server.
const LOST: u32 = 1;

/// A server, by its place in the list.
pub type ServerId = usize;

/// Something to send: ask `server` to reverse `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
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
struct Assigned {
    chunk: Chunk,
    at: ServerId,
    also: Option<ServerId>,
}

#[derive(Debug, Default)]
struct Server {
    /// none while it cannot be reached
    pacing: Option<Pacing>,
    paused: bool,
    out: usize,
    words: u64,
}

/// The queue. See the [module](self).
#[derive(Debug, Default)]
pub struct Queue {
    fixed: Fixed,
    servers: Vec<Server>,
    backlog: Backlog,
    out: BTreeMap<u64, Assigned>,
    reorder: ReorderBuffer,
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
        let pacing = Pacing::new(workers, self.fixed);
        let server = &mut self.servers[server];
        (server.pacing, server.paused) = (Some(pacing), false);
    }

    /// `server` is gone: takes back what it had, and tells which chunks these were.
    pub fn down(&mut self, server: ServerId) -> Vec<u64> {
        self.servers[server].pacing = None;
        let had = self.out.iter().filter(|(_, chunk)| chunk.is_at(server));
        let had: Vec<u64> = had.map(|(first, _)| *first).collect();
        for first in &had {
            self.blame(server, *first, LOST);
        }
        had
    }

    /// Takes whole lines of input.
    pub fn read(&mut self, text: String) {
        self.totals.read += lines::count(&text) as u64;
        self.backlog.read(text);
    }

    /// There is no more input.
    pub fn end(&mut self) {
        self.backlog.end();
    }

    /// Whether more input is wanted now.
    pub fn wants_input(&self) -> bool {
        self.backlog.wants_input()
    }

    /// The next thing to send to `server`, if it has room and there is something.
    pub fn give(&mut self, server: ServerId) -> Option<Call> {
        let taker = &self.servers[server];
        let pacing = taker.pacing.as_ref().filter(|_| !taker.paused)?;
        if taker.out >= pacing.calls() {
            return None;
        }
        let words = pacing.words();
        let chunk = match self.backlog.cut_returned(words) {
            None if !self.is_full() => self.backlog.cut_fresh(words),
            returned => returned,
        };
        let order = match chunk {
            Some(chunk) => self.send(server, chunk),
            None => self.hedge(server, words)?,
        };
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
        let (words, other) = (chunk.chunk.words, chunk.other(server));
        if lines::count(&answer) != words || !answer.ends_with('\n') {
            return Verdict::Garbled;
        }
        self.held = self.held + answer.len() - chunk.chunk.text.len();
        self.out.remove(&first);
        let winner = &mut self.servers[server];
        winner.words += words as u64;
        winner.out -= 1;
        if let Some(pacing) = &mut winner.pacing {
            pacing.answered(words, timing);
        }
        if let Some(other) = other {
            self.servers[other].out -= 1;
        }
        self.reorder.put(first, answer, words);
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
            self.give_back(server, chunk);
        }
        let server = &mut self.servers[server];
        server.paused = true;
        if let Some(pacing) = &mut server.pacing {
            pacing.busy(server.out + 1);
        }
    }

    /// `server` may have room again.
    pub fn resume(&mut self, server: ServerId) {
        self.servers[server].paused = false;
    }

    /// Answers whose turn has come, if any; they no longer count against the window.
    pub fn take(&mut self) -> Option<String> {
        if !self.reorder.is_ready() {
            return None;
        }
        let (text, chunks) = self.reorder.take();
        self.held -= text.len() + chunks * CHUNK_COST;
        self.totals.written = self.reorder.passed();
        Some(text)
    }

    /// Whether there is something to [`take`](Self::take).
    pub fn has_ready(&self) -> bool {
        self.reorder.is_ready()
    }

    /// Whether all input was answered and taken.
    pub fn finished(&self) -> bool {
        self.backlog.has_ended() && self.totals.written == self.totals.read
    }

    /// The line at which a chunk begins that fails wherever it is tried.
    pub fn hopeless(&self) -> Option<u64> {
        self.hopeless
    }

    /// Whether any server can be reached.
    pub fn any_up(&self) -> bool {
        self.servers.iter().any(|server| server.pacing.is_some())
    }

    /// The totals so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// How many words `server` was the first to answer.
    pub fn words_by(&self, server: ServerId) -> u64 {
        self.servers[server].words
    }

    fn is_full(&self) -> bool {
        self.held >= WINDOW
    }

    fn blame(&mut self, server: ServerId, first: u64, points: u32) {
        let Some(mut chunk) = self.take_from(server, first) else {
            return;
        };
        let words = chunk.chunk.words as u64;
        chunk.chunk.blame += points;
        if chunk.chunk.blame >= BLAME_LIMIT {
            self.hopeless = self.hopeless.or(Some(first));
        }
        if self.give_back(server, chunk) {
            self.totals.retried += words;
        }
    }

    fn take_from(&mut self, server: ServerId, first: u64) -> Option<Assigned> {
        self.out.get(&first).filter(|chunk| chunk.is_at(server))?;
        self.servers[server].out -= 1;
        self.out.remove(&first)
    }

    /// Tells whether the chunk has to go out again, or else another server is still at it.
    fn give_back(&mut self, server: ServerId, mut chunk: Assigned) -> bool {
        if let Some(other) = chunk.other(server) {
            (chunk.at, chunk.also) = (other, None);
            self.out.insert(chunk.chunk.first, chunk);
            return false;
        }
        self.held -= chunk.chunk.text.len() + CHUNK_COST;
        self.backlog.put_back(chunk.chunk);
        true
    }

    fn send(&mut self, server: ServerId, chunk: Chunk) -> Call {
        self.held += chunk.text.len() + CHUNK_COST;
        let order = chunk.order(server);
        let chunk = Assigned {
            chunk,
            at: server,
            also: None,
        };
        self.out.insert(order.first, chunk);
        order
    }

    /// A second copy of what another server still has. Stuck behind a full window, the oldest,
    /// which everything waits for; at the end the newest, which has most of its work before it.
    fn hedge(&mut self, server: ServerId, words: usize) -> Option<Call> {
        // A chunk made for a much faster server is not one that this one would win.
        let fits = |chunk: &&mut Assigned| {
            chunk.at != server && chunk.also.is_none() && chunk.chunk.words <= 2 * words
        };
        let mut chunks = self.out.values_mut();
        let chunk = match self.backlog.is_over() {
            true => chunks.rev().find(fits)?,
            false if self.held >= WINDOW => chunks.find(fits)?,
            false => return None,
        };
        chunk.also = Some(server);
        self.totals.hedged += chunk.chunk.words as u64;
        Some(chunk.chunk.order(server))
    }
}

impl Chunk {
    fn order(&self, server: ServerId) -> Call {
        Call {
            server,
            first: self.first,
            text: self.text.clone(),
            words: self.words,
        }
    }
}

impl Assigned {
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
