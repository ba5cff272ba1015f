//! The world around the roll-call: buddies, and a link from each to its next, as slow as it likes.
//!
//! A buddy that is up late, or a dial that fails, is nothing of its own here: to the others it is
//! a call that comes late.

use std::collections::BTreeSet;
use std::rc::Rc;

use buddy::roll_call::{Call, RollCall, Step};
use common::buddy::{Incarnation, RollCallReply, Song};

use super::oracle::{Promise, Said, Wiring};

/// A buddy, and the link to its next.
#[derive(Clone, Debug, Hash)]
struct Seat {
    roll_call: RollCall,
    /// it may still make, whatever else is on its way
    calls: u8,
    /// what its link is to say: the newest call, until it is answered
    slot: Option<Call>,
    /// what its link says this moment
    flight: Option<Call>,
    /// the song it sings in, by its starter
    song: Option<usize>,
    /// passes the roll on
    enlists: bool,
    said: BTreeSet<Said>,
}

/// What can happen next, and to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// a starter calls the roll
    Call(usize),
    /// a link takes what is in its slot
    Dial(usize),
    /// the next hears it, and the answer is heard. An answer that is late is as good as a dial
    /// that is late, for that is all it holds up
    Deliver(usize),
    /// the next hears it, and the answer is lost: the link says it again, or something newer
    Lose(usize),
    /// the next hears the roll
    Enlist(usize),
    /// a buddy forgets everything
    Restart(usize),
}

impl Event {
    /// What need not happen.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Self::Lose(_) | Self::Restart(_))
    }
}

/// Everything there is.
#[derive(Clone, Debug, Hash)]
pub(crate) struct World {
    next: Vec<Option<usize>>,
    /// shared by the states in which nothing happened to them
    seats: Vec<Rc<Seat>>,
    losses: u8,
    restarts: u8,
}

/// What was not as promised, in words.
pub(crate) type Broken = String;

impl World {
    pub(crate) fn new(wiring: &Wiring, calls: u8, losses: u8, restarts: u8) -> Self {
        let seat = |me: usize| {
            let is_starter = me < wiring.starters;
            let song = Song {
                id: me as Incarnation + 1,
                bottles: 3,
                tempo_ms: 0,
            };
            Rc::new(Seat {
                roll_call: RollCall::new(address(wiring.next[me]), is_starter.then_some(song)),
                calls: if is_starter { calls } else { 0 },
                slot: None,
                flight: None,
                song: None,
                enlists: false,
                said: BTreeSet::new(),
            })
        };
        Self {
            next: wiring.next.clone(),
            seats: (0..wiring.next.len()).map(seat).collect(),
            losses,
            restarts,
        }
    }

    /// What can happen in this state.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (me, seat) in self.seats.iter().enumerate() {
            let sings = seat.song.is_some();
            let waits = seat.said.contains(&Said::Waits);
            let dials = seat.flight.is_none() && seat.slot.is_some() && !waits;
            let says = seat.flight.is_some();
            let restarts = seat.roll_call.mine().is_none() && !sings && self.restarts > 0;
            let possible = [
                (seat.calls > 0 && !sings, Event::Call(me)),
                (dials, Event::Dial(me)),
                (says, Event::Deliver(me)),
                (says && self.losses > 0, Event::Lose(me)),
                (seat.enlists, Event::Enlist(me)),
                (restarts, Event::Restart(me)),
            ];
            events.extend(
                possible
                    .iter()
                    .filter(|(is, _)| *is)
                    .map(|(_, event)| event),
            );
        }
        events
    }

    /// Lets `event` happen. An error if something was done or said that is not so.
    pub(crate) fn happen(&mut self, event: Event, promise: &Promise) -> Result<(), Broken> {
        match event {
            Event::Call(me) => {
                self.seat(me).calls -= 1;
                self.call(me)?;
            }
            Event::Dial(me) => self.dial(me),
            Event::Deliver(me) => {
                if let Some((call, answer)) = self.deliver(me)? {
                    self.answered(me, &call, answer);
                }
            }
            Event::Lose(me) => {
                self.losses -= 1;
                self.deliver(me)?;
            }
            Event::Enlist(me) => self.enlist(me)?,
            Event::Restart(me) => {
                self.restarts -= 1;
                self.restart(me);
            }
        }
        self.is_so(promise)
    }

    fn seat(&mut self, me: usize) -> &mut Seat {
        Rc::make_mut(&mut self.seats[me])
    }

    fn call(&mut self, me: usize) -> Result<(), Broken> {
        let step = self.seat(me).roll_call.call();
        self.step(me, step)
    }

    fn dial(&mut self, me: usize) {
        let next = self.next[me];
        let seat = self.seat(me);
        match next {
            Some(_) => seat.flight = seat.slot.clone(),
            None => _ = seat.said.insert(Said::Waits),
        }
    }

    fn deliver(&mut self, me: usize) -> Result<Option<(Call, RollCallReply)>, Broken> {
        let (Some(to), Some(call)) = (self.next[me], self.seat(me).flight.take()) else {
            return Ok(None);
        };
        if self.seats[to].song.is_some() {
            return Ok(Some((call, RollCallReply::Busy)));
        }
        let (answer, step) = self.seat(to).roll_call.hear(call.clone());
        self.step(to, step)?;
        Ok(Some((call, answer)))
    }

    fn step(&mut self, me: usize, step: Step) -> Result<(), Broken> {
        match step {
            Step::Send(call) => self.seat(me).slot = Some(call),
            Step::Closed(roll) => {
                self.seat(me).song = Some(me);
                self.seat(me).enlists = roll.len() > 1;
                if numbers(&roll) != self.ring(me) {
                    return Err(format!("the roll {roll:?} of {me} is not its ring"));
                }
            }
            Step::Misses(ring) => {
                let misses = Said::Misses(numbers(&ring));
                self.seat(me).said.insert(misses);
            }
            Step::Nothing => {}
        }
        Ok(())
    }

    fn answered(&mut self, me: usize, call: &Call, answer: RollCallReply) {
        let seat = self.seat(me);
        if seat.slot.as_ref() == Some(call) {
            seat.slot = None;
        }
        match answer {
            RollCallReply::Busy => _ = seat.said.insert(Said::Busy),
            RollCallReply::Looped => _ = seat.said.insert(Said::Looped),
            RollCallReply::Heard => {}
        }
    }

    fn enlist(&mut self, me: usize) -> Result<(), Broken> {
        self.seat(me).enlists = false;
        let (Some(starter), Some(to)) = (self.seats[me].song, self.next[me]) else {
            return Ok(());
        };
        let seat = self.seat(to);
        match seat.song {
            None => {
                if seat.roll_call.mine().is_some() {
                    seat.said.insert(Said::Ignored(starter));
                }
                seat.song = Some(starter);
                seat.enlists = true;
                Ok(())
            }
            Some(song) if song == starter => Ok(()),
            Some(song) => Err(format!("two songs on one loop, of {song} and {starter}")),
        }
    }

    fn restart(&mut self, me: usize) {
        for from in 0..self.seats.len() {
            if self.next[from] == Some(me) {
                self.seat(from).flight = None;
            }
        }
        let next = address(self.next[me]);
        let seat = self.seat(me);
        seat.roll_call = RollCall::new(next, None);
        seat.said.clear();
        (seat.slot, seat.flight) = (None, None);
    }

    /// From `me` on, each once.
    fn ring(&self, me: usize) -> Vec<usize> {
        let next = |at: &usize| self.next[*at].filter(|next| *next != me);
        std::iter::successors(Some(me), next)
            .take(self.next.len())
            .collect()
    }
}

/// The promises.
impl World {
    fn is_so(&self, promise: &Promise) -> Result<(), Broken> {
        for (me, seat) in self.seats.iter().enumerate() {
            if seat.song.is_some() && seat.song != promise.song[me] {
                return Err(format!("{me} sings the song of {:?}", seat.song));
            }
            for said in &seat.said {
                let said = (me, said.clone());
                if !promise.must.contains(&said) && !promise.may.contains(&said) {
                    return Err(format!("{me} says what is not so: {:?}", said.1));
                }
            }
        }
        Ok(())
    }

    /// Now that nothing moves: whoever can sing without a second call does, if it is `calm`; and
    /// when those without a song have called again, all that was promised is true.
    pub(crate) fn comes_true(&self, promise: &Promise, calm: bool) -> Result<(), Broken> {
        let silent = |leader: &&usize| self.seats[**leader].song.is_none();
        if let (Some(leader), true) = (promise.at_once.iter().find(silent), calm) {
            return Err(format!("the call of {leader} got lost"));
        }
        let mut world = self.clone();
        let size = world.seats.len();
        // The first time, the others may not be singing yet.
        for me in (0..size).chain(0..size) {
            if world.seats[me].song.is_none() {
                world.call(me)?;
                world.rest(promise)?;
            }
        }
        let song: Vec<_> = world.seats.iter().map(|seat| seat.song).collect();
        if song != promise.song {
            return Err(format!("in the end they sing in the songs of {song:?}"));
        }
        let unsaid = |(me, said): &&(usize, Said)| !world.seats[*me].said.contains(said);
        match promise.must.iter().find(unsaid) {
            Some((me, said)) => Err(format!("{me} never says {said:?}")),
            None => Ok(()),
        }
    }

    /// Lets things happen until nothing moves.
    fn rest(&mut self, promise: &Promise) -> Result<(), Broken> {
        /// A call, a call in answer to it, and the roll: a lap each.
        const MOST: usize = 100;
        for _ in 0..MOST {
            match self.events().into_iter().find(|event| !event.is_fault()) {
                Some(event) => self.happen(event, promise)?,
                None => return Ok(()),
            }
        }
        Err("it goes on for ever".into())
    }
}

fn address(buddy: Option<usize>) -> String {
    buddy.map_or_else(|| "nobody".into(), |buddy| buddy.to_string())
}

/// The buddies at these addresses; nobody's is greater than all.
fn numbers(roll: &[String]) -> Vec<usize> {
    let number = |address: &String| address.parse().unwrap_or(usize::MAX);
    roll.iter().map(number).collect()
}
