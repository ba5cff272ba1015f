//! What can happen to a [`Ring`](super::Ring), and what it does about it. PURE.

use common::buddy::{Place, Progress, Reply, Token};

/// A call from one buddy to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// The token: it is your turn, or tell me where we were.
    Pass(Token, Progress),
    /// Are you there?
    Ping,
    /// The roll, and how far the song has got.
    Enlist(Progress),
}

/// What can happen to a buddy that has the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It has just got the roll.
    Enlisted,
    /// A request came in. It is answered with the mark that the buddy has afterwards.
    Called(Request),
    /// The verse that it was singing is sung to the end.
    Sung,
    /// A request of its own was answered.
    Answered(Place, Request, Reply),
    /// The failure detector has given up on the buddy at this place.
    Gone(Place),
    /// Nothing of the song was heard for a long time.
    Quiet,
    /// A heartbeat; the number counts them.
    Beat(u32),
}

/// What the buddy does about an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a request, again and again, until it is answered or replaced, or the buddy is gone.
    Call(Place, Request),
    /// Sing the verse with this many bottles, then say [`Input::Sung`].
    Sing(u64),
    /// Go home: the song is over.
    Leave,
}
