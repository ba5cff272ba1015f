//! How long a try of a message may take. PURE.
//!
//! A try that begins while NATS chooses a leader is lost, and nothing says so. So the next one must
//! not be late when there is a leader; and a NATS that is only slow must not get many copies.

use std::time::Duration;

/// How long the first try may take: far more than a good answer takes.
const FIRST: Duration = Duration::from_millis(400);

/// How long any try may take.
const MOST: Duration = Duration::from_millis(1500);

/// The pause after a try that was not answered.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Returns how long the next try may take, when `waited` has passed since the first one began.
///
/// It is a fifth of that, because then a message waits at most about a fifth longer than NATS is
/// away, whenever it comes back. The tries of 6 s are fifteen at most.
pub(super) fn limit(waited: Duration) -> Duration {
    (waited / 5).clamp(FIRST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns when the first try begins after NATS was away for `away`, and how many there were.
    fn arrives(away: Duration) -> (Duration, u32) {
        let (mut at, mut tries) = (Duration::ZERO, 1);
        while at < away {
            at += limit(at) + PAUSE;
            tries += 1;
        }
        (at, tries)
    }

    #[test]
    fn a_message_waits_little_longer_than_nats_is_away() {
        let mut last = 0;
        for away in (1..=3000).map(|n| Duration::from_millis(10 * n)) {
            let (at, tries) = arrives(away);
            assert!(at <= away.mul_f64(1.2) + FIRST + PAUSE, "{away:?}: {at:?}");
            let is_long = away >= Duration::from_secs(2);
            assert!(!is_long || at < away.mul_f64(1.3), "{away:?}: {at:?}");
            last = tries;
        }
        assert!(last <= 30, "{last} copies in half a minute");
        assert!(arrives(Duration::from_secs(6)).1 <= 15);
    }
}
