//! The secret: how a string is reversed. PURE. Only this crate knows it, so that a program that
//! wants the answer has to ask a server.
//!
//! What people call a character is a *grapheme cluster* (Unicode Standard Annex 29). An `é` written
//! as `e` and an accent, a flag, a family of emoji are several code points each. Reversing those
//! would give other characters, so clusters change places and stay whole. A reversed text has as
//! many bytes as the text.

use unicode_segmentation::UnicodeSegmentation;

/// Returns one text reversed, line breaks included.
///
/// ```
/// use secret_server::reverse::reverse;
///
/// assert_eq!(reverse("Hello"), "olleH");
/// assert_eq!(reverse("cafe\u{301} 👨‍👩‍👧!"), "!👨‍👩‍👧 e\u{301}fac");
/// ```
pub fn reverse(text: &str) -> String {
    let mut reversed = String::with_capacity(text.len());
    push_reversed(&mut reversed, text);
    reversed
}

/// Returns a chunk with each word reversed. A chunk is a text in which `\n` ends every word.
///
/// The words keep their places, empty ones too. No word needs memory of its own: ASCII is reversed
/// in place, anything else goes into one new text of the same length.
pub fn reverse_words(chunk: String) -> String {
    if !chunk.is_ascii() {
        return reverse_words_by_cluster(&chunk);
    }
    let mut bytes = chunk.into_bytes();
    for word in bytes.split_mut(|byte| *byte == b'\n') {
        word.reverse();
    }
    String::from_utf8(bytes).expect("ASCII bytes are UTF-8 in any order")
}

fn reverse_words_by_cluster(chunk: &str) -> String {
    let mut reversed = String::with_capacity(chunk.len());
    for line in chunk.split_inclusive('\n') {
        let word = line.strip_suffix('\n').unwrap_or(line);
        push_reversed(&mut reversed, word);
        if word.len() < line.len() {
            reversed.push('\n');
        }
    }
    reversed
}

fn push_reversed(reversed: &mut String, word: &str) {
    // A shorter way, because in ASCII every byte is a cluster, unless it belongs to CR LF.
    if word.is_ascii() && !word.contains('\r') {
        reversed.extend(word.bytes().rev().map(char::from));
    } else {
        reversed.extend(word.graphemes(true).rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_call_a_character_stays_whole() {
        for (text, reversed) in [
            ("", ""),
            ("a", "a"),
            ("esse", "esse"),
            ("pLACEAT", "TAECALp"),
            ("two words", "sdrow owt"),
            ("é", "é"),
            ("re\u{301}sume\u{301}", "e\u{301}muse\u{301}r"),
            ("ab👨‍👩‍👧‍👦c", "c👨‍👩‍👧‍👦ba"),
            ("🇨🇭🇫🇷", "🇫🇷🇨🇭"),
            ("👍🏽!", "!👍🏽"),
            ("क्षि", "क्षि"),
            ("a\r\nb\nc", "c\nb\r\na"),
            ("\u{301}x", "x\u{301}"),
        ] {
            assert_eq!(reverse(text), reversed, "{text:?}");
        }
    }

    #[test]
    fn the_words_of_a_chunk_keep_their_places() {
        for (chunk, reversed) in [
            ("", ""),
            ("\n", "\n"),
            ("abc\n", "cba\n"),
            ("abc\n\nde\n", "cba\n\ned\n"),
            ("abc\nno end", "cba\ndne on"),
            ("naïve\nabc\n\nno end", "evïan\ncba\n\ndne on"),
            ("a\rb\nc\n", "b\ra\nc\n"),
        ] {
            assert_eq!(reverse_words(chunk.to_owned()), reversed, "{chunk:?}");
        }
    }

    #[test]
    fn the_paths_agree_and_reversing_twice_changes_nothing() {
        let wordlist = include_str!("../../../wordlist");
        let reversed = reverse_words(wordlist.to_owned());
        for (word, expected) in wordlist.lines().zip(reversed.lines()) {
            assert_eq!(reverse(word), expected);
            assert_eq!(reverse_words(format!("{word}\n")), format!("{expected}\n"));
            assert_eq!(reverse(expected), word);
        }
        assert_eq!(reverse_words(reversed), wordlist);
    }
}
