//! What may be missing in the journals of a song. PURE.

use std::collections::HashSet;

use common::buddy::Place;
use common::journal::{Event, Hex};

use super::Song;
use crate::life::Life;
use crate::messages::name_heard;

/// Returns the song to which a life was called, and its place in the ring, if it never got the
/// roll. With each hop a roll call is longer by one address, so its name tells where it arrived.
pub(super) fn called(life: &Life) -> Option<(Hex, Place)> {
    let mut called = None;
    for line in &life.lines {
        match &line.event {
            Event::Called { id } => called = Some(id),
            Event::Place { .. }
            | Event::Say { .. }
            | Event::Hear { .. }
            | Event::Sing { .. }
            | Event::Sang { .. } => return None,
            _ => {}
        }
    }
    let mut parts = called?.strip_prefix("call:")?.split(':');
    let song = u128::from_str_radix(parts.next()?, 16).ok()?;
    let addresses: Place = parts.nth(1)?.parse().ok()?;
    // The first two are the starter's own and that of its next.
    Some((Hex(song), addresses.checked_sub(1)?))
}

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
        for &at in self.lines.iter().filter(|_| is_complete) {
            let event = &self.lives[at.life].lines[at.line].event;
            if self.order.is_orphan(at) && !self.is_foreign(event) {
                let (file, name) = (&self.lives[at.life].file, name_heard(event));
                let name = name.unwrap_or_default();
                gaps.push(format!(
                    "{file} has heard {name}, and no journal has sent it"
                ));
            }
        }
        self.gaps.extend(gaps);
    }

    /// Returns whether this is the roll call of another song: strangers may call a buddy.
    fn is_foreign(&self, event: &Event) -> bool {
        let own = format!("call:{}:", self.id);
        matches!(event, Event::Called { id } if !id.starts_with(&own))
    }
}
