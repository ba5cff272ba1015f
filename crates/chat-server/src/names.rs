//! What people and rooms may be called. PURE.
//!
//! A nick is shown beside every message, so it must not be taken for another: it is normalised
//! (NFKC), made of letters, digits and `-_.`, and refused when it looks like one that is taken,
//! by the confusables of Unicode Technical Standard 39.

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;
use unicode_width::UnicodeWidthStr;

/// Widest nick or room in columns of a terminal: a third of a narrow one, beside the message.
pub const MAX_COLUMNS: usize = 20;

/// The normal form of a nick.
///
/// # Errors
/// A sentence for the person, if it is none.
pub fn nick(text: &str) -> Result<String, String> {
    name(text, "a nick")
}

/// The normal form of a room's name; a `#` before it is a habit, not part of it.
///
/// # Errors
/// A sentence for the person, if it is none.
pub fn room(text: &str) -> Result<String, String> {
    Ok(name(text.strip_prefix('#').unwrap_or(text), "a room")?.to_lowercase())
}

fn name(text: &str, what: &str) -> Result<String, String> {
    // Normalising may lengthen a text twelvefold, so what is too long is refused before.
    let normal: String = match text.len() {
        1..=128 => text.nfkc().collect(),
        _ => String::new(),
    };
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let starts_well = normal.chars().next().is_some_and(char::is_alphanumeric);
    match starts_well && normal.chars().all(plain) && normal.width() <= MAX_COLUMNS {
        true => Ok(normal),
        false => Err(format!(
            "{what} has 1 to {MAX_COLUMNS} columns of letters, digits and - _ . \
             and begins with a letter or a digit"
        )),
    }
}

/// What two nicks that look alike have in common.
///
/// ```
/// use chat_server::names::look;
/// assert_eq!(look("Paul"), look("paul"));
/// assert_eq!(look("paul"), look("pаul")); // the second one with a Cyrillic а
/// assert_ne!(look("paul"), look("paula"));
/// ```
pub fn look(nick: &str) -> String {
    skeleton(&nick.to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nick_is_a_word() {
        for good in ["ann", "Ann-2", "jo_e", "ünal", "太郎", "7of9", "a.b"] {
            assert_eq!(nick(good).as_deref(), Ok(good), "{good}");
        }
        assert_eq!(nick("ａｎｎ").as_deref(), Ok("ann"), "full width");
        let long = "x".repeat(MAX_COLUMNS + 1);
        let wide = "太".repeat(MAX_COLUMNS / 2 + 1);
        for bad in [
            "",
            " ",
            "a b",
            "@ann",
            "-ann",
            "a\u{1b}[2J",
            "a\nb",
            "a\u{202e}b",
            &long,
            &wide,
        ] {
            assert!(nick(bad).is_err(), "{bad:?}");
        }
        assert!(
            nick(&"\u{fdfa}".repeat(100)).is_err(),
            "one that grows when normalised"
        );
    }

    #[test]
    fn rooms_have_one_spelling() {
        assert_eq!(room("#Lobby").as_deref(), Ok("lobby"));
        assert!(room("@private").is_err());
    }
}
