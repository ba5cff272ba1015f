//! What is said when the work is over. PURE.

use std::fmt::Write;
use std::time::Duration;

use crate::queue::Totals;

/// The summary line: how much, how fast, by whom.
///
/// ```
/// use secret_client::{queue::Totals, report};
/// use std::time::Duration;
///
/// let totals = Totals { written: 80, ..Totals::default() };
/// let shares = [("127.0.0.1:8031".to_owned(), 41), ("127.0.0.1:8032".to_owned(), 39)];
/// assert_eq!(
///     report::line(totals, Duration::from_millis(2310), &shares),
///     "80 words in 2.31s (35 words/s) over 2 servers: \
///      127.0.0.1:8031 41, 127.0.0.1:8032 39; 0 retried"
/// );
/// ```
pub fn line(totals: Totals, took: Duration, shares: &[(String, u64)]) -> String {
    let seconds = took.as_secs_f64();
    let rate = totals.written as f64 / seconds.max(f64::EPSILON);
    let mut line = format!(
        "{} in {seconds:.2}s ({rate:.0} words/s) over {}",
        plural(totals.written, "word"),
        plural(shares.len() as u64, "server"),
    );
    let mut before = ": ";
    for (server, words) in shares {
        // Writing to a string cannot fail.
        let _ = write!(line, "{before}{server} {words}");
        before = ", ";
    }
    let _ = write!(line, "; {} retried", totals.retried);
    line
}

/// What stands beside the progress bar: how much, how fast, and the share of each server.
pub fn progress(words: u64, rate: f64, shares: &[(&str, u64)]) -> String {
    let mut line = format!("{}, {rate:.0} words/s", plural(words, "word"));
    let all: u64 = shares.iter().map(|(_, words)| words).sum();
    for (server, words) in shares {
        // Writing to a string cannot fail.
        let _ = write!(line, ", {server} {}%", 100 * words / all.max(1));
    }
    line
}

/// `1 word`, `2 words`.
pub fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Durations in buckets that are each a fifth longer than the one before, so that a quantile is
/// right within a tenth, and any number of them take half a kilobyte.
#[derive(Clone, Debug)]
pub struct Latencies {
    buckets: [u64; BUCKETS],
    count: u64,
}

/// From 1 us up: 1.2 to the 120th is 53 minutes; whatever is longer counts as that.
const BUCKETS: usize = 120;
const STEP: f64 = 1.2;

impl Default for Latencies {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
            count: 0,
        }
    }
}

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        let micros = (took.as_secs_f64() * 1e6).max(1.0);
        let bucket = (micros.ln() / STEP.ln()) as usize;
        self.buckets[bucket.min(BUCKETS - 1)] += 1;
        self.count += 1;
    }

    /// The duration that a share `q` of all are shorter than; zero if there are none.
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (q * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in (0..).zip(self.buckets) {
            seen += count;
            if seen >= rank {
                let middle = STEP.powi(bucket) * STEP.sqrt();
                return Duration::from_secs_f64(middle / 1e6);
            }
        }
        Duration::ZERO
    }
}

/// A second line for those who want to know more.
pub fn detail(latencies: &Latencies, totals: Totals) -> String {
    let [p50, p99] = [0.5, 0.99].map(|q| millis(latencies.quantile(q)));
    let (calls, hedged) = (latencies.count, totals.hedged);
    format!("{calls} calls, p50 {p50}, p99 {p99}; {hedged} words given to two servers")
}

fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    let digits = usize::from(millis < 100.0) + usize::from(millis < 10.0);
    format!("{millis:.digits$}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let totals = Totals {
            written: 1,
            retried: 3,
            ..Totals::default()
        };
        let line = line(totals, Duration::from_secs(2), &[("a:1".to_owned(), 1)]);
        assert_eq!(
            line,
            "1 word in 2.00s (0 words/s) over 1 server: a:1 1; 3 retried"
        );
    }

    #[test]
    fn the_shares_stand_beside_the_bar() {
        let shares = [("a:1", 30), ("b:1", 10)];
        let line = progress(38, 12.34, &shares);
        assert_eq!(line, "38 words, 12 words/s, a:1 75%, b:1 25%");
        assert_eq!(
            progress(0, 0.0, &[("a:1", 0)]),
            "0 words, 0 words/s, a:1 0%"
        );
    }

    #[test]
    fn quantiles_are_right_within_a_tenth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), Duration::ZERO);
        for ms in 1..=1000 {
            latencies.add(Duration::from_millis(ms));
        }
        for (q, ms) in [(0.01, 10.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = latencies.quantile(q).as_secs_f64() * 1e3;
            assert!((found / ms - 1.0).abs() < 0.1, "p{q}: {found} ms, not {ms}");
        }
        latencies.add(Duration::from_secs(1_000_000));
        latencies.add(Duration::ZERO);
        assert!(latencies.quantile(1.0) > Duration::from_secs(2000));
        let detail = detail(
            &latencies,
            Totals {
                hedged: 7,
                ..Totals::default()
            },
        );
        assert!(detail.starts_with("1002 calls, p50 "), "{detail}");
        assert!(detail.ends_with("7 words given to two servers"), "{detail}");
    }
}
