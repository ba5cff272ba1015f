//! What other people typed, made harmless for a terminal. PURE.
//!
//! A message may carry escape sequences that move the cursor, rename the window or type for its
//! reader. It may carry invisible characters that reverse what is read, and newlines that forge
//! the line of another person.
//! The client prints such text only as [`Clean`], and only this file makes one.

use std::fmt;

/// Text that does nothing but show itself, on one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Clean(String);

/// Most combining marks on one character: the most any language uses, and too few to cover the
/// lines above and below.
const MAX_MARKS: usize = 4;

impl Clean {
    /// Returns `text` made harmless. Controls become the pictures that Unicode has for them, line
    /// ends a return sign, and what reverses the direction a replacement character.
    pub(crate) fn new(text: &str) -> Self {
        let mut clean = String::with_capacity(text.len());
        let mut marks = 0;
        // Marks are counted on what is shown, because one that follows a character that is not
        // shown is drawn on the character before it.
        for c in text.chars().filter_map(shown) {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            if marks <= MAX_MARKS {
                clean.push(c);
            }
        }
        Self(clean)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns what is shown instead of a character, if anything.
fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' => Some('⏎'),
        '\t' => Some(' '),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('␡'),
        _ if is_harmful(c) => Some('\u{fffd}'),
        // Byte order mark, interlinear annotation, tags: never drawn, but read by some programs.
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}' => None,
        _ => Some(c),
    }
}

/// Returns whether a character is a C1 control, which some terminals obey, or a mark that reverses
/// the direction of what follows.
pub(crate) fn is_harmful(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether a character is drawn on the one before it.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}'
        | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "hello",
            "naïve café",
            "e\u{301}",
            "日本語",
            "שלום",
            "👨‍👩‍👧‍👦 🇬🇧",
            "50% off %s %n",
            "a\\b",
        ] {
            assert_eq!(Clean::new(text).as_str(), text);
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let table = [
            ("\u{1b}]0;owned\u{7}", "␛]0;owned␇"),
            ("a\r\nann: forged", "a␍⏎ann: forged"),
            ("\u{9b}31mred", "\u{fffd}31mred"),
            ("a\u{202e}b\u{2066}c", "a\u{fffd}b\u{fffd}c"),
            ("a\u{2028}b\tc\u{7f}", "a⏎b c␡"),
            ("\u{feff}a\u{e0041}", "a"),
        ];
        for (text, clean) in table {
            assert_eq!(Clean::new(text).as_str(), clean, "{text:?}");
        }
        for mark in ["\u{300}", "\u{feff}\u{300}"] {
            let tower = format!("z{}", mark.repeat(500));
            assert_eq!(Clean::new(&tower).as_str().chars().count(), 1 + MAX_MARKS);
        }
        let every = (0..0x3000).filter_map(char::from_u32).collect::<String>();
        assert!(
            !Clean::new(&every)
                .as_str()
                .chars()
                .any(|c| c.is_control() || is_harmful(c))
        );
    }
}
