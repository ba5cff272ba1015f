//! What a search finds: the same in both stores.
//!
//! A search looks through the messages one by one, the newest first, and needs time in proportion
//! to the room, whatever the text. A full room of 100,000 messages takes 35 ms in a file with 60
//! bytes each, and 70 ms with 400 bytes. An index would be faster, but each message would write it,
//! and a durable send would wait for more pages. So a limit on the time is enough. The text has at
//! least one byte, because an index of three letters, which could not find less, is not needed:
//! short words are words too, in Chinese for example.

use std::borrow::Cow;
use std::time::Duration;

use common::chat::Entry;

use crate::log::{LogError, PageLimit};

/// Longest text to search for in bytes: a sentence, or an address of a web page.
const LONGEST: usize = 256;

/// How long one search may look: long enough for a hundred thousand messages of usual length.
pub(crate) const SEARCH_LIMIT: Duration = Duration::from_millis(250);

/// Most searches that wait, so that the last of them waits four seconds.
pub(crate) const SEARCHES: usize = 16;

/// A text to search for, in any case.
pub(crate) struct Needle(String);

impl Needle {
    /// Returns what to search for, or why it cannot be searched for.
    pub(crate) fn new(text: &str) -> Result<Self, LogError> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(LogError::Unfit(format!(
                "a search has 1 to {LONGEST} bytes of text"
            )));
        }
        Ok(Self(fold(text).into_owned()))
    }

    /// Returns those of `messages` that contain the text, oldest first, as many as fit `limit`.
    /// `messages` begin with the newest one. Ends when `goes_on` says so; then those that were
    /// found are returned, and finding none is an error, because there may be some.
    pub(crate) fn search(
        &self,
        messages: impl Iterator<Item = Entry>,
        limit: PageLimit,
        goes_on: impl Fn() -> bool,
    ) -> Result<Vec<Entry>, LogError> {
        let mut is_whole = true;
        let looked_at = messages.take_while(|_| {
            is_whole = goes_on();
            is_whole
        });
        let mut found = limit.take(looked_at.filter(|entry| self.is_in(&entry.body)));
        if found.is_empty() && !is_whole {
            return Err(LogError::Unfit(
                "not in the newest messages, and this room is too big to look through all".into(),
            ));
        }
        found.reverse();
        Ok(found)
    }

    /// Returns whether `body` contains the text.
    pub(crate) fn is_in(&self, body: &str) -> bool {
        fold(body).contains(&self.0)
    }
}

/// Returns `text` without the difference of upper and lower case, as Unicode folds it, nearly: by
/// way of the upper case, because letters such as ß and ς have only that in common with SS and Σ.
fn fold(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        let upper = text.chars().flat_map(char::to_uppercase);
        Cow::Owned(upper.flat_map(char::to_lowercase).collect())
    } else if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_in_any_script() {
        for (text, body) in [
            ("tea", "More TEA!"),
            ("ÜBER", "über den Wolken"),
            ("привет", "ПРИВЕТ"),
            ("strasse", "die Straße"),
            ("οδος", "ΟΔΟΣ"),
            ("太", "太郎"),
        ] {
            let needle = Needle::new(text).expect("fits");
            assert!(needle.is_in(body), "{text} in {body}");
        }
        assert!(!Needle::new("tea").expect("fits").is_in("te a"));
    }

    #[test]
    fn a_search_that_takes_too_long_returns_what_it_has_found() {
        let entry = |number| Entry {
            number,
            sender: 1,
            kind: common::chat::Kind::Said,
            nick: "ann".into(),
            body: format!("number {number}").into(),
            at_ms: 1,
        };
        let search = |text, looks| {
            let left = std::cell::Cell::new(looks);
            let goes_on = || left.replace(left.get() - 1) > 0;
            let newest_first = (1..=9).rev().map(entry);
            let needle = Needle::new(text).expect("fits");
            let found = needle.search(newest_first, PageLimit::messages(2), goes_on);
            found.map(|found| found.iter().map(|entry| entry.number).collect::<Vec<_>>())
        };
        assert_eq!(search("number", 9), Ok(vec![8, 9]));
        assert_eq!(search("number", 1), Ok(vec![9]));
        assert_eq!(search("number 1", 10), Ok(vec![1]));
        assert!(matches!(search("number 1", 8), Err(LogError::Unfit(_))));
    }

    #[test]
    fn a_text_has_some_length() {
        assert!(Needle::new("").is_err());
        assert!(Needle::new(&"x".repeat(LONGEST)).is_ok());
        assert!(Needle::new(&"x".repeat(LONGEST + 1)).is_err());
    }
}
