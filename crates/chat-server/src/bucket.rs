//! A limit on how fast a session may send: a token bucket. PURE: the caller hands in the time.

use std::time::Duration;

/// A message takes a token, and tokens come back at a steady rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: u32,
    tokens: f64,
    at: Duration,
}

/// A full bucket holds this many seconds' worth: a pasted paragraph, or a page of a log.
const BURST_SECONDS: u32 = 4;

impl Bucket {
    /// Returns a bucket that is full at time `now`, for `rate` messages a second; 0 is no limit.
    pub(crate) fn new(rate: u32, now: Duration) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.saturating_mul(BURST_SECONDS)),
            at: now,
        }
    }

    /// Takes `count` tokens, all or none, or returns how long to wait for them. More than a full
    /// bucket can never be taken.
    pub(crate) fn take(&mut self, count: u32, now: Duration) -> Result<(), Duration> {
        if self.rate == 0 {
            return Ok(());
        }
        let full = f64::from(self.rate.saturating_mul(BURST_SECONDS));
        let rate = f64::from(self.rate);
        let come_back = now.saturating_sub(self.at).as_secs_f64() * rate;
        (self.tokens, self.at) = ((self.tokens + come_back).min(full), now);
        let left = self.tokens - f64::from(count);
        if left < 0.0 {
            return Err(Duration::from_secs_f64(-left / rate));
        }
        self.tokens = left;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_is_a_burst_and_then_tokens_come_back() {
        let second = Duration::from_secs;
        let mut bucket = Bucket::new(5, second(0));
        assert_eq!(bucket.take(20, second(0)), Ok(()));
        assert_eq!(bucket.take(1, second(0)), Err(Duration::from_millis(200)));
        assert_eq!(bucket.take(5, second(1)), Ok(()));
    }
}
