//! What the waiting side says of callers with another key, or with none.
//!
//! Only the caller has a person who reads errors at once. But the mistake may be on the waiting
//! side: a buddy that was started with a wrong key would otherwise wait in silence.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::doctor::Trouble;
use crate::log_limit::LogLimit;

/// Writes one line an address, kind and minute.
pub(super) struct Knocks {
    began: Instant,
    lines: Mutex<LogLimit>,
}

impl Default for Knocks {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            lines: Mutex::default(),
        }
    }
}

impl Knocks {
    /// Notes that a caller from `ip` was not let in. Whoever only connects and closes is not worth
    /// a line, because port scans and health checks do.
    pub(super) fn note(&self, ip: IpAddr, trouble: &Trouble) {
        // What the greeting calls "open" is, seen from here, a caller without a key.
        let what = match trouble {
            Trouble::Open => "knocked without the key",
            Trouble::Locked => "knocked with a key, and there is none here",
            Trouble::OtherKey(..) | Trouble::NotLetIn => "knocked with another key",
            Trouble::Unproven(_) => "knocked with the key, and could not prove that it has it",
            Trouble::Disguised => "knocked for another service than it said",
            Trouble::Garbled(_) => "knocked and what came was garbled on the way, or no TLS",
            _ => return tracing::debug!("{ip} is no caller of ours: {trouble}"),
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.note(ip, what, self.began.elapsed()) {
            tracing::warn!("{line}");
        }
    }
}
