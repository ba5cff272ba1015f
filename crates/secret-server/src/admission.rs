//! Which calls are admitted: the premium key, the length of a text, the work in a chunk. PURE: the
//! caller hands in the time, and whether the key fits.

use std::net::IpAddr;
use std::time::Duration;

use common::bucket::Buckets;
use common::secret::{MAX_TEXT, MAX_WORDS, MAX_WORK, Refusal};

/// Wrong premium keys a minute of one address: a person mistypes.
const GUESSES: f64 = 3.0;

/// What a caller shows of the premium key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The call needs no key.
    NotNeeded,
    /// The call needs one and has none.
    Nothing,
    /// A key, and whether it is the right one.
    Key(bool),
}

/// Who may call, and with what.
#[derive(Debug)]
pub(crate) struct Admission {
    guesses: Buckets,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            guesses: Buckets::new(GUESSES / 60.0, GUESSES),
        }
    }
}

impl Admission {
    /// Judges a call from `ip` at this time since the server began.
    ///
    /// # Errors
    /// Why the call is refused. A right key is refused as well after too many wrong ones, because
    /// guessing must be in vain.
    pub(crate) fn admit(&mut self, ip: IpAddr, key: Shown, now: Duration) -> Result<(), Refusal> {
        let is_right = match key {
            Shown::NotNeeded => return Ok(()),
            Shown::Nothing => return Err(Refusal::KeyMissing),
            Shown::Key(is_right) => is_right,
        };
        let allowed = self.guesses.take(ip, 1, now);
        allowed.map_err(|_| Refusal::KeyGuessed)?;
        if !is_right {
            return Err(Refusal::KeyWrong);
        }
        self.guesses.give_back(ip, 1);
        Ok(())
    }
}

/// Returns how many words are in `text`, each of which ends with a newline.
///
/// # Errors
/// [`Refusal::TooLong`] or [`Refusal::TooMuch`], if a worker would be held up by it.
pub(crate) fn words(text: &str) -> Result<usize, Refusal> {
    check_length(text)?;
    let words = text.bytes().filter(|byte| *byte == b'\n').count();
    if words > MAX_WORDS {
        return Err(Refusal::TooMuch);
    }
    Ok(words)
}

/// # Errors
/// [`Refusal::TooLong`] if it is longer than a call may be.
pub(crate) fn check_length(text: &str) -> Result<(), Refusal> {
    if text.len() > MAX_TEXT {
        return Err(Refusal::TooLong);
    }
    Ok(())
}

/// Judges the work of a number of words that take at most `most` each. One word alone is always
/// allowed, because it cannot be divided.
///
/// # Errors
/// [`Refusal::TooMuch`] if it would probably hold a worker for too long.
pub(crate) fn check_work(words: usize, most: Duration) -> Result<(), Refusal> {
    let number = u32::try_from(words).unwrap_or(u32::MAX);
    if words > 1 && (most / 2).saturating_mul(number) > MAX_WORK {
        return Err(Refusal::TooMuch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_key_is_no_guess_and_wrong_ones_run_out() {
        let mut admission = Admission::default();
        let ip = IpAddr::from([10, 0, 0, 1]);
        let mut admit = |key| admission.admit(ip, key, Duration::ZERO);
        assert_eq!(admit(Shown::NotNeeded), Ok(()));
        assert_eq!(admit(Shown::Nothing), Err(Refusal::KeyMissing));
        for _ in 0..10 {
            assert_eq!(admit(Shown::Key(true)), Ok(()));
        }
        for _ in 0..3 {
            assert_eq!(admit(Shown::Key(false)), Err(Refusal::KeyWrong));
        }
        assert_eq!(admit(Shown::Key(true)), Err(Refusal::KeyGuessed));
        let mut later = |seconds| {
            let now = Duration::from_secs(seconds);
            admission.admit(ip, Shown::Key(false), now)
        };
        assert_eq!(later(19), Err(Refusal::KeyGuessed));
        assert_eq!(later(20), Err(Refusal::KeyWrong), "three a minute");
        assert_eq!(later(21), Err(Refusal::KeyGuessed));
    }

    #[test]
    fn what_would_hold_a_worker_for_too_long_is_refused() {
        assert_eq!(words(&"\n".repeat(MAX_WORDS)), Ok(MAX_WORDS));
        assert_eq!(words(&"\n".repeat(MAX_WORDS + 1)), Err(Refusal::TooMuch));
        assert_eq!(words(&"x".repeat(MAX_TEXT + 1)), Err(Refusal::TooLong));
        let second = Duration::from_secs(1);
        assert_eq!(check_work(1, 3600 * second), Ok(()), "it cannot be divided");
        assert_eq!(check_work(1200, second), Ok(()));
        assert_eq!(check_work(1201, second), Err(Refusal::TooMuch));
        assert_eq!(check_work(usize::MAX, Duration::MAX), Err(Refusal::TooMuch));
    }
}
