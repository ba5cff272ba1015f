//! How long the calls took, in a few hundred bytes. PURE.

use std::time::Duration;

/// A histogram of durations. Each bucket is a fifth longer than the one before, so a quantile is
/// right within a tenth, and any number of durations takes at most a kilobyte.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    buckets: Vec<u64>,
}

/// The last bucket. The first begins at 1 us, so this one begins at 1.2 to the 119th, which is 44
/// minutes. It holds all that is longer.
const LAST: usize = 119;
const STEP: f64 = 1.2;

impl Latencies {
    /// Adds one duration.
    pub(crate) fn add(&mut self, took: Duration) {
        let micros = (took.as_secs_f64() * 1e6).max(1.0);
        let bucket = ((micros.ln() / STEP.ln()) as usize).min(LAST);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
    }

    /// Returns the number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the duration that a share `q` of all are shorter than. Zero if there are none.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let rank = (q * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in (0..).zip(&self.buckets) {
            seen += count;
            if seen >= rank {
                let middle = STEP.powi(bucket) * STEP.sqrt();
                return Duration::from_secs_f64(middle / 1e6);
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(latencies.count(), 1002);
    }
}
