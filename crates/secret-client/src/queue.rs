//! Where each word is, from the input to the output. PURE: no socket, no clock; the caller reports
//! what happens by calling a method.
//!
//! ```text
//!            read              assign               answered              take
//!   input ─────────> backlog ─────────> assigned ──────────> reordered ─────────> output
//!                       ^              to 1 or 2     the first   each waits
//!                       └───────────── servers       answer      for all before it
//!                         lost, busy                 counts
//! ```
//!
//! The words travel in chunks. A chunk is identified by the number of its first line.
//!
//! - The chunks of a lost server are assigned again before anything fresh, and cut to the size of
//!   the server that takes them, because a chunk for a fast server would be a week's work for a
//!   slow one.
//! - When nothing is left to assign, a server with room gets a second copy of a chunk that another
//!   server still has, and the first answer counts. So a slow or stuck server does not set the
//!   finish line ("hedging": Dean and Barroso, The Tail at Scale, 2013). Nothing is left when the
//!   input is over or the window is full. While more input may come, nothing is copied.
//! - The window bounds the memory, however long the list is and however late one answer.

use std::collections::BTreeMap;

use backlog::Backlog;
use reorder::ReorderBuffer;

use crate::lines;
use crate::server::ServerId;

mod backlog;
mod reorder;

pub(crate) use backlog::Chunk;

/// Bytes of lines that may be assigned, or answered and waiting for those before them. Two servers
/// flat out have 2 MiB on the way; the rest lets the fast go on while a slow one is late.
const WINDOW: usize = 8 << 20;

/// What a chunk costs besides its text, in bytes: some 300 on the way, less when answered. With a
/// word in each call it is this that fills the window, with 24 thousand words.
const CHUNK_COST: usize = 320;

/// How much blame ends the work: 8 failures that servers report, because then the words of the
/// chunk are probably the cause, or 128 lost servers. Even in a bad minute a slow word loses its
/// server only a dozen times.
const BLAME_LIMIT: u32 = 128;

/// The blame for a failure that a server reports.
pub(crate) const BLAME_FAILED: u32 = BLAME_LIMIT / 8;

/// The blame for the loss of a server.
const BLAME_LOST: u32 = 1;

/// The blame when a server had no room: none, because nothing failed.
pub(crate) const BLAME_NONE: u32 = 0;

/// A chunk that `server` is to reverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) server: ServerId,
    pub(crate) chunk: Chunk,
}

/// What an answer was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counts. `also` is another server that no longer needs to answer the chunk.
    Counts {
        words: usize,
        also: Option<ServerId>,
    },
    /// The server no longer had the chunk.
    Late,
    /// The number of lines is wrong, so this server cannot be trusted.
    Garbled,
}

/// Totals, for the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Words read so far.
    pub read: u64,
    /// Words whose answers were taken.
    pub written: u64,
    /// Words that had to be assigned again because a call failed.
    pub retried: u64,
    /// Words assigned to a second server as well.
    pub hedged: u64,
}

/// The queue. See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Queue {
    backlog: Backlog,
    assigned: BTreeMap<u64, Held>,
    reorder: ReorderBuffer,
    /// bytes that count against the window
    held: usize,
    /// The totals so far.
    pub(crate) totals: Totals,
    /// The first line of a chunk that fails wherever it is tried.
    pub(crate) hopeless: Option<u64>,
}

/// A chunk and the one or two servers that have it.
#[derive(Debug)]
struct Held {
    chunk: Chunk,
    by: ServerId,
    also: Option<ServerId>,
}

impl Queue {
    /// Takes whole lines of input.
    pub(crate) fn read(&mut self, text: String) {
        self.totals.read += lines::count(&text) as u64;
        self.backlog.read(text);
    }

    /// Notes that the input is over.
    pub(crate) fn end(&mut self) {
        self.backlog.ended = true;
    }

    /// Returns whether more input is wanted now.
    pub(crate) fn wants_input(&self) -> bool {
        self.backlog.wants_input()
    }

    /// Assigns a chunk of at most `words` words to `server`, if there is one to assign.
    pub(crate) fn assign(&mut self, server: ServerId, words: usize) -> Option<Assigned> {
        let chunk = match self.backlog.cut_returned(words) {
            None if !self.is_full() => self.backlog.cut_fresh(words),
            returned => returned,
        };
        let Some(chunk) = chunk else {
            return self.hedge(server, words);
        };
        self.held += chunk.text.len() + CHUNK_COST;
        let held = Held {
            chunk: chunk.clone(),
            by: server,
            also: None,
        };
        self.assigned.insert(chunk.first, held);
        Some(Assigned { server, chunk })
    }

    /// Takes the answer of `server` to the chunk at line `first`.
    pub(crate) fn answered(&mut self, server: ServerId, first: u64, answer: String) -> Verdict {
        let Some(held) = self.assigned.get(&first).filter(|held| held.is_by(server)) else {
            return Verdict::Late;
        };
        let (words, also) = (held.chunk.words, held.other(server));
        if lines::count(&answer) != words || !answer.ends_with('\n') {
            return Verdict::Garbled;
        }
        self.held = self.held + answer.len() - held.chunk.text.len();
        self.assigned.remove(&first);
        self.reorder.put(first, answer, words);
        Verdict::Counts { words, also }
    }

    /// Takes the chunk at `first` back from `server`, with this blame. Returns whether the server
    /// still had it.
    pub(crate) fn take_back(&mut self, server: ServerId, first: u64, blame: u32) -> bool {
        let held = self.assigned.get_mut(&first);
        let Some(held) = held.filter(|held| held.is_by(server)) else {
            return false;
        };
        held.chunk.blame += blame;
        if held.chunk.blame >= BLAME_LIMIT {
            self.hopeless = self.hopeless.or(Some(first));
        }
        if let Some(other) = held.other(server) {
            (held.by, held.also) = (other, None);
        } else if let Some(Held { chunk, .. }) = self.assigned.remove(&first) {
            self.held -= chunk.text.len() + CHUNK_COST;
            if blame > BLAME_NONE {
                self.totals.retried += chunk.words as u64;
            }
            self.backlog.put_back(chunk);
        }
        true
    }

    /// Takes back all that `server` had, because it is gone.
    pub(crate) fn take_back_all(&mut self, server: ServerId) {
        let had = self.assigned.iter().filter(|(_, held)| held.is_by(server));
        let had: Vec<u64> = had.map(|(first, _)| *first).collect();
        for first in had {
            self.take_back(server, first, BLAME_LOST);
        }
    }

    /// Takes the answers whose turn has come, if any. They no longer count against the window.
    pub(crate) fn take(&mut self) -> Option<String> {
        if !self.reorder.is_ready() {
            return None;
        }
        let (text, chunks) = self.reorder.take();
        self.held -= text.len() + chunks * CHUNK_COST;
        self.totals.written = self.reorder.next;
        Some(text)
    }

    /// Returns whether there is something to [`take`](Self::take).
    pub(crate) fn has_ready(&self) -> bool {
        self.reorder.is_ready()
    }

    /// Returns whether all input was answered and taken.
    pub(crate) fn is_finished(&self) -> bool {
        self.backlog.ended && self.totals.written == self.totals.read
    }

    fn is_full(&self) -> bool {
        self.held >= WINDOW
    }

    /// Assigns a second copy of a chunk that another server still has. Behind a full window it is
    /// the oldest, because everything waits for that one. At the end of the input it is the newest,
    /// because most of its work is still to be done.
    fn hedge(&mut self, server: ServerId, words: usize) -> Option<Assigned> {
        // No chunk that was cut for a much faster server, because this one would never win it.
        let fits = |held: &&mut Held| {
            held.by != server && held.also.is_none() && held.chunk.words <= 2 * words
        };
        let is_full = self.is_full();
        let mut assigned = self.assigned.values_mut();
        let held = if self.backlog.is_over() {
            assigned.rev().find(fits)?
        } else if is_full {
            assigned.find(fits)?
        } else {
            return None;
        };
        held.also = Some(server);
        self.totals.hedged += held.chunk.words as u64;
        let chunk = held.chunk.clone();
        Some(Assigned { server, chunk })
    }
}

impl Held {
    fn is_by(&self, server: ServerId) -> bool {
        self.by == server || self.also == Some(server)
    }

    fn other(&self, server: ServerId) -> Option<ServerId> {
        if self.by == server {
            self.also
        } else {
            Some(self.by)
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Verdict = Verdict::Counts {
        words: 1,
        also: None,
    };

    #[test]
    fn an_answer_with_another_number_of_lines_is_garbled() {
        for lie in ["", "b", "b\na\n", "b\n\n", "ba"] {
            let mut queue = Queue::default();
            queue.read("ab\ncd\n".into());
            queue.assign(0, 1);
            assert_eq!(
                queue.answered(0, 0, lie.into()),
                Verdict::Garbled,
                "{lie:?}"
            );
            assert_eq!(queue.answered(0, 0, "ba\n".into()), COUNTS);
        }
    }

    #[test]
    fn the_window_bounds_what_is_held_and_the_oldest_word_is_then_done_twice() {
        let mut queue = Queue::default();
        queue.read("first\n".into());
        queue.assign(0, 1);
        let line = format!("{}\n", "x".repeat(9_999));
        let (mut first, mut ahead) = (1, 0);
        loop {
            while queue.wants_input() {
                queue.read(line.repeat(6));
                ahead += 6 * line.len();
            }
            let chunk = queue.assign(1, 1).expect("there is always something").chunk;
            if chunk.first == 0 {
                break;
            }
            ahead -= chunk.text.len();
            assert!(queue.held <= WINDOW + line.len() + CHUNK_COST);
            assert!(ahead < 2 * backlog::READ_AHEAD);
            assert_eq!(chunk.first, first);
            assert_eq!(queue.answered(1, first, chunk.text), COUNTS);
            first += 1;
        }
        let fits = WINDOW / (line.len() + CHUNK_COST);
        assert!(first as usize > fits - 2, "the window was used");
        let counts = Verdict::Counts {
            words: 1,
            also: Some(0),
        };
        assert_eq!(queue.answered(1, 0, "tsrif\n".into()), counts);
        let taken = queue.take().expect("all answers");
        assert_eq!(lines::count(&taken) as u64, first);
        assert_eq!(queue.held, 0);
    }
}
