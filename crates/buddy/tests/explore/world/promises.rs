//! What a ring promises, checked at every event by a listener who hears everything. The promises
//! are made to buddies in good standing, not to one that others go on without.

use buddy::ring::{Input, Request, Ring};
use common::buddy::{Incarnation, Mark, Place};

use super::{Event, FAULTS, Life, Performance, RingWorld};
use crate::search::{Broken, World, lines};

impl RingWorld {
    pub(super) fn sing(&mut self, me: Place, verse: u64) -> Result<(), Broken> {
        let promise = self.may_sing(me, verse);
        self.notes.keep(promise)?;
        let given_up = !self.in_good_standing(me);
        self.performances.push(Performance {
            verse,
            by: self.seat(me).incarnation,
            finished: false,
            crashed: false,
            given_up,
        });
        Ok(())
    }

    fn may_sing(&self, me: Place, verse: u64) -> Result<(), Broken> {
        if let Some(missing) = (verse + 1..=self.bottles).find(|&verse| !self.is_sung(verse)) {
            return Err(format!(
                "order: {me} sings {verse}, but {missing} is not sung"
            ));
        }
        let by = self.seat(me).incarnation;
        let given_up = !self.in_good_standing(me);
        let mut before = self.performances.iter().filter(|it| it.verse == verse);
        if before.clone().any(|it| it.by == by) {
            return Err(format!("self: {me} sings {verse} twice"));
        }
        let excused = given_up || before.clone().any(|it| it.given_up);
        if !excused && !before.all(|it| it.crashed) {
            return Err(format!("twice: {me} sings {verse} again"));
        }
        let mut others = self.performances.iter();
        let other = others.find(|it| !(it.finished || it.crashed || it.given_up || given_up));
        if let Some(Performance { verse: theirs, .. }) = other {
            return Err(format!("alone: {me} sings {verse} while {theirs} is sung"));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, me: Place) -> Result<(), Broken> {
        let promise = self.may_leave(me);
        self.notes.keep(promise)?;
        self.seat_mut(me).life = Life::Home;
        self.slots.retain(|&(from, _), _| from != me);
        Ok(())
    }

    fn may_leave(&self, me: Place) -> Result<(), Broken> {
        for (other, seat) in (0..).zip(&self.seats) {
            let is_ignorant = seat.ring().is_some_and(|ring| ring.mark() < Mark::Over);
            if is_ignorant && self.in_good_standing(other) {
                return Err(format!("last: {me} leaves, and {other} does not know"));
            }
        }
        Ok(())
    }

    /// Checks that the song ends from here if no more faults happen: letters arrive (or, with
    /// `letters_lost`, those on their way never do), links repeat, verdicts are true, and a
    /// watchdog speaks only when nothing else moves.
    pub(super) fn finishes(&self, letters_lost: bool) -> Result<(), Broken> {
        let mut world = self.clone();
        world.left = [0; FAULTS];
        if letters_lost {
            world.wire.clear();
        }
        let mut log = Vec::new();
        let ended = world.run(&mut log).and_then(|()| world.is_complete(self));
        ended.map_err(|why| format!("letters lost: {letters_lost}\n{}{why}", lines(log)))
    }

    /// Lets everything happen in turn until all have left.
    pub(super) fn run(&mut self, log: &mut Vec<Event>) -> Result<(), Broken> {
        const ROUNDS: usize = 1000;
        for _ in 0..ROUNDS {
            let mut seats = (0..).zip(&self.seats);
            let Some((first, _)) = seats.find(|(_, seat)| seat.ring().is_some()) else {
                return Ok(());
            };
            let before = self.clone();
            for event in self.events() {
                log.push(event);
                self.happen(event)?;
            }
            if *self == before {
                log.push(Event::Quiet(first));
                self.input(first, Input::Quiet)?;
                self.tidy();
            }
            if *self == before {
                return Err("home: nothing moves any more".into());
            }
        }
        Err("home: it goes on for ever".into())
    }

    fn is_complete(&self, since: &Self) -> Result<(), Broken> {
        let knew_the_roll = since.seats.iter().any(|seat| seat.ring().is_some());
        match (0..=self.bottles).find(|&verse| !self.is_sung(verse)) {
            Some(verse) if knew_the_roll => Err(format!("home: all left, {verse} is not sung")),
            _ => Ok(()),
        }
    }

    fn is_sung(&self, verse: u64) -> bool {
        let mut performances = self.performances.iter();
        performances.any(|it| it.verse == verse && it.finished)
    }

    /// Notes that `me` goes on without `place`, which lives.
    pub(super) fn give_up_on(&mut self, place: Place, me: Place) {
        let giver = self.seat(me).incarnation;
        let take = self.ring(me).map(|ring| ring.at().take).unwrap_or_default();
        let since = self.seat_mut(place).given_up.entry(giver).or_default();
        *since = take.max(*since);
        // What is on its way to it was sent earlier, so it does not restore it.
        for ((_, to), (_, sound)) in &mut self.slots {
            *sound &= *to != place;
        }
        let wire = std::mem::take(&mut self.wire).into_iter();
        let wire = wire.map(|mut letter| {
            letter.sound &= letter.to.0 != place;
            letter
        });
        self.wire = wire.collect();
        if let Some(last) = self.performances_of(place).min_by_key(|it| it.verse) {
            last.given_up = true;
        }
    }

    /// Notes that a buddy in good standing calls `place`. If that passes the song to it again, it
    /// ends what was given up in an earlier take.
    pub(super) fn restore(&mut self, place: Place, request: Request) {
        let (Request::Pass(_, progress), Some(ring)) = (request, self.ring(place)) else {
            return;
        };
        if progress.at > ring.at() {
            let jumpers = self.jumpers_over(place).map(|(jumper, _)| jumper);
            let jumpers = Vec::from_iter(jumpers);
            let given_up = &mut self.seat_mut(place).given_up;
            given_up.retain(|giver, take| jumpers.contains(giver) || progress.at.take < *take);
        }
    }

    /// Returns whether no next has moved past `place`, or the song was passed to it again since.
    pub(super) fn in_good_standing(&self, place: Place) -> bool {
        self.seat(place).given_up.is_empty() && self.jumpers_over(place).next().is_none()
    }

    /// Returns the buddies whose next is past `place`.
    pub(super) fn jumpers_over(&self, place: Place) -> impl Iterator<Item = (Incarnation, &Ring)> {
        let seats = self.seats.iter();
        let up = seats.filter_map(|seat| Some((seat.incarnation, seat.ring()?)));
        up.filter(move |(_, ring)| ring.me() != place && ring.gap(place) < ring.gap(ring.next()))
    }
}
