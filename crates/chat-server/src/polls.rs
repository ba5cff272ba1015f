//! The polls that wait: how each of them is ended early.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::chat::Session;
use tokio_util::sync::CancellationToken;

/// At most one poll of each session: **a new poll of a session ends its last one**. A client may
/// poll again without a thought of calls that it has given up, because they do not pile up here.
#[derive(Default)]
pub(crate) struct Polls(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<Session, CancellationToken>,
    /// whether the server is shutting down
    is_over: bool,
}

impl Polls {
    /// Begins a poll of `session` and ends its last one. The token is cancelled when it has to end.
    pub(crate) fn begin(&self, session: Session) -> CancellationToken {
        let poll = CancellationToken::new();
        let mut state = self.lock();
        if state.is_over {
            poll.cancel();
        }
        if let Some(last) = state.waiting.insert(session, poll.clone()) {
            last.cancel();
        }
        poll
    }

    /// Ends the poll of `session`, because its rooms have changed: the next one knows them.
    pub(crate) fn end(&self, session: Session) {
        if let Some(poll) = self.lock().waiting.remove(&session) {
            poll.cancel();
        }
    }

    /// Ends all polls, those that begin later too, because the server is shutting down.
    pub(crate) fn end_all(&self) {
        let mut state = self.lock();
        state.is_over = true;
        state.waiting.drain().for_each(|(_, poll)| poll.cancel());
    }

    /// Forgets the polls of sessions that are over.
    pub(crate) fn retain(&self, is_here: impl Fn(Session) -> bool) {
        self.lock().waiting.retain(|&session, _| is_here(session));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
