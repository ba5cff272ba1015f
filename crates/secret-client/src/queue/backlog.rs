//! Words that no server works on: read and not yet assigned, or taken back. PURE.

use std::collections::{BTreeMap, VecDeque};

use crate::lines::{self, Lines};

/// Bytes of lines read ahead. A few chunks, so that assigning never waits for the disk.
pub(super) const READ_AHEAD: usize = 1 << 20;

/// Consecutive lines of the list that go to a server together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The number of its first line, from 0. It identifies the chunk.
    pub(crate) first: u64,
    /// The lines, each with its newline.
    pub(crate) text: String,
    /// The number of lines.
    pub(crate) words: usize,
    /// the failures so far, in the points of the queue
    pub(super) blame: u32,
}

#[derive(Debug, Default)]
pub(super) struct Backlog {
    fresh: VecDeque<Lines>,
    fresh_bytes: usize,
    /// whether no more will be read
    pub(super) ended: bool,
    /// the number of the first fresh line: all before it were assigned at least once
    next: u64,
    /// lines that were taken back, with their blame, by the number of the first line
    returned: BTreeMap<u64, (Lines, u32)>,
}

impl Backlog {
    pub(super) fn read(&mut self, text: String) {
        if !text.is_empty() {
            self.fresh_bytes += text.len();
            self.fresh.push_back(Lines::new(text));
        }
    }

    pub(super) fn wants_input(&self) -> bool {
        !self.ended && self.fresh_bytes < READ_AHEAD
    }

    /// Returns whether every word is assigned or answered and no more will come.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.fresh.is_empty() && self.returned.is_empty()
    }

    pub(super) fn put_back(&mut self, chunk: Chunk) {
        let lines = Lines::new(chunk.text);
        self.returned.insert(chunk.first, (lines, chunk.blame));
    }

    /// Cuts at most `most` words off the first chunk that was put back.
    pub(super) fn cut_returned(&mut self, most: usize) -> Option<Chunk> {
        let (first, (mut lines, blame)) = self.returned.pop_first()?;
        let (text, words) = lines.cut(most, lines::MAX_LINE);
        if !lines.as_str().is_empty() {
            self.returned.insert(first + words as u64, (lines, blame));
        }
        Some(Chunk {
            first,
            text,
            words,
            blame,
        })
    }

    /// Cuts off at most `most` fresh words.
    pub(super) fn cut_fresh(&mut self, most: usize) -> Option<Chunk> {
        let lines = self.fresh.front_mut()?;
        let (text, words) = lines.cut(most, lines::MAX_LINE);
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
            blame: 0,
        })
    }
}
