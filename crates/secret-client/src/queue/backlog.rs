//! Words that nobody works on: read and not yet given out, or taken back. PURE.

use std::collections::{BTreeMap, VecDeque};

use crate::lines::{self, Lines};

/// Bytes of lines read ahead: a few chunks, so that giving out never waits for the disk.
pub const READ_AHEAD: usize = 1 << 20;

/// Some words, on their way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// the number of its first line
    pub(super) first: u64,
    pub(super) text: String,
    pub(super) words: usize,
    /// what befell it so far
    pub(super) blame: u32,
}

#[derive(Debug, Default)]
pub(super) struct Backlog {
    fresh: VecDeque<Lines>,
    fresh_bytes: usize,
    ended: bool,
    /// lines that were given out at least once: the number of the first fresh line
    cut: u64,
    returned: BTreeMap<u64, (Lines, u32)>,
}

impl Backlog {
    pub(super) fn read(&mut self, text: String) {
        if !text.is_empty() {
            self.fresh_bytes += text.len();
            self.fresh.push_back(Lines::new(text));
        }
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn wants_input(&self) -> bool {
        !self.ended && self.fresh_bytes < READ_AHEAD
    }

    /// Whether all words are out, and no more will come.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.fresh.is_empty() && self.returned.is_empty()
    }

    pub(super) fn put_back(&mut self, chunk: Chunk) {
        let lines = Lines::new(chunk.text);
        self.returned.insert(chunk.first, (lines, chunk.blame));
    }

    /// Cuts off at most so many words of the first that were put back.
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

    /// Cuts off at most so many fresh words.
    pub(super) fn cut_fresh(&mut self, most: usize) -> Option<Chunk> {
        let lines = self.fresh.front_mut()?;
        let (text, words) = lines.cut(most, lines::MAX_LINE);
        if lines.as_str().is_empty() {
            self.fresh.pop_front();
        }
        self.fresh_bytes -= text.len();
        let first = self.cut;
        self.cut += words as u64;
        Some(Chunk {
            first,
            text,
            words,
            blame: 0,
        })
    }
}
