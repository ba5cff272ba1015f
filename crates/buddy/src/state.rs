//! One buddy from its first call to its last. PURE: it returns [effects](Effect), and is told the
//! time.
//!
//! A buddy is in one of two phases: it waits for the roll (`waiting.rs`), or it is in the song
//! (`singing.rs`). This file decides what is the same in both: which calls are answered, how a
//! buddy leaves early, and how it ends.
//!
//! # Leaving early
//! A buddy that is told to leave begins no verse any more. It finishes the verse that it sings,
//! passes the song on, waits until that pass was answered, and hands its tally to its next. Only
//! then does it end, and from that moment it hears nothing. So nothing is sung twice, nothing is
//! left out, and all is counted.

use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use common::buddy::{
    Addresses, Caller, Incarnation, MAX_BUDDIES, Mark, Place, Progress, Pulse, Reply,
    RollCallReply, Song, Stamp, Tally,
};
use common::journal::Event;

use crate::config::Config;
use crate::effect::{Effect, End, Job, Report, Retry, Target, Way};
use crate::ring::{Input, Request};
use crate::roll_call::Call;
use crate::singing::Singing;
use crate::waiting::Waiting;

/// Everything that one buddy knows.
pub struct State {
    config: Config,
    phase: Phase,
    effects: Vec<Effect>,
    /// told to leave
    leaving: bool,
    /// left early: answers no call any more
    draining: bool,
}

enum Phase {
    Waiting(Box<Waiting>),
    Singing(Box<Singing>),
}

impl State {
    /// A buddy that has just started.
    pub fn new(config: Config) -> Self {
        Self {
            phase: Phase::Waiting(Box::new(Waiting::new(&config))),
            effects: Vec::new(),
            leaving: false,
            draining: false,
            config,
        }
    }

    /// Moves everything that is to be done by now into `todo`, which must be empty. Swaps the two
    /// vectors, so that no verse costs an allocation.
    pub fn take_effects(&mut self, todo: &mut Vec<Effect>) {
        if self.leaving && !self.draining {
            self.look_whether_it_may_leave();
        }
        mem::swap(&mut self.effects, todo);
    }

    /// Leaves if nothing would have to be repeated. Not a part of its caller, because a verse would
    /// touch its stack.
    #[cold]
    #[inline(never)]
    fn look_whether_it_may_leave(&mut self) {
        let out = &mut self.effects;
        self.draining = match &mut self.phase {
            Phase::Waiting(_) => true,
            Phase::Singing(singing) => !singing.is_busy() && singing.has_said_farewell(out),
        };
        if self.draining {
            out.push(Effect::Ended);
        }
    }

    /// Hears a roll call from the machine `from`.
    pub fn roll_call(&mut self, call: Call, from: IpAddr) -> RollCallReply {
        let Phase::Waiting(waiting) = &mut self.phase else {
            return RollCallReply::Busy;
        };
        if self.config.is_noted {
            let id = call.name();
            self.effects.push(Effect::note(Event::Called { id }));
        }
        let (reply, closed) = waiting.hear(call, from, &mut self.effects);
        if let Some((song, roll)) = closed {
            let progress = Progress {
                at: Stamp::default(),
                mark: Mark::Left(song.bottles),
            };
            self.begin(song, roll, 0, progress);
        }
        reply
    }

    /// Hears from the machine `from` the closed roll of `song`, on which this buddy has place `to`.
    /// A waiting buddy believes it only if it [fits](crate::roll_call).
    pub fn enlist(
        &mut self,
        song: Song,
        roll: Vec<Addresses>,
        to: Place,
        progress: Progress,
        from: IpAddr,
    ) -> Reply {
        let fits = (1..=MAX_BUDDIES).contains(&roll.len()) && (to as usize) < roll.len();
        match &mut self.phase {
            _ if self.draining || !fits => Reply::Wrong,
            Phase::Singing(_) => {
                self.hear(song.id, to, Request::Enlist(progress), Tally::default())
            }
            Phase::Waiting(waiting) => {
                if !waiting.gives_in((song, progress), &roll, to, from, &mut self.effects) {
                    return Reply::Wrong;
                }
                self.begin(song, roll, to, progress);
                Reply::Here(progress.mark)
            }
        }
    }

    /// Hears a request for the buddy at place `to` in `song`. `tally` is what came with a pass.
    pub fn hear(&mut self, song: Incarnation, to: Place, request: Request, tally: Tally) -> Reply {
        match &mut self.phase {
            Phase::Waiting(_) => Reply::Stranger,
            Phase::Singing(_) if self.draining => Reply::Wrong,
            Phase::Singing(singing) => singing.hear((song, to), request, tally, &mut self.effects),
        }
    }

    /// Hears that the buddy at `by` leaves, and takes over its tally.
    pub fn farewell(&mut self, (song, to): (Incarnation, Place), by: Place, tally: Tally) -> Reply {
        match &mut self.phase {
            Phase::Waiting(_) => Reply::Stranger,
            Phase::Singing(_) if self.draining => Reply::Wrong,
            Phase::Singing(singing) => singing.farewell((song, to), by, tally),
        }
    }

    /// Learns what became of `job`, and returns what is to be done with it.
    pub fn reported(&mut self, to: Target, job: &Job, report: Report, now: Duration) -> Retry {
        let out = &mut self.effects;
        match (&mut self.phase, to) {
            (Phase::Waiting(waiting), Target::Next) => waiting.reported(job, report, now, out),
            (Phase::Singing(singing), Target::Place(place)) => {
                singing.reported(place, job, report, out)
            }
            _ => Retry::No,
        }
    }

    /// Calls the roll, or calls it again, if this buddy starts a song.
    pub fn call_the_roll(&mut self) {
        if let Phase::Waiting(waiting) = &mut self.phase {
            waiting.call(&mut self.effects);
        }
    }

    /// Feels a heartbeat.
    pub fn beat(&mut self) {
        match &mut self.phase {
            Phase::Singing(singing) => singing.beat(&mut self.effects),
            Phase::Waiting(waiting) => waiting.beat(&mut self.effects),
        }
    }

    /// Learns that its verse was sung to the end.
    pub fn sung(&mut self) {
        if let Phase::Singing(singing) = &mut self.phase {
            singing.sung(&mut self.effects);
        }
    }

    /// Leaves as soon as nothing would have to be repeated.
    pub fn leave(&mut self) {
        self.leaving = true;
        if let Phase::Singing(singing) = &mut self.phase {
            singing.leaving = true;
        }
    }

    /// Returns how this buddy ended. `time` is how long its song took.
    pub fn end(&mut self, time: Duration) -> End {
        match &mut self.phase {
            Phase::Singing(singing) => singing.end(time),
            Phase::Waiting(_) if self.leaving => End::Left,
            Phase::Waiting(waiting) => waiting.end(),
        }
    }

    /// Hears a ping for the buddy at place `to` in `song` from the machine `from`, and learns where
    /// the caller can be reached.
    pub fn ping(&mut self, song: Incarnation, to: Place, by: Caller, from: IpAddr) -> Pulse {
        let reply = self.hear(song, to, Request::Ping, Tally::default());
        match (&mut self.phase, reply) {
            (Phase::Singing(singing), Reply::Here(_)) => {
                singing.saw(by, from);
                singing.pulse(reply)
            }
            _ => reply.into(),
        }
    }

    /// Returns how to call the buddy at `place`, if it has the roll.
    pub fn way(&self, place: Place) -> Option<Way> {
        match &self.phase {
            Phase::Waiting(_) => None,
            Phase::Singing(singing) => Some(singing.way(place)),
        }
    }

    /// Returns the time between heartbeats, which also limits one try.
    pub fn beat_time(&self) -> Duration {
        match &self.phase {
            Phase::Waiting(_) => self.config.beat(0),
            Phase::Singing(singing) => singing.beat,
        }
    }

    fn begin(&mut self, song: Song, roll: Vec<Addresses>, me: Place, progress: Progress) {
        self.effects.push(Effect::Begun);
        let (typed, patience) = (
            self.config.patience,
            self.config.patience(song.round_trip_ms),
        );
        if patience > typed {
            let far = song.round_trip_ms;
            self.effects.push(Effect::Tell(format!(
                "a call takes up to {far}ms there and back in this ring, so a buddy counts as gone \
                 after {patience:.1?} of silence instead of {typed:.1?}"
            )));
        }
        let mut singing = Box::new(Singing::new(&self.config, song, roll, me, progress));
        singing.event(Input::Enlisted, &mut self.effects);
        self.phase = Phase::Singing(singing);
    }
}
