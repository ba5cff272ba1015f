//! Lanes for what lasts at the same time: each one gets the first lane that is free. PURE.

use std::collections::BTreeSet;

/// The lanes of one place.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    free: BTreeSet<usize>,
    /// The number of lanes: the most that lasted at once.
    pub(crate) count: usize,
}

impl Lanes {
    /// Returns the first free lane, from 0.
    pub(crate) fn take(&mut self) -> usize {
        self.free.pop_first().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// Frees a lane that was taken.
    pub(crate) fn free(&mut self, lane: usize) {
        self.free.insert(lane);
    }
}
