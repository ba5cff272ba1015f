//! A limit on how fast something may be done: a token bucket. PURE: the caller hands in the time.

use std::collections::HashMap;
use std::hash::Hash;
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

    /// Gives back `count` tokens that were taken and not needed.
    fn give_back(&mut self, count: u32) {
        if self.rate > 0.0 {
            self.tokens = (self.tokens + f64::from(count)).min(self.full);
        }
    }

    /// Takes `count` tokens, also those it does not have, but never owes more than a full one has.
    fn owe(&mut self, count: u32, now: Duration) {
        let left = self.tokens_at(now) - f64::from(count);
        (self.tokens, self.at) = (left.max(-self.full), now);
    }

    fn tokens_at(&self, now: Duration) -> f64 {
        let come_back = now.saturating_sub(self.at).as_secs_f64() * self.rate;
        (self.tokens + come_back).min(self.full)
    }
}

/// Most networks, and most sites, that have a bucket of their own. Further ones share one, until a
/// bucket is full again and so need not be remembered.
const KEPT: usize = 4096;

/// How often full buckets are looked for, because that looks at all of them.
const SWEEP: Duration = Duration::from_secs(1);

/// What the bucket of a site has, in those of a network. A home gets 256 networks in IPv6, or
/// 65,536 (RIPE-690), and could do as many times what an address may do, or be all the networks
/// that have a bucket. A campus is a site too, but most of its people share few networks.
const SITE: f64 = 4.0;

/// A bucket for each network, and in IPv6 for each site: for all that share their first 48 bits.
#[derive(Debug)]
pub struct Buckets {
    networks: Table<Network>,
    sites: Table<u64>,
}

impl Buckets {
    /// Returns buckets that are each full with `full` tokens, of which `rate` come back a second;
    /// 0 is no limit. A site has four times as much.
    ///
    /// ```
    /// use common::bucket::Buckets;
    /// use std::time::Duration;
    ///
    /// let (mut buckets, now) = (Buckets::new(1.0, 5.0), Duration::ZERO);
    /// let home = |n| format!("2001:db8:1:{n}::1").parse().expect("an address");
    /// let all = (0..100).filter(|&n| buckets.take(home(n), 5, now).is_ok());
    /// assert_eq!(all.count(), 4);
    /// ```
    pub fn new(rate: f64, full: f64) -> Self {
        Self {
            networks: Table::new(Bucket::new(rate, full, Duration::ZERO)),
            sites: Table::new(Bucket::new(SITE * rate, SITE * full, Duration::ZERO)),
        }
    }

    /// Takes `count` tokens from the buckets of `ip`, or returns how long to wait for them.
    pub fn take(&mut self, ip: IpAddr, count: u32, now: Duration) -> Result<(), Duration> {
        let network = Network::from(ip);
        // First, so that a network whose site has had enough takes no place among the buckets.
        if let Some(site) = network.site() {
            self.sites.bucket(site, now).take(count, now)?;
        }
        let taken = self.networks.bucket(network, now).take(count, now);
        if taken.is_err()
            && let Some(site) = network.site()
        {
            self.sites.bucket(site, now).give_back(count);
        }
        taken
    }

    /// Takes `count` tokens from the buckets of `ip`, which may not have them yet. Until they have,
    /// none can be taken. They never owe more than they hold when they are full.
    pub fn owe(&mut self, ip: IpAddr, count: u32, now: Duration) {
        let network = Network::from(ip);
        self.networks.bucket(network, now).owe(count, now);
        if let Some(site) = network.site() {
            self.sites.bucket(site, now).owe(count, now);
        }
    }

    /// Gives back tokens of `ip` that were not needed.
    pub fn give_back(&mut self, ip: IpAddr, count: u32) {
        let network = Network::from(ip);
        self.networks.taken_from(network).give_back(count);
        if let Some(site) = network.site() {
            self.sites.taken_from(site).give_back(count);
        }
    }
}

/// A bucket for each of many, of which a bounded number is remembered.
#[derive(Debug)]
struct Table<K> {
    fresh: Bucket,
    by_key: HashMap<K, Bucket>,
    of_the_others: Bucket,
    swept: Duration,
}

impl<K: Eq + Hash> Table<K> {
    fn new(fresh: Bucket) -> Self {
        Self {
            fresh,
            by_key: HashMap::new(),
            of_the_others: fresh,
            swept: Duration::ZERO,
        }
    }

    fn bucket(&mut self, key: K, now: Duration) -> &mut Bucket {
        let is_new = !self.by_key.contains_key(&key);
        if is_new && self.by_key.len() >= KEPT {
            if now.saturating_sub(self.swept) >= SWEEP {
                self.swept = now;
                self.by_key.retain(|_, b| b.tokens_at(now) < b.full);
            }
            if self.by_key.len() >= KEPT {
                return &mut self.of_the_others;
            }
        }
        self.by_key.entry(key).or_insert(self.fresh)
    }

    /// Returns the bucket from which tokens were just taken.
    fn taken_from(&mut self, key: K) -> &mut Bucket {
        let own = self.by_key.get_mut(&key);
        own.unwrap_or(&mut self.of_the_others)
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
        for n in 0..KEPT as u32 {
            assert_eq!(buckets.take(ip(n), 1, second(9)), Ok(()));
        }
        assert!(buckets.take(ip(0), 1, second(9)).is_err());
        assert_eq!(buckets.take(ip(1 << 20), 1, second(9)), Ok(()));
        assert!(buckets.take(ip(2 << 20), 1, second(9)).is_err(), "shared");
        assert_eq!(buckets.networks.by_key.len(), KEPT);
        assert_eq!(buckets.take(ip(2 << 20), 1, second(10)), Ok(()));
        let kept = buckets.networks.by_key.len();
        assert_eq!(kept, 1, "the others are full again");
        assert!(buckets.sites.by_key.is_empty(), "IPv4 has none");
    }

    /// An address in the `n`th network of a site.
    fn at(site: u16, n: u16) -> IpAddr {
        [0x2001, 0xdb8, site, n, 0, 0, 0, 1].into()
    }

    #[test]
    fn the_many_networks_of_a_site_have_what_four_have() {
        let mut buckets = Buckets::new(1.0, 3.0);
        let mut took = |second_: u64| {
            let now = second(second_);
            let taken = |n: &u16| buckets.take(at(1, *n), 1, now).is_ok();
            (0..u16::MAX).filter(taken).count()
        };
        assert_eq!((took(9), took(9), took(10)), (12, 0, 4));
        let kept = buckets.networks.by_key.len();
        assert!(
            kept <= 12 + 4,
            "{kept} networks: refused ones take no place"
        );
        assert_eq!(buckets.take(at(2, 0), 3, second(10)), Ok(()), "a neighbour");
        assert_eq!(buckets.take([10, 0, 0, 1].into(), 3, second(10)), Ok(()));
    }

    #[test]
    fn what_a_network_may_not_take_its_site_keeps_and_what_is_given_back_it_gets() {
        let mut buckets = Buckets::new(1.0, 3.0);
        assert_eq!(buckets.take(at(1, 0), 3, second(9)), Ok(()));
        for _ in 0..100 {
            assert!(buckets.take(at(1, 0), 1, second(9)).is_err());
        }
        for n in 1..4 {
            assert_eq!(buckets.take(at(1, n), 3, second(9)), Ok(()));
        }
        assert!(buckets.take(at(1, 4), 1, second(9)).is_err());
        buckets.give_back(at(1, 1), 1);
        assert_eq!(buckets.take(at(1, 4), 1, second(9)), Ok(()));
    }

    #[test]
    fn a_site_owes_what_its_networks_owe_and_no_more_than_it_holds() {
        let mut buckets = Buckets::new(1.0, 3.0);
        for n in 0..100 {
            buckets.owe(at(1, n), 6, second(9));
        }
        // Twelve are owed, and four come back a second.
        assert_eq!(buckets.take(at(1, 100), 0, second(9)), Err(second(3)));
        assert_eq!(buckets.take(at(1, 100), 0, second(12)), Ok(()));
        assert_eq!(buckets.take(at(2, 0), 1, second(9)), Ok(()));
    }
}
