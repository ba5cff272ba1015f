//! What buddies say to each other: four calls, all safe to repeat, in any order.
//!
//! `buddy/src/roll_call.rs` has the rules for the roll call, and `buddy/src/ring.rs` those for the
//! song. What the types mean can be understood without them: a *token* goes round the ring, and
//! with it travels how far the song has got.
//!
//! [`net::VERSION`](crate::net::VERSION) must rise with any change in this file that changes a
//! method or a type, even with a change of order, because postcard writes no names.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The program that answers these calls.
pub const SERVICE: &str = "buddy";

/// Most buddies on a roll. Their addresses must fit one frame (256 KiB): up to 60 bytes each.
pub const MAX_BUDDIES: usize = 4096;

/// Longest address on a roll, in bytes: a host name of the greatest length, and a port.
pub const MAX_ADDRESS: usize = 255;

/// Most bottles of a song. At the usual tempo they take two days, so that no call of a stranger
/// makes a buddy sing for ever.
pub const MAX_BOTTLES: u64 = 1_000_000;

/// Longest pause before a verse is passed on: ten minutes. All wait for a lap of such pauses before
/// they take the song for lost, so a longer one would stop a ring for good.
pub const MAX_TEMPO_MS: u64 = 600_000;

/// Longest round trip of a song: what a connect may take. Ten such trips are the longest silence
/// that a stranger's song can make a buddy bear.
pub const MAX_ROUND_TRIP_MS: u64 = 5000;

/// A buddy's place on the roll. Place 0 is the starter, who is called Buddy 1.
pub type Place = u32;

/// One life of one process: drawn at random at every start, never 0.
pub type Incarnation = u64;

/// A song. A restarted starter starts another song, because its incarnation is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Song {
    /// The starter's incarnation.
    pub id: Incarnation,
    /// Bottles to begin with.
    pub bottles: u64,
    /// The starter's pause before each verse is passed on, in milliseconds. All need it, to know
    /// how long a lap takes.
    pub tempo_ms: u64,
    /// The longest round trip between two neighbours, in milliseconds. The roll call measures it,
    /// hop by hop. All need it, to know how late an answer may be.
    pub round_trip_ms: u64,
}

impl Song {
    /// Whether the song is one that a buddy sings: neither too long nor too slow.
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        self.bottles <= MAX_BOTTLES
            && self.tempo_ms <= MAX_TEMPO_MS
            && self.round_trip_ms <= MAX_ROUND_TRIP_MS
    }
}

/// Whether `text` is `HOST:PORT`, without anything that a host name or an IP address has not.
/// Others put addresses on the roll, and a person reads them, so they must not be able to say more.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:%".contains(&byte);
    text.len() <= MAX_ADDRESS
        && text.rsplit_once(':').is_some_and(|(host, port)| {
            let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
            is_port && !host.is_empty() && host.bytes().all(is_of_host)
        })
}

/// The addresses of a roll, in the order of the ring. Checked while it is decoded, so that a long
/// or a false one is never held: at most [`MAX_BUDDIES`], and each [is one](is_address).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Roll(pub Vec<String>);

impl<'de> Deserialize<'de> for Roll {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("Roll", Addresses)
    }
}

/// Reads a [`Roll`].
struct Addresses;

impl<'de> Visitor<'de> for Addresses {
    type Value = Roll;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX_BUDDIES} addresses, each HOST:PORT")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Roll, D::Error> {
        inner.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Roll, A::Error> {
        // Exactly as long as it is, because a list that grows takes twice its length.
        let announced = seq.size_hint().unwrap_or(0);
        let mut roll = Vec::with_capacity(announced.min(MAX_BUDDIES));
        while let Some(address) = seq.next_element::<&str>()? {
            if roll.len() == MAX_BUDDIES || !is_address(address) {
                return Err(A::Error::custom("not a roll"));
            }
            roll.push(address.to_owned());
        }
        Ok(Roll(roll))
    }
}

/// One attempt to sing the song to its end. A buddy that has lost track calls a later one. No two
/// takes are equal, because `by` is the incarnation that called it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Take {
    /// One more than that of the take before.
    pub number: u64,
    /// The buddy that called it.
    pub by: Incarnation,
}

/// When a token was passed: in which take, and at which hop of it. A buddy heeds only a stamp that
/// is greater than any it has heeded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Stamp {
    /// The take.
    pub take: Take,
    /// The number of the hop in it.
    pub hop: u64,
}

/// The next thing to do in the song. A mark moves on only by doing what it says, and the further
/// the song, the greater: `Left(99) < Left(98) < .. < Left(0) < Over < Home`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mark {
    /// Sing the verse with this many bottles; `Left(0)` is the ending.
    Left(u64),
    /// Let all know that the song is sung.
    Over,
    /// Go home, because all know.
    Home,
}

impl Ord for Mark {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Left(mine), Self::Left(theirs)) => theirs.cmp(mine),
            _ => self.lap().cmp(&other.lap()),
        }
    }
}

impl PartialOrd for Mark {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Mark {
    /// Returns the mark after the verse with `left` bottles.
    #[must_use]
    pub fn after(left: u64) -> Self {
        left.checked_sub(1).map_or(Self::Over, Self::Left)
    }

    fn lap(self) -> u8 {
        match self {
            Self::Left(_) => 0,
            Self::Over => 1,
            Self::Home => 2,
        }
    }
}

/// How far the song has got, as far as the sender knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Progress {
    /// The latest stamp that it has heeded; in a pass, the stamp of that pass.
    pub at: Stamp,
    /// The next thing to do.
    pub mark: Mark,
}

/// What the living have done. It is collected when the song is over, for its last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Verses sung, the ending included.
    pub sung: u64,
    /// How often a buddy was found gone.
    pub lost: u64,
    /// How often the song was taken up again after a buddy had lost track. Each time may have
    /// repeated the verse that was being sung.
    pub resumed: u64,
}

/// What is passed round the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Token {
    /// "Where were we?"
    Ask,
    /// "Your turn."
    Go,
}

/// The answer to a roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RollCallReply {
    /// It is passed on, or was known already.
    Heard,
    /// It is ignored, because a song is being sung here.
    Busy,
    /// It came round a second time to a buddy that did not start it: the loop misses the starter.
    Looped,
}

/// The answer to any other call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// The buddy is here, and knows that the song has got this far.
    Here(Mark),
    /// The process is up, but has no roll, because it has just started.
    Stranger,
    /// The call has come to a buddy in another song, or in another place of it.
    Wrong,
}

/// One buddy, as the others see it. `song` and `to` name the buddy that is meant, so that a process
/// that took over its address does not answer in its place.
#[tarpc::service]
pub trait Buddy {
    /// Asks to add an address to the roll and to send the call on to it. `roll` has the addresses
    /// so far, in the order of the ring, the receiver's last.
    async fn roll_call(song: Song, attempt: u32, roll: Roll) -> RollCallReply;
    /// Sends the closed roll, and how far the song has got.
    async fn enlist(song: Song, roll: Roll, to: Place, progress: Progress) -> Reply;
    /// Passes the token. The answer only says that it was heard; the song does not wait for it.
    async fn pass(
        song: Incarnation,
        to: Place,
        token: Token,
        progress: Progress,
        tally: Tally,
    ) -> Reply;
    /// Asks whether the buddy is there.
    async fn ping(song: Incarnation, to: Place) -> Reply;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_has_addresses_and_nothing_else() {
        for good in [
            "127.0.0.1:1",
            "[::1]:8030",
            "[fe80::1%eth0]:1",
            "a-b.example_1:65535",
        ] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}:1", "a".repeat(MAX_ADDRESS - 1));
        let bad = [
            "",
            "a",
            ":1",
            "a:0",
            "a:65536",
            "a b:1",
            "a\n:1",
            "a\u{1b}[2J:1",
            "\u{202e}a:1",
        ];
        for bad in bad.into_iter().chain([long.as_str()]) {
            assert!(!is_address(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_song_has_an_end() {
        let song = |bottles, tempo_ms, round_trip_ms| Song {
            id: 1,
            bottles,
            tempo_ms,
            round_trip_ms,
        };
        assert!(song(MAX_BOTTLES, MAX_TEMPO_MS, MAX_ROUND_TRIP_MS).is_within_bounds());
        assert!(!song(MAX_BOTTLES + 1, 0, 0).is_within_bounds());
        assert!(!song(0, MAX_TEMPO_MS + 1, 0).is_within_bounds());
        assert!(!song(0, 0, MAX_ROUND_TRIP_MS + 1).is_within_bounds());
    }
}
