//! How much to have out at one server: words in a call, and calls at once. PURE.
//!
//! Two questions, two rules.
//!
//! *How many words in a call?* As many as the server works through in [`CALL_WORK`]. While a word
//! takes a second, that is one, so that a slow or dead server never holds many; when a word takes
//! a microsecond, it is thousands, so that nobody pays for a call a word. It begins with one and
//! at most doubles with each answer.
//!
//! *How many calls at once?* Little's law: to keep `w` workers busy, where a call is worked on for
//! `t` and spends `r` on its way there and back, takes `w * (t + r) / t` calls. Fewer and workers
//! idle; more and they only wait in the server's queue, where a faster server cannot have them.
//! The server says `w`, and with each answer `t` and how long the call waited; the rest of the
//! measured time is `r`. A server that is [`Busy`](Pacing::busy), because others call it too, has
//! the calls halved, and grows back by one each round (additive increase, multiplicative decrease:
//! Chiu and Jain, 1989).

use std::time::Duration;

/// Work to aim for in one call. Long beside the 20 us or so that a call costs, and short beside
/// what a person, or the last words of a list, would notice.
pub const CALL_WORK: Duration = Duration::from_millis(4);

/// A call that took longer than this altogether halves the words in a call, whatever the server
/// says about itself.
pub const SLOW: Duration = Duration::from_secs(1);

/// Most words in a call. At the usual eight bytes a word, the text fills what a call may carry.
pub const MAX_WORDS: usize = common::secret::MAX_TEXT / 8;

/// Most calls out at one server. A call that needs no work takes 2 to 4 us of either side, so
/// this many cover a round trip of half a millisecond; and at one chunk each, 16 MiB at most.
pub const MAX_CALLS: usize = 256;

/// How much of the workers' time may go idle for want of one more call. Without it, the least
/// delay on the wire would round one call at a slow server up to two.
const IDLE: f64 = 0.02;

/// Weight of the newest answer in the running means. The delays of words are random, from nothing
/// to twice the mean; eight of them tell the mean well enough.
const GAIN: f64 = 1.0 / 8.0;

/// What an answer tells about the server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// From the call to its answer, as the client measured it.
    pub took: Duration,
    /// Of that, waiting for a worker, as the server says.
    pub waited: Duration,
    /// Of that, being worked on, as the server says.
    pub worked: Duration,
}

/// Words in a call and calls at once, where a person has fixed them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed {
    /// Words in a call.
    pub words: Option<usize>,
    /// InFlight at once.
    pub calls: Option<usize>,
}

/// The pacing of one server.
#[derive(Clone, Debug)]
pub struct Pacing {
    fixed: Fixed,
    workers: usize,
    words: usize,
    /// what others leave us of the server: the calls it took without being busy
    allowed: f64,
    /// means in seconds: work on a word, and the way there and back; none before the first answer
    means: Option<(f64, f64)>,
}

impl Pacing {
    /// The pacing of a server that has `workers`, before its first answer.
    pub fn new(workers: usize, fixed: Fixed) -> Self {
        Self {
            fixed,
            workers: workers.clamp(1, MAX_CALLS),
            words: 1,
            allowed: MAX_CALLS as f64,
            means: None,
        }
    }

    /// Words for the next call.
    pub fn words(&self) -> usize {
        self.fixed.words.unwrap_or(self.words)
    }

    /// InFlight to have out at once.
    pub fn calls(&self) -> usize {
        if let Some(calls) = self.fixed.calls {
            return calls;
        }
        let workers = self.workers as f64;
        let wanted = match self.means {
            None => workers,
            Some((word, way)) => {
                let call = word * self.words() as f64;
                workers * (1.0 + way / call.max(f64::EPSILON) - IDLE)
            }
        };
        (wanted.min(self.allowed).ceil() as usize).clamp(1, MAX_CALLS)
    }

    /// A call with `words` was answered.
    pub fn answered(&mut self, words: usize, timing: Timing) {
        let word = timing.worked.as_secs_f64() / words.max(1) as f64;
        let way = timing.took.saturating_sub(timing.waited + timing.worked);
        let way = way.as_secs_f64();
        let (word, way) = match self.means {
            None => (word, way),
            // The way is as long as it is when nothing disturbs: a shorter one is believed at
            // once, a longer one only when it stays.
            Some((word_mean, way_mean)) => (
                word_mean + GAIN * (word - word_mean),
                way.min(way_mean + GAIN / 8.0 * (way - way_mean)),
            ),
        };
        self.means = Some((word, way));
        self.allowed = (self.allowed + 1.0 / self.allowed).min(MAX_CALLS as f64);
        self.words = if timing.took > SLOW {
            self.words.min(words) / 2
        } else {
            let fits = CALL_WORK.as_secs_f64() / word.max(f64::EPSILON);
            (fits as usize).min(2 * self.words)
        }
        .clamp(1, MAX_WORDS);
    }

    /// The server had no room for a call while `out` were out.
    pub fn busy(&mut self, out: usize) {
        self.allowed = (out as f64 / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);
    const MS: Duration = Duration::from_millis(1);

    /// The pacing after `answers` from a server that works `word` on each, `way` away.
    fn settled(workers: usize, word: Duration, way: Duration, answers: usize) -> Pacing {
        let mut pacing = Pacing::new(workers, Fixed::default());
        for _ in 0..answers {
            let words = pacing.words();
            let worked = word * words as u32;
            pacing.answered(
                words,
                Timing {
                    took: worked + way,
                    waited: Duration::ZERO,
                    worked,
                },
            );
        }
        pacing
    }

    #[test]
    fn words_in_a_call_and_calls_at_once_follow_the_server() {
        for (workers, word, way, words, calls) in [
            // The lab's delays: a word a call, and just the workers' number of calls,
            (8, 4500 * MS, 1 * MS, 1, 8),
            (1, 100 * MS, 1 * MS, 1, 1),
            // but one more for each half-way round the world as long as the work.
            (1, 100 * MS, 100 * MS, 1, 2),
            (1, 1 * MS, 20 * MS, 4, 6),
            // Flat out: full calls, and enough of them to cover the way.
            (8, US / 50, 100 * US, MAX_WORDS, 13),
            (8, US / 50, 100 * MS, MAX_WORDS, MAX_CALLS),
        ] {
            let pacing = settled(workers, word, way, 40);
            assert_eq!(
                (pacing.words(), pacing.calls()),
                (words, calls),
                "{workers} workers, {word:?} a word, {way:?} away"
            );
        }
    }

    #[test]
    fn it_begins_small_doubles_and_shrinks_at_once() {
        let sizes: Vec<_> = (0..6).map(|n| settled(1, US, US, n).words()).collect();
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32]);

        let mut pacing = settled(1, US, US, 40);
        assert_eq!(pacing.words(), 4000);
        let (took, worked) = (2 * SLOW, 4 * MS); // the server calls itself fast, and is not
        pacing.answered(
            4000,
            Timing {
                took,
                waited: Duration::ZERO,
                worked,
            },
        );
        assert_eq!(pacing.words(), 2000);
        let (took, worked) = (400 * MS, 400 * MS); // it slowed down a hundredfold
        pacing.answered(
            2000,
            Timing {
                took,
                waited: Duration::ZERO,
                worked,
            },
        );
        assert_eq!(pacing.words(), 154);
    }

    #[test]
    fn a_busy_server_is_left_alone_and_then_tried_again() {
        let mut pacing = settled(8, 100 * MS, MS, 20);
        pacing.busy(8);
        assert_eq!(pacing.calls(), 4);
        pacing.busy(1);
        assert_eq!(pacing.calls(), 1);
        let worked = 100 * MS;
        for _ in 0..40 {
            pacing.answered(
                1,
                Timing {
                    took: worked,
                    waited: Duration::ZERO,
                    worked,
                },
            );
        }
        assert_eq!(pacing.calls(), 8);
    }

    #[test]
    fn what_a_person_fixed_stays() {
        let fixed = Fixed {
            words: Some(3),
            calls: Some(5),
        };
        let mut pacing = Pacing::new(8, fixed);
        pacing.answered(3, Timing::default());
        pacing.busy(5);
        assert_eq!((pacing.words(), pacing.calls()), (3, 5));
    }
}
