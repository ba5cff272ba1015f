//! What looks wrong with a list in NATS, and may be right a moment later. PURE: the caller hands in
//! the time.
//!
//! Two nats-servers may say at the same time that they lead: one that was cut off does not know yet
//! that there is another. And one that leads from now on may not have all in its list yet that is
//! acknowledged. Both say that the list ends before what was played already. Only when that lasts,
//! while nothing goes on, the list has lost its end. A NATS that has just started may also say for
//! a moment that there is no list.

use std::time::Duration;

/// How long a list must look wrong. Above the second in which one that has led hears of a new
/// leader, and the one or two in which that catches up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that looks wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    /// the last place that was played, and since when it looks wrong
    since: Option<(u64, Duration)>,
}

impl Doubt {
    /// Returns whether the list has looked wrong for too long. It does now, and the last place that
    /// was played is `at`.
    pub(super) fn lasts(&mut self, at: u64, now: Duration) -> bool {
        let since = match self.since {
            Some((place, since)) if place == at => since,
            _ => self.since.insert((at, now)).1,
        };
        now.saturating_sub(since) > PATIENCE
    }

    /// Returns whether something looks wrong.
    pub(super) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Notes that nothing is wrong.
    pub(super) fn is_over(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_what_lasts_while_nothing_goes_on_is_believed() {
        let mut doubt = Doubt::default();
        assert!(!doubt.lasts(7, s(100)));
        assert!(!doubt.lasts(7, s(105)));
        assert!(doubt.lasts(7, s(106)));
        assert!(!doubt.lasts(8, s(107)), "something was played meanwhile");
        doubt.is_over();
        assert!(!doubt.lasts(8, s(500)), "it was right in between");
        assert!(doubt.lasts(8, s(506)));
    }
}
