//! Waits between tries: exponential, with jitter, without end. PURE, because the dice are handed
//! in.

use std::time::Duration;

/// How long to wait before each further try.
///
/// A wait is between half of a ceiling and the whole of it; the ceiling doubles from `first` to
/// `most`. The random half keeps a thousand clients that lost one server from coming back in step.
/// The fixed half keeps a single unlucky client from trying again at once. (Marc Brooker,
/// "Exponential Backoff And Jitter", 2015, calls this "equal jitter".)
///
/// ```
/// use common::net::Backoff;
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let mut backoff = Backoff::new(ms(100), ms(300));
/// assert_eq!(backoff.wait(0.0), ms(50)); // the lowest dice: half of 100
/// assert_eq!(backoff.wait(1.0), ms(200)); // the highest: the whole of 200
/// assert_eq!(backoff.wait(1.0), ms(300)); // never more than the most
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// Waits of at most `first` in the beginning and at most `most` in the end.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            ceiling: first,
        }
    }

    /// Returns the next wait. `dice` is a fresh random number between 0 and 1.
    pub fn wait(&mut self, dice: f64) -> Duration {
        let ceiling = self.ceiling.min(self.most);
        self.ceiling = ceiling * 2;
        ceiling.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
    }

    /// Begins again with short waits, because the last try succeeded.
    pub fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_makes_waits_short_again_and_odd_dice_make_none_longer() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(300));
        let waits = [0.0; 3].map(|dice| backoff.wait(dice));
        assert_eq!(waits, [ms(50), ms(100), ms(150)]);
        backoff.reset();
        assert_eq!(
            [-1.0, 7.0].map(|dice| backoff.wait(dice)),
            [ms(50), ms(200)]
        );
    }
}
