//! What may be typed, printed, kept and reversed.

#![no_main]

use secret_server::reverse::{reverse, reverse_words};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((0..80, rest)) => chat_client::fuzz::texts(rest),
    Some((80..160, rest)) => chat_server::fuzz::texts(rest),
    Some((160..220, rest)) => secret_client::fuzz::texts(rest),
    Some((220..240, rest)) => common::net::fuzz::texts(rest),
    Some((_, rest)) => reverses(&String::from_utf8_lossy(rest)),
    None => {}
});

/// A reversed text has the same bytes in another order, and a chunk as many words.
fn reverses(text: &str) {
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    assert_eq!(sorted(&reverse(text)), sorted(text));
    let words = reverse_words(text.to_owned());
    assert_eq!(sorted(&words), sorted(text));
    for (word, reversed) in text.split('\n').zip(words.split('\n')) {
        assert_eq!(reversed, reverse(word));
    }
}
