//! What is behind a buddy's lock: the phase it is in. The [roll-call](crate::gathering) and the
//! [song](crate::part) each have a file of their own.

use std::sync::Arc;

use common::buddy::{News, Place, Song};

use crate::Config;
use crate::gathering::Gathering;
use crate::part::Part;
use crate::peer::Peer;
use crate::ring::Input;

/// Different things said during one roll-call; more are dropped. A person reads a dozen, and what
/// is said follows what others send.
const TOLD: usize = 64;

/// Everything that changes.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) failure: Option<anyhow::Error>,
    /// about to leave: hears nothing any more
    pub(crate) deaf: bool,
    /// what was said during the roll-call, to say it once
    told: Vec<String>,
}

/// Before the roll is closed, and after.
pub(crate) enum Phase {
    Gathering(Box<Gathering>),
    Singing(Box<Part>),
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            phase: Phase::Gathering(Box::new(Gathering::new(config))),
            failure: None,
            deaf: false,
            told: Vec::new(),
        }
    }

    pub(crate) fn part(&mut self) -> Option<&mut Part> {
        match &mut self.phase {
            Phase::Singing(part) => Some(part),
            Phase::Gathering(_) => None,
        }
    }

    pub(crate) fn gathering(&mut self) -> Option<&mut Gathering> {
        match &mut self.phase {
            Phase::Gathering(gathering) => Some(gathering),
            Phase::Singing(_) => None,
        }
    }

    pub(crate) fn tell_once(&mut self, peer: &Peer, text: String) {
        if self.told.len() < TOLD && !self.told.contains(&text) {
            peer.notice(&text);
            self.told.push(text);
        }
    }

    /// From the roll-call to the song.
    pub(crate) fn begin(
        &mut self,
        peer: &Arc<Peer>,
        song: Song,
        roll: Vec<String>,
        me: Place,
        news: News,
    ) {
        let part = Part::new(&peer.config, song, roll, me, news);
        self.phase = Phase::Singing(Box::new(part));
        peer.begun.cancel();
        self.event(peer, Input::Enlisted);
    }
}
