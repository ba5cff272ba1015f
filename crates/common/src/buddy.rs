//! What buddies say to each other: four calls, all safe to repeat, in any order.
//!
//! `buddy/src/roll_call.rs` has the rules for the roll call, and `buddy/src/ring.rs` those for the
//! song. What the types mean can be understood without them: a *token* goes round the ring, and
//! with it travels how far the song has got.
//!
//! [`net::VERSION`](crate::net::VERSION) must rise with any change in this file that changes a
//! method or a type, even with a change of order, because postcard writes no names.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

mod roll;

pub use roll::{Addresses, Roll, is_address};

/// The program that answers these calls.
pub const SERVICE: &str = "buddy";

/// Most buddies on a roll: as many as fit one frame (256 KiB), however long their addresses are.
pub const MAX_BUDDIES: usize = 1000;

/// Longest address on a roll, in bytes: a host name of nearly the greatest length, and a port. All
/// addresses of one buddy take no more than this together, because they share its place in a frame.
pub const MAX_ADDRESS: usize = 255;

/// Most addresses of one buddy: the one that the buddy before it dials, the one that the buddy
/// after it sees, and two that its person gave it. It bounds what a false roll makes others dial.
pub const MAX_ADDRESSES: usize = 4;

/// Most bottles of a song. At the usual tempo they take two days, so that no call of a stranger
/// makes a buddy sing for ever.
pub const MAX_BOTTLES: u64 = 1_000_000;

/// Longest pause before a verse is passed on: ten minutes. All wait for two laps of such pauses
/// before they take the song for lost, so a longer one would stop a ring for good.
pub const MAX_TEMPO_MS: u64 = 600_000;

/// Longest round trip of a song: what a connect may take. A buddy waits for at least nine round
/// trips before it takes another one for gone, so a stranger's song can make that 45 s at most.
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
    /// How many of those left in good order, and handed their own tally on before.
    pub left: u64,
    /// How many of those were back without having lost their memory.
    pub back: u64,
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

/// The answer to a ping: more than that the buddy lives, because the caller may need it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// The answer.
    pub reply: Reply,
    /// The buddy to which it passes the song. If it dies, the caller goes on with that one.
    pub next: Place,
    /// The buddy that holds the song up, as far as the receiver has heard.
    pub holder: Option<Place>,
}

impl From<Reply> for Pulse {
    /// The answer of a buddy that knows nothing of the song.
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            next: 0,
            holder: None,
        }
    }
}

/// Who calls. The receiver sees from which address the call comes, and so learns where it can reach
/// the caller itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Its place on the roll.
    pub place: Place,
    /// The port on which it listens.
    pub port: u16,
}

/// One buddy, as the others see it. `song` and `to` name the buddy that is meant, so that a process
/// that took over its address does not answer in its place.
#[tarpc::service]
pub trait Buddy {
    /// Asks to add a buddy to the roll and to send the call on to it. `roll` has the buddies so
    /// far, in the order of the ring, from the starter to the receiver.
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
    /// Says that the buddy at the place `by` leaves in good order, and hands on what it has done.
    async fn farewell(song: Incarnation, to: Place, by: Place, tally: Tally) -> Reply;
    /// Asks whether the buddy is there. Only the process that has the place `to` in `song` answers
    /// [`Reply::Here`], so it proves as well that a connection leads to the buddy that is meant.
    async fn ping(song: Incarnation, to: Place, by: Caller) -> Pulse;
}

#[cfg(test)]
mod tests {
    use super::*;

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
