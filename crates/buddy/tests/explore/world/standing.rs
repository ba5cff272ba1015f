//! Who is in good standing: the promises are theirs, not those of a buddy that others go on without.

use common::buddy::{Place, Take};

use super::{Letter, Life, Seat, World};

impl World {
    pub(super) fn give_up_on(&mut self, place: Place, me: Place) {
        let giver = self.seats[me as usize].incarnation;
        let take = self
            .ring(me)
            .map_or_else(Take::default, |ring| ring.at().take);
        let seat = &mut self.seats[place as usize];
        let since = seat.given_up.entry(giver).or_default();
        *since = take.max(*since);
        let incarnation = seat.incarnation;
        // What is on its way to it was passed before that.
        for ((_, to), (_, sound)) in &mut self.slots {
            *sound &= *to != place;
        }
        let wire = std::mem::take(&mut self.wire).into_iter();
        self.wire = wire
            .map(|letter| Letter {
                sound: letter.sound && letter.to.0 != place,
                ..letter
            })
            .collect();
        let last = self
            .shows
            .iter_mut()
            .filter(|show| show.by == incarnation)
            .min_by_key(|s| s.verse);
        if let Some(show) = last {
            show.given_up = true;
        }
    }

    /// Nobody's next has moved past it, or it has been passed the song again since.
    pub(super) fn in_good_standing(&self, place: Place) -> bool {
        self.seats[place as usize].given_up.is_empty() && self.who_jump_over(place).next().is_none()
    }

    pub(super) fn who_jump_over(&self, place: Place) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(move |seat| match &seat.life {
            Life::Up(ring) => ring.me() != place && ring.gap(place) < ring.gap(ring.next()),
            _ => false,
        })
    }
}
