//! An entry as it is kept in memory: encoded, so that each of its readers costs a copy and no more.
//! PURE.

use common::chat::{Encoded, Entry, Kind, Line};

use crate::bounds::bytes;

/// The bytes in memory of an entry, at most, beside what counts in a page: the struct, an
/// allocation if it was stored alone, and the key that [`Memory`](crate::Memory) remembers.
const OVERHEAD: usize = 208;

/// An entry in the bytes that its readers get, and what is asked of it most.
#[derive(Clone)]
pub(crate) struct KeptEntry {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    /// what counts in a page
    pub(crate) size: usize,
    encoded: Encoded,
}

impl KeptEntry {
    /// Returns entries that are stored together, as they are kept.
    pub(crate) fn all<'a>(
        lines: impl Iterator<Item = Line<'a>> + Clone,
    ) -> impl Iterator<Item = Self> {
        let encoded = Encoded::all(lines.clone());
        lines.zip(encoded).map(|(line, encoded)| Self {
            number: line.number,
            kind: line.kind,
            size: bytes(line.nick, line.body),
            encoded,
        })
    }

    /// Returns the entry. There always is one.
    pub(crate) fn entry(&self) -> Option<Entry> {
        self.encoded.entry()
    }

    /// Returns the bytes that readers get.
    pub(crate) fn encoded(&self) -> &Encoded {
        &self.encoded
    }

    /// Returns the bytes that it takes in memory.
    pub(crate) fn cost(&self) -> usize {
        self.size + OVERHEAD
    }
}
