//! What readers of a room are told of an append, after its locks are free.

use tokio::sync::watch;

/// What was added to a room, until those who wait for it are told. To be dropped without the lock
/// on the rooms, because they wake on other threads and want it at once.
#[must_use]
pub(crate) struct Added {
    newest: u64,
    head: watch::Sender<u64>,
}

impl Added {
    pub(super) fn new(newest: u64, head: watch::Sender<u64>) -> Self {
        Self { newest, head }
    }
}

impl Drop for Added {
    /// Shows everything at once, so that each reader wakes once.
    fn drop(&mut self) {
        // Another thread may have shown more already.
        self.head.send_if_modified(|head| {
            let is_news = *head < self.newest;
            *head = self.newest.max(*head);
            is_news
        });
    }
}
