//! How much may wait to be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Most bytes of entries that wait to be written, because an append outlives its call: see the sum
/// in [`common::net::Limits`].
pub(crate) const WAITING: usize = 32 * 1024 * 1024;

/// The bytes of an append, counted among all that wait until it is dropped.
pub(crate) struct Waiting(Arc<AtomicUsize>, usize);

impl Waiting {
    /// Counts `bytes`, or returns nothing if more than `most` would wait.
    pub(crate) fn count(all: &Arc<AtomicUsize>, bytes: usize, most: usize) -> Option<Self> {
        let waiting = Self(all.clone(), bytes);
        (all.fetch_add(bytes, Relaxed) + bytes <= most).then_some(waiting)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.1
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_in_bytes() {
        let all = Arc::default();
        let first = Waiting::count(&all, 60, 100);
        assert!(first.is_some());
        assert!(Waiting::count(&all, 41, 100).is_none(), "and not counted");
        let second = Waiting::count(&all, 40, 100);
        assert!(second.is_some());
        drop(first);
        assert!(Waiting::count(&all, 60, 100).is_some());
    }
}
