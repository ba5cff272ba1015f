//! What became of messages that were sent: stored, refused, or to be sent again.

use std::time::Duration;

use common::chat::Refusal;
use futures::FutureExt;
use tokio::time::sleep;

use super::{Done, Talk};
use crate::api::Trouble;
use crate::clean::Clean;

impl Talk {
    pub(super) fn sent(&mut self, room: &str, result: Result<Vec<u64>, Trouble>) {
        match result {
            Ok(_) => self.outbox.stored(),
            Err(Trouble::Refused(Refusal::TooFast(ms))) => {
                self.rest(Duration::from_millis(ms.into()));
            }
            Err(Trouble::Refused(Refusal::Full | Refusal::Unavailable(_))) => {
                let wait = self.backoff.wait(rand::random());
                self.rest(wait);
            }
            // A restarted server has let us in and not yet into the room: this came in between.
            Err(Trouble::Refused(Refusal::NotJoined)) if self.view.reads(room) => {
                self.outbox.again();
                self.attached = false;
            }
            Err(Trouble::Refused(refusal @ (Refusal::Unfit(_) | Refusal::NotJoined))) => {
                if let Some(post) = self.outbox.refused() {
                    self.failed += 1;
                    let body = Clean::new(&post.body)
                        .as_str()
                        .chars()
                        .take(40)
                        .collect::<String>();
                    self.status(format!("not delivered: \"{body}\": {refusal}"));
                }
            }
            Err(trouble) => {
                self.outbox.again();
                self.trouble(trouble);
            }
        }
    }

    /// Sends again after a while.
    fn rest(&mut self, wait: Duration) {
        self.outbox.again();
        self.sending = true; // until the wait is over
        self.work.push(sleep(wait).map(|()| Done::Rested).boxed());
    }
}
