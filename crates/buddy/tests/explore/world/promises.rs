//! What a ring promises, checked at every step by somebody who sees all of it.

use buddy::ring::Input;
use common::buddy::{Mark, Place};

use super::{Broken, Event, Faults, Life, Seat, Show, World};

impl World {
    pub(super) fn show(&mut self, place: Place, verse: u64) -> Result<(), Broken> {
        let incarnation = self.seats[place as usize].incarnation;
        let given_up = !self.in_good_standing(place);
        let who = place + 1;
        let first = self.bottles;
        let finished = |v: u64| {
            self.shows
                .iter()
                .any(|show| show.verse == v && show.finished)
        };
        if let Some(missing) = (verse + 1..=first).find(|&v| !finished(v)) {
            return Err(format!(
                "order: Buddy {who} sings {verse}, but {missing} is not sung"
            ));
        }
        let mut before = self.shows.iter().filter(|show| show.verse == verse);
        if before.clone().any(|show| show.by == incarnation) {
            return Err(format!("self: Buddy {who} sings {verse} twice"));
        }
        let excused = given_up || before.clone().any(|show| show.given_up);
        if !excused && !before.all(|show| show.crashed) {
            return Err(format!("twice: Buddy {who} sings {verse} again"));
        }
        let on_stage = |show: &&Show| !show.finished && !show.crashed && !show.given_up;
        if let (Some(other), false) = (self.shows.iter().find(on_stage), given_up) {
            let verse_2 = other.verse;
            return Err(format!(
                "overlap: Buddy {who} sings {verse} while {verse_2} is sung"
            ));
        }
        self.shows.push(Show {
            verse,
            by: incarnation,
            finished: false,
            crashed: false,
            given_up,
        });
        Ok(())
    }

    pub(super) fn leave(&mut self, place: Place) -> Result<(), Broken> {
        for (other, seat) in (0..).zip(&self.seats) {
            let ignorant = matches!(&seat.life, Life::Up(ring) if ring.mark() < Mark::Over);
            if ignorant && self.in_good_standing(other) {
                let (who, whom) = (place + 1, other + 1);
                return Err(format!(
                    "last: Buddy {who} leaves, and Buddy {whom} does not know"
                ));
            }
        }
        self.seats[place as usize].life = Life::Home;
        Ok(())
    }

    /// Whether the song ends from here if no more faults happen: letters arrive (or, with
    /// `letters_lost`, those on their way never do), links repeat, verdicts are true, and only when
    /// nothing else moves a watchdog speaks.
    pub(crate) fn finishes(&self, letters_lost: bool) -> Result<(), Broken> {
        let mut world = self.clone();
        world.left = Faults::default();
        if letters_lost {
            world.wire.clear();
        }
        let mut log = Vec::new();
        let ended = world.run(&mut log).and_then(|()| world.is_complete(self));
        ended.map_err(|why| format!("{why}, letters lost: {letters_lost}, then {log:#?}, after"))
    }

    /// Lets everything happen in turn until everybody has left.
    fn run(&mut self, log: &mut Vec<Event>) -> Result<(), Broken> {
        const ROUNDS: usize = 1000;
        for _ in 0..ROUNDS {
            let Some(first) = (0..).zip(&self.seats).find(|(_, seat)| seat.is_up()) else {
                return Ok(());
            };
            let (first, _) = first;
            let before = self.clone();
            for event in self.events() {
                if self.is_possible(event) {
                    log.push(event);
                    self.happen(event)?;
                }
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

    /// Whether an event of a moment ago can still happen.
    fn is_possible(&self, event: Event) -> bool {
        match event {
            Event::Deliver(letter) => self.wire.contains(&letter),
            Event::Repeat(from, to) => {
                self.slots.contains_key(&(from, to)) && self.can_repeat(from, to)
            }
            Event::Sung(place) => self.is_singing(place),
            _ => true,
        }
    }

    fn is_complete(&self, since: &Self) -> Result<(), Broken> {
        let anybody = since.seats.iter().any(Seat::is_up);
        let sung = |v: u64| {
            self.shows
                .iter()
                .any(|show| show.verse == v && show.finished)
        };
        match (0..=self.bottles).find(|&verse| !sung(verse)) {
            Some(verse) if anybody => Err(format!("home: all left, {verse} was never sung")),
            _ => Ok(()),
        }
    }
}
