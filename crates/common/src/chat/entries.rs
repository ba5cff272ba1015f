//! The entries of a page on the wire: one block of bytes, in which each entry follows the last one.
//! PURE.
//!
//! So a server encodes an entry once, when it is stored, and copies these bytes for each of its
//! readers. In JSON the entries are a list, as everything else.

use std::fmt;

use serde::de::{self, Visitor};
use serde::ser::Error as _;
use serde::{Deserializer, Serialize, Serializer};

use super::bounded::at_most;
use super::{Entry, MAX_ENTRIES};

/// The most bytes that an entry takes on the wire beside its texts: four numbers of variable length
/// (two of 10 bytes, two of 3), the sender and the kind.
const ENVELOPE: usize = 48;

/// One entry in the bytes that readers get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(Vec<u8>);

impl Encoded {
    /// Returns the bytes of an entry.
    pub fn new(entry: &Entry) -> Self {
        let length = entry.nick.len() + entry.body.len() + ENVELOPE;
        // An error is only of a type that cannot be encoded.
        Self(postcard::to_extend(entry, Vec::with_capacity(length)).unwrap_or_default())
    }

    /// Returns the entry, unless these are the bytes of none.
    pub fn entry(&self) -> Option<Entry> {
        postcard::from_bytes(&self.0).ok()
    }
}

/// Entries that are encoded, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block(Vec<u8>);

impl Block {
    /// Returns the block of these entries.
    pub fn of<'a>(entries: impl Iterator<Item = &'a Encoded> + Clone) -> Self {
        // Of the right size from the beginning, because a block that grows is copied each time.
        let length = entries.clone().map(|entry| entry.0.len()).sum();
        let mut block = Vec::with_capacity(length);
        for entry in entries {
            block.extend_from_slice(&entry.0);
        }
        Self(block)
    }

    /// Returns the entries.
    ///
    /// # Errors
    /// If these are not the bytes of at most [`MAX_ENTRIES`] entries.
    pub fn entries(&self) -> postcard::Result<Vec<Entry>> {
        decode(&self.0)
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

fn decode(mut block: &[u8]) -> postcard::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    while !block.is_empty() {
        if entries.len() == MAX_ENTRIES {
            return Err(postcard::Error::SerdeDeCustom);
        }
        let (entry, rest) = postcard::take_from_bytes(block)?;
        entries.push(entry);
        block = rest;
    }
    Ok(entries)
}

/// Writes the entries of a page.
pub(super) fn serialize<S: Serializer>(entries: &[Entry], to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() {
        return entries.serialize(to);
    }
    let mut block = Vec::new();
    for entry in entries {
        block = postcard::to_extend(entry, block).map_err(S::Error::custom)?;
    }
    to.serialize_bytes(&block)
}

/// Reads the entries of a page, [`MAX_ENTRIES`] at most.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Entry>, D::Error> {
    struct Entries;

    impl Visitor<'_> for Entries {
        type Value = Vec<Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_ENTRIES} entries")
        }

        fn visit_bytes<E: de::Error>(self, block: &[u8]) -> Result<Vec<Entry>, E> {
            decode(block).map_err(E::custom)
        }
    }

    if from.is_human_readable() {
        return at_most::<_, _, MAX_ENTRIES>(from);
    }
    from.deserialize_bytes(Entries)
}
