//! How long a word takes: at random, but fairly. PURE, because the dice are handed in.

/// Draws shares of the longest delay. Each is evenly spread from none to all of it.
///
/// Every second draw is 1 minus the draw before it (antithetic variates: Hammersley and Morton,
/// 1956), so that the delays of each pair add up to exactly the longest delay. A list then takes
/// the same time whatever the seed, to within a word. With independent draws the 107 words of our
/// list would differ by 6 % from run to run, which would hide smaller differences.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    left: Option<f64>,
}

impl Delays {
    /// Returns the next share, from 0 to 1. `dice` returns a fresh random number from 0 to 1.
    pub(crate) fn draw(&mut self, dice: impl FnOnce() -> f64) -> f64 {
        if let Some(left) = self.left.take() {
            return left;
        }
        let share = dice();
        self.left = Some(1.0 - share);
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn every_second_draw_is_what_the_first_left() {
        let mut delays = Delays::default();
        assert_eq!(delays.draw(|| 0.75), 0.75);
        assert_eq!(delays.draw(|| unreachable!()), 0.25);
        assert_eq!(delays.draw(|| 0.5), 0.5);
    }

    #[test]
    fn draws_are_spread_evenly_and_their_sum_does_not_depend_on_the_dice() {
        for seed in 0..20 {
            let mut dice = StdRng::seed_from_u64(seed);
            let mut delays = Delays::default();
            let draws: Vec<_> = (0..4000).map(|_| delays.draw(|| dice.random())).collect();
            let sum: f64 = draws.iter().sum();
            assert!((sum - 2000.0).abs() < 1e-6, "seed {seed}");
            for tenth in 0..10 {
                let is_in_it = |share: &&f64| (*share * 10.0) as i32 == tenth;
                let number = draws.iter().filter(is_in_it).count();
                assert!((320..480).contains(&number), "seed {seed}: {number} of 400");
            }
        }
    }
}
