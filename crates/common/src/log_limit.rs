//! One line an address and minute in the log, with a count of the rest. PURE.
//!
//! A caller can be refused thousands of times a second. A line for each would fill the disk, and an
//! operator would not find the other lines any more. No line at all would hide the attack.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::net::Network;

/// How long the same complaint about the same network is only counted.
const QUIET: Duration = Duration::from_secs(60);

/// Most complaints that are remembered. With all of them taken, new ones are only counted, so that
/// at most this many lines are written a minute.
const MOST: usize = 256;

/// Most of them about one site, because a home in IPv6 has 65,536 networks (RIPE-690), and would
/// keep all others out of the log.
const MOST_OF_SITE: usize = MOST / 4;

/// Decides which complaints are written.
#[derive(Debug, Default)]
pub struct LogLimit {
    /// by network and kind: when it was written last, and how often it was only counted since
    written: HashMap<(Network, &'static str), (Duration, u64)>,
}

impl LogLimit {
    /// Notes a complaint of `kind` about `ip` at `now`, a time since any fixed moment. Returns the
    /// line to write, or `None` if the complaint is only counted.
    ///
    /// ```
    /// use common::log_limit::LogLimit;
    /// use std::time::Duration;
    ///
    /// let (mut limit, mallory) = (LogLimit::default(), [10, 6, 6, 6].into());
    /// let mut note = |second| limit.note(mallory, "a wrong token", Duration::from_secs(second));
    /// assert_eq!(note(0).as_deref(), Some("10.6.6.6: a wrong token"));
    /// assert_eq!(note(1), None);
    /// let line = "10.6.6.6: a wrong token (and 1 more since the last line)";
    /// assert_eq!(note(60).as_deref(), Some(line));
    /// ```
    pub fn note(&mut self, ip: IpAddr, kind: &'static str, now: Duration) -> Option<String> {
        Some(match self.count(ip, kind, now)? {
            0 => format!("{ip}: {kind}"),
            more => format!("{ip}: {kind} (and {more} more since the last line)"),
        })
    }

    /// Returns how many were only counted since the last line, if it is time for another one.
    fn count(&mut self, ip: IpAddr, kind: &'static str, now: Duration) -> Option<u64> {
        let network = Network::from(ip);
        let key = (network, kind);
        if !self.written.contains_key(&key) && !self.has_place(network) {
            self.written
                .retain(|_, (at, _)| now.saturating_sub(*at) < QUIET);
            if !self.has_place(network) {
                return None;
            }
        }
        match self.written.get_mut(&key) {
            Some((at, counted)) if now.saturating_sub(*at) < QUIET => {
                *counted += 1;
                None
            }
            Some(seen) => Some(std::mem::replace(seen, (now, 0)).1),
            None => {
                self.written.insert(key, (now, 0));
                Some(0)
            }
        }
    }

    fn has_place(&self, network: Network) -> bool {
        let Some(site) = network.site() else {
            return self.written.len() < MOST;
        };
        let networks = self.written.keys().map(|(network, _)| network);
        let of_site = networks.filter(|network| network.site() == Some(site));
        self.written.len() < MOST && of_site.count() < MOST_OF_SITE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_addresses_write_a_bounded_number_of_lines_a_minute() {
        let mut limit = LogLimit::default();
        for minute in 0..3 {
            let mut lines = 0;
            for n in 0..60_000u32 {
                let now = Duration::from_secs(60 * minute) + Duration::from_millis(n.into());
                let ip = [10, 0, (n % 1000 / 256) as u8, (n % 256) as u8].into();
                lines += usize::from(limit.note(ip, "refused", now).is_some());
            }
            assert!((MOST..=2 * MOST).contains(&lines), "{lines} lines");
        }
    }

    #[test]
    fn the_many_networks_of_a_site_leave_room_for_others() {
        let mut limit = LogLimit::default();
        for minute in 0..2 {
            let now = Duration::from_secs(60 * minute);
            let mut lines = 0;
            for n in 0..1000u16 {
                let ip = [0x2001, 0xdb8, 1, n, 0, 0, 0, 1].into();
                lines += usize::from(limit.note(ip, "refused", now).is_some());
            }
            assert_eq!(lines, MOST_OF_SITE);
            let other = [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1].into();
            assert!(limit.note(other, "refused", now).is_some());
            let other = [10, 0, 0, 1].into();
            assert!(limit.note(other, "refused", now).is_some());
        }
    }

    #[test]
    fn kinds_and_networks_have_their_own_lines() {
        let mut limit = LogLimit::default();
        let at = Duration::from_secs(1);
        let [one, neighbour, other] =
            ["2001:db8::1", "2001:db8::2", "10.0.0.1"].map(|ip| ip.parse().expect("an address"));
        assert_eq!(limit.count(one, "a", at), Some(0));
        assert_eq!(limit.count(one, "b", at), Some(0));
        assert_eq!(limit.count(other, "a", at), Some(0));
        assert_eq!(limit.count(neighbour, "a", at), None, "the same /64");
    }
}
