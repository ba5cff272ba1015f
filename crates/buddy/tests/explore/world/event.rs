//! What can happen in the ring's world. Buddies are named by their places, which count from 0.

use std::fmt::{self, Debug, Formatter};

use buddy::ring::Request;
use common::buddy::{Incarnation, Place, Reply};

use crate::words::words;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Deliver(Letter),
    DeliverAndKeep(Letter),
    /// a link repeats its call, to whichever life is there now
    Repeat(Place, Place),
    Sung(Place),
    Beat(Place, u32),
    /// the second has left or crashed, and the first finds out
    Gone(Place, Place),
    /// the second lives, and the first takes it for gone
    Wrong(Place, Place),
    /// the watchdog speaks
    Quiet(Place),
    Crash(Place),
    Restart(Place),
}

/// What a world's name gives a budget for, in the order of [`RingWorld::starts`](super::RingWorld).
pub(super) const FAULTS: usize = 5;

impl Event {
    /// Returns which budget it takes one from.
    pub(super) fn fault(&self) -> Option<usize> {
        match self {
            Self::Crash(_) => Some(0),
            Self::Restart(_) => Some(1),
            Self::Wrong(..) => Some(2),
            Self::Quiet(_) => Some(3),
            Self::DeliverAndKeep(_) => Some(4),
            _ => None,
        }
    }
}

/// A call or an answer on its way from one life to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Letter {
    pub(super) from: (Place, Incarnation),
    pub(super) to: (Place, Incarnation),
    pub(super) request: Request,
    pub(super) reply: Option<Reply>,
    /// sent by a buddy in good standing
    pub(super) sound: bool,
}

impl Debug for Letter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (from, to, words) = (self.from.0, self.to.0, words(self.request));
        match self.reply {
            None => write!(f, "{from} to {to}: {words}"),
            Some(reply) => write!(f, "{from} to {to}: {reply:?}, the answer to {words}"),
        }
    }
}
