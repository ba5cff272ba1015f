//! The entries of a page on the wire: one block of bytes, in which each entry follows the last one.
//! PURE.
//!
//! So a server encodes an entry once, when it is stored, and copies these bytes for each of its
//! readers. In JSON the entries are a list, as everything else.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{self, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounded::at_most;
use super::text::Texts;
use super::{Entry, Kind, MAX_ENTRIES, Sender, hex};

/// The bytes after which entries that are encoded together begin another piece of memory. An entry
/// that is kept keeps its piece, so that a room may hold this much, and a long entry, beside what
/// it counts: 8 KiB.
const PIECE: usize = 4 * 1024;

/// The bytes of an encoded entry beside its texts, or a few more: numbers of 10 bytes at most, a
/// sender, and a kind.
const FIELDS: usize = 48;

/// An [`Entry`] whose texts are borrowed. It has the same bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Line<'a> {
    /// As in an [`Entry`].
    pub number: u64,
    /// As in an [`Entry`].
    #[serde(
        serialize_with = "hex::write_hash",
        deserialize_with = "hex::read_hash"
    )]
    pub sender: Sender,
    /// As in an [`Entry`].
    pub kind: Kind,
    /// As in an [`Entry`].
    pub nick: &'a str,
    /// As in an [`Entry`].
    pub body: &'a str,
    /// As in an [`Entry`].
    pub at_ms: u64,
}

impl<'a> From<&'a Entry> for Line<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            number: entry.number,
            sender: entry.sender,
            kind: entry.kind,
            nick: &entry.nick,
            body: &entry.body,
            at_ms: entry.at_ms,
        }
    }
}

/// One entry in the bytes that readers get. Entries that were stored together share their memory,
/// because an allocation for each of them would take longer than all the rest of storing it.
#[derive(Clone, Debug)]
pub struct Encoded {
    piece: Arc<[u8]>,
    from: u32,
    to: u32,
}

impl Encoded {
    /// Returns the bytes of each line.
    pub fn all<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Self> {
        let mut all = Vec::with_capacity(lines.size_hint().0);
        let (mut piece, mut ends) = (Vec::new(), Vec::new());
        for line in lines {
            // At once, because otherwise a piece grows several times for one entry.
            piece.reserve(line.nick.len() + line.body.len() + FIELDS);
            // An error is only of a type that cannot be encoded.
            piece = postcard::to_extend(&line, piece).unwrap_or_default();
            ends.push(piece.len());
            if piece.len() >= PIECE {
                Self::cut(&piece, &ends, &mut all);
                piece.clear();
                ends.clear();
            }
        }
        Self::cut(&piece, &ends, &mut all);
        all
    }

    /// Adds the entries of a piece, each of which ends at one of `ends`.
    fn cut(piece: &[u8], ends: &[usize], all: &mut Vec<Self>) {
        let piece: Arc<[u8]> = piece.into();
        let mut from = 0;
        all.extend(ends.iter().map(|&end| {
            // A piece has fewer bytes than a few frames.
            let to = u32::try_from(end).unwrap_or(from);
            let encoded = Self {
                piece: piece.clone(),
                from,
                to,
            };
            from = to;
            encoded
        }));
    }

    /// Returns the entry, unless these are the bytes of none.
    pub fn entry(&self) -> Option<Entry> {
        decode(&self.piece[self.range()]).ok()?.pop()
    }

    fn range(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// Entries that are encoded, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block(Vec<u8>);

impl Block {
    /// Returns the block of these entries.
    pub fn of<'a>(entries: impl Iterator<Item = &'a Encoded> + Clone) -> Self {
        // Of the right size from the beginning, because a block that grows is copied each time.
        let length = entries.clone().map(|entry| entry.range().len()).sum();
        let mut block = Vec::with_capacity(length);
        let mut entries = entries.peekable();
        while let Some(first) = entries.next() {
            // Those that follow each other in memory at once.
            let mut to = first.to;
            let follows =
                |next: &&Encoded, to| next.from == to && Arc::ptr_eq(&next.piece, &first.piece);
            while let Some(next) = entries.next_if(|next| follows(next, to)) {
                to = next.to;
            }
            block.extend_from_slice(&first.piece[first.from as usize..to as usize]);
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
    let (mut entries, mut texts) = (Vec::new(), Texts::with_capacity(block.len()));
    while !block.is_empty() {
        if entries.len() == MAX_ENTRIES {
            return Err(postcard::Error::SerdeDeCustom);
        }
        let (line, rest) = postcard::take_from_bytes::<Line<'_>>(block)?;
        entries.push(Entry {
            number: line.number,
            sender: line.sender,
            kind: line.kind,
            nick: texts.add(line.nick),
            body: texts.add(line.body),
            at_ms: line.at_ms,
        });
        block = rest;
    }
    let all = entries.iter_mut();
    texts.share(all.flat_map(|entry| [&mut entry.nick, &mut entry.body]));
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
