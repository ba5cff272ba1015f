//! All that is known of one server. PURE.

use std::time::Duration;

use common::net::Backoff;

use crate::pacing::{Pacing, Timing};

/// A server, by its place in the order in which the servers were found.
pub(crate) type ServerId = usize;

/// Waits between tries to reach a server. One that was restarted is back in a fraction of a
/// second; one that stays away is tried every few seconds.
const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));

/// Waits before a server that was busy is called again.
const BUSY_WAIT: Backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));

/// The record of one server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its address.
    pub(crate) name: String,
    pub(crate) state: State,
    /// Whether it was ever up.
    pub(crate) was_up: bool,
    /// Whether it gets nothing for a while, because it was busy.
    pub(crate) is_paused: bool,
    /// Whether it was busy when it was last called.
    pub(crate) is_busy: bool,
    /// Whether another server was earlier with words that this one had longer. It then gets words
    /// only when the others have no room, because what it gets would hold up what comes after.
    pub(crate) is_late: bool,
    /// The number of words that it was the first to answer.
    pub(crate) words: u64,
    /// The number of calls that it has not answered yet.
    pub(crate) out: usize,
    /// How long it is paused when it is busy. Begins again with every answer.
    pub(crate) busy: Backoff,
    /// How long to wait before the next try to reach it. Begins again whenever it is up.
    pub(crate) retry: Backoff,
}

/// Whether a server can be called.
#[derive(Debug)]
pub(crate) enum State {
    /// Not yet: the first try to reach it has not ended.
    New,
    /// Yes, at this pace.
    Up(Pacing),
    /// No, and the person was told.
    Down,
    /// Never again.
    Retired,
}

impl Server {
    /// The record of a server at this address, which was not tried yet.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            state: State::New,
            was_up: false,
            is_paused: false,
            is_busy: false,
            is_late: false,
            words: 0,
            out: 0,
            busy: BUSY_WAIT,
            retry: RETRY,
        }
    }

    /// Notes that it can be called, at this pace.
    pub(crate) fn up(&mut self, pacing: Pacing) {
        (self.state, self.was_up, self.is_paused) = (State::Up(pacing), true, false);
        (self.is_busy, self.is_late) = (false, false);
        self.busy.reset();
        self.retry.reset();
    }

    /// Returns its pacing, if it has room for a call.
    pub(crate) fn room(&self) -> Option<&Pacing> {
        match &self.state {
            State::Up(pacing) if !self.is_paused && self.out < pacing.calls() => Some(pacing),
            _ => None,
        }
    }

    /// Returns whether it can be called, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Returns whether it was given up for good.
    pub(crate) fn is_retired(&self) -> bool {
        matches!(self.state, State::Retired)
    }

    /// Notes that it was the first to answer a call with this number of words.
    pub(crate) fn answered(&mut self, words: usize, timing: Timing) {
        self.words += words as u64;
        self.out -= 1;
        self.is_late = false;
        if let State::Up(pacing) = &mut self.state {
            pacing.answered(words, timing);
        }
    }

    /// Pauses it because it was busy or failed. Returns for how long, unless it is paused already,
    /// because all calls of one busy spell count as one. `dice` is a random number from 0 to 1.
    pub(crate) fn pause(&mut self, dice: f64) -> Option<Duration> {
        if let State::Up(pacing) = &mut self.state {
            pacing.busy(self.out + 1);
        }
        let was_paused = std::mem::replace(&mut self.is_paused, true);
        (!was_paused).then(|| self.busy.wait(dice))
    }
}
