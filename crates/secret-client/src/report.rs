//! What is said about the work, while it goes on and when it is over. PURE.

use std::fmt;
use std::time::Duration;

use crate::latencies::Latencies;
use crate::queue::Totals;

/// How the work went. Displayed, it is the summary line: how much, how fast, by which servers.
#[derive(Debug)]
pub struct Report {
    /// How much was done.
    pub totals: Totals,
    /// How long it took.
    pub took: Duration,
    /// The servers that were ever reached, with the words that each answered first.
    pub shares: Vec<(String, u64)>,
    /// How long the calls took.
    pub latencies: Latencies,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let rate = self.totals.written as f64 / seconds.max(f64::EPSILON);
        let words = plural(self.totals.written, "word");
        let servers = plural(self.shares.len() as u64, "server");
        write!(
            f,
            "{words} in {seconds:.2}s ({rate:.0} words/s) over {servers}"
        )?;
        let mut before = ": ";
        for (server, words) in &self.shares {
            write!(f, "{before}{server} {words}")?;
            before = ", ";
        }
        write!(f, "; {} retried", self.totals.retried)
    }
}

impl Report {
    /// Returns a second line, for a person who wants to know more.
    pub fn detail(&self) -> String {
        let [p50, p99] = [0.5, 0.99].map(|q| millis(self.latencies.quantile(q)));
        let calls = plural(self.latencies.count(), "call");
        let hedged = plural(self.totals.hedged, "word");
        format!("{calls}, p50 {p50}, p99 {p99}; {hedged} given to two servers")
    }
}

/// Returns what stands beside the progress bar: how much, how fast, and the share of each server.
pub(crate) fn progress(words: u64, rate: f64, shares: &[(&str, u64)]) -> String {
    let all: u64 = shares.iter().map(|(_, words)| words).sum();
    let percent = |words: u64| 100 * words / all.max(1);
    let shares = shares.iter();
    let shares = shares.map(|(server, words)| format!(", {server} {}%", percent(*words)));
    format!(
        "{}, {rate:.0} words/s{}",
        plural(words, "word"),
        shares.collect::<String>()
    )
}

/// Returns `1 word`, `2 words`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    let digits = usize::from(millis < 100.0) + usize::from(millis < 10.0);
    format!("{millis:.digits$}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(totals: Totals, millis: u64, shares: &[(&str, u64)]) -> Report {
        let shares = shares
            .iter()
            .map(|(name, words)| (String::from(*name), *words));
        Report {
            totals,
            took: Duration::from_millis(millis),
            shares: shares.collect(),
            latencies: Latencies::default(),
        }
    }

    #[test]
    fn the_summary_counts_words_and_servers() {
        let totals = Totals {
            written: 80,
            hedged: 7,
            ..Totals::default()
        };
        let mut many = report(totals, 2310, &[("a:1", 41), ("b:1", 39)]);
        let line = "80 words in 2.31s (35 words/s) over 2 servers: a:1 41, b:1 39; 0 retried";
        assert_eq!(many.to_string(), line);
        many.latencies.add(Duration::from_secs(1));
        assert_eq!(
            many.detail(),
            "1 call, p50 951ms, p99 951ms; 7 words given to two servers"
        );

        let totals = Totals {
            written: 1,
            retried: 3,
            ..Totals::default()
        };
        let line = "1 word in 2.00s (0 words/s) over 1 server: a:1 1; 3 retried";
        assert_eq!(report(totals, 2000, &[("a:1", 1)]).to_string(), line);
    }

    #[test]
    fn the_shares_stand_beside_the_bar() {
        let line = progress(38, 12.34, &[("a:1", 30), ("b:1", 10)]);
        assert_eq!(line, "38 words, 12 words/s, a:1 75%, b:1 25%");
        let line = progress(0, 0.0, &[("a:1", 0)]);
        assert_eq!(line, "0 words, 0 words/s, a:1 0%");
    }
}
