//! The text of a message. PURE.
//!
//! The texts of one page, or of one call, are in one piece of memory, because an allocation for
//! each of them takes longer than all the rest of decoding: an allocator keeps only a few freed
//! pieces of a size at hand.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that does not change. Clones share it. As long as one text of a page or of a call is
/// kept, so are the others: a frame at most.
#[derive(Clone, Default)]
pub struct Text {
    /// none if it is empty, or not [shared](Texts::share) yet
    all: Option<Arc<String>>,
    from: u32,
    to: u32,
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        let range = self.from as usize..self.to as usize;
        let text = self.all.as_ref().and_then(|all| all.get(range));
        text.unwrap_or_default()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Of less than 4 GiB.
impl From<String> for Text {
    fn from(text: String) -> Self {
        Self {
            from: 0,
            to: end(&text),
            all: Some(Arc::new(text)),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::from)
    }
}

/// Texts that are about to share their memory.
#[derive(Default)]
pub(super) struct Texts(String);

impl Texts {
    /// Returns texts of this many bytes altogether, at most.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Returns one more text, which is empty until it is [shared](Self::share).
    pub(super) fn add(&mut self, text: &str) -> Text {
        let from = end(&self.0);
        self.0.push_str(text);
        let to = end(&self.0);
        Text {
            all: None,
            from,
            to,
        }
    }

    /// Gives all texts that were added their memory.
    pub(super) fn share<'a>(self, texts: impl IntoIterator<Item = &'a mut Text>) {
        let all = Arc::new(self.0);
        for text in texts {
            text.all = (text.from < text.to).then(|| all.clone());
        }
    }
}

fn end(all: &str) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_memory_are_those_that_were_added() {
        let mut texts = Texts::with_capacity(8);
        let mut all = ["ann", "", "ü\0", "ann"].map(|text| texts.add(text));
        texts.share(&mut all);
        let [ann, empty, other, again] = all;
        assert_eq!((&*ann, &*empty, &*other), ("ann", "", "ü\0"));
        assert_eq!((ann.clone(), again), (Text::from("ann"), ann));
        assert_eq!(empty, Text::default());
    }

    #[test]
    fn a_text_has_the_bytes_of_a_string() {
        let bytes = postcard::to_stdvec("ü").expect("bytes");
        assert_eq!(postcard::to_stdvec(&Text::from("ü")), Ok(bytes.clone()));
        assert_eq!(postcard::from_bytes(&bytes), Ok(Text::from("ü")));
        let escaped: Text = serde_json::from_str(r#""\u00fc""#).expect("JSON");
        assert_eq!(escaped, "ü");
    }
}
