//! Callers that want to come in: how often one address may try, and what the waiting side says of
//! those with another key, or with none.
//!
//! Only the caller has a person who reads errors at once. But the mistake may be on the waiting
//! side: a buddy that was started with a wrong key would otherwise wait in silence.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::doctor::Trouble;
use crate::bucket::Buckets;
use crate::log_limit::LogLimit;

/// Handshakes a second of one address, and in a burst, loopback exempt. A handshake takes a third
/// of a millisecond of a processor before the caller has proven anything, so that one address can
/// take 2 % of it. A class behind one router needs one for each program.
const HANDSHAKES: f64 = 50.0;
const BURST: f64 = 200.0;

/// Counts who knocks, and writes one line an address, kind and minute.
pub(super) struct Knocks {
    began: Instant,
    handshakes: Mutex<Buckets>,
    lines: Mutex<LogLimit>,
}

impl Default for Knocks {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            handshakes: Mutex::new(Buckets::new(HANDSHAKES, BURST)),
            lines: Mutex::default(),
        }
    }
}

impl Knocks {
    /// Returns whether a handshake with a caller from `ip` is due. Otherwise it has had too many.
    pub(super) fn may_try(&self, ip: IpAddr) -> bool {
        let due = |now: Duration| {
            let handshakes = self.handshakes.lock();
            let mut handshakes = handshakes.unwrap_or_else(PoisonError::into_inner);
            handshakes.take(ip, 1, now).is_ok()
        };
        let may_try = ip.to_canonical().is_loopback() || due(self.began.elapsed());
        if !may_try {
            self.write(ip, "knocked too often, and is hung up on");
        }
        may_try
    }

    /// Notes that a caller from `ip` was not let in. Whoever only connects and closes is not worth
    /// a line, because port scans and health checks do.
    pub(super) fn note(&self, ip: IpAddr, trouble: &Trouble) {
        // What the greeting calls "open" is, seen from here, a caller without a key.
        self.write(
            ip,
            match trouble {
                Trouble::Open => "knocked without the key",
                Trouble::Locked => "knocked with a key, and there is none here",
                Trouble::OtherKey(..) | Trouble::NotLetIn => "knocked with another key",
                Trouble::Unproven(_) => "knocked with the key, and could not prove that it has it",
                Trouble::Disguised => "knocked for another service than it said",
                Trouble::Garbled(_) => "knocked, and what came was garbled on the way, or no TLS",
                _ => return tracing::debug!("{ip} is no caller of ours: {trouble}"),
            },
        );
    }

    fn write(&self, ip: IpAddr, what: &'static str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.note(ip, what, self.began.elapsed()) {
            tracing::warn!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_a_burst_of_handshakes_and_loopback_any_number() {
        let knocks = Knocks::default();
        let tries = |ip: [u8; 4]| (0..5000).filter(|_| knocks.may_try(ip.into())).count();
        let greedy = tries([10, 0, 0, 1]);
        assert!((200..5000).contains(&greedy), "{greedy}");
        assert!(knocks.may_try([10, 0, 0, 2].into()), "another address");
        assert_eq!(tries([127, 0, 0, 1]), 5000);
    }
}
