//! What buddies say to each other: four calls, all safe to repeat, in any order.
//!
//! The rules they are used by, and what they promise, stand at the head of `buddy/src/ring.rs`
//! (the song) and `buddy/src/roll_call.rs` (the roll-call before it).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// The program that answers.
pub const SERVICE: &str = "buddy";

/// A buddy's place on the roll: 0 is the starter, who is called Buddy 1.
pub type Place = u32;

/// One life of one process: random, drawn anew at every start, never 0.
pub type Incarnation = u64;

/// A song. Its identity is the life of the buddy that started it, so a restarted starter starts
/// another song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Song {
    /// The starter's life.
    pub id: Incarnation,
    /// Bottles to begin with.
    pub bottles: u64,
    /// Pause before each verse is passed on, in milliseconds: part of everybody's patience.
    pub tempo_ms: u64,
}

/// One attempt to sing the song to its end. Whoever loses track calls a later one; no two are
/// equal, since `by` is the life that called it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Take {
    /// Counts up.
    pub number: u64,
    /// Who called it.
    pub by: Incarnation,
}

/// When a word was passed: the take, then the hop in it. A buddy heeds only a later stamp than any
/// it has heeded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Stamp {
    /// Which take.
    pub take: Take,
    /// Which hop in it.
    pub hop: u64,
}

/// The next thing to do. It comes only from somebody having done what was before it; the further
/// the song, the greater: `Left(99) < Left(98) < .. < Left(0) < Over < Home`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mark {
    /// Sing the verse with this many bottles; `Left(0)` is the ending.
    Left(u64),
    /// All is sung: let everybody know.
    Over,
    /// Everybody knows: go home.
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
    /// What comes after the verse with `left` bottles has been sung.
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
    /// The latest stamp it has heeded, or the stamp of the pass itself.
    pub at: Stamp,
    /// The next thing to do.
    pub mark: Mark,
}

/// What the living have done: collected when the song is over, for its last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Verses sung, the ending included.
    pub sung: u64,
    /// Buddies found gone, each time.
    pub lost: u64,
    /// Times the song was taken up again after somebody had lost track: each may have repeated the
    /// verse that was being sung.
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

/// The answer to a roll-call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RollCallReply {
    /// Passed on, or known already.
    Heard,
    /// A song is being sung here: no roll-calls.
    Busy,
    /// It has come round to me a second time, and I did not start it: the loop misses the starter.
    Looped,
}

/// The answer to a call in the song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// I am here, and as far as I know the song has got this far.
    Here(Mark),
    /// I am running, but know no song: a fresh life.
    Stranger,
    /// I sing another song, or have another place in it: you have the wrong address.
    Wrong,
}

/// One buddy, as the others see it. `song` and `to` say whom the caller means, so that a process
/// that took over an address does not answer for its last tenant.
#[tarpc::service]
pub trait Buddy {
    /// The roll-call of `song`: the addresses so far, in ring order, the last one yours. Add your
    /// next, and pass it on.
    async fn roll_call(song: Song, attempt: u32, roll: Vec<String>) -> RollCallReply;
    /// The closed roll, and how far the song has got.
    async fn enlist(song: Song, roll: Vec<String>, to: Place, progress: Progress) -> Reply;
    /// A word of the song. The answer only says that it was heard; the song does not wait for it.
    async fn pass(
        song: Incarnation,
        to: Place,
        token: Token,
        progress: Progress,
        tally: Tally,
    ) -> Reply;
    /// Are you there?
    async fn ping(song: Incarnation, to: Place) -> Reply;
}
