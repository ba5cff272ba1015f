//! When a wait is long enough that the person should hear for what. PURE.

use std::collections::BTreeSet;
use std::time::Duration;

/// How long the next line of the output may be waited for before this is told: longer than most
/// words take, and short enough that nobody thinks the program is stuck.
const NOTICE_AFTER: Duration = Duration::from_secs(3);

/// The wait for the next line of the output.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// the line that is waited for, if there is one
    line: Option<u64>,
    /// since when, or when it was last considered what to tell
    since: Duration,
    /// each thing is told once, so this holds a few texts for each server at most
    told: BTreeSet<String>,
}

impl Stall {
    /// Notes which line is waited for now. Returns when to tell that, unless something happens, or
    /// `None` if nothing is waited for.
    pub(crate) fn notice_at(&mut self, line: Option<u64>, now: Duration) -> Option<Duration> {
        if self.line != line {
            (self.line, self.since) = (line, now);
        }
        line?;
        Some(self.since + NOTICE_AFTER)
    }

    /// Notes that this would be told now. Returns it if it was not told before.
    pub(crate) fn tell(&mut self, what: Option<String>, now: Duration) -> Option<String> {
        self.since = now;
        let what = what?;
        self.told.insert(what.clone()).then_some(what)
    }
}
