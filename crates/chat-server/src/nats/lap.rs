//! When all words are heard that there are. PURE.
//!
//! NATS keeps the last word of each session only. So a word that is not heard yet may be gone, and
//! the next one of its session is further back. With each message NATS says how many there are
//! after it. But it counts wrong when words are replaced while it hands them out: one session that
//! came and left all the time was seen to bring that count of nats-server 2.9.10 above zero for a
//! minute. Places do not lie: where none is left out, nothing was replaced before it was heard. And
//! when some are left out, NATS is asked where the words end, and all up to there are heard.

/// What is known after a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// All words are heard that there were when it was said.
    All,
    /// There are more.
    NotAll,
    /// That has to be asked: where do the words end?
    Ask,
}

/// The words up to an end of which NATS was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lap {
    /// the last word that was heard
    heard: u64,
    /// where the words ended when NATS was asked
    end: u64,
    /// whether each word was heard that has come since
    is_whole: bool,
}

impl Lap {
    /// Begins when `heard` is the last word that was heard, and the words end at `end`.
    pub(super) fn new(heard: u64, end: u64) -> Self {
        Self {
            heard,
            end,
            is_whole: true,
        }
    }

    /// Notes that the word at `at` is heard.
    pub(super) fn hears(&mut self, at: u64) -> Known {
        self.is_whole &= at <= self.heard + 1;
        self.heard = self.heard.max(at);
        match (self.heard >= self.end, self.is_whole) {
            (true, true) => Known::All,
            (true, false) => Known::Ask,
            (false, _) => Known::NotAll,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn where_places_are_left_out_it_is_asked_where_the_words_end() {
        let mut lap = Lap::new(7, 7);
        assert_eq!(lap.hears(8), Known::All);
        assert_eq!(lap.hears(8), Known::All, "once more");
        assert_eq!(lap.hears(11), Known::Ask);
        lap = Lap::new(11, 14);
        assert_eq!(lap.hears(12), Known::NotAll);
        assert_eq!(lap.hears(14), Known::Ask, "13 was replaced by a later one");
        lap = Lap::new(14, 15);
        assert_eq!(lap.hears(15), Known::All);
    }

    /// Few sessions say words and a slow server hears them, in an order that `seed` draws. Returns
    /// how often it knew that it had heard all.
    fn run(seed: u64) -> usize {
        let mut dice = SmallRng::seed_from_u64(seed);
        // Whose word is at each place, from 1; the last one of each that is heard.
        let (mut said, mut heard) = (Vec::new(), HashMap::new());
        let (mut lap, mut at, mut all) = (Lap::new(0, 0), 0, 0);
        for _ in 0..200 {
            if dice.random_ratio(1, 2) {
                said.push(dice.random_range(0..4));
                continue;
            }
            let is_last = |n: &usize| !said[*n..].contains(&said[*n - 1]);
            let Some(next) = (at + 1..=said.len()).find(is_last) else {
                continue;
            };
            (at, _) = (next, heard.insert(said[next - 1], next));
            let known = match lap.hears(at as u64) {
                Known::Ask => {
                    lap = Lap::new(at as u64, said.len() as u64);
                    at == said.len()
                }
                known => known == Known::All,
            };
            if known {
                all += 1;
                for (n, session) in said[..at].iter().enumerate() {
                    assert!(heard.get(session) > Some(&n), "{} of {said:?}", n + 1);
                }
            }
        }
        all
    }

    #[test]
    fn no_word_is_missed_though_words_are_replaced_before_they_are_heard() {
        let first: u64 = rand::random();
        let known = (0..1000).map(|n| {
            let seed = first.wrapping_add(n);
            println!("seed {seed}");
            run(seed)
        });
        assert!(known.sum::<usize>() > 1000, "it is known often");
    }
}
