//! The world around the roll call's core: buddies, and a link from each to its next, which may be
//! slow.
//!
//! A buddy that is up late, or a dial that fails, needs no event of its own here, because to the
//! others it is a call that comes late.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use buddy::roll_call::{Call, RollCall, Step};
use common::buddy::{Addresses, Incarnation, Place, RollCallReply, Song};

use super::oracle::{Promise, Said, Wiring};
use super::search::{Broken, World, counts};

/// What each buddy adds to the roll about itself. Only the first address of each matters here.
const OWN: &str = "here:1";
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A buddy, and the link to its next.
#[derive(Clone, Hash)]
struct Seat {
    roll_call: RollCall,
    /// how many calls it may still make while others are on their way
    calls: u8,
    /// what its link will send: the newest call, until it is answered
    slot: Option<Call>,
    /// what its link has sent
    flight: Option<Call>,
    /// the song it sings in, by its starter
    song: Option<usize>,
    /// must pass the roll on
    enlists: bool,
    said: BTreeSet<Said>,
}

impl Seat {
    fn new(next: Option<usize>, mine: Option<Song>, calls: u8) -> Rc<Self> {
        let address = next.map_or_else(|| "nobody".into(), |next| next.to_string());
        Rc::new(Self {
            roll_call: RollCall::new(address, OWN.into(), mine),
            calls: mine.map_or(0, |_| calls),
            slot: None,
            flight: None,
            song: None,
            enlists: false,
            said: BTreeSet::new(),
        })
    }
}

/// What can happen next, and to which buddy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A starter calls the roll.
    Call(usize),
    /// A link takes what is in its slot.
    Dial(usize),
    /// The next hears the call, and the answer is heard. A late answer needs no event of its own,
    /// because a late dial holds up as much.
    Deliver(usize),
    /// The next hears the call, and the answer is lost: the link sends the newest call again.
    Lose(usize),
    /// The next hears the roll.
    Enlist(usize),
    /// A buddy forgets everything.
    Restart(usize),
}

impl Event {
    /// Returns whether it need not happen.
    fn is_fault(&self) -> bool {
        matches!(self, Self::Lose(_) | Self::Restart(_))
    }
}

/// Everything there is.
#[derive(Clone)]
pub(crate) struct RollCallWorld {
    wiring: Rc<Wiring>,
    promise: Rc<Promise>,
    /// shared by the states in which nothing happened to them
    seats: Vec<Rc<Seat>>,
    losses: u8,
    restarts: u8,
}

impl Hash for RollCallWorld {
    /// Leaves out what stays as it is, because hashing takes most of the time.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.seats, self.losses, self.restarts).hash(hasher);
    }
}

impl World for RollCallWorld {
    type Event = Event;

    const COMES_TO_REST: bool = true;

    fn starts(name: &str) -> Vec<(String, Self)> {
        let nouns = ["budd", "starter", "call", "loss", "restart"];
        let [buddies, starters, calls, losses, restarts] = counts(name, nouns);
        let start = |wiring: Wiring| {
            let seat = |me: usize| {
                let song = Song {
                    id: me as Incarnation + 1,
                    bottles: 3,
                    tempo_ms: 0,
                    round_trip_ms: 0,
                };
                Seat::new(
                    wiring.next[me],
                    (me < wiring.starters).then_some(song),
                    calls,
                )
            };
            let mut promise = wiring.promise(restarts > 0);
            if losses + restarts > 0 {
                promise.at_once.clear(); // because a lost call needs a second one
            }
            let world = Self {
                seats: (0..buddies.into()).map(seat).collect(),
                promise: Rc::new(promise),
                losses,
                restarts,
                wiring: Rc::new(wiring.clone()),
            };
            (format!("{wiring:?}"), world)
        };
        let wirings = Wiring::all(buddies.into(), starters.into());
        wirings.map(start).collect()
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (me, seat) in self.seats.iter().enumerate() {
            let sings = seat.song.is_some();
            let dials = seat.slot.is_some() && !seat.said.contains(&Said::Waits);
            let calls = seat.flight.is_some();
            let starts = seat.roll_call.mine().is_some();
            let possible = [
                (seat.calls > 0 && !sings, Event::Call(me)),
                (dials && !calls, Event::Dial(me)),
                (calls, Event::Deliver(me)),
                (calls && self.losses > 0, Event::Lose(me)),
                (seat.enlists, Event::Enlist(me)),
                (self.restarts > 0 && !starts && !sings, Event::Restart(me)),
            ];
            let possible = possible.into_iter();
            events.extend(possible.filter_map(|(is_possible, event)| is_possible.then_some(event)));
        }
        events
    }

    fn happen(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Call(me) => {
                self.seat(me).calls -= 1;
                self.call(me)?;
            }
            Event::Dial(me) if self.wiring.next[me].is_none() => {
                self.seat(me).said.insert(Said::Waits);
            }
            Event::Dial(me) => self.seat(me).flight = self.seats[me].slot.clone(),
            Event::Deliver(me) => self.deliver(me, true)?,
            Event::Lose(me) => {
                self.losses -= 1;
                self.deliver(me, false)?;
            }
            Event::Enlist(me) => self.enlist(me)?,
            Event::Restart(me) => {
                self.restarts -= 1;
                self.restart(me);
            }
        }
        self.is_so()
    }

    /// Checks a state in which nothing moves. Each buddy that can sing without a second call does.
    /// When those without a song have called again, all that was promised is true.
    fn check(&self, _: u64) -> Result<(), Broken> {
        if !self.events().iter().all(Event::is_fault) {
            return Ok(());
        }
        let is_silent = |leader: &&usize| self.seats[**leader].song.is_none();
        if let Some(leader) = self.promise.at_once.iter().find(is_silent) {
            return Err(format!("the call of {leader} got lost"));
        }
        let mut world = self.clone();
        let buddies = 0..world.seats.len();
        // Twice, because the first time the others may not be singing yet.
        for me in buddies.clone().chain(buddies) {
            if world.seats[me].song.is_none() {
                world.call(me)?;
                world.rest()?;
            }
        }
        let songs = Vec::from_iter(world.seats.iter().map(|seat| seat.song));
        if songs != self.promise.songs {
            return Err(format!("in the end they sing in the songs of {songs:?}"));
        }
        let is_unsaid = |(me, said): &&(usize, Said)| !world.seats[*me].said.contains(said);
        match self.promise.must.iter().find(is_unsaid) {
            Some((me, said)) => Err(format!("{me} never says {said:?}")),
            None => Ok(()),
        }
    }
}

impl RollCallWorld {
    fn seat(&mut self, me: usize) -> &mut Seat {
        Rc::make_mut(&mut self.seats[me])
    }

    fn call(&mut self, me: usize) -> Result<(), Broken> {
        let step = self.seat(me).roll_call.call();
        self.step(me, step)
    }

    fn deliver(&mut self, me: usize, is_answered: bool) -> Result<(), Broken> {
        let (Some(to), Some(call)) = (self.wiring.next[me], self.seat(me).flight.take()) else {
            return Ok(());
        };
        let mut reply = RollCallReply::Busy;
        if self.seats[to].song.is_none() {
            let heard = self.seat(to).roll_call.hear(call.clone(), FROM);
            reply = heard.0;
            self.step(to, heard.1)?;
        }
        if is_answered {
            let seat = self.seat(me);
            seat.slot.take_if(|newest| *newest == call);
            match reply {
                RollCallReply::Busy => _ = seat.said.insert(Said::Busy),
                RollCallReply::Looped => _ = seat.said.insert(Said::Looped),
                RollCallReply::Heard => {}
            }
        }
        Ok(())
    }

    fn step(&mut self, me: usize, step: Step) -> Result<(), Broken> {
        match step {
            Step::Send(call) => self.seat(me).slot = Some(call),
            Step::Closed(_, roll) => {
                self.seat(me).song = Some(me);
                self.seat(me).enlists = roll.len() > 1;
                if numbers(&roll) != self.ring(me) {
                    return Err(format!("the roll {roll:?} of {me} is not its ring"));
                }
            }
            Step::Misses(ring) => _ = self.seat(me).said.insert(Said::Misses(numbers(&ring))),
            Step::Nothing => {}
        }
        Ok(())
    }

    fn enlist(&mut self, me: usize) -> Result<(), Broken> {
        self.seat(me).enlists = false;
        let (Some(starter), Some(to)) = (self.seats[me].song, self.wiring.next[me]) else {
            return Ok(());
        };
        let ring = self.ring(starter);
        let place = ring.iter().position(|b| *b == to).unwrap_or(usize::MAX);
        let address = |b: &usize| Addresses::from(&*b.to_string());
        let roll = Vec::from_iter(ring.iter().map(address));
        let id = starter as Incarnation + 1;
        let seat = self.seat(to);
        if seat.song.is_none() {
            if !seat.roll_call.believes(id, &roll, place as Place) {
                return Err(format!("{to} does not believe the true roll of {starter}"));
            }
            seat.song = Some(starter);
            seat.enlists = true;
            if seat.roll_call.mine().is_some() {
                seat.said.insert(Said::Ignored(starter));
            }
        }
        if seat.song != Some(starter) {
            return Err(format!("two songs on one loop, one of {starter}"));
        }
        Ok(())
    }

    fn restart(&mut self, me: usize) {
        for from in 0..self.seats.len() {
            if self.wiring.next[from] == Some(me) {
                self.seat(from).flight = None;
            }
        }
        self.seats[me] = Seat::new(self.wiring.next[me], None, 0);
    }

    /// Returns the buddies from `me` on, each once.
    fn ring(&self, me: usize) -> Vec<usize> {
        let next = |at: &usize| self.wiring.next[*at].filter(|next| *next != me);
        let ring = std::iter::successors(Some(me), next);
        ring.take(self.seats.len()).collect()
    }

    /// Checks that each buddy sings only in its song, and has said only what is so.
    fn is_so(&self) -> Result<(), Broken> {
        for (me, seat) in self.seats.iter().enumerate() {
            if seat.song.is_some() && seat.song != self.promise.songs[me] {
                return Err(format!("{me} sings the song of {:?}", seat.song));
            }
            for said in &seat.said {
                let said = (me, said.clone());
                if !self.promise.must.contains(&said) && !self.promise.may.contains(&said) {
                    return Err(format!("{me} says what is not so: {:?}", said.1));
                }
            }
        }
        Ok(())
    }

    /// Lets things happen until nothing moves.
    fn rest(&mut self) -> Result<(), Broken> {
        /// More than a call, a call in answer to it, and the roll take: a lap each.
        const MOST: usize = 100;
        for _ in 0..MOST {
            match self.events().into_iter().find(|event| !event.is_fault()) {
                Some(event) => self.happen(event)?,
                None => return Ok(()),
            }
        }
        Err("it goes on for ever".into())
    }
}

/// Returns the buddies at these addresses. The address where no buddy is gets a number of its own.
fn numbers(roll: &[Addresses]) -> Vec<usize> {
    let number = |it: &Addresses| it.first().parse().unwrap_or(usize::MAX);
    roll.iter().map(number).collect()
}
