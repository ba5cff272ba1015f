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
        let key = (ip.into(), kind);
        if self.written.len() >= MOST && !self.written.contains_key(&key) {
            self.written
                .retain(|_, (at, _)| now.saturating_sub(*at) < QUIET);
            if self.written.len() >= MOST {
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
