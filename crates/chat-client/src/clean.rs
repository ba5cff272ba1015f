//! What other people typed, made harmless for a terminal. PURE.
//!
//! A message may carry escape sequences that move the cursor, rename the window or type for its
//! reader. It may carry invisible characters that reverse what is read, and newlines that forge
//! the line of another person.
//! The client prints such text only as [`Clean`], and only this file makes one.

use std::fmt;

use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

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
            match place(c) {
                Place::Own => marks = 0,
                Place::Above => marks += 1,
                Place::None => {}
            }
            if marks <= MAX_MARKS || place(c) != Place::Above {
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

/// Where a character is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// in a place of its own
    Own,
    /// above, below or through the character before it
    Above,
    /// nowhere, or as a part of the character before it: joiners, variation selectors, the later
    /// letters of a Korean syllable, vowels beside a letter
    None,
}

/// Returns where a character is drawn. Decided by what Unicode says of the character, because the
/// marks are in some hundred blocks (Unicode, General Category M; UAX 11 for the width).
fn place(c: char) -> Place {
    let is_selector = matches!(c, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}');
    match (is_combining_mark(c), c.width()) {
        (true, Some(0)) if !is_selector => Place::Above,
        (false, Some(1..)) => Place::Own,
        _ => Place::None,
    }
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
        let every = (0..0x3000).filter_map(char::from_u32).collect::<String>();
        assert!(
            !Clean::new(&every)
                .as_str()
                .chars()
                .any(|c| c.is_control() || is_harmful(c))
        );
    }

    #[test]
    fn no_character_bears_a_tower() {
        // One mark each of many scripts; then what is drawn nowhere, between groups of marks.
        for marks in [
            "\u{300}",
            "\u{6d6}",
            "\u{730}",
            "\u{816}",
            "\u{951}",
            "\u{f71}",
            "\u{34f}",
            "\u{a66f}",
            "\u{1d167}",
            "\u{20dd}",
            "\u{e31}",
            "\u{feff}\u{300}",
            "\u{300}\u{300}\u{300}\u{300}\u{200d}",
            "\u{300}\u{fe0f}",
            "\u{300}\u{200b}",
            "\u{300}\u{1161}",
            "\u{300}\u{e0100}",
            "\u{300}\u{ad}",
            "\u{300}\u{93e}",
        ] {
            let tower = format!("z{}", marks.repeat(100));
            let clean = Clean::new(&tower);
            let above = clean.as_str().chars().filter(|&c| place(c) == Place::Above);
            assert_eq!(above.count(), MAX_MARKS, "{marks:?}");
        }
        // Words with as many marks on one letter as people use.
        for word in [
            "ล้ำ",
            "လျှို့ဝှက်",
            "རྐྱེན",
            "हिन्दी",
            "שׁ\u{5bc}\u{5b8}\u{591}",
            "각",
            "☺\u{fe0f}",
        ] {
            assert_eq!(Clean::new(word).as_str(), word);
        }
    }
}
