//! What the person is told about messages that wait to be acknowledged. PURE.
//!
//! Most messages are acknowledged at once, and nothing is said about them. One that is not is told
//! once, with the reason, and again when none waits any more.

use std::time::Duration;

use common::chat::Refusal;

use crate::effect::{CallError, UNLESS_PROGRESS};
use crate::outbox::Outbox;

/// How long a message may go without an acknowledgement before the person is told: long enough for
/// a slow line, and short enough that the person still knows which message is meant.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// What is known about the messages that wait.
#[derive(Default)]
pub(crate) struct Waiting {
    /// the oldest message when the timer began
    watched: Option<u64>,
    /// why the last call failed, if it did
    reason: Option<String>,
    told: Option<Told>,
}

/// What the person was told.
struct Told {
    /// how many messages had been refused for good by then
    refused: usize,
    is_leaving: bool,
}

impl Waiting {
    /// Notes why the messages of a call were not stored.
    pub(crate) fn failed(&mut self, error: &CallError) {
        self.reason = Some(match error {
            CallError::Refused(Refusal::TooFast(_)) => {
                "the server takes only so many at once".into()
            }
            CallError::Refused(refusal) => refusal.to_string(),
            CallError::Lost(..) => return self.disconnected(),
        });
    }

    /// Notes that there is no connection on which they could go.
    pub(crate) fn disconnected(&mut self) {
        self.reason = Some("the server is not connected".into());
    }

    /// Returns whether a timer of [`SLOW`] is to begin, because a message waits and none runs.
    pub(crate) fn begins(&mut self, outbox: &Outbox) -> bool {
        let oldest = outbox.oldest();
        let begins = oldest.is_some() && self.watched.is_none() && self.told.is_none();
        if begins {
            self.watched = oldest;
        }
        begins
    }

    /// Returns what is said when that timer is over: nothing if there was progress.
    pub(crate) fn elapsed(&mut self, outbox: &Outbox, is_leaving: bool) -> Option<String> {
        let watched = self.watched.take();
        (watched.is_some() && watched == outbox.oldest()).then(|| self.tell(outbox, is_leaving))
    }

    /// Returns what is said to a person who is about to leave, if messages are known to wait.
    pub(crate) fn leaves(&mut self, outbox: &Outbox) -> Option<String> {
        let is_untold = self.told.as_ref().is_some_and(|told| !told.is_leaving);
        (is_untold && outbox.len() > 0).then(|| self.tell(outbox, true))
    }

    fn tell(&mut self, outbox: &Outbox, is_leaving: bool) -> String {
        let refused = outbox.refusals();
        self.told = Some(Told {
            refused,
            is_leaving,
        });
        let (count, one) = (outbox.len(), outbox.len() == 1);
        if is_leaving {
            let are = if one { "message is" } else { "messages are" };
            let limit = UNLESS_PROGRESS.as_secs();
            return format!(
                "{count} {are} not acknowledged: waiting up to {limit} s, Ctrl-C gives up"
            );
        }
        let wait = if one {
            "message waits"
        } else {
            "messages wait"
        };
        let reason = self.reason.as_deref();
        let reason = reason.unwrap_or("the server has not answered yet");
        format!("{count} {wait}: {reason}")
    }

    /// Returns what is said when no message waits any more, if the person was told that some did.
    pub(crate) fn ends(&mut self, outbox: &Outbox) -> Option<&'static str> {
        if outbox.len() > 0 {
            return None;
        }
        self.reason = None;
        let told = self.told.take()?;
        Some(if told.refused == outbox.refusals() {
            "all messages are delivered"
        } else {
            "no message waits any more"
        })
    }
}
