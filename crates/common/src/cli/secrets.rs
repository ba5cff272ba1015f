//! Secrets that a person has typed in a wrong place. PURE.
//!
//! A secret belongs into a file. One that stands in an argument all the same, such as the password
//! in a URL, would be printed by what says that the argument is wrong, and so would get into logs
//! and onto a teacher's projector.

use std::borrow::Cow;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// How the keys of a lab begin, in small letters.
const KEYS: [&str; 2] = ["labkey1", "labguest1"];

/// Returns `text` with neither the letters of a key, nor what stands before the `@` of an address.
pub(super) fn without_secrets(text: &str) -> String {
    // A quote ends a word, because that is how clap shows an argument.
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"');
    let words = text.split_inclusive(is_end).map(without_login);
    without_keys(&words.collect::<String>()).into_owned()
}

/// Returns `text` without the letters of the keys of a lab.
pub(super) fn without_keys(text: &str) -> Cow<'_, str> {
    let small = text.to_ascii_lowercase();
    let begin = |key: &&str| small.find(*key).map(|at| at + key.len());
    let Some(begin) = KEYS.iter().filter_map(begin).min() else {
        return text.into();
    };
    let (before, rest) = text.split_at(begin);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
    let (letters, rest) = rest.split_at(end.unwrap_or(rest.len()));
    // A help line says how a key begins, and no more of it.
    let letters = if letters.is_empty() { "" } else { HIDDEN };
    format!("{before}{letters}{}", without_keys(rest)).into()
}

/// Returns a word without a login. What names the flag and the kind of address stays, because
/// otherwise a person would not know the word again.
fn without_login(word: &str) -> String {
    let Some((before, host)) = word.rsplit_once('@') else {
        return word.to_owned();
    };
    let flag = if before.starts_with('-') {
        before.find('=').map_or(0, |at| at + 1)
    } else {
        0
    };
    let (flag, before) = before.split_at(flag);
    let scheme = before.find("//").map_or("", |at| &before[..at + 2]);
    format!("{flag}{scheme}{HIDDEN}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_an_at_is_hidden_however_it_is_typed() {
        for (typed, shown) in [
            ("'nats://u:pw@h:1/chat' is", "'nats://***@h:1/chat' is"),
            ("natss://u:pw@h", "natss://***@h"),
            ("nats:u:pw@h", "***@h"),
            ("nats//u:pw@h", "nats//***@h"),
            ("--store=nats://u:pw@h", "--store=nats://***@h"),
            ("nats://u:p@w@h,u:pw@g", "nats://***@g"),
            ("--store=u:p=w@h", "--store=***@h"),
            ("u:pw@h x y@z", "***@h x ***@z"),
            (
                "a line\n\u{201c}nats://pw@h\u{201d}\n",
                "a line\n\u{201c}nats://***@h\u{201d}\n",
            ),
        ] {
            assert_eq!(without_secrets(typed), shown);
        }
    }

    #[test]
    fn a_key_is_hidden_and_all_other_text_stays() {
        for (typed, shown) in [
            ("the key in labkey1abc234: no", "the key in labkey1***: no"),
            ("'LABGUEST1ABC'", "'LABGUEST1***'"),
            ("x=labkey1a,labkey1b", "x=labkey1***,labkey1***"),
            (
                "begins with labkey1 or labguest1",
                "begins with labkey1 or labguest1",
            ),
            ("export LAB_KEY=labkey1...", "export LAB_KEY=labkey1..."),
            (
                "\u{e9}t\u{e9} 10.0.0.1:8030 it's",
                "\u{e9}t\u{e9} 10.0.0.1:8030 it's",
            ),
        ] {
            assert_eq!(without_secrets(typed), shown);
        }
    }
}
