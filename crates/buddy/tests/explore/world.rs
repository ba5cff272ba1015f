//! The world around the ring's core: buddies that crash and restart, letters that are late, lost,
//! repeated or reordered, verdicts that are wrong.
//!
//! `promises.rs` checks every event, and says which buddies the promises cover.

mod event;
mod notes;
mod promises;

use std::collections::{BTreeMap, BTreeSet};

use buddy::ring::{Input, Output, Request, Ring};
use common::buddy::{Incarnation, Mark, Place, Progress, Reply, Stamp, Take};

use super::search::{Broken, World, counts};
use event::{Event, FAULTS, Letter};
use notes::Notes;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Life {
    Down,
    /// running, without the roll
    #[default]
    Fresh,
    Up(Ring),
    Home,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Seat {
    incarnation: Incarnation,
    life: Life,
    /// the buddies whose next has moved past this one, and the take in which each goes on. An entry
    /// ends when this buddy heeds a token of that take or a later one, from a buddy in good
    /// standing, after the next of the other has moved back
    given_up: BTreeMap<Incarnation, Take>,
}

impl Seat {
    fn ring(&self) -> Option<&Ring> {
        match &self.life {
            Life::Up(ring) => Some(ring),
            Life::Down | Life::Fresh | Life::Home => None,
        }
    }

    fn listens(&self) -> bool {
        matches!(self.life, Life::Up(_) | Life::Fresh)
    }
}

/// One performance of one verse, in the book of a listener who hears everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Performance {
    verse: u64,
    by: Incarnation,
    finished: bool,
    crashed: bool,
    given_up: bool,
}

/// Everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct RingWorld {
    bottles: u64,
    seats: Vec<Seat>,
    wire: BTreeSet<Letter>,
    /// per link, the call that is repeated until it is answered, and whether it was first made in
    /// good standing, because a repeated call is still the word of that moment
    slots: BTreeMap<(Place, Place), (Request, bool)>,
    performances: Vec<Performance>,
    /// per kind of fault, how many may still happen
    left: [u8; FAULTS],
    lives: Incarnation,
    notes: Notes,
}

const SONG: Incarnation = 1;

impl World for RingWorld {
    type Event = Event;

    /// Buddies ping each other for ever.
    const COMES_TO_REST: bool = false;

    fn starts(name: &str) -> Vec<(String, Self)> {
        vec![(String::new(), Self::start(name, Notes::default()))]
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for &letter in &self.wire {
            events.extend([Event::Deliver(letter), Event::DeliverAndKeep(letter)]);
        }
        for &(from, to) in self.slots.keys() {
            events.extend(self.can_repeat(from, to).then_some(Event::Repeat(from, to)));
        }
        for (place, seat) in (0..).zip(&self.seats) {
            match &seat.life {
                Life::Down => events.push(Event::Restart(place)),
                Life::Up(ring) => self.events_of(place, ring, &mut events),
                Life::Fresh | Life::Home => {}
            }
        }
        let is_left = |fault: usize| self.left[fault] > 0;
        events.retain(|event| event.fault().is_none_or(is_left));
        events
    }

    /// Does nothing if the event could happen a moment ago only.
    fn happen(&mut self, event: Event) -> Result<(), Broken> {
        if let Some(fault) = event.fault() {
            self.left[fault] -= 1;
        }
        match event {
            Event::Deliver(letter) if self.wire.remove(&letter) => self.deliver(letter)?,
            Event::DeliverAndKeep(letter) => self.deliver(letter)?,
            Event::Repeat(from, to) if self.can_repeat(from, to) => self.post(from, to),
            Event::Deliver(_) | Event::Repeat(..) => {}
            Event::Sung(me) => {
                self.note_sung(me);
                self.performances_of(me).for_each(|it| it.finished = true);
                self.input(me, Input::Sung)?;
            }
            Event::Beat(me, count) => self.input(me, Input::Beat(count))?,
            Event::Gone(me, place) => self.gone(me, place)?,
            Event::Wrong(me, place) => {
                // Before, because what is on its way was sent before. After, because only then is
                // it known in which take the others go on.
                self.give_up_on(place, me);
                self.gone(me, place)?;
                self.give_up_on(place, me);
            }
            Event::Quiet(me) => self.input(me, Input::Quiet)?,
            Event::Crash(me) => self.crash(me),
            Event::Restart(me) => self.restart(me),
        }
        self.tidy();
        Ok(())
    }

    /// Checks that the song ends from here: in a sample, because it takes a hundred events.
    fn check(&self, fingerprint: u64) -> Result<(), Broken> {
        const ONE_OF: u64 = 16;
        if fingerprint.is_multiple_of(ONE_OF) {
            self.finishes(false)?;
            self.finishes(true)?;
        }
        Ok(())
    }

    fn look_back(name: &str, events: &[Event]) {
        let mut world = Self::start(name, Notes::kept());
        for &event in events {
            // What breaks a promise is noted, and the world goes on.
            _ = world.happen(event);
        }
        _ = world.play_on();
    }
}

impl RingWorld {
    /// Reads `"3 buddies, 6 bottles, 1 crash, 1 wrong"`. All buddies are enlisted. With `"1 lap"`
    /// only the starter is, which has just closed the roll.
    fn start(name: &str, notes: Notes) -> Self {
        let nouns = [
            "budd", "bottle", "lap", "crash", "restart", "wrong", "quiet", "repeat",
        ];
        let [buddies, bottles, lap, left @ ..] = counts(name, nouns);
        let mut world = Self {
            bottles: bottles.into(),
            left,
            notes,
            ..Self::default()
        };
        for place in 0..buddies {
            world.lives += 1;
            world.seats.push(Seat {
                incarnation: world.lives,
                ..Seat::default()
            });
            world.open_journal(place.into());
        }
        let progress = Progress {
            at: Stamp::default(),
            mark: Mark::Left(world.bottles),
        };
        world.enlist(0, progress);
        let mut first = Input::Enlisted;
        if lap == 0 && buddies > 1 {
            (1..buddies).for_each(|place| world.enlist(place.into(), progress));
            first = Input::Called(Request::Enlist(progress));
            world.note_lap(Request::Enlist(progress));
        }
        world.input(0, first).expect("a first step");
        world
    }

    fn events_of(&self, me: Place, ring: &Ring, events: &mut Vec<Event>) {
        if self.sings(me).is_some() {
            events.push(Event::Sung(me));
        }
        for count in 0..ring.gap(ring.next()).max(1) {
            events.push(Event::Beat(me, count));
        }
        for (place, seat) in (0..).zip(&self.seats).filter(|&(place, _)| place != me) {
            let is_tried = place == ring.next() || self.slots.contains_key(&(me, place));
            match seat.life {
                Life::Down | Life::Home if is_tried => events.push(Event::Gone(me, place)),
                Life::Up(_) if is_tried => events.push(Event::Wrong(me, place)),
                _ => {}
            }
        }
        events.extend([Event::Quiet(me), Event::Crash(me)]);
    }

    fn gone(&mut self, me: Place, place: Place) -> Result<(), Broken> {
        self.slots.remove(&(me, place));
        self.input(me, Input::Gone(place))
    }

    fn crash(&mut self, me: Place) {
        self.seat_mut(me).life = Life::Down;
        self.seat_mut(me).given_up.clear();
        self.slots.retain(|&(from, _), _| from != me);
        for performance in self.performances_of(me) {
            performance.crashed = true;
        }
    }

    fn restart(&mut self, me: Place) {
        self.lives += 1;
        let mut seat = Seat {
            incarnation: self.lives,
            ..Seat::default()
        };
        // The new life has no part in the song before the song is passed to it.
        seat.given_up.insert(self.lives, Take::default());
        for (jumper, ring) in self.jumpers_over(me) {
            seat.given_up.insert(jumper, ring.at().take);
        }
        *self.seat_mut(me) = seat;
        self.open_journal(me);
    }

    fn deliver(&mut self, letter: Letter) -> Result<(), Broken> {
        let (to, _) = letter.to;
        if let Some(reply) = letter.reply {
            let (by, _) = letter.from;
            if self.is_awaited(&letter) {
                self.slots.remove(&(to, by));
            }
            return self.input(to, Input::Answered(by, letter.request, reply));
        }
        if letter.sound {
            self.restore(to, letter.request);
        }
        let reply = self.call(to, letter.request)?;
        self.wire.insert(Letter {
            from: letter.to,
            to: letter.from,
            reply: Some(reply),
            ..letter
        });
        Ok(())
    }

    /// Carries out a call at `to`.
    fn call(&mut self, to: Place, request: Request) -> Result<Reply, Broken> {
        match (&self.seat(to).life, request) {
            (Life::Fresh, Request::Enlist(progress)) => {
                self.enlist(to, progress);
                self.input(to, Input::Enlisted)?;
                Ok(Reply::Here(progress.mark))
            }
            (Life::Fresh, _) => Ok(Reply::Stranger),
            (Life::Up(_), _) => {
                self.input(to, Input::Called(request))?;
                Ok(Reply::Here(self.ring(to).map_or(Mark::Home, Ring::mark)))
            }
            (Life::Down | Life::Home, _) => unreachable!("tidied away"),
        }
    }

    fn enlist(&mut self, me: Place, progress: Progress) {
        let size = Place::try_from(self.seats.len()).expect("few");
        let ring = Ring::new(size, SONG, me, self.seat(me).incarnation, progress);
        self.seat_mut(me).life = Life::Up(ring);
    }

    /// Gives `input` to a buddy and does what it says.
    fn input(&mut self, me: Place, input: Input) -> Result<(), Broken> {
        self.note_loss(me, input);
        let Life::Up(ring) = &mut self.seat_mut(me).life else {
            return Ok(());
        };
        let before = ring.before();
        let outputs = ring.handle(input);
        self.note_input(me, &input, before);
        for output in outputs {
            self.note_output(me, output);
            match output {
                // At once, because the passes cover what comes late.
                Output::Call(to, Request::Ping) if self.seat(to).listens() => {
                    let reply = self.call(to, Request::Ping)?;
                    self.input(me, Input::Answered(to, Request::Ping, reply))?;
                }
                Output::Call(_, Request::Ping) => {}
                Output::Call(to, request) => {
                    let sound = self.in_good_standing(me);
                    self.slots.insert((me, to), (request, sound));
                    self.post(me, to);
                }
                Output::Sing(verse) => self.sing(me, verse)?,
                Output::Leave => self.leave(me)?,
            }
        }
        Ok(())
    }

    fn post(&mut self, from: Place, to: Place) {
        let (request, sound) = self.slots[&(from, to)];
        self.wire.insert(Letter {
            from: (from, self.seat(from).incarnation),
            to: (to, self.seat(to).incarnation),
            request,
            reply: None,
            sound,
        });
    }

    fn can_repeat(&self, from: Place, to: Place) -> bool {
        let (Some(ring), Some(&(request, _))) = (self.ring(from), self.slots.get(&(from, to)))
        else {
            return false;
        };
        let is_on_its_way = |letter: &Letter| {
            let ends = (letter.from.0, letter.to.0);
            (ends == (from, to) || ends == (to, from)) && letter.request == request
        };
        self.seat(to).listens()
            && ring.still_says(to, request)
            && !self.wire.iter().any(is_on_its_way)
    }

    /// Returns whether this is the answer to what the link of its receiver is still asking.
    fn is_awaited(&self, answer: &Letter) -> bool {
        let asking = self.slots.get(&(answer.to.0, answer.from.0));
        asking.is_some_and(|&(request, _)| request == answer.request)
    }

    /// Removes what can have no effect any more, so that states differ only where it matters:
    /// letters to lives that are over, answers that no link awaits, and the order of the book.
    fn tidy(&mut self) {
        let mut wire = std::mem::take(&mut self.wire);
        wire.retain(|letter| {
            let (place, incarnation) = letter.to;
            let seat = self.seat(place);
            let arrives = seat.incarnation == incarnation && seat.listens();
            arrives && (letter.reply.is_none() || self.is_awaited(letter))
        });
        self.wire = wire;
        self.performances.sort();
    }

    fn seat(&self, place: Place) -> &Seat {
        &self.seats[place as usize]
    }

    fn seat_mut(&mut self, place: Place) -> &mut Seat {
        &mut self.seats[place as usize]
    }

    fn ring(&self, place: Place) -> Option<&Ring> {
        self.seat(place).ring()
    }

    fn performances_of(&mut self, me: Place) -> impl Iterator<Item = &mut Performance> {
        let by = self.seat(me).incarnation;
        self.performances.iter_mut().filter(move |it| it.by == by)
    }

    /// Returns the verse that this buddy sings.
    fn sings(&self, me: Place) -> Option<u64> {
        let by = self.seat(me).incarnation;
        let mut performances = self.performances.iter();
        let sings = performances.find(|it| it.by == by && !it.finished && !it.crashed);
        sings.map(|it| it.verse)
    }
}
