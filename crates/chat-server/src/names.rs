//! What people and rooms may be called. PURE.
//!
//! A nick is shown beside every message, so it must not pass for another one. It is normalised
//! (NFKC) and made of letters, digits and `-_.`. It is refused when it looks like a nick that is
//! taken, by the confusables of Unicode Technical Standard 39.
//!
//! A private room has a name that no client can choose: `@`, then its two senders. So its users
//! find it again after a restart of the server.

use common::chat::{MAX_NAME, Sender};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Widest nick or room in columns of a terminal: a third of a narrow one, beside the message.
const MAX_COLUMNS: usize = 20;

/// Most marks on one letter: as many as the letters of Vietnamese have. More of them cover the
/// lines above.
const MAX_MARKS: usize = 2;

/// Letters that show nothing: fillers of Hangul and Khmer (Default_Ignorable_Code_Point).
const INVISIBLE: [char; 7] = [
    '\u{115f}', '\u{1160}', '\u{17b4}', '\u{17b5}', '\u{3164}', '\u{ffa0}', '\u{34f}',
];

/// Names that would be taken for the server or its operators.
const RESERVED: [&str; 13] = [
    "admin",
    "administrator",
    "all",
    "everyone",
    "help",
    "moderator",
    "nobody",
    "op",
    "operator",
    "server",
    "staff",
    "support",
    "system",
];

/// A nick in its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nick {
    pub(crate) text: String,
    /// Two nicks look alike if they have one of these in common.
    pub(crate) keys: [String; 2],
}

impl Nick {
    /// Returns the normal form of `text`, or a sentence for the person if it is not a nick.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let text = name(text, "a nick")?;
        let keys = keys(&text);
        Ok(Self { text, keys })
    }

    /// Returns nicks that are like this one: with another digit behind it.
    pub(crate) fn like(&self) -> impl Iterator<Item = Self> {
        // Not 0 and 1, which look like letters.
        (2..=9).filter_map(|digit| {
            let base = self.text.trim_end_matches(['-', '_', '.']).chars();
            let base: String = base.take(MAX_COLUMNS - 1).collect();
            let nick = Self::new(&format!("{base}{digit}")).ok()?;
            nick.check().ok().map(|()| nick)
        })
    }

    /// Returns a sentence for the person if the nick would be taken for the server.
    pub(crate) fn check(&self) -> Result<(), String> {
        let looks_like = |name: &str| keys(name).iter().any(|key| self.keys.contains(key));
        match RESERVED.iter().find(|name| looks_like(name)) {
            Some(name) => Err(format!("{name} is not for people: choose another nick")),
            None => Ok(()),
        }
    }
}

/// Returns what looks the same in nicks that look alike. There are two keys, because lowering a
/// letter changes what it looks like: I looks like l, and i like I without its case.
fn keys(nick: &str) -> [String; 2] {
    let nick = nick.trim_end_matches(['-', '_', '.']);
    let lower = skeleton(&nick.to_lowercase()).collect();
    let upper: String = skeleton(nick).collect();
    [lower, upper.to_lowercase()]
}

/// Returns the normal form of a public room's name, or a sentence for the person. A `#` before it
/// is a habit, not a part of the name.
pub(crate) fn room(text: &str) -> Result<String, String> {
    let room = name(text.strip_prefix('#').unwrap_or(text), "a room")?;
    // Without the second dot that a lowered İ has, because a mark alone may not be in a name: the
    // room could be joined, and then never again under its own name.
    let lower = room.to_lowercase().replace("i\u{307}", "i");
    name(&lower, "a room")
}

/// Returns the normal form of the name of a public or a private room. A private one has only one
/// spelling.
pub(crate) fn any_room(text: &str) -> Result<String, String> {
    if is_private(text) && text.len() <= MAX_NAME {
        return Ok(text.to_owned());
    }
    room(text)
}

fn name(text: &str, what: &str) -> Result<String, String> {
    // A longer text is refused first, because normalising may lengthen it twelvefold.
    let normal: String = match text.len() {
        1..=MAX_NAME => text.nfkc().collect(),
        _ => String::new(),
    };
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let starts_well = normal.chars().next().is_some_and(char::is_alphanumeric);
    let is_plain = starts_well && normal.chars().all(plain) && normal.width() <= MAX_COLUMNS;
    if is_plain && is_visible(&normal) {
        return Ok(normal);
    }
    Err(format!(
        "{what} has 1 to {MAX_COLUMNS} columns of letters, digits and - _ . \
         and begins with a letter or a digit"
    ))
}

/// Returns whether every character of a name can be seen: a letter has a width, and few marks.
fn is_visible(name: &str) -> bool {
    // So that no letter can be a mark on nothing.
    let mut marks = MAX_MARKS;
    name.chars().all(|c| {
        let is_mark = is_combining_mark(c);
        marks = if is_mark { marks + 1 } else { 0 };
        let has_width = is_mark || c.width().is_some_and(|columns| columns > 0);
        marks <= MAX_MARKS && has_width && !INVISIBLE.contains(&c)
    })
}

/// Returns the name of the private room of two senders, in whichever order they are given.
pub(crate) fn private(a: Sender, b: Sender) -> String {
    format!("@{:032x}+{:032x}", a.min(b), a.max(b))
}

/// Returns the other one of a private room of `me`, if `room` is the whole name of one.
pub(crate) fn other(room: &str, me: Sender) -> Option<Sender> {
    let halves = room.strip_prefix('@')?.split_once('+')?;
    let half = |text| Sender::from_str_radix(text, 16).ok();
    let (a, b) = (half(halves.0)?, half(halves.1)?);
    let other = if a == me { b } else { a };
    // Because a name with another spelling is another room.
    (private(me, other) == room).then_some(other)
}

/// Returns the two people of a private room, each with the other one, if `room` is one.
#[cfg(any(test, feature = "nats"))]
pub(crate) fn both(room: &str) -> Option<[(Sender, Sender); 2]> {
    let half = room.strip_prefix('@')?.split_once('+')?.0;
    let one = Sender::from_str_radix(half, 16).ok()?;
    let other = other(room, one)?;
    Some([(one, other), (other, one)])
}

/// Returns whether `room` is the name of a private room.
pub(crate) fn is_private(room: &str) -> bool {
    room.starts_with('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(text: &str) -> Result<String, String> {
        Nick::new(text).map(|nick| nick.text)
    }

    fn look_alike(a: &str, b: &str) -> bool {
        let [a, b] = [a, b].map(|nick| Nick::new(nick).expect("a nick"));
        a.keys.iter().any(|key| b.keys.contains(key))
    }

    #[test]
    fn a_nick_is_a_word() {
        for good in [
            "ann",
            "Ann-2",
            "jo_e",
            "ünal",
            "太郎",
            "7of9",
            "a.b",
            "Việt",
            "मोना",
        ] {
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
    fn all_of_a_nick_can_be_seen() {
        let marks = format!("a{}", "\u{a66f}".repeat(3));
        let indic = format!("\u{915}{}", "\u{901}".repeat(40));
        for bad in [
            "\u{1160}\u{1160}",
            "ann\u{1160}",
            "ann\u{3164}",
            "a\u{115f}",
            "\u{11ff}",
            &marks,
            &indic,
        ] {
            assert!(nick(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nicks_that_look_alike_have_a_key_in_common() {
        for (a, b) in [
            ("Paul", "paul"),
            ("paul", "pаul"), // with a Cyrillic а
            ("paul", "pauI"),
            ("paul", "pau1"),
            ("Ill", "lIl"),
            ("bob", "b0b"),
            ("BOB", "B0B"),
            ("ILL", "ill"),
            ("Ian", "ian"),
            ("ann", "ann_"),
            ("ann", "ann."),
        ] {
            assert!(look_alike(a, b), "{a} {b}");
        }
        for (a, b) in [("paul", "paula"), ("ann", "anna"), ("a-b", "ab")] {
            assert!(!look_alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn the_names_of_the_server_are_not_for_people() {
        for reserved in ["admin", "Server", "OPERATOR", "adrnin", "system_"] {
            let nick = Nick::new(reserved).expect("a nick");
            assert!(nick.check().is_err(), "{reserved}");
        }
        assert_eq!(Nick::new("guest").map(|nick| nick.check()), Ok(Ok(())));
    }

    #[test]
    fn rooms_have_one_spelling() {
        assert_eq!(room("#Lobby").as_deref(), Ok("lobby"));
        assert_eq!(room("İstanbul").as_deref(), Ok("istanbul"));
        assert!(room("@private").is_err());
    }

    #[test]
    fn a_private_room_is_known_by_its_whole_name() {
        let (ann, bob, eve) = (1, 2 << 64, 3);
        let name = private(ann, bob);
        assert_eq!(name, private(bob, ann));
        assert_eq!(
            (other(&name, ann), other(&name, bob)),
            (Some(bob), Some(ann))
        );
        assert_eq!(other(&private(ann, ann), ann), Some(ann));
        let swapped = format!("@{bob:032x}+{ann:032x}");
        let long = format!("{name}+{ann:032x}");
        let text = format!("@{ann:032x}+\u{1b}]0;x");
        for room in [&swapped, &long, &text, "@1+2", "@", "lobby", "@+", "@+1++2"] {
            assert_eq!(other(room, ann), None, "{room}");
        }
        assert_eq!(other(&name, eve), None);
    }
}
