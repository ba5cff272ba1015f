//! The polls that wait: how each of them is ended early.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::chat::Session;
use tokio_util::sync::CancellationToken;

/// At most one poll of each session: **a new poll of a session ends its last one**. A client may
/// poll again without a thought of calls that it has given up, because they do not pile up here.
#[derive(Default)]
pub(crate) struct Polls {
    waiting: Mutex<HashMap<Session, CancellationToken>>,
    all: CancellationToken,
}

impl Polls {
    /// Begins a poll of `session` and ends its last one. Returns what is cancelled when the new
    /// one has to end.
    pub(crate) fn begin(&self, session: Session) -> CancellationToken {
        let poll = self.all.child_token();
        if let Some(last) = self.lock().insert(session, poll.clone()) {
            last.cancel();
        }
        poll
    }

    /// Ends the poll of `session`, because its rooms have changed: the next one knows them.
    pub(crate) fn end(&self, session: Session) {
        if let Some(poll) = self.lock().remove(&session) {
            poll.cancel();
        }
    }

    /// Ends all polls, those that begin later too, because the server is shutting down.
    pub(crate) fn end_all(&self) {
        self.all.cancel();
    }

    /// Forgets the polls of sessions that are over.
    pub(crate) fn retain(&self, is_here: impl Fn(Session) -> bool) {
        self.lock().retain(|&session, _| is_here(session));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Session, CancellationToken>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
