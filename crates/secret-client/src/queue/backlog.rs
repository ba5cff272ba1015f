//! Words that no server works on: read and not yet assigned, taken back, or to be confirmed. PURE.

use std::collections::{BTreeMap, VecDeque};

use crate::lines::{self, Lines};
use crate::server::ServerId;

/// Bytes of lines read ahead. A few chunks, so that assigning never waits for the disk.
pub(super) const READ_AHEAD: usize = 1 << 20;

/// Consecutive lines of the list that go to a server together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The number of its first line, from 0. It identifies the chunk.
    pub(crate) first: u64,
    /// The lines, each with its newline; or the one text, as it is.
    pub(crate) text: String,
    /// The number of lines.
    pub(crate) words: usize,
    /// Whether this is one text with whatever is in it, and not lines.
    pub(crate) is_one: bool,
    /// the answer that another server has to confirm, if there is one
    pub(super) claim: Option<Claim>,
    /// the failures so far, in the points of the queue
    pub(super) blame: u32,
}

/// An answer that counts only when another server gives the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) by: ServerId,
    pub(super) answer: String,
}

#[derive(Debug, Default)]
pub(super) struct Backlog {
    fresh: VecDeque<Lines>,
    fresh_bytes: usize,
    /// whether no more will be read
    pub(super) ended: bool,
    /// the number of the first fresh line: all before it were assigned at least once
    next: u64,
    /// what was taken back or is to be confirmed, by the number of its first line
    returned: BTreeMap<u64, Returned>,
}

#[derive(Debug)]
struct Returned {
    lines: Lines,
    blame: u32,
    /// the lines that another server has to confirm, and who answered them
    claim: Option<(ServerId, Lines)>,
}

impl Backlog {
    pub(super) fn read(&mut self, text: String) {
        if !text.is_empty() {
            self.fresh_bytes += text.len();
            self.fresh.push_back(Lines::new(text));
        }
    }

    /// Takes one text that is not a list.
    pub(super) fn read_one(&mut self, text: String) {
        self.fresh_bytes += text.len();
        self.fresh.push_back(Lines::one(text));
    }

    pub(super) fn wants_input(&self) -> bool {
        !self.ended && self.fresh_bytes < READ_AHEAD
    }

    /// Returns whether every word is assigned or answered and no more will come.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.fresh.is_empty() && self.returned.is_empty()
    }

    /// Returns how many chunks were taken back or are to be confirmed.
    pub(super) fn returned(&self) -> usize {
        self.returned.len()
    }

    /// Returns whether the words at line `first` were answered by one server and wait for another.
    pub(super) fn is_claimed(&self, first: u64) -> bool {
        let returned = self.returned.get(&first);
        returned.is_some_and(|returned| returned.claim.is_some())
    }

    pub(super) fn put_back(&mut self, chunk: Chunk) {
        let lines = |text| match chunk.is_one {
            true => Lines::one(text),
            false => Lines::new(text),
        };
        let returned = Returned {
            lines: lines(chunk.text),
            blame: chunk.blame,
            claim: chunk.claim.map(|claim| (claim.by, lines(claim.answer))),
        };
        self.returned.insert(chunk.first, returned);
    }

    /// Cuts at most `most` words off the first chunk that was put back and that `server` may do: it
    /// may not confirm its own answer.
    pub(super) fn cut_returned(&mut self, server: ServerId, most: usize) -> Option<Chunk> {
        let may_do =
            |returned: &Returned| !matches!(&returned.claim, Some((by, _)) if *by == server);
        let mut all = self.returned.iter();
        let (&first, _) = all.find(|(_, returned)| may_do(returned))?;
        let mut returned = self.returned.remove(&first)?;
        let (text, words) = returned.lines.cut(most, lines::MAX_LINE);
        let claim = returned.claim.as_mut().map(|(by, lines)| Claim {
            by: *by,
            answer: lines.cut(words, usize::MAX).0,
        });
        let (blame, is_one) = (returned.blame, returned.lines.is_one());
        if !returned.lines.as_str().is_empty() {
            self.returned.insert(first + words as u64, returned);
        }
        Some(Chunk {
            first,
            text,
            words,
            is_one,
            claim,
            blame,
        })
    }

    /// Cuts off at most `most` fresh words.
    pub(super) fn cut_fresh(&mut self, most: usize) -> Option<Chunk> {
        let lines = self.fresh.front_mut()?;
        let (text, words) = lines.cut(most, lines::MAX_LINE);
        let is_one = lines.is_one();
        if lines.as_str().is_empty() {
            self.fresh.pop_front();
        }
        self.fresh_bytes -= text.len();
        let first = self.next;
        self.next += words as u64;
        Some(Chunk {
            first,
            text,
            words,
            is_one,
            claim: None,
            blame: 0,
        })
    }
}
