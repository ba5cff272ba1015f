//! A key that callers must know: to the premium tier, to the administration of a chat. PURE.

use std::fmt;
use std::hint::black_box;

/// A key that callers must know.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// A key that opens to exactly this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Its text, to be sent to whoever asks for the key, and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is the key. How long that takes depends on the lengths only, not on how
    /// much of the beginning is right: otherwise a patient caller could find the key byte by byte.
    pub fn fits(&self, given: &str) -> bool {
        let (key, given) = (self.0.as_bytes(), given.as_bytes());
        let differ = key
            .iter()
            .zip(given)
            .fold(key.len() ^ given.len(), |differ, (a, b)| {
                // The optimiser must not learn that one difference decides.
                black_box(differ | usize::from(a ^ b))
            });
        differ == 0
    }
}

/// Does not show the key: a configuration may end up in a log.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_fits() {
        let key = Key::new("open sesame".into());
        assert!(key.fits("open sesame"));
        for wrong in [
            "",
            "o",
            "open sesamE",
            "open sesame!",
            "open sesam",
            "xpen sesame",
        ] {
            assert!(!key.fits(wrong), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "Key(..)");
    }
}
