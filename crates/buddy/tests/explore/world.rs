//! The world around the core: buddies that crash and restart, letters that are late, lost, repeated
//! or reordered, verdicts that are wrong. What the core [promises] is checked at every step.

mod promises;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use buddy::ring::{Input, Output, Request, Ring};
use common::buddy::{Incarnation, Mark, Place, Progress, Reply, Stamp, Take};

/// How many faults of each kind may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    pub(crate) restarts: u8,
    /// living buddies given up on
    pub(crate) wrong: u8,
    /// watchdogs that cry wolf
    pub(crate) quiet: u8,
    /// letters delivered twice
    pub(crate) twice: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Life {
    Down,
    /// running, without the roll
    Blank,
    Up(Ring),
    Home,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Seat {
    incarnation: Incarnation,
    life: Life,
    /// whose next has moved past it, going on in which take; it is in good standing again when it
    /// heeds a word of that take or a later one, from somebody in good standing, after their next
    /// has moved back
    given_up: BTreeMap<Incarnation, Take>,
}

impl Seat {
    fn is_up(&self) -> bool {
        matches!(self.life, Life::Up(_))
    }
}

/// A call or an answer on its way, from one life to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Letter {
    from: (Place, Incarnation),
    to: (Place, Incarnation),
    request: Request,
    reply: Option<Reply>,
    /// from a buddy in good standing
    sound: bool,
}

/// One performance of one verse: the book of a listener who knows everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Show {
    verse: u64,
    by: Incarnation,
    finished: bool,
    crashed: bool,
    given_up: bool,
}

/// What can happen next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Deliver(Letter),
    DeliverAndKeep(Letter),
    /// the link repeats its call, to a new life
    Repeat(Place, Place),
    Sung(Place),
    Beat(Place, u32),
    /// a true verdict, and a wrong one
    Gone(Place, Place),
    Wrong(Place, Place),
    Quiet(Place),
    Crash(Place),
    Restart(Place),
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    bottles: u64,
    seats: Vec<Seat>,
    wire: BTreeSet<Letter>,
    /// per link, the call that is repeated until it is answered, and whether it was first made in
    /// good standing: repeated, it is still the word of that moment
    slots: BTreeMap<(Place, Place), (Request, bool)>,
    shows: Vec<Show>,
    left: Faults,
    lives: Incarnation,
}

const SONG: Incarnation = 1;

/// A promise that was broken, in words.
pub(crate) type Broken = String;

impl World {
    /// `size` buddies and a song of `bottles`: everybody enlisted, or, with `lap`, only the
    /// starter, who has just closed the roll.
    pub(crate) fn new(size: Place, bottles: u64, left: Faults, lap: bool) -> Self {
        let progress = Progress {
            at: Stamp::default(),
            mark: Mark::Left(bottles),
        };
        let seats = (0..size).map(|place| {
            let incarnation = Incarnation::from(place) + SONG;
            let life = match lap && place > 0 {
                true => Life::Blank,
                false => Life::Up(Ring::new(size, SONG, place, incarnation, progress)),
            };
            Seat {
                incarnation,
                life,
                given_up: BTreeMap::new(),
            }
        });
        let mut world = Self {
            bottles,
            seats: seats.collect(),
            wire: BTreeSet::new(),
            slots: BTreeMap::new(),
            shows: Vec::new(),
            left,
            lives: Incarnation::from(size) + SONG,
        };
        let first = match lap {
            true => Input::Enlisted,
            false => Input::Called(Request::Enlist(progress)),
        };
        world
            .input(0, first)
            .expect("the first step breaks nothing");
        world
    }

    /// What can happen in this state.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for &letter in &self.wire {
            events.push(Event::Deliver(letter));
            if self.left.twice > 0 {
                events.push(Event::DeliverAndKeep(letter));
            }
        }
        for &(from, to) in self.slots.keys() {
            if self.can_repeat(from, to) {
                events.push(Event::Repeat(from, to));
            }
        }
        for (place, seat) in (0..).zip(&self.seats) {
            match &seat.life {
                Life::Down if self.left.restarts > 0 => events.push(Event::Restart(place)),
                Life::Up(ring) => self.events_of(place, ring, &mut events),
                _ => {}
            }
        }
        events
    }

    fn events_of(&self, me: Place, ring: &Ring, events: &mut Vec<Event>) {
        if self.is_singing(me) {
            events.push(Event::Sung(me));
        }
        for count in 0..ring.gap(ring.next()).max(1) {
            events.push(Event::Beat(me, count));
        }
        for other in (0..).zip(&self.seats).filter(|&(place, _)| place != me) {
            let (place, seat) = other;
            let tried = place == ring.next() || self.slots.contains_key(&(me, place));
            match seat.life {
                Life::Down | Life::Home if tried => events.push(Event::Gone(me, place)),
                Life::Up(_) if tried && self.left.wrong > 0 => events.push(Event::Wrong(me, place)),
                _ => {}
            }
        }
        if self.left.quiet > 0 {
            events.push(Event::Quiet(me));
        }
        if self.left.crashes > 0 {
            events.push(Event::Crash(me));
        }
    }

    /// Lets `event` happen.
    pub(crate) fn happen(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Deliver(letter) => {
                self.wire.remove(&letter);
                self.deliver(letter)?;
            }
            Event::DeliverAndKeep(letter) => {
                self.left.twice -= 1;
                self.deliver(letter)?;
            }
            Event::Repeat(from, to) => {
                self.post(from, to);
            }
            Event::Sung(place) => {
                let incarnation = self.seats[place as usize].incarnation;
                let show = self
                    .shows
                    .iter_mut()
                    .find(|show| show.by == incarnation && !show.finished);
                show.expect("only singers finish").finished = true;
                self.input(place, Input::Sung)?;
            }
            Event::Beat(place, count) => self.input(place, Input::Beat(count))?,
            Event::Gone(me, place) => self.gone(me, place)?,
            Event::Wrong(me, place) => {
                self.left.wrong -= 1;
                self.give_up_on(place, me);
                self.gone(me, place)?;
                self.give_up_on(place, me);
            }
            Event::Quiet(place) => {
                self.left.quiet -= 1;
                self.input(place, Input::Quiet)?;
            }
            Event::Crash(place) => {
                self.left.crashes -= 1;
                self.crash(place);
            }
            Event::Restart(place) => {
                self.left.restarts -= 1;
                self.restart(place);
            }
        }
        self.tidy();
        Ok(())
    }

    fn gone(&mut self, me: Place, place: Place) -> Result<(), Broken> {
        self.slots.remove(&(me, place));
        self.input(me, Input::Gone(place))
    }

    fn crash(&mut self, place: Place) {
        let seat = &mut self.seats[place as usize];
        seat.life = Life::Down;
        seat.given_up.clear();
        let incarnation = seat.incarnation;
        for show in self.shows.iter_mut().filter(|show| show.by == incarnation) {
            show.crashed = true;
        }
        self.slots.retain(|&(from, _), _| from != place);
    }

    fn restart(&mut self, place: Place) {
        self.lives += 1;
        // It has no part in the song before it is passed to it, and none in the takes of those
        // who go on without it.
        let mut given_up = BTreeMap::from([(self.lives, Take::default())]);
        for seat in self.who_jump_over(place) {
            if let Life::Up(ring) = &seat.life {
                given_up.insert(seat.incarnation, ring.at().take);
            }
        }
        self.seats[place as usize] = Seat {
            incarnation: self.lives,
            life: Life::Blank,
            given_up,
        };
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
        if let (Request::Pass(_, progress), Some(ring)) = (letter.request, self.ring(to))
            && letter.sound
            && progress.at > ring.at()
        {
            let jump: Vec<Incarnation> = self
                .who_jump_over(to)
                .map(|seat| seat.incarnation)
                .collect();
            let still = |incarnation: &Incarnation, take: &mut Take| {
                jump.contains(incarnation) || progress.at.take < *take
            };
            self.seats[to as usize].given_up.retain(still);
        }
        let reply = self.call(to, letter.request)?;
        let answer = Letter {
            from: letter.to,
            to: letter.from,
            reply: Some(reply),
            ..letter
        };
        self.wire.insert(answer);
        Ok(())
    }

    /// Carries out a call at `to`.
    fn call(&mut self, to: Place, request: Request) -> Result<Reply, Broken> {
        let size = Place::try_from(self.seats.len()).expect("few");
        let seat = &mut self.seats[to as usize];
        match (&mut seat.life, request) {
            (Life::Blank, Request::Enlist(progress)) => {
                seat.life = Life::Up(Ring::new(size, SONG, to, seat.incarnation, progress));
                self.input(to, Input::Enlisted)?;
                Ok(Reply::Here(progress.mark))
            }
            (Life::Blank, _) => Ok(Reply::Stranger),
            (Life::Up(_), _) => {
                self.input(to, Input::Called(request))?;
                Ok(Reply::Here(self.ring(to).map_or(Mark::Home, Ring::mark)))
            }
            (Life::Down | Life::Home, _) => unreachable!("tidied away"),
        }
    }

    /// Gives `input` to a buddy and does what it says.
    fn input(&mut self, place: Place, input: Input) -> Result<(), Broken> {
        let Life::Up(ring) = &mut self.seats[place as usize].life else {
            return Ok(());
        };
        for output in ring.handle(input) {
            match output {
                Output::Call(to, Request::Ping) => self.ping(place, to)?,
                Output::Call(to, request) => {
                    let sound = self.in_good_standing(place);
                    self.slots.insert((place, to), (request, sound));
                    self.post(place, to);
                }
                Output::Sing(verse) => self.show(place, verse)?,
                Output::Leave => self.leave(place)?,
            }
        }
        Ok(())
    }

    /// A ping and its answer at once: late ones are covered by the passes.
    fn ping(&mut self, from: Place, to: Place) -> Result<(), Broken> {
        if !matches!(self.seats[to as usize].life, Life::Up(_) | Life::Blank) {
            return Ok(());
        }
        let reply = self.call(to, Request::Ping)?;
        self.input(from, Input::Answered(to, Request::Ping, reply))
    }

    fn post(&mut self, from: Place, to: Place) {
        let (request, sound) = self.slots[&(from, to)];
        let life = |place: Place| (place, self.seats[place as usize].incarnation);
        self.wire.insert(Letter {
            from: life(from),
            to: life(to),
            request,
            reply: None,
            sound,
        });
    }

    fn can_repeat(&self, from: Place, to: Place) -> bool {
        let alive = matches!(self.seats[to as usize].life, Life::Up(_) | Life::Blank);
        let (request, _) = self.slots[&(from, to)];
        let said = self
            .ring(from)
            .is_some_and(|ring| ring.still_says(to, request));
        let on_its_way = |letter: &Letter| {
            let there = letter.from.0 == from && letter.to.0 == to;
            let back = letter.from.0 == to && letter.to.0 == from;
            (there || back) && letter.request == request
        };
        alive && said && !self.wire.iter().any(on_its_way)
    }

    /// Whether this answer is to what its receiver's link is still asking.
    fn is_awaited(&self, answer: &Letter) -> bool {
        let link = (answer.to.0, answer.from.0);
        let asking = self.slots.get(&link);
        asking.is_some_and(|&(request, _)| request == answer.request)
    }

    /// Letters to lives that are over arrive nowhere, and a book is kept in order.
    fn tidy(&mut self) {
        let seats = &self.seats;
        let listens = |&(place, incarnation): &(Place, Incarnation)| {
            let seat = &seats[place as usize];
            seat.incarnation == incarnation && matches!(seat.life, Life::Up(_) | Life::Blank)
        };
        let mut wire = std::mem::take(&mut self.wire);
        wire.retain(|letter| {
            listens(&letter.to) && (letter.reply.is_none() || self.is_awaited(letter))
        });
        self.wire = wire;
        self.slots
            .retain(|&(from, _), _| matches!(seats[from as usize].life, Life::Up(_)));
        self.shows.sort();
    }

    fn ring(&self, place: Place) -> Option<&Ring> {
        match &self.seats[place as usize].life {
            Life::Up(ring) => Some(ring),
            _ => None,
        }
    }

    fn is_singing(&self, place: Place) -> bool {
        let incarnation = self.seats[place as usize].incarnation;
        self.shows
            .iter()
            .any(|show| show.by == incarnation && !show.finished && !show.crashed)
    }
}
