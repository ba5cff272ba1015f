//! What is done to buddies.

use std::collections::BTreeMap;

use buddy::Config;
use buddy::state::State;

use super::{Buddy, Event, PATIENCE, RECALL, World};

impl World {
    pub(crate) fn start(&mut self, n: usize, bottles: Option<u64>) {
        self.lives[n] += 1;
        let process = (n, self.lives[n]);
        let incarnation = (self.song.seed << 24) + n as u64 * 1000 + process.1;
        if self.song.is_noted {
            self.open_journal(process, incarnation);
        }
        let state = State::new(Config {
            next: self.typed[n - 1].clone(),
            listen: self.map.listen(n),
            advertise: Vec::new(),
            bottles,
            name: None,
            tempo: self.song.tempo,
            patience: PATIENCE,
            wait: None,
            is_noted: self.song.is_noted,
            incarnation,
        });
        self.buddies[n] = Some(Buddy {
            state,
            life: process.1,
            senders: BTreeMap::new(),
        });
        self.beat(process);
        self.recall(process, RECALL);
    }

    pub(crate) fn crash(&mut self, n: usize) {
        self.buddies[n] = None;
        self.note(format!("# killed Buddy {n}"));
    }

    /// Starts Buddy `n` as it was started before.
    pub(crate) fn restart(&mut self, n: usize) {
        self.start(n, (n == 1).then_some(self.song.bottles));
        self.note(format!("# restarted Buddy {n}"));
    }

    /// Tells Buddy `n` to leave, which it must do within the patience.
    pub(crate) fn leave(&mut self, n: usize) {
        self.note(format!("# told Buddy {n} to leave"));
        if let Some(buddy) = &mut self.buddies[n] {
            buddy.state.leave();
            let process = (n, buddy.life);
            let patience = 3 * buddy.state.beat_time();
            self.later(patience, Event::PatienceOver(process));
            self.act(n);
        }
    }

    /// Lets something of which the network knows nothing happen to Buddy `n`.
    pub(crate) fn disturb(&mut self, n: usize, happens: impl FnOnce(&mut State)) {
        if let Some(buddy) = &mut self.buddies[n] {
            happens(&mut buddy.state);
            self.act(n);
        }
    }
}
