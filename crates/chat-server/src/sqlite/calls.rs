//! What the writing thread is asked to do, and how much of it may wait.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::oneshot;

use crate::log::{LogError, NewEntry};

/// Calls that wait for the disk.
pub(super) enum Call {
    Append(Append),
    EndRooms {
        used: HashSet<String>,
        now_ms: u64,
        reply: oneshot::Sender<Result<(), LogError>>,
    },
    /// Close the file, and say so.
    Close(oneshot::Sender<()>),
}

/// Entries for the log, with the channel for their numbers.
pub(super) struct Append {
    pub(super) room: String,
    pub(super) entries: Vec<NewEntry>,
    pub(super) reply: oneshot::Sender<Result<Vec<u64>, LogError>>,
    pub(super) waiting: Waiting,
}

/// The bytes of an append, counted among all that wait until it is dropped.
pub(super) struct Waiting(Arc<AtomicUsize>, usize);

impl Waiting {
    /// Counts `bytes`, or returns nothing if more than `most` would wait.
    pub(super) fn count(all: &Arc<AtomicUsize>, bytes: usize, most: usize) -> Option<Self> {
        let waiting = Self(all.clone(), bytes);
        (all.fetch_add(bytes, Relaxed) + bytes <= most).then_some(waiting)
    }

    pub(super) fn bytes(&self) -> usize {
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
    fn what_waits_for_the_disk_is_counted_in_bytes() {
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
