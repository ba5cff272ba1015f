//! What can be seen of an answer without knowing the secret: whether it has the letters of what was
//! asked. PURE.
//!
//! Reversing changes the order of bytes and nothing else, so a word and its answer have the same
//! bytes, each as often. Each value of a byte has a [weight](Weights): where the sums differ, the
//! bytes do. Other bytes have the same sum once in 2^64 times, and a server cannot look for some,
//! because it does not know the weights. It can lie unseen with the right bytes; against that there
//! is `--verify`. To count the bytes would be exact, and is slow enough to show in
//! `scripts/bench.sh secret speed`.

use super::backlog::Chunk;
use crate::lines;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has another number of lines than were asked.
    Number,
    /// The answer to this line, from 0, does not have the bytes of the line. `None`: the text was
    /// one, and not a list.
    Letters(Option<u64>),
}

/// A random number for each value of a byte: the first 256 of SplitMix64 (Steele, Lea and Flood,
/// Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Weights([u64; 256]);

impl Weights {
    /// Returns those of a seed.
    pub(crate) fn of(mut seed: u64) -> Self {
        Self([(); 256].map(|()| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self::of(0)
    }
}

/// Returns what is wrong with `answer` to `chunk`, if anything can be seen.
pub(super) fn fault(chunk: &Chunk, answer: &str, weights: &Weights) -> Option<Fault> {
    let (asked, answered) = (chunk.text.as_bytes(), answer.as_bytes());
    let mut line = chunk.first;
    // The sum of the weights of what was asked, without that of what was answered.
    let mut difference = 0u64;
    for (one, other) in asked.iter().zip(answered) {
        difference = difference
            .wrapping_add(weights.0[usize::from(*one)])
            .wrapping_sub(weights.0[usize::from(*other)]);
        let is_end = lines::is_newline(one) || lines::is_newline(other);
        if is_end && !chunk.is_one {
            if one != other || difference != 0 {
                let is_as_many = lines::count(answer) == chunk.words && answer.ends_with('\n');
                let letters = Fault::Letters(Some(line));
                return Some(if is_as_many { letters } else { Fault::Number });
            }
            line += 1;
        }
    }
    let is_as_long = asked.len() == answered.len();
    if chunk.is_one {
        let fits = is_as_long && difference == 0;
        return (!fits).then_some(Fault::Letters(None));
    }
    (!is_as_long).then_some(Fault::Number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn chunk(text: &str, is_one: bool) -> Chunk {
        Chunk {
            first: 7,
            text: text.to_owned(),
            words: if is_one { 1 } else { lines::count(text) },
            is_one,
            claim: None,
            blame: 0,
        }
    }

    #[test]
    fn weights_are_those_of_their_source() {
        let known = [
            0xe220_a839_7b1d_cdaf,
            0x6e78_9e6a_a1b9_65f4,
            0x06c4_5d18_8009_454f,
        ];
        let Weights(weights) = Weights::default();
        assert_eq!(weights[..3], known);
        assert_eq!(
            weights.iter().collect::<HashSet<_>>().len(),
            256,
            "no two are alike"
        );
    }

    #[test]
    fn what_is_not_the_same_bytes_in_another_order_is_seen() {
        let fault = |chunk: &Chunk, answer| fault(chunk, answer, &Weights::default());
        let letters = |line| Some(Fault::Letters(Some(line)));
        for (asked, answer, found) in [
            ("ab\ncd\n", "ba\ndc\n", None),
            ("ab\n\n", "ab\n\n", None), // wrong, but it cannot be seen
            ("cafe\u{301}\n", "e\u{301}fac\n", None),
            ("ab\ncd\n", "ba\n", Some(Fault::Number)),
            ("ab\n", "ba", Some(Fault::Number)),
            ("ab\n", "b\na\n", Some(Fault::Number)),
            ("ab\ncd\n", "ba\nde\n", letters(8)),
            ("ab\ncd\n", "dc\nba\n", letters(7)),
            ("aab\n", "abb\n", letters(7)),
            ("ab\n", "abc\n", letters(7)),
            ("ab\n", "\n", letters(7)),
            ("\n", "x\n", letters(7)),
            ("ab\nc\n", "a\nbc\n", letters(7)),
            ("a\nbc\n", "ab\nc\n", letters(7)),
            ("ab\nc\n", "ba\nc\n\n", Some(Fault::Number)),
            ("ab\nc\n", "ba\nc\nd", Some(Fault::Number)),
        ] {
            assert_eq!(fault(&chunk(asked, false), answer), found, "{answer:?}");
        }
        assert_eq!(fault(&chunk("a\nb", true), "b\na"), None);
        let wrong = fault(&chunk("a\nb", true), "b a");
        assert_eq!(wrong, Some(Fault::Letters(None)));
    }
}
