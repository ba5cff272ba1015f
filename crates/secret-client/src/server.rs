//! All that is known of one server. PURE.

use std::time::Duration;

use common::net::Backoff;

use crate::pacing::{Pacing, Timing};

/// A server, by its place in the order in which the servers were found.
pub(crate) type ServerId = usize;

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
    /// The number of words that it was the first to answer.
    pub(crate) words: u64,
    /// The number of calls that it has not answered yet.
    pub(crate) out: usize,
    /// How long it is paused when it is busy. Begins again with every answer.
    pub(crate) busy: Backoff,
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
            words: 0,
            out: 0,
            busy: BUSY_WAIT,
        }
    }

    /// Notes that it can be called, at this pace.
    pub(crate) fn up(&mut self, pacing: Pacing) {
        (self.state, self.was_up, self.is_paused) = (State::Up(pacing), true, false);
        self.busy.reset();
    }

    /// Returns how many words its next call may have, if it has room for a call.
    pub(crate) fn room(&self) -> Option<usize> {
        match &self.state {
            State::Up(pacing) if !self.is_paused && self.out < pacing.calls() => {
                Some(pacing.words())
            }
            _ => None,
        }
    }

    /// Notes that it was the first to answer a call with this number of words.
    pub(crate) fn answered(&mut self, words: usize, timing: Timing) {
        self.words += words as u64;
        self.out -= 1;
        if let State::Up(pacing) = &mut self.state {
            pacing.answered(words, timing);
        }
    }

    /// Pauses it because it was busy. Returns for how long, unless it is paused already, because
    /// all calls of one busy spell count as one. `dice` is a random number from 0 to 1.
    pub(crate) fn pause(&mut self, dice: f64) -> Option<Duration> {
        if let State::Up(pacing) = &mut self.state {
            pacing.busy(self.out + 1);
        }
        let was_paused = std::mem::replace(&mut self.is_paused, true);
        (!was_paused).then(|| self.busy.wait(dice))
    }
}
