//! What can be seen of an answer without knowing the secret: whether it has the letters of what was
//! asked. PURE.
//!
//! Reversing changes the order of bytes and nothing else. So a word and its answer have the same
//! bytes in the same numbers. A server that answers something else is found by counting them, which
//! costs some 40 ns for a word of ten letters: a tenth of a second for a few million words.

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
    if chunk.is_one {
        let fits = has_same_bytes(&chunk.text, answer, &mut counts);
        return (!fits).then_some(Fault::Letters(None));
    }
    if lines::count(answer) != chunk.words || !answer.ends_with('\n') {
        return Some(Fault::Number);
    }
    let words = chunk.text.split_terminator('\n');
    let mut pairs = words.zip(answer.split_terminator('\n'));
    let wrong = pairs.position(|(word, answer)| !has_same_bytes(word, answer, &mut counts))?;
    Some(Fault::Letters(Some(chunk.first + wrong as u64)))
}

/// Returns whether one text is the other in another order of its bytes. `counts` is all zero, and
/// is so again if they are the same, so that it need not be cleared for every word.
fn has_same_bytes(one: &str, other: &str, counts: &mut [i32; 256]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    for (one, other) in one.bytes().zip(other.bytes()) {
        counts[usize::from(one)] += 1;
        counts[usize::from(other)] -= 1;
    }
    // As many went up as down. So if no byte of the one is left over, none of the other is.
    one.bytes().all(|byte| counts[usize::from(byte)] == 0)
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
        ] {
            assert_eq!(fault(&chunk(asked, false), answer), found, "{answer:?}");
        }
        assert_eq!(fault(&chunk("a\nb", true), "b\na"), None);
        let wrong = fault(&chunk("a\nb", true), "b a");
        assert_eq!(wrong, Some(Fault::Letters(None)));
    }
}
