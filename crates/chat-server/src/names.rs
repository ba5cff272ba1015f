//! What people and rooms may be called. PURE.
//!
//! A nick is shown beside every message, so it must not pass for another one. It is normalised
//! (NFKC) and made of letters, digits and `-_.`. It is refused when it looks like a nick that is
//! taken, by the confusables of Unicode Technical Standard 39.
//!
//! A private room has a name that no client can choose: `@`, then the public halves of its two
//! sessions. So its users find it again after a restart of the server.

use common::chat::{Session, sender};
use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthStr;

/// Widest nick or room in columns of a terminal: a third of a narrow one, beside the message.
const MAX_COLUMNS: usize = 20;

/// Returns the normal form of a nick, or a sentence for the person if `text` is not a nick.
pub(crate) fn nick(text: &str) -> Result<String, String> {
    name(text, "a nick")
}

/// Returns the normal form of a public room's name, or a sentence for the person. A `#` before it
/// is a habit, not a part of the name.
pub(crate) fn room(text: &str) -> Result<String, String> {
    Ok(name(text.strip_prefix('#').unwrap_or(text), "a room")?.to_lowercase())
}

fn name(text: &str, what: &str) -> Result<String, String> {
    // A longer text is refused first, because normalising may lengthen it twelvefold.
    let normal: String = match text.len() {
        1..=128 => text.nfkc().collect(),
        _ => String::new(),
    };
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let starts_well = normal.chars().next().is_some_and(char::is_alphanumeric);
    if starts_well && normal.chars().all(plain) && normal.width() <= MAX_COLUMNS {
        return Ok(normal);
    }
    Err(format!(
        "{what} has 1 to {MAX_COLUMNS} columns of letters, digits and - _ . \
         and begins with a letter or a digit"
    ))
}

/// Returns the skeleton of a nick (UTS 39): two nicks that look alike have the same one.
pub(crate) fn skeleton(nick: &str) -> String {
    unicode_security::skeleton(&nick.to_lowercase()).collect()
}

/// Returns the name of the private room of two sessions, in whichever order they are given.
pub(crate) fn private(a: Session, b: Session) -> String {
    let (a, b) = (sender(a), sender(b));
    format!("@{:x}+{:x}", a.min(b), a.max(b))
}

/// Returns whether `room` is the name of a private room of `session`.
pub(crate) fn is_private_of(room: &str, session: Session) -> bool {
    let halves = room.strip_prefix('@').and_then(|x| x.split_once('+'));
    let mine = format!("{:x}", sender(session));
    halves.is_some_and(|(a, b)| a == mine || b == mine)
}

/// Returns whether `room` is the name of a private room.
pub(crate) fn is_private(room: &str) -> bool {
    room.starts_with('@')
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
        for bad in ["", " ", "a b", "@ann", "-ann", "a\u{1b}[2J", "a\nb"] {
            assert!(nick(bad).is_err(), "{bad:?}");
        }
        let grows = "\u{fdfa}".repeat(100);
        for bad in ["a\u{202e}b", &long, &wide, &grows] {
            assert!(nick(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nicks_that_look_alike_have_one_skeleton() {
        assert_eq!(skeleton("Paul"), skeleton("paul"));
        assert_eq!(skeleton("paul"), skeleton("pаul"), "with a Cyrillic а");
        assert_ne!(skeleton("paul"), skeleton("paula"));
    }

    #[test]
    fn rooms_have_one_spelling() {
        assert_eq!(room("#Lobby").as_deref(), Ok("lobby"));
        assert!(room("@private").is_err());
    }

    #[test]
    fn a_private_room_is_known_by_its_two_sessions() {
        let (ann, bob, eve) = (1 << 64, 2 << 64, 3 << 64);
        let room = private(ann, bob);
        assert_eq!(room, private(bob, ann));
        assert!(is_private_of(&room, ann) && is_private_of(&room, bob));
        for room in ["@1+2", "@", "lobby", "@3", "@1+2+3"] {
            assert!(!is_private_of(room, eve), "{room}");
        }
    }
}
