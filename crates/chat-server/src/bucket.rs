//! A limit on how fast somebody may talk. PURE: time is handed in.

use std::time::Duration;

/// A token bucket: a message takes a token, and tokens come back at a steady rate.
///
/// ```
/// use chat_server::bucket::Bucket;
/// use std::time::Duration;
///
/// let second = Duration::from_secs;
/// let mut bucket = Bucket::new(5, second(0));
/// assert_eq!(bucket.take(20, second(0)), Ok(())); // a burst of four seconds' worth
/// assert_eq!(bucket.take(1, second(0)), Err(Duration::from_millis(200)));
/// assert_eq!(bucket.take(5, second(1)), Ok(()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: u32,
    tokens: f64,
    at: Duration,
}

/// A burst may be this many seconds' worth: a pasted paragraph, or a page of a log.
const BURST_SECONDS: u32 = 4;

impl Bucket {
    /// A full bucket at time `now`, for `rate` messages a second; 0 is no limit.
    pub fn new(rate: u32, now: Duration) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.saturating_mul(BURST_SECONDS)),
            at: now,
        }
    }

    /// The most that can be taken at once.
    pub fn burst(&self) -> u32 {
        match self.rate {
            0 => u32::MAX,
            rate => rate.saturating_mul(BURST_SECONDS),
        }
    }

    /// Takes `count` tokens, all or none. More than a burst can never be had.
    ///
    /// # Errors
    /// How long to wait for them.
    pub fn take(&mut self, count: u32, now: Duration) -> Result<(), Duration> {
        if self.rate == 0 {
            return Ok(());
        }
        let rate = f64::from(self.rate);
        let come_back = now.saturating_sub(self.at).as_secs_f64() * rate;
        (self.tokens, self.at) = ((self.tokens + come_back).min(f64::from(self.burst())), now);
        let left = self.tokens - f64::from(count);
        if left < 0.0 {
            return Err(Duration::from_secs_f64(-left / rate));
        }
        self.tokens = left;
        Ok(())
    }
}
