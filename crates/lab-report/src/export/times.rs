//! The time of each line in nanoseconds. PURE.

use crate::life::At;
use crate::order::Order;

/// When each line was written, in nanoseconds since 1970 by the clock of reference.
///
/// Journals have microseconds, and many lines have the same one. Here each line is later than the
/// one before it and later than its cause, because a viewer shows no slice without a length and no
/// arrow that goes back.
#[derive(Debug)]
pub(super) struct Times(Vec<Vec<i64>>);

impl Times {
    pub(super) fn new(order: &Order) -> Self {
        let mut times: Vec<Vec<i64>> = Vec::new();
        for &at in &order.all {
            if times.len() <= at.life {
                times.resize(at.life + 1, Vec::new());
            }
            // Both are before it in the order.
            let caused = order.cause(at).map(|cause| times[cause.life][cause.line]);
            let before = caused.into_iter().chain(times[at.life].last().copied());
            let least = before.max().map_or(0, |before| before.saturating_add(1));
            times[at.life].push(order.time(at).saturating_mul(1000).max(least));
        }
        Self(times)
    }

    /// Returns the time of a line.
    pub(super) fn at(&self, at: At) -> i64 {
        self.0[at.life][at.line]
    }

    /// Returns the time of the first line of all.
    pub(super) fn first(&self) -> i64 {
        let firsts = self.0.iter().filter_map(|times| times.first());
        firsts.copied().min().unwrap_or_default()
    }
}
