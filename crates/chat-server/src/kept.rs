//! An entry as it is kept in memory: encoded, so that each of its readers costs a copy and no more.
//! PURE.

use common::chat::{Encoded, Entry, Kind};

use crate::bounds::bytes;

/// The bytes in memory of an entry, at most, beside what counts in a page: the struct, an
/// allocation, and the key that [`Memory`](crate::Memory) remembers.
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
    /// Returns an entry as it is kept.
    pub(crate) fn new(entry: &Entry) -> Self {
        Self {
            number: entry.number,
            kind: entry.kind,
            size: bytes(&entry.nick, &entry.body),
            encoded: Encoded::new(entry),
        }
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
