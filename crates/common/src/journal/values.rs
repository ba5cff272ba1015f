//! The values in a line of a journal: how numbers, marks and checks are written. PURE.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of up to 128 bits, written as hexadecimal text, because JavaScript and `jq` round JSON
/// numbers above 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex(pub u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// The length of a text in bytes, and its [check](text).
pub type Text = (usize, u16);

/// Returns the length of `body` in bytes, and a check of 16 bits: FNV-1a of the log's `epoch` and
/// the body (RFC 9923), folded.
///
/// One change in 65536 is not noticed. The check is that short because a reader of the journal must
/// not learn the text: even of short texts thousands have the same check.
#[must_use]
pub fn text(body: &str, epoch: u64) -> Text {
    let bytes = epoch.to_le_bytes().into_iter().chain(body.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [a, b, c, d] = [0, 16, 32, 48].map(|shift| (hash >> shift) & 0xffff);
    let folded = a ^ b ^ c ^ d;
    (body.len(), u16::try_from(folded).unwrap_or_default())
}

/// What is said in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// "Your turn."
    Go,
    /// "Where were we?"
    Ask,
    /// "This is the roll, and so far the song has got."
    Enlist,
}

/// Why words of a list were taken back from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// Another server was first.
    Beaten,
    /// The server had no room.
    Busy,
    /// The server refused them, or its answer was of no use.
    Failed,
}

/// A mark as text: the number of bottles left, `over` or `home`.
pub(super) mod mark {
    use std::borrow::Cow;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::buddy::Mark;

    pub(crate) fn word(mark: Mark) -> Cow<'static, str> {
        match mark {
            Mark::Left(left) => left.to_string().into(),
            Mark::Over => "over".into(),
            Mark::Home => "home".into(),
        }
    }

    pub(crate) fn serialize<S: Serializer>(mark: &Mark, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&word(*mark))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Mark, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        match text.as_ref() {
            "over" => Ok(Mark::Over),
            "home" => Ok(Mark::Home),
            left => left.parse().map(Mark::Left).map_err(D::Error::custom),
        }
    }
}
