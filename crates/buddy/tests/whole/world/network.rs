//! How letters get through, or do not.

use std::time::Duration;

use rand::RngExt;

use super::{Event, PATIENCE, World};

impl World {
    /// Stops the reader of what Buddy `n` prints.
    pub(crate) fn hold(&mut self, n: usize) {
        self.held = Some(n);
    }

    /// Lets it read on.
    pub(crate) fn release(&mut self, n: usize) {
        assert_eq!(self.held.take(), Some(n));
        if let Some(process) = self.stuck.take() {
            self.later(Duration::ZERO, Event::Sung(process));
        }
    }

    /// Cuts every wire between `some` and the others.
    pub(crate) fn cut(&mut self, some: &[usize]) {
        self.cut = some.iter().copied().collect();
        self.note(format!("# cut off {some:?}"));
    }

    /// Lets nothing through from Buddy `from` to Buddy `to`, not even an answer.
    pub(crate) fn wall(&mut self, from: usize, to: usize) {
        self.walls.insert((from, to));
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
        self.note("# healed".into());
    }

    /// Draws the time that a letter takes.
    pub(super) fn way(&mut self) -> Duration {
        self.song.latency.mul_f64(self.dice.random_range(0.05..1.0))
    }

    /// Sends something that takes `time`, if the network lets it through.
    pub(super) fn send(&mut self, from: usize, to: usize, time: Duration, event: Event) {
        let is_lost = self.song.loss > 0.0 && self.dice.random_bool(self.song.loss);
        let is_late = self.song.late > 0.0 && self.dice.random_bool(self.song.late);
        if !is_lost && self.gets_through(from, to) {
            let time = if is_late { time + 2 * PATIENCE } else { time };
            self.later(time, event);
        }
    }

    pub(super) fn gets_through(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&from) == self.cut.contains(&to) && !self.walls.contains(&(from, to))
    }
}
