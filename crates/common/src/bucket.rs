//! A limit on how fast something may be done: a token bucket. PURE: the caller hands in the time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::net::Network;

/// What is done takes tokens, and tokens come back at a steady rate.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: f64,
    full: f64,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    /// Returns a bucket that is full at time `now`. It holds `full` tokens, and `rate` of them
    /// come back each second; 0 is no limit.
    pub fn new(rate: f64, full: f64, now: Duration) -> Self {
        Self {
            rate,
            full,
            tokens: full,
            at: now,
        }
    }

    /// Takes `count` tokens, all or none, or returns how long to wait for them. More than a full
    /// bucket holds are taken when it is full, and the rest is owed, because otherwise such a call
    /// would be refused for ever.
    pub fn take(&mut self, count: u32, now: Duration) -> Result<(), Duration> {
        if self.rate == 0.0 {
            return Ok(());
        }
        (self.tokens, self.at) = (self.tokens_at(now), now);
        let missing = f64::from(count).min(self.full) - self.tokens;
        if missing > 0.0 {
            return Err(Duration::from_secs_f64(missing / self.rate));
        }
        self.tokens -= f64::from(count);
        Ok(())
    }

    fn tokens_at(&self, now: Duration) -> f64 {
        let come_back = now.saturating_sub(self.at).as_secs_f64() * self.rate;
        (self.tokens + come_back).min(self.full)
    }
}

/// Most networks that have a bucket of their own. Further ones share one, until a bucket is full
/// again and so need not be remembered.
const NETWORKS: usize = 4096;

/// How often full buckets are looked for, because that looks at all of them.
const SWEEP: Duration = Duration::from_secs(1);

/// A bucket for each network.
#[derive(Debug)]
pub struct Buckets {
    fresh: Bucket,
    by_network: HashMap<Network, Bucket>,
    of_the_others: Bucket,
    swept: Duration,
}

impl Buckets {
    /// Returns buckets that are each full with `full` tokens, of which `rate` come back a second;
    /// 0 is no limit.
    pub fn new(rate: f64, full: f64) -> Self {
        let fresh = Bucket::new(rate, full, Duration::ZERO);
        Self {
            fresh,
            by_network: HashMap::new(),
            of_the_others: fresh,
            swept: Duration::ZERO,
        }
    }

    /// Takes `count` tokens from the bucket of `ip`, or returns how long to wait for them.
    pub fn take(&mut self, ip: IpAddr, count: u32, now: Duration) -> Result<(), Duration> {
        self.bucket(ip, now).take(count, now)
    }

    /// Takes `count` tokens from the bucket of `ip`, which may not have them yet. Until it has,
    /// none can be taken. It never owes more than it holds when it is full.
    pub fn owe(&mut self, ip: IpAddr, count: u32, now: Duration) {
        let bucket = self.bucket(ip, now);
        let left = bucket.tokens_at(now) - f64::from(count);
        (bucket.tokens, bucket.at) = (left.max(-bucket.full), now);
    }

    fn bucket(&mut self, ip: IpAddr, now: Duration) -> &mut Bucket {
        let network = ip.into();
        let is_new = !self.by_network.contains_key(&network);
        if is_new && self.by_network.len() >= NETWORKS {
            if now.saturating_sub(self.swept) >= SWEEP {
                self.swept = now;
                self.by_network.retain(|_, b| b.tokens_at(now) < b.full);
            }
            if self.by_network.len() >= NETWORKS {
                return &mut self.of_the_others;
            }
        }
        self.by_network.entry(network).or_insert(self.fresh)
    }

    /// Gives back tokens of `ip` that were not needed.
    pub fn give_back(&mut self, ip: IpAddr, count: u32) {
        let own = self.by_network.get_mut(&ip.into());
        let bucket = own.unwrap_or(&mut self.of_the_others);
        if bucket.rate > 0.0 {
            bucket.tokens = (bucket.tokens + f64::from(count)).min(bucket.full);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_full_bucket_is_a_burst_and_then_tokens_come_back() {
        let mut bucket = Bucket::new(5.0, 20.0, second(0));
        assert_eq!(bucket.take(20, second(0)), Ok(()));
        assert_eq!(bucket.take(1, second(0)), Err(Duration::from_millis(200)));
        assert_eq!(bucket.take(5, second(1)), Ok(()));
    }

    #[test]
    fn more_than_a_full_bucket_passes_when_it_is_full_and_is_paid_afterwards() {
        let mut bucket = Bucket::new(1.0, 4.0, second(0));
        assert_eq!(bucket.take(1, second(0)), Ok(()));
        assert_eq!(bucket.take(20, second(0)), Err(second(1)), "not yet full");
        assert_eq!(bucket.take(20, second(1)), Ok(()));
        assert_eq!(bucket.take(1, second(1)), Err(second(17)));
        assert_eq!(bucket.take(20, second(20)), Err(second(1)));
        assert_eq!(bucket.take(20, second(21)), Ok(()));
    }

    #[test]
    fn what_is_owed_is_paid_before_anything_is_taken() {
        let (mut buckets, ip) = (Buckets::new(1.0, 4.0), [10, 0, 0, 1].into());
        assert_eq!(buckets.take(ip, 0, second(1)), Ok(()));
        buckets.owe(ip, 6, second(1));
        assert_eq!(buckets.take(ip, 0, second(1)), Err(second(2)));
        assert_eq!(buckets.take(ip, 1, second(4)), Ok(()));
        buckets.owe(ip, u32::MAX, second(4));
        assert_eq!(buckets.take(ip, 0, second(4)), Err(second(4)), "bounded");
    }

    #[test]
    fn what_was_not_needed_comes_back_up_to_a_full_bucket() {
        let (mut buckets, ip) = (Buckets::new(1.0, 4.0), [10, 0, 0, 1].into());
        assert_eq!(buckets.take(ip, 4, second(1)), Ok(()));
        buckets.give_back(ip, 3);
        assert_eq!(buckets.take(ip, 3, second(1)), Ok(()));
        buckets.give_back(ip, 9);
        assert_eq!(buckets.take(ip, 4, second(1)), Ok(()));
        assert_eq!(buckets.take(ip, 1, second(1)), Err(second(1)), "no more");
        let mut free = Buckets::new(0.0, 4.0);
        free.give_back(ip, 1);
        assert_eq!(free.take(ip, 9, second(1)), Ok(()), "no limit");
    }

    #[test]
    fn each_network_has_a_bucket_and_their_number_is_bounded() {
        let mut buckets = Buckets::new(1.0, 1.0);
        let ip = |n: u32| IpAddr::from((10 << 24 | n).to_be_bytes());
        for n in 0..NETWORKS as u32 {
            assert_eq!(buckets.take(ip(n), 1, second(9)), Ok(()));
        }
        assert!(buckets.take(ip(0), 1, second(9)).is_err());
        assert_eq!(buckets.take(ip(1 << 20), 1, second(9)), Ok(()));
        assert!(buckets.take(ip(2 << 20), 1, second(9)).is_err(), "shared");
        assert_eq!(buckets.by_network.len(), NETWORKS);
        assert_eq!(buckets.take(ip(2 << 20), 1, second(10)), Ok(()));
        assert_eq!(buckets.by_network.len(), 1, "the others are full again");
    }
}
