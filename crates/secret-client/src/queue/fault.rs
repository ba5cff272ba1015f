//! What can be seen of an answer without knowing the secret: whether it has the letters of what was
//! asked. PURE.
//!
//! Reversing changes the order of bytes and nothing else. So a word and its answer have the same
//! bytes in the same numbers. A server that answers something else is found by counting them, which
//! costs some 160 instructions for a word of seven letters, half of what a word costs the client.

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

/// Returns what is wrong with `answer` to `chunk`, if anything can be seen.
pub(super) fn fault(chunk: &Chunk, answer: &str) -> Option<Fault> {
    let mut counts = [0; 256];
    let (asked, mut rest) = (chunk.text.as_bytes(), answer.as_bytes());
    if chunk.is_one {
        let fits = has_same_bytes(asked, rest, &mut counts);
        return (!fits).then_some(Fault::Letters(None));
    }
    // Each word of a right answer is as long as the word that was asked. So the words that were
    // asked show where those of the answer end, and it need not be split too.
    for (line, word) in (chunk.first..).zip(asked.split_inclusive(lines::is_newline)) {
        let mut fits =
            |part: &[u8]| part.ends_with(b"\n") && has_same_bytes(word, part, &mut counts);
        let parts = rest.split_at_checked(word.len());
        let Some((_, after)) = parts.filter(|(part, _)| fits(part)) else {
            let is_as_many = lines::count(answer) == chunk.words && answer.ends_with('\n');
            let letters = Fault::Letters(Some(line));
            return Some(if is_as_many { letters } else { Fault::Number });
        };
        rest = after;
    }
    (!rest.is_empty()).then_some(Fault::Number)
}

/// Returns whether one text is the other in another order of its bytes. `counts` is all zero, and
/// is so again if they are the same, so that it need not be cleared for every word.
fn has_same_bytes(one: &[u8], other: &[u8], counts: &mut [i32; 256]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    for (one, other) in one.iter().zip(other) {
        counts[usize::from(*one)] += 1;
        counts[usize::from(*other)] -= 1;
    }
    // As many went up as down. So if no byte of the one is left over, none of the other is.
    let left = one.iter().map(|byte| counts[usize::from(*byte)]);
    left.fold(0, |all, left| all | left) == 0
}

#[cfg(test)]
mod tests {
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
    fn what_is_not_the_same_bytes_in_another_order_is_seen() {
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
