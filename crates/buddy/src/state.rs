//! What is behind a buddy's lock: the phase it is in. The [roll-call](crate::waiting) and the
//! [song](crate::singing) each have a file of their own.

use std::sync::Arc;

use common::buddy::{Place, Progress, Song};

use crate::Config;
use crate::node::Node;
use crate::ring::Input;
use crate::singing::Singing;
use crate::waiting::Waiting;

/// Different things said during one roll-call; more are dropped. A person reads a dozen, and what
/// is said follows what others send.
const TOLD: usize = 64;

/// Everything that changes.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) failure: Option<anyhow::Error>,
    /// about to leave: hears nothing any more
    pub(crate) draining: bool,
    /// what was said during the roll-call, to say it once
    told: Vec<String>,
}

/// Before the roll is closed, and after.
pub(crate) enum Phase {
    Waiting(Box<Waiting>),
    Singing(Box<Singing>),
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            phase: Phase::Waiting(Box::new(Waiting::new(config))),
            failure: None,
            draining: false,
            told: Vec::new(),
        }
    }

    pub(crate) fn singing(&mut self) -> Option<&mut Singing> {
        match &mut self.phase {
            Phase::Singing(singing) => Some(singing),
            Phase::Waiting(_) => None,
        }
    }

    pub(crate) fn waiting(&mut self) -> Option<&mut Waiting> {
        match &mut self.phase {
            Phase::Waiting(waiting) => Some(waiting),
            Phase::Singing(_) => None,
        }
    }

    pub(crate) fn tell_once(&mut self, node: &Node, text: String) {
        if self.told.len() < TOLD && !self.told.contains(&text) {
            node.notice(&text);
            self.told.push(text);
        }
    }

    /// From the roll-call to the song.
    pub(crate) fn begin(
        &mut self,
        node: &Arc<Node>,
        song: Song,
        roll: Vec<String>,
        me: Place,
        progress: Progress,
    ) {
        let singing = Singing::new(&node.config, song, roll, me, progress);
        self.phase = Phase::Singing(Box::new(singing));
        node.begun.cancel();
        self.event(node, Input::Enlisted);
    }
}
