//! How much to have out at one server: words in a call, and calls at once. PURE.
//!
//! Two questions, two rules.
//!
//! *How many words in a call?* As many as the server works through in [`CALL_WORK`]. While a word
//! takes a second, that is one, so that a slow or dead server never holds many. When a word takes
//! a microsecond, it is thousands, so that the price of a call is shared. The number begins with
//! one and at most doubles with each answer.
//!
//! *How many calls at once?* Little's law: to keep `w` workers busy, where a call is worked on for
//! `t` and spends `r` on its way there and back, takes `w * (t + r) / t` calls. With fewer calls
//! workers idle. More calls only wait in the server's queue, where a faster server cannot have
//! them. The server reports `w`, and with each answer `t` and how long the call waited. The rest of
//! the measured time is `r`. At first there are `w` calls, and more with each answer, because the
//! first words are too few to a call, and a list would be sent in hundreds of small ones ("slow
//! start": Jacobson, Congestion Avoidance and Control, 1988). A server that is
//! [`busy`](Pacing::busy), because others call it too, gets half as many calls, and one more each
//! round (additive increase, multiplicative decrease: Chiu and Jain, 1989).

use std::time::Duration;

use common::secret::MAX_WORDS;

/// Work to aim for in one call. Long beside the 20 us or so that a call costs, and short beside
/// what a person, or the last words of a list, would notice.
const CALL_WORK: Duration = Duration::from_millis(4);

/// A call that took longer than this altogether halves the words in a call, whatever times the
/// server reports.
const SLOW: Duration = Duration::from_secs(1);

/// Most calls out at one server. A call that needs no work takes 2 to 4 us of either side, so
/// this many cover a round trip of half a millisecond. With a chunk each, they hold at most 16 MiB.
pub(crate) const MAX_CALLS: usize = 256;

/// How much of the workers' time may be lost because one more call is missing. Without this, the
/// least delay on the wire would round one call at a slow server up to two.
const IDLE: f64 = 0.02;

/// Weight of the newest answer in the running means. The delays of words are random, from nothing
/// to twice the mean, so the mean of eight is near enough.
const GAIN: f64 = 1.0 / 8.0;

/// How many calls more each of the first answers allows at a server that is a second away, besides
/// one: a tenth of a second away, few answers allow all calls, and next door nearly none does.
const A_SECOND_AWAY: f64 = 1000.0;

/// How many times as long as a call takes here another server may have its words, before they are
/// asked for here as well. The delays of words are random, from nothing to twice the mean, so that
/// twice would be too early.
const LATE: f64 = 3.0;

/// The least of it. Below this a person does not wait, and a busy machine is often late.
const LATE_LEAST: Duration = Duration::from_secs(1);

/// The times of a call, which say how fast its server is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Timing {
    /// From the call to its answer, as the client measured it.
    pub(crate) took: Duration,
    /// The part of it in which the call waited for a worker, as the server says.
    pub(crate) waited: Duration,
    /// The part of it in which it was worked on, as the server says.
    pub(crate) worked: Duration,
}

/// The longest time of a call that a server may report. No call lasts longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Timing {
    /// Returns whether its server reports what cannot be.
    pub(crate) fn is_absurd(&self) -> bool {
        self.waited.max(self.worked) > LONGEST
    }
}

/// Words in a call and calls at once, where a person has fixed them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed {
    /// Words in a call.
    pub words: Option<usize>,
    /// Calls at once.
    pub calls: Option<usize>,
}

/// How much to have out at one server. See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Pacing {
    fixed: Fixed,
    workers: usize,
    words: usize,
    /// how many calls it takes without being busy, because others may call it too
    allowed: f64,
    /// below this, each answer allows a call more; from this on, each round of answers
    threshold: f64,
    /// means in seconds: work on a word, and the way there and back; none before the first answer
    means: Option<(f64, f64)>,
}

impl Pacing {
    /// The pacing of a server that has `workers`, before its first answer.
    pub(crate) fn new(workers: usize, fixed: Fixed) -> Self {
        let workers = workers.clamp(1, MAX_CALLS);
        Self {
            fixed,
            workers,
            words: 1,
            allowed: workers as f64,
            threshold: MAX_CALLS as f64,
            means: None,
        }
    }

    /// Returns the number of words for the next call.
    pub(crate) fn words(&self) -> usize {
        self.fixed.words.unwrap_or(self.words)
    }

    /// Returns the number of calls to have out at once.
    pub(crate) fn calls(&self) -> usize {
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

    /// Returns how long another server may have this number of words before it counts as late, by
    /// what they would take here. Without an answer yet, the least.
    pub(crate) fn late_after(&self, words: usize) -> Duration {
        let (word, way) = self.means.unwrap_or_default();
        let late = LATE * (word * words as f64 + way);
        let late = Duration::try_from_secs_f64(late).unwrap_or(Duration::MAX);
        late.max(LATE_LEAST)
    }

    /// Learns from the answer to a call with this number of words.
    pub(crate) fn answered(&mut self, words: usize, timing: Timing) {
        // Neither can be longer than the whole call, whatever the server says.
        let worked = timing.worked.min(timing.took);
        let waited = timing.waited.min(timing.took - worked);
        let word = worked.as_secs_f64() / words.max(1) as f64;
        let way = timing.took - worked - waited;
        let way = way.as_secs_f64();
        let (word, way) = match self.means {
            None => (word, way),
            // A shorter way is believed at once, because nothing can make it too short. A longer
            // one is believed only when it stays, because anything may disturb one call.
            Some((word_mean, way_mean)) => (
                word_mean + GAIN * (word - word_mean),
                way.min(way_mean + GAIN / 8.0 * (way - way_mean)),
            ),
        };
        self.means = Some((word, way));
        let more = if self.allowed < self.threshold {
            // The further the server, the fewer rounds, because each takes as long as the way.
            1.0 + way * A_SECOND_AWAY
        } else {
            1.0 / self.allowed
        };
        self.allowed = (self.allowed + more).min(MAX_CALLS as f64);
        self.words = if timing.took > SLOW {
            self.words.min(words) / 2
        } else {
            let fits = CALL_WORK.as_secs_f64() / word.max(f64::EPSILON);
            (fits as usize).min(2 * self.words)
        }
        .clamp(1, MAX_WORDS);
    }

    /// Learns that the server had no room for a call while `out` were out.
    pub(crate) fn busy(&mut self, out: usize) {
        self.allowed = (out as f64 / 2.0).max(1.0);
        self.threshold = self.allowed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::dice;

    use rand::RngExt;
    use rand::rngs::StdRng;

    const US: Duration = Duration::from_micros(1);
    const MS: Duration = Duration::from_millis(1);

    fn timing(took: Duration, worked: Duration) -> Timing {
        let waited = Duration::ZERO;
        Timing {
            took,
            waited,
            worked,
        }
    }

    /// Returns the pacing after `answers` from a server that works `word` on each, `way` away.
    fn settled(workers: usize, word: Duration, way: Duration, answers: usize) -> Pacing {
        let mut pacing = Pacing::new(workers, Fixed::default());
        for _ in 0..answers {
            let words = pacing.words();
            let worked = word * words as u32;
            pacing.answered(words, timing(worked + way, worked));
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
            let pacing = settled(workers, word, way, 300);
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
        // The server reports a short time, and took long.
        pacing.answered(4000, timing(2 * SLOW, 4 * MS));
        assert_eq!(pacing.words(), 2000);
        // It slowed down a hundredfold.
        pacing.answered(2000, timing(400 * MS, 400 * MS));
        assert_eq!(pacing.words(), 154);
    }

    #[test]
    fn the_first_answers_allow_more_calls_until_the_server_is_busy() {
        let near = |answers| settled(8, US / 50, US, answers).calls();
        assert_eq!([0, 1, 4, 8].map(near), [8, 10, 13, 10]);
        let far = |answers| settled(8, US / 50, 100 * MS, answers).calls();
        assert_eq!([0, 1, 2, 3].map(far), [8, 109, 210, MAX_CALLS]);
        let mut pacing = settled(8, US / 50, 100 * MS, 3);
        pacing.busy(48);
        for calls in [25, 25, 26] {
            (0..12).for_each(|_| pacing.answered(8192, timing(100 * MS, 160 * US)));
            assert_eq!(pacing.calls(), calls);
        }
    }

    #[test]
    fn a_busy_server_is_left_alone_and_then_tried_again() {
        let mut pacing = settled(8, 100 * MS, MS, 20);
        pacing.busy(8);
        assert_eq!(pacing.calls(), 4);
        pacing.busy(1);
        assert_eq!(pacing.calls(), 1);
        for _ in 0..40 {
            pacing.answered(1, timing(100 * MS, 100 * MS));
        }
        assert_eq!(pacing.calls(), 8);
    }

    #[test]
    fn another_server_is_late_after_three_times_what_its_words_take_here() {
        let pacing = Pacing::new(1, Fixed::default());
        assert_eq!(pacing.late_after(1), LATE_LEAST, "nothing is known");
        let pacing = settled(1, 10 * MS, MS, 20);
        assert_eq!(pacing.late_after(1), LATE_LEAST, "a person does not wait");
        let late = settled(1, 2000 * MS, MS, 20).late_after(2);
        assert!((12_000 * MS..12_010 * MS).contains(&late), "{late:?}");
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

    #[test]
    fn a_lying_server_makes_it_neither_panic_nor_ask_for_odd_numbers() {
        let mut dice = dice("PACING_SEED");
        let odd = |dice: &mut StdRng| match dice.random_range(0..5) {
            0 => Duration::MAX,
            1 => Duration::ZERO,
            2 => Duration::new(u64::MAX, 0),
            _ => Duration::from_nanos(dice.random_range(0..10_000_000_000)),
        };
        for _ in 0..2000 {
            let workers = [0, 1, usize::MAX][dice.random_range(0..3)];
            let mut pacing = Pacing::new(workers, Fixed::default());
            for _ in 0..20 {
                let (took, waited, worked) = (odd(&mut dice), odd(&mut dice), odd(&mut dice));
                let timing = Timing {
                    took: took.min(Duration::from_secs(86_400)),
                    waited,
                    worked,
                };
                pacing.answered(dice.random_range(0..100), timing);
                assert!((1..=MAX_WORDS).contains(&pacing.words()));
                assert!((1..=MAX_CALLS).contains(&pacing.calls()));
            }
        }
    }
}
