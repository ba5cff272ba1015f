//! How identifiers look in JSON: as text of hex digits, always the same number of them. A number
//! would lose bits, because many programs read numbers in JSON as floating point, which is exact
//! up to 53 bits only (RFC 8259, section 6). On the wire of our programs, which is not made for
//! people to read, they stay numbers. PURE.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads hex digits.
struct Digits {
    count: usize,
}

impl Visitor<'_> for Digits {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string of {} hex digits", self.count)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u128, E> {
        // All of them are looked at, because `from_str_radix` takes a sign as well.
        let is_fit = text.len() == self.count && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_fit);
        // The text is not repeated, because it may be a secret.
        number.ok_or_else(|| E::custom(format_args!("expected {self}")))
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expecting(f)
    }
}

fn read<'de, D: Deserializer<'de>>(deserializer: D, count: usize) -> Result<u128, D::Error> {
    deserializer.deserialize_str(Digits { count })
}

/// 64 random bits: 16 digits.
pub(super) fn write_64<S: Serializer>(id: &u64, to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() {
        return to.collect_str(&format_args!("{id:016x}"));
    }
    id.serialize(to)
}

pub(super) fn read_64<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    if from.is_human_readable() {
        // 16 digits have 64 bits.
        return read(from, 16).map(|id| id as u64);
    }
    u64::deserialize(from)
}

/// 128 random bits: 32 digits.
pub(super) fn write_128<S: Serializer>(id: &u128, to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() {
        return to.collect_str(&format_args!("{id:032x}"));
    }
    id.serialize(to)
}

pub(super) fn read_128<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
    if from.is_human_readable() {
        return read(from, 32);
    }
    u128::deserialize(from)
}

/// Reads the bytes of a hash.
struct Hash;

impl Visitor<'_> for Hash {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("16 bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<u128, E> {
        let bytes: Result<[u8; 16], _> = bytes.try_into();
        let error = |_| E::invalid_length(16, &self);
        bytes.map(u128::from_be_bytes).map_err(error)
    }
}

/// 128 bits of a hash: 32 digits, and on the wire a block of 16 bytes, which is copied at once. As
/// a number of variable length it would take 19; and a server that lies could make an entry of 96
/// bytes in memory from 6.
pub(super) fn write_hash<S: Serializer>(hash: &u128, to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() {
        return write_128(hash, to);
    }
    to.serialize_bytes(&hash.to_be_bytes())
}

pub(super) fn read_hash<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
    if from.is_human_readable() {
        return read_128(from);
    }
    from.deserialize_bytes(Hash)
}

#[cfg(test)]
mod tests {
    use crate::chat::{Cursor, Entry, Kind, Page, Session};

    fn page() -> Page {
        let entry = Entry {
            number: 1,
            sender: 0xab,
            kind: Kind::Said,
            nick: "ann".into(),
            body: "hi".into(),
            at_ms: 2,
        };
        Page {
            room: "lobby".into(),
            entries: vec![entry],
            first: 1,
            head: 1,
            epoch: u64::MAX,
            damaged: 0,
        }
    }

    #[test]
    fn identifiers_are_text_in_json_and_counts_are_numbers() {
        let json = serde_json::to_string(&page()).expect("json");
        let expected = "{\"room\":\"lobby\",\"entries\":[{\"number\":1,\
             \"sender\":\"000000000000000000000000000000ab\",\"kind\":\"Said\",\"nick\":\"ann\",\
             \"body\":\"hi\",\"at_ms\":2}],\"first\":1,\"head\":1,\
             \"epoch\":\"ffffffffffffffff\",\"damaged\":0}";
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Page>(&json).expect("json"), page());
        let session = serde_json::to_string(&Session(7)).expect("json");
        assert_eq!(session, "\"00000000000000000000000000000007\"");
        let read = serde_json::from_str::<Session>(&session.to_uppercase());
        assert_eq!(read.expect("json"), Session(7));
    }

    /// Written out, so that a change of the JSON cannot change them unnoticed.
    #[test]
    fn on_the_wire_they_are_what_they_were() {
        let session = postcard::to_stdvec(&Session(300)).expect("bytes");
        assert_eq!(session, [0xac, 2]);
        let wire = postcard::to_stdvec(&page()).expect("bytes");
        let sender = [[16].as_slice(), &[0; 15], &[0xab]].concat();
        let most = [[255; 9].as_slice(), &[1]].concat();
        let expected = [
            &[5][..],
            b"lobby",
            // the bytes of the entries
            &[27, 1],
            &sender,
            &[0, 3],
            b"ann",
            &[2],
            b"hi",
            &[2, 1, 1],
            &most,
            &[0],
        ];
        assert_eq!(wire, expected.concat());
        assert_eq!(postcard::from_bytes::<Page>(&wire).expect("bytes"), page());
        let cursor = Cursor {
            room: "a".into(),
            after: 1,
            epoch: 2,
        };
        assert_eq!(
            postcard::to_stdvec(&cursor).expect("bytes"),
            [1, b'a', 1, 2]
        );
    }

    #[test]
    fn a_number_or_another_text_is_refused_and_not_repeated() {
        let digits = "0123456789abcdef0123456789abcdef";
        for (wrong, says) in [
            (
                "7".to_owned(),
                "invalid type: integer `7`, expected a string of 32 hex digits",
            ),
            ("\"abc\"".to_owned(), "expected a string of 32 hex digits"),
            (
                format!("\"{digits}0\""),
                "expected a string of 32 hex digits",
            ),
            (
                format!("\"+{}\"", &digits[1..]),
                "expected a string of 32 hex digits",
            ),
            (
                format!("\"g{}\"", &digits[1..]),
                "expected a string of 32 hex digits",
            ),
        ] {
            let error = serde_json::from_str::<Session>(&wrong).expect_err(&wrong);
            let error = error.to_string();
            assert!(error.starts_with(says), "{wrong}: {error}");
            assert!(!error.contains("abc"), "{error}");
        }
    }
}
