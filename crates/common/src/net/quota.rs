//! How much each address may hold of what a server has little of: connections, sessions, bytes.
//! PURE.
//!
//! A server that only has a limit in total can be filled by one address, and then it is full for
//! all. So each address has a share as well. An address is what one person can easily have all of:
//! a whole IPv4 address, the first 64 bits of an IPv6 address. But a home gets 256 of these, or
//! 65,536 (RIPE-690), so that all which share their first 48 bits have no more than a quarter.
//! Loopback has no share of its own, because only users of this machine are on it; and a sixteenth
//! is kept for it, so that an operator gets in when the rest is taken.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

/// The part of an address that one person can not easily change: /32, or /64 in IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// An IPv4 address, also one that is written as IPv6 (RFC 4291, 2.5.5.2).
    V4(u32),
    /// The network and subnet of an IPv6 address.
    V6(u64),
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            // The upper half of 128 bits has 64.
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        }
    }
}

impl Network {
    /// Returns the first 48 bits of an IPv6 address: what a provider gives to one customer at most.
    pub(crate) fn site(self) -> Option<u64> {
        match self {
            Self::V4(_) => None,
            Self::V6(network) => Some(network >> 16),
        }
    }
}

/// Why something is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// All of it is taken.
    Total,
    /// The address, or the site that it is of, has its share already.
    Share,
}

/// The part of a quota that is kept for loopback: one in sixteen.
const KEPT: usize = 16;

/// The part of a quota that a site may have: one in four. A campus has a site too.
const SITE: usize = 4;

/// An amount that is handed out, in total and to each [`Network`].
#[derive(Debug)]
pub struct Quota {
    total: usize,
    share: usize,
    /// whether loopback addresses have no share of their own
    frees_loopback: bool,
    taken: usize,
    held: HashMap<Network, usize>,
    /// the same, by site
    held_at: HashMap<u64, usize>,
}

impl Quota {
    /// An amount of `total`, of which one network may hold `share`.
    ///
    /// ```
    /// use common::net::{Exceeded, Quota};
    ///
    /// let [ann, bob] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
    /// let mut places = Quota::new(3, 2, true);
    /// assert_eq!(places.take(ann, 2), Ok(()));
    /// assert_eq!(places.take(ann, 1), Err(Exceeded::Share));
    /// assert_eq!(places.take(bob, 1), Ok(()));
    /// assert_eq!(places.take(bob, 1), Err(Exceeded::Total));
    /// places.give_back(ann, 1);
    /// assert_eq!(places.take(bob, 1), Ok(()));
    /// ```
    pub fn new(total: usize, share: usize, frees_loopback: bool) -> Self {
        Self {
            total,
            share,
            frees_loopback,
            taken: 0,
            held: HashMap::new(),
            held_at: HashMap::new(),
        }
    }

    /// Takes `amount` for `ip`, all of it or nothing.
    ///
    /// # Errors
    /// [`Exceeded`] says which of the two limits is reached.
    pub fn take(&mut self, ip: IpAddr, amount: usize) -> Result<(), Exceeded> {
        let has_share = self.has_share(ip);
        let kept = if has_share { self.total / KEPT } else { 0 };
        if (self.total - kept).saturating_sub(self.taken) < amount {
            return Err(Exceeded::Total);
        }
        if has_share {
            let network = Network::from(ip);
            let held = self.held.get(&network).copied().unwrap_or_default();
            let at = network.site().and_then(|site| self.held_at.get(&site));
            let at = at.copied().unwrap_or_default();
            let most_at = self.share.max(self.total / SITE);
            if self.share.saturating_sub(held) < amount || most_at.saturating_sub(at) < amount {
                return Err(Exceeded::Share);
            }
            self.held.insert(network, held + amount);
            if let Some(site) = network.site() {
                self.held_at.insert(site, at + amount);
            }
        }
        self.taken += amount;
        Ok(())
    }

    /// Gives back `amount` that `ip` has taken.
    pub fn give_back(&mut self, ip: IpAddr, amount: usize) {
        self.taken = self.taken.saturating_sub(amount);
        if self.has_share(ip) {
            let network = Network::from(ip);
            give_back(&mut self.held, network, amount);
            if let Some(site) = network.site() {
                give_back(&mut self.held_at, site, amount);
            }
        }
    }

    /// How much is taken at the moment.
    pub fn taken(&self) -> usize {
        self.taken
    }

    fn has_share(&self, ip: IpAddr) -> bool {
        !(self.frees_loopback && ip.to_canonical().is_loopback())
    }
}

fn give_back<K: Eq + Hash>(held: &mut HashMap<K, usize>, who: K, amount: usize) {
    if let Some(left) = held.get_mut(&who) {
        *left = left.saturating_sub(amount);
        if *left == 0 {
            held.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_share_is_of_a_network_and_loopback_has_none() {
        let table = [
            // one address, another, whether they share
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("127.0.0.1", "127.0.0.1", false),
            ("::1", "::1", false),
            ("::ffff:127.0.0.1", "127.0.0.1", false),
        ];
        for (one, other, shared) in table {
            let mut quota = Quota::new(9, 1, true);
            assert_eq!(quota.take(ip(one), 1), Ok(()), "{one}");
            assert_eq!(quota.take(ip(other), 1).is_err(), shared, "{one} {other}");
        }
    }

    #[test]
    fn the_many_networks_of_one_site_have_a_quarter_together() {
        let mut quota = Quota::new(64, 2, true);
        let home = |n| ip(&format!("2001:db8:1:{n:x}::1"));
        let got = (0..64).filter(|&n| quota.take(home(n), 1).is_ok()).count();
        assert_eq!(got, 16);
        assert_eq!(quota.take(ip("2001:db8:2::1"), 2), Ok(()), "a neighbour");
        assert_eq!(quota.take(ip("10.0.0.1"), 2), Ok(()));
        quota.give_back(home(3), 1);
        assert_eq!(quota.take(home(99), 1), Ok(()));
        let mut few = Quota::new(4, 2, true);
        assert_eq!(few.take(home(0), 2), Ok(()), "never less than a share");
    }

    #[test]
    fn what_was_given_back_is_forgotten() {
        let mut quota = Quota::new(10, 5, false);
        for last in 0..255 {
            quota.take(ip("127.0.0.1"), 5).expect("room");
            let other = ip(&format!("2001:db8:{last:x}::1"));
            quota.take(other, 5).expect("room");
            quota.give_back(other, 5);
            quota.take([10, 0, 0, last].into(), 5).expect("room");
            quota.give_back([10, 0, 0, last].into(), 5);
            quota.give_back(ip("127.0.0.1"), 5);
        }
        let held = (quota.held.len(), quota.held_at.len());
        assert_eq!((quota.taken(), held), (0, (0, 0)));
    }

    #[test]
    fn the_last_sixteenth_is_for_loopback() {
        let mut quota = Quota::new(32, 32, true);
        assert_eq!(quota.take(ip("10.0.0.1"), 30), Ok(()));
        assert_eq!(quota.take(ip("10.0.0.2"), 1), Err(Exceeded::Total));
        assert_eq!(quota.take(ip("127.0.0.1"), 2), Ok(()));
    }

    #[test]
    fn a_refusal_takes_nothing() {
        let mut quota = Quota::new(10, 5, true);
        assert_eq!(quota.take(ip("10.0.0.1"), 6), Err(Exceeded::Share));
        assert_eq!(quota.take(ip("127.0.0.1"), 11), Err(Exceeded::Total));
        assert_eq!(quota.take(ip("10.0.0.1"), usize::MAX), Err(Exceeded::Total));
        assert_eq!(quota.taken(), 0);
    }
}
