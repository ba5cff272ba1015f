//! A run of the world with journals: what each life would write into its own, and what `lab-report`
//! says of all of them.
//!
//! The search keeps none, because two states are the same however they came about. A world that
//! keeps them goes on when a promise is broken, because a real ring does.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use buddy::ring::{Before, Input, Output, Request, Ring};
use common::buddy::{Incarnation, Place, Progress};
use common::journal::{Event as Line, Hex, name};
use lab_report::Report;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::{Broken, Life, RingWorld, SONG, World};
use crate::journals::Journals;

/// What is kept of a run. It is not part of the state, so all are equal.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Option<Box<Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    journals: Journals<Incarnation>,
    /// how many lines there are: the clock
    lines: u32,
    /// the first promise that was broken
    broken: Option<Broken>,
}

impl Kept {
    /// Returns the time of the next line.
    fn tick(&mut self) -> Duration {
        self.lines += 1;
        Duration::from_millis(self.lines.into())
    }
}

impl Notes {
    pub(super) fn kept() -> Self {
        Self(Some(Box::new(Kept {
            journals: Journals::new(),
            lines: 0,
            broken: None,
        })))
    }

    /// Lets the world go on after a broken promise, if it keeps journals.
    pub(super) fn keep(&mut self, promise: Result<(), Broken>) -> Result<(), Broken> {
        match (&mut self.0, promise) {
            (Some(kept), Err(broken)) => {
                kept.broken.get_or_insert(broken);
                Ok(())
            }
            (_, promise) => promise,
        }
    }
}

impl PartialEq for Notes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Notes {}

impl Hash for Notes {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl RingWorld {
    /// Plays one run: some events as the dice fall, then the rest of the song. Returns what
    /// `lab-report` says of it; nothing if nobody lived to end the song. Fails if the run breaks a
    /// promise.
    pub(crate) fn walk(name: &str, seed: u64) -> Result<Option<Report>, Broken> {
        const LONGEST: usize = 200;
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut world = Self::start(name, Notes::kept());
        for _ in 0..dice.random_range(0..LONGEST) {
            if let Some(&event) = world.events().choose(&mut dice) {
                world.happen(event)?;
            }
        }
        world.play_on()
    }

    /// Lets the run end, as [`walk`](Self::walk) does. What `lab-report` says of a broken promise
    /// is printed: `mutants.sh` looks for this line.
    pub(super) fn play_on(mut self) -> Result<Option<Report>, Broken> {
        self.left.fill(0);
        self.run(&mut Vec::new())?;
        let is_sung = self.seats.iter().any(|seat| seat.life == Life::Home);
        let Some(kept) = self.notes.0.filter(|_| is_sung) else {
            return Ok(None);
        };
        let report = kept.journals.report();
        let Some(broken) = kept.broken else {
            return Ok(report);
        };
        if let Some(report) = report {
            println!("lab-report says {}: {broken}", report.verdict());
        }
        Err(broken)
    }

    fn write(&mut self, me: Place, line: Line) {
        let by = self.seat(me).incarnation;
        if let Some(kept) = &mut self.notes.0 {
            let now = kept.tick();
            kept.journals.write(by, line, now);
        }
    }

    pub(super) fn open_journal(&mut self, me: Place) {
        let by = self.seat(me).incarnation;
        if let Some(kept) = &mut self.notes.0 {
            let now = kept.tick();
            kept.journals.open(by, me, by, now);
        }
    }

    /// Notes that all have the roll, and that the last has sent it to the first.
    pub(super) fn note_lap(&mut self, request: Request) {
        let places = 0..self.seats.len() as Place;
        places
            .clone()
            .for_each(|place| self.note_place(place, None));
        if let Some(last) = places.last() {
            self.note_output(last, Output::Call(0, request));
        }
    }

    /// Notes that `me` has got the roll: `by` a message, unless it is nothing.
    fn note_place(&mut self, me: Place, by: Option<Progress>) {
        let roll = (0..self.seats.len()).map(|place| format!("machine:{place}"));
        let line = Line::Place {
            song: Hex(SONG.into()),
            bottles: self.bottles,
            place: me,
            name: format!("Buddy {}", me + 1),
            roll: roll.collect(),
            id: by.map(|progress| name::enlist(me, progress)),
        };
        self.write(me, line);
    }

    pub(super) fn note_sung(&mut self, me: Place) {
        if let Some(left) = self.sings(me) {
            self.write(me, Line::Sang { left });
        }
    }

    /// Notes that `me` loses another one, before it gives up on it.
    pub(super) fn note_loss(&mut self, me: Place, input: Input) {
        if let Input::Gone(place) = input
            && self.ring(me).is_some_and(|ring| ring.loses(place))
        {
            let why = "no answer".into();
            self.write(me, Line::Lost { place, why });
        }
    }

    /// Notes an input that was handled.
    pub(super) fn note_input(&mut self, me: Place, input: &Input, before: Before) {
        if self.notes.0.is_none() {
            return;
        }
        if *input == Input::Enlisted {
            let is_starter = self.ring(me).is_some_and(Ring::is_starter);
            self.note_place(me, (!is_starter).then_some(before.progress));
        }
        let lines = self.ring(me).map(|ring| ring.noted(input, before));
        for line in lines.into_iter().flatten().collect::<Vec<_>>() {
            self.write(me, line);
        }
    }

    /// Notes what a buddy is about to do.
    pub(super) fn note_output(&mut self, me: Place, output: Output) {
        let line = match output {
            Output::Call(to, request) => {
                let said = request.noted(to);
                said.map(|(id, word, mark)| Line::Say { to, id, word, mark })
            }
            Output::Sing(left) => Some(Line::Sing { left }),
            Output::Leave => Some(Line::End { why: "home".into() }),
        };
        if let Some(line) = line {
            self.write(me, line);
        }
    }
}
