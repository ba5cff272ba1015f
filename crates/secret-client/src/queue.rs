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
//! - When nothing is left to assign, a server with room gets a copy of a chunk that another server
//!   still has, and the first answer counts. So a slow or stuck server does not set the finish line
//!   ("hedging": Dean and Barroso, The Tail at Scale, 2013). A second server gets it at once at the
//!   end of the input, and behind a full window if it is the oldest. Otherwise, and for a further
//!   copy, its servers must be late by the measure of the server with room.
//! - Where answers are to be verified, the first answer to a chunk is a claim. The chunk goes back
//!   to the backlog until another server has given the same answer.
//! - The window bounds the memory, however long the list is and however late one answer.

use std::collections::BTreeMap;
use std::time::Duration;

use backlog::{Backlog, Claim};
use fault::fault;
use held::Held;
use reorder::ReorderBuffer;

use crate::lines;
use crate::pacing::Pacing;
use crate::server::ServerId;

mod backlog;
mod fault;
mod held;
mod reorder;

pub(crate) use backlog::Chunk;
pub(crate) use fault::{Fault, Weights};

/// Bytes of lines that may be assigned, or answered and waiting for those before them. Two servers
/// flat out have 2 MiB on the way; the rest lets the fast go on while a slow one is late.
const WINDOW: usize = 8 << 20;

/// What a chunk costs besides its text, in bytes: some 300 on the way, less when answered. With a
/// word in each call it is this that fills the window, with 25 thousand words.
const CHUNK_COST: usize = 320;

/// Most chunks that wait for a second server to confirm them, before nothing fresh is assigned: 8
/// MiB of text and answers. More would not help, because the confirming is what is slow.
const MAX_CLAIMS: usize = 64;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counts. The chunk no longer has to be answered by those who got it before this server,
    /// and those who got it after. If it is a claim, another server has to confirm it.
    Counts {
        words: usize,
        is_claim: bool,
        before: Vec<ServerId>,
        after: Vec<ServerId>,
    },
    /// The server no longer had the chunk.
    Late,
    /// It cannot be right, so this server cannot be trusted.
    Wrong(Fault),
}

/// Two servers that gave different answers to the same word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The number of the line, from 0. `None`: the text was one, and not a list.
    pub(crate) line: Option<u64>,
    pub(crate) first: (ServerId, String),
    pub(crate) second: (ServerId, String),
}

/// The words that fail wherever they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hopeless {
    /// The number of their first line, from 0. `None`: the text was one, and not a list.
    pub(crate) line: Option<u64>,
}

/// Who has the next line of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// These servers.
    Assigned(&'a [ServerId]),
    /// None of them: it waits for one that has room.
    Waiting,
    /// One has answered it, and it waits for a second to confirm the answer.
    Claimed,
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
    counted: usize,
    verify: bool,
    /// By which answers are checked.
    pub(crate) weights: Weights,
    /// The totals so far.
    pub(crate) totals: Totals,
    /// The words that fail wherever they are tried.
    pub(crate) hopeless: Option<Hopeless>,
    /// The two servers that do not agree.
    pub(crate) conflict: Option<Conflict>,
}

impl Queue {
    /// An empty queue. With `verify` a word is done when two servers have given the same answer.
    pub(crate) fn new(verify: bool) -> Self {
        Self {
            verify,
            ..Self::default()
        }
    }

    /// Takes whole lines of input.
    pub(crate) fn read(&mut self, text: String) {
        self.totals.read += lines::count(&text) as u64;
        self.backlog.read(text);
    }

    /// Takes one text, line breaks included, as the only word of the input.
    pub(crate) fn read_one(&mut self, text: String) {
        self.totals.read += 1;
        self.backlog.read_one(text);
    }

    /// Notes that the input is over.
    pub(crate) fn end(&mut self) {
        self.backlog.ended = true;
    }

    /// Returns whether more input is wanted now.
    pub(crate) fn wants_input(&self) -> bool {
        self.backlog.wants_input()
    }

    /// Assigns a chunk to `server`, if there is one to assign. `now` is the time since the
    /// beginning.
    pub(crate) fn assign(
        &mut self,
        server: ServerId,
        pacing: &Pacing,
        now: Duration,
    ) -> Option<Assigned> {
        let words = pacing.words();
        let may_begin = !self.is_full() && self.backlog.returned() < MAX_CLAIMS;
        let chunk = match self.backlog.cut_returned(server, words) {
            None if may_begin => self.backlog.cut_fresh(words),
            returned => returned,
        };
        let Some(chunk) = chunk else {
            return self.hedge(server, pacing, now);
        };
        self.counted += chunk.text.len() + CHUNK_COST;
        let held = Held {
            chunk: chunk.clone(),
            holders: vec![server],
            since: now,
        };
        self.assigned.insert(chunk.first, held);
        Some(Assigned { server, chunk })
    }

    /// Takes the answer of `server` to the chunk at line `first`.
    pub(crate) fn answered(&mut self, server: ServerId, first: u64, answer: String) -> Verdict {
        let held = self.assigned.get(&first).filter(|held| held.is_by(server));
        let Some(held) = held else {
            return Verdict::Late;
        };
        if let Some(fault) = fault(&held.chunk, &answer, &self.weights) {
            return Verdict::Wrong(fault);
        }
        let Some(Held { chunk, holders, .. }) = self.assigned.remove(&first) else {
            return Verdict::Late;
        };
        self.counted -= chunk.text.len() + CHUNK_COST;
        let words = chunk.words;
        let is_claim = self.verify && chunk.claim.is_none();
        self.settle(server, chunk, answer);
        let mut holders = holders.split(|holder| *holder == server);
        let mut others = || holders.next().unwrap_or_default().to_vec();
        let (before, after) = (others(), others());
        Verdict::Counts {
            words,
            is_claim,
            before,
            after,
        }
    }

    /// Takes an answer in which no fault can be seen: as a claim, or as one that confirms a claim,
    /// or as it is.
    fn settle(&mut self, server: ServerId, mut chunk: Chunk, answer: String) {
        match chunk.claim.take() {
            None if self.verify => {
                chunk.claim = Some(Claim { by: server, answer });
                self.backlog.put_back(chunk);
            }
            Some(claim) if claim.answer != answer => {
                let conflict = conflict(&chunk, &claim, server, &answer);
                self.conflict = self.conflict.take().or(Some(conflict));
            }
            _ => {
                let end = if chunk.is_one { "\n" } else { "" };
                let answer = answer + end;
                self.counted += answer.len() + CHUNK_COST;
                self.reorder.put(chunk.first, answer, chunk.words);
            }
        }
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
            let line = (!held.chunk.is_one).then_some(first);
            self.hopeless = self.hopeless.or(Some(Hopeless { line }));
        }
        held.holders.retain(|holder| *holder != server);
        if held.holders.is_empty()
            && let Some(Held { chunk, .. }) = self.assigned.remove(&first)
        {
            self.counted -= chunk.text.len() + CHUNK_COST;
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
        self.counted -= text.len() + chunks * CHUNK_COST;
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

    /// Returns the number of the next line of the output, from 0, and who has it. `None` means that
    /// all that was read is answered.
    pub(crate) fn head(&self) -> Option<(u64, Head<'_>)> {
        let first = self.reorder.next;
        if first == self.totals.read {
            return None;
        }
        let head = match self.assigned.get(&first) {
            Some(held) => Head::Assigned(&held.holders),
            None if self.backlog.is_claimed(first) => Head::Claimed,
            None => Head::Waiting,
        };
        Some((first, head))
    }

    /// Returns when `server`, which has room, may copy a chunk because the servers that have it are
    /// late.
    pub(crate) fn hedge_at(&self, server: ServerId, pacing: &Pacing) -> Option<Duration> {
        let held = self.assigned.values();
        let suiting = held.filter(|held| held.suits(server, pacing));
        suiting.map(|held| held.late_at(pacing)).min()
    }

    fn is_full(&self) -> bool {
        self.counted >= WINDOW
    }

    /// Assigns a copy of a chunk that another server still has. While more input may come it is the
    /// oldest, because everything waits for that one; behind a full window no other is copied at
    /// once, because fast servers fill the window in one bad moment of another, and would do all
    /// that it holds twice. At the end of the input it is the newest, because most of its work is
    /// still to be done.
    fn hedge(&mut self, server: ServerId, pacing: &Pacing, now: Duration) -> Option<Assigned> {
        let is_over = self.backlog.is_over();
        let oldest = self.assigned.keys().next().copied();
        let waited_for = oldest.filter(|_| self.is_full());
        let fits = |held: &&mut Held| {
            let at_once = is_over || waited_for == Some(held.chunk.first);
            let is_first_copy = held.holders.len() == 1;
            let is_due = at_once && is_first_copy || held.late_at(pacing) <= now;
            is_due && held.suits(server, pacing)
        };
        let mut assigned = self.assigned.values_mut();
        let held = if is_over {
            assigned.rev().find(fits)?
        } else {
            assigned.find(fits)?
        };
        held.holders.push(server);
        held.since = now;
        self.totals.hedged += held.chunk.words as u64;
        let chunk = held.chunk.clone();
        Some(Assigned { server, chunk })
    }
}

/// Returns the first word on which a claim and another answer differ.
fn conflict(chunk: &Chunk, claim: &Claim, server: ServerId, answer: &str) -> Conflict {
    let [claimed, answered] = [&*claim.answer, answer].map(|text| text.split_terminator('\n'));
    let mut pairs = claimed.zip(answered).zip(chunk.first..);
    let differing = pairs.find(|((first, second), _)| first != second);
    let (line, first, second) = match differing {
        Some(((first, second), line)) if !chunk.is_one => (Some(line), first, second),
        _ => (None, &*claim.answer, answer),
    };
    Conflict {
        line,
        first: (claim.by, first.to_owned()),
        second: (server, second.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacing::Fixed;

    const COUNTS: Verdict = Verdict::Counts {
        is_claim: false,
        words: 1,
        before: Vec::new(),
        after: Vec::new(),
    };

    /// Assigns a word.
    fn assign(queue: &mut Queue, server: ServerId) -> Option<Assigned> {
        let pacing = Pacing::new(1, Fixed::default());
        queue.assign(server, &pacing, Duration::ZERO)
    }

    #[test]
    fn an_answer_with_another_number_of_lines_is_garbled() {
        for lie in ["", "b", "b\na\n", "b\n\n", "ba"] {
            let mut queue = Queue::default();
            queue.read("ab\ncd\n".into());
            assign(&mut queue, 0);
            assert_eq!(
                queue.answered(0, 0, lie.into()),
                Verdict::Wrong(Fault::Number),
                "{lie:?}"
            );
            assert_eq!(queue.answered(0, 0, "ba\n".into()), COUNTS);
        }
    }

    #[test]
    fn no_server_confirms_its_own_claim_not_even_by_a_copy() {
        let mut queue = Queue::new(true);
        queue.read("ab\n".into());
        queue.end();
        assign(&mut queue, 0).expect("the word");
        queue.answered(0, 0, "ba\n".into());
        assert_eq!(assign(&mut queue, 0), None, "its own claim");
        assign(&mut queue, 1).expect("another server");
        assert_eq!(assign(&mut queue, 0), None, "a copy of it");
        assign(&mut queue, 2).expect("a copy for a third one");
    }

    #[test]
    fn a_copy_goes_to_a_server_that_is_at_least_half_as_fast() {
        let pacing = |words| {
            let words = Some(words);
            Pacing::new(1, Fixed { words, calls: None })
        };
        for (words, is_copied) in [(4, true), (5, false)] {
            let mut queue = Queue::default();
            queue.read("ab\n".repeat(words));
            queue.end();
            let all = queue.assign(0, &pacing(words), Duration::ZERO);
            assert_eq!(all.map(|all| all.chunk.words), Some(words));
            let copy = queue.assign(1, &pacing(2), Duration::ZERO);
            assert_eq!(copy.is_some(), is_copied, "{words} words");
        }
    }

    #[test]
    fn the_window_bounds_what_is_held_and_the_oldest_word_is_then_done_twice() {
        let mut queue = Queue::default();
        queue.read("first\n".into());
        assign(&mut queue, 0);
        let line = format!("{}\n", "x".repeat(9_999));
        let (mut first, mut ahead) = (1, 0);
        loop {
            while queue.wants_input() {
                queue.read(line.repeat(6));
                ahead += 6 * line.len();
            }
            let chunk = assign(&mut queue, 1)
                .expect("there is always something")
                .chunk;
            if chunk.first == 0 {
                break;
            }
            ahead -= chunk.text.len();
            assert!(queue.counted <= WINDOW + line.len() + CHUNK_COST);
            assert!(ahead < 2 * backlog::READ_AHEAD);
            assert_eq!(chunk.first, first);
            assert_eq!(queue.answered(1, first, chunk.text), COUNTS);
            first += 1;
        }
        let fits = WINDOW / (line.len() + CHUNK_COST);
        assert!(first as usize > fits - 2, "the window was used");
        let counts = Verdict::Counts {
            is_claim: false,
            words: 1,
            before: vec![0],
            after: Vec::new(),
        };
        assert_eq!(queue.answered(1, 0, "tsrif\n".into()), counts);
        let taken = queue.take().expect("all answers");
        assert_eq!(lines::count(&taken) as u64, first);
        assert_eq!(queue.counted, 0);
    }

    #[test]
    fn behind_a_full_window_only_the_oldest_chunk_is_copied_at_once() {
        let mut queue = Queue::default();
        let line = format!("{}\n", "x".repeat(9_999));
        let mut old = Vec::new();
        while !queue.is_full() {
            while queue.wants_input() {
                queue.read(line.clone());
            }
            old.extend(assign(&mut queue, 0).map(|it| it.chunk));
        }
        let copied = |queue: &mut Queue, server| assign(queue, server).map(|it| it.chunk.first);
        assert_eq!(
            (copied(&mut queue, 1), copied(&mut queue, 2)),
            (Some(0), None)
        );
        // With its answer there is room for fresh words. Then the next oldest is waited for.
        queue.answered(1, 0, old[0].text.clone());
        queue.take().expect("the first line");
        assert_eq!(copied(&mut queue, 2), Some(old.len() as u64), "fresh words");
        assert_eq!(
            (copied(&mut queue, 1), copied(&mut queue, 1)),
            (Some(1), None)
        );
        // All of a server that is stuck are copied when they are late.
        let pacing = Pacing::new(1, Fixed::default());
        let late = pacing.late_after(1);
        let next = queue.assign(1, &pacing, late).map(|it| it.chunk.first);
        assert_eq!(next, Some(2));
    }
}
