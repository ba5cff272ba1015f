//! What may be missing in the journals of a song. PURE.
//!
//! A missing line may be the one that would show a broken promise. So each gap turns the verdicts
//! that rest on what is absent from "no" into "unknown", and none of them into "yes".

use std::collections::HashSet;

use common::buddy::Place;
use common::journal::Event;

use super::Song;
use crate::life::{At, song_called};
use crate::messages::name_heard;

impl Song<'_> {
    /// A life was called to a place, and never got the roll.
    pub(super) fn leave_empty(&mut self, life: usize, place: Place) {
        if self.singers.get(place as usize).is_some_and(Vec::is_empty) {
            self.absent.push((place, life));
        }
    }

    /// Finds what may be missing: a place without a journal, a journal that is not whole, a message
    /// that was heard and that no journal has sent.
    pub(super) fn find_gaps(&mut self) {
        let mut gaps = Vec::new();
        let absent: HashSet<Place> = self.absent.iter().map(|(place, _)| *place).collect();
        for ((number, place), lives) in (1..).zip(0..).zip(&self.singers) {
            if lives.is_empty() && !absent.contains(&place) {
                let address = &self.roll[place as usize];
                gaps.push(format!(
                    "there is no journal of Buddy {number} at {address}"
                ));
            }
        }
        let is_complete = gaps.is_empty();
        let absent = self.absent.iter().map(|(_, life)| *life);
        for life in self.members().chain(absent) {
            gaps.extend(self.lives[life].gaps());
        }
        let mut heeded = HashSet::new();
        for &at in &self.lines {
            let event = &self.lives[at.life].lines[at.line].event;
            let mut find = |what: &str| {
                let (file, name) = (&self.lives[at.life].file, name_heard(event));
                gaps.push(format!(
                    "{file} has heard {}, {what}",
                    name.unwrap_or_default()
                ));
            };
            if is_complete && self.order.is_orphan(at) && !self.is_foreign(event) {
                find("and no journal has sent it");
            }
            if !self.fits(at, event) {
                find("which was sent to another place, or says something else");
            }
            if let Event::Hear { id, heed: true, .. } = event
                && !heeded.insert((at.life, id))
            {
                find("and heeds it again");
            }
        }
        self.gaps.extend(gaps);
    }

    /// Returns whether a message was heard where it was sent, as it was sent.
    fn fits(&self, at: At, event: &Event) -> bool {
        let Some(cause) = self.order.cause(at) else {
            return true;
        };
        let Event::Say { to, word, mark, .. } = &self.lives[cause.life].lines[cause.line].event
        else {
            return true;
        };
        let is_here = self.place(at.life) == Some(*to);
        match event {
            Event::Hear {
                word: heard,
                mark: known,
                ..
            } => is_here && (heard, known) == (word, mark),
            Event::Place { .. } => is_here,
            _ => true,
        }
    }

    /// Returns whether this is the roll call of another song: strangers may call a buddy.
    fn is_foreign(&self, event: &Event) -> bool {
        matches!(event, Event::Called { id } if song_called(id) != Some(self.id))
    }
}
