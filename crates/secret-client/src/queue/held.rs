//! A chunk that servers work on, and when another server should do so too. PURE.

use std::time::Duration;

use super::backlog::Chunk;
use crate::pacing::Pacing;
use crate::server::ServerId;

/// A chunk and the servers that have it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) chunk: Chunk,
    /// who has it, in the order in which they got it; never empty
    pub(super) holders: Vec<ServerId>,
    /// when the last of them got it
    pub(super) since: Duration,
}

impl Held {
    pub(super) fn is_by(&self, server: ServerId) -> bool {
        self.holders.contains(&server)
    }

    /// Returns whether `server` could do it as well. It must not be cut for a much faster server,
    /// because this one would never win it, and must not confirm its own answer.
    pub(super) fn suits(&self, server: ServerId, pacing: &Pacing) -> bool {
        let is_its_own = self.chunk.claim.as_ref().is_some_and(|c| c.by == server);
        !is_its_own && !self.is_by(server) && self.chunk.words <= 2 * pacing.words()
    }

    /// Returns when its servers are late, by the measure of a server with this pacing.
    pub(super) fn late_at(&self, pacing: &Pacing) -> Duration {
        let late_after = pacing.late_after(self.chunk.words);
        self.since.saturating_add(late_after)
    }
}
