//! A buddy in the song. PURE.
//!
//! It hands each event to the [`Ring`] and turns what the ring says into [effects](Effect). Around
//! the ring it keeps what the ring does not need: names, notices, counts, and suspicions. Which
//! calls show that a buddy is gone is in `singing/suspect.rs`.

mod look;
mod note;
mod suspect;

use std::collections::BTreeMap;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use common::buddy::{
    Addresses, Caller, Incarnation, Mark, Place, Progress, Reply, Song, Take, Tally,
};

use crate::config::{Config, millis};
use crate::effect::{Effect, End, Job, Target, Way};
use crate::failure_detector::{Suspicion, Watchdog, beats_of_lap};
use crate::ledger::Ledger;
use crate::reach::Reach;
use crate::ring::{Input, Output, Request, Ring};
use crate::song::add_verse;
use crate::stall::{STALL, Stall};

/// The bytes of a line: a name of the usual length, a verse with the largest number, a newline. A
/// longer one grows once.
const LINE: usize = 160;

/// One buddy's part in a song.
pub(crate) struct Singing {
    song: Song,
    roll: Arc<[Addresses]>,
    name: String,
    /// where this buddy listens
    port: u16,
    incarnation: Incarnation,
    /// whether there is a journal
    is_noted: bool,
    ring: Ring,
    /// empty, except while it is worked through
    todo: Vec<Output>,
    suspicions: BTreeMap<Place, Suspicion>,
    reach: Reach,
    watchdog: Watchdog,
    ledger: Ledger,
    beats: u32,
    /// the time between heartbeats
    pub(crate) beat: Duration,
    /// the heartbeats of one lap without verses
    lap: u64,
    /// the last buddy tried was gone, so the one after it may be too
    hasty: bool,
    /// the shell prints a verse this moment
    performing: bool,
    home: bool,
    stall: Stall,
    farewell: Farewell,
    /// a next that was found restarted, and so has lost its tally
    restarted: Option<Place>,
    /// told to leave: begins no verse any more
    pub(crate) leaving: bool,
}

impl Singing {
    /// A buddy that has just got the roll, with place `me` on it.
    pub(crate) fn new(
        config: &Config,
        song: Song,
        roll: Vec<Addresses>,
        me: Place,
        progress: Progress,
    ) -> Self {
        // It always fits, because MAX_BUDDIES bounds the roll.
        let size = Place::try_from(roll.len()).unwrap_or(Place::MAX);
        let name = config.name.clone();
        let beat = config.beat(song.round_trip_ms);
        let hop_ms = |tempo_ms: u64| tempo_ms.saturating_add(song.round_trip_ms);
        // The own tempo counts as well, because a buddy may be slower than the starter on purpose.
        let slowest_ms = song.tempo_ms.max(millis(config.tempo));
        let lap = beats_of_lap(size, hop_ms(slowest_ms), millis(beat));
        let stall = (millis(STALL) / millis(beat).max(1)).saturating_add(lap);
        Self {
            song,
            name: name.unwrap_or_else(|| format!("Buddy {}", me + 1)),
            port: config.listen.port(),
            incarnation: config.incarnation,
            is_noted: config.is_noted,
            ring: Ring::new(size, song.id, me, config.incarnation, progress),
            todo: Vec::new(),
            suspicions: BTreeMap::new(),
            reach: Reach::default(),
            watchdog: Watchdog::new(size, me, hop_ms(song.tempo_ms), millis(beat)),
            ledger: Ledger::default(),
            beats: 0,
            lap: beats_of_lap(size, song.round_trip_ms, millis(beat)),
            beat,
            hasty: false,
            performing: false,
            home: false,
            stall: Stall::new(stall, progress.mark),
            farewell: Farewell::Unsaid,
            restarted: None,
            leaving: false,
            roll: roll.into(),
        }
    }

    /// Whether others would have to repeat something, if this buddy left now.
    pub(crate) fn is_busy(&self) -> bool {
        self.performing || self.ring.is_unheard()
    }

    /// Returns how to call the buddy at `place`.
    pub(crate) fn way(&self, place: Place) -> Way {
        Way {
            song: self.song.id,
            by: Caller {
                place: self.ring.me(),
                port: self.port,
            },
            to: place,
            addresses: self.reach.addresses(place, &self.roll),
            is_next: self.ring.gap(place) == 0,
        }
    }

    /// Learns that `by` has called from the machine `from`.
    pub(crate) fn saw(&mut self, by: Caller, from: IpAddr) {
        self.reach.saw(by, from, &self.roll);
    }

    /// Hears a request for the buddy at place `to` in `song`. `tally` is what came with a pass.
    pub(crate) fn hear(
        &mut self,
        (song, to): (Incarnation, Place),
        request: Request,
        tally: Tally,
        out: &mut Vec<Effect>,
    ) -> Reply {
        if song != self.song.id || to != self.ring.me() {
            return Reply::Wrong;
        }
        if let Request::Pass(_, progress) = request
            && progress.at > self.ring.at()
        {
            self.ledger.heard(progress, tally);
        }
        self.event(Input::Called(request), out);
        Reply::Here(self.ring.mark())
    }

    /// Feels a heartbeat of its own.
    pub(crate) fn beat(&mut self, out: &mut Vec<Effect>) {
        self.beats = self.beats.wrapping_add(1);
        let quiet = self.watchdog.beat();
        self.event(Input::Beat(self.beats), out);
        if quiet {
            self.event(Input::Quiet, out);
        }
        if self.ring.at().take != Take::default() {
            self.look_ahead(out);
        }
        self.look_for_a_stall(out);
    }

    /// Hears that the buddy at `by` leaves, and takes over its tally.
    pub(crate) fn farewell(
        &mut self,
        (song, to): (Incarnation, Place),
        by: Place,
        tally: Tally,
    ) -> Reply {
        if song != self.song.id || to != self.ring.me() || by >= self.size() {
            return Reply::Wrong;
        }
        self.ledger.inherit(by, tally);
        Reply::Here(self.ring.mark())
    }

    /// Returns whether its next has got its tally, or cannot get it. Sends it otherwise.
    pub(crate) fn has_said_farewell(&mut self, out: &mut Vec<Effect>) -> bool {
        let next = self.ring.next();
        if self.farewell == Farewell::Unsaid && next != self.ring.me() {
            self.farewell = Farewell::Sent;
            let job = Job::Farewell(self.ledger.mine);
            out.push(Effect::Send(Target::Place(next), job));
        }
        self.farewell == Farewell::Done || next == self.ring.me()
    }

    /// Learns that its verse was sung to the end.
    pub(crate) fn sung(&mut self, out: &mut Vec<Effect>) {
        self.performing = false;
        self.ledger.did(Tally {
            sung: 1,
            ..Tally::default()
        });
        self.event(Input::Sung, out);
    }

    fn who(&self, place: Place) -> String {
        let address = self.roll.get(place as usize).map_or("?", Addresses::first);
        format!("Buddy {} at {}", place + 1, address.escape_debug())
    }

    fn size(&self) -> Place {
        // It always fits, because MAX_BUDDIES bounds the roll.
        Place::try_from(self.roll.len()).unwrap_or(Place::MAX)
    }

    /// Hands one input to the ring, and takes notice of what changed by it.
    pub(crate) fn event(&mut self, input: Input, out: &mut Vec<Effect>) {
        let before = self.ring.before();
        let mut todo = mem::take(&mut self.todo);
        self.ring.handle_into(input, &mut todo);
        if self.is_noted {
            self.note(&input, before, out);
        }
        if self.ring.at() != before.progress.at {
            self.watchdog.clear();
        }
        let take = self.ring.at().take;
        let took_up =
            take != before.progress.at.take && take.number > 1 && take.by == self.incarnation;
        if took_up && self.ring.mark() < Mark::Over {
            self.ledger.did(Tally {
                resumed: 1,
                ..Tally::default()
            });
        }
        if let Input::Answered(by, request, reply) = input {
            self.hasty &= by != self.ring.next();
            self.count_lives((by, before.next), request, reply);
        }
        if self.ring.gap(self.ring.next()) < self.ring.gap(before.next) {
            self.tell_who_is_back(out);
        }
        for output in todo.drain(..) {
            self.carry_out(output, out);
        }
        self.todo = todo;
    }

    fn carry_out(&mut self, output: Output, out: &mut Vec<Effect>) {
        match output {
            Output::Call(place, request) => {
                // It takes the place of a farewell, which is then said again.
                if self.farewell == Farewell::Sent && matches!(request, Request::Pass(..)) {
                    self.farewell = Farewell::Unsaid;
                }
                if self.is_noted {
                    self.note_call(place, request, out);
                }
                let job = self.job(request);
                out.push(Effect::Send(Target::Place(place), job));
            }
            // Left to the others, because they sing it as soon as they find this buddy gone.
            Output::Sing(_) if self.leaving => {}
            Output::Sing(left) => {
                self.performing = true;
                let mut line = String::with_capacity(LINE);
                line.extend([&self.name, ": "]);
                add_verse(&mut line, left, self.song.bottles);
                out.push(Effect::Sing(left, line));
            }
            Output::Leave => {
                self.home = true;
                out.push(Effect::Ended);
            }
        }
    }

    fn job(&mut self, request: Request) -> Job {
        match request {
            Request::Ping => Job::Ping,
            Request::Pass(token, progress) => {
                Job::Pass(token, progress, self.ledger.send(progress))
            }
            Request::Enlist(progress) => Job::Enlist(self.song, self.roll.clone(), progress),
        }
    }

    /// Returns how this buddy ended.
    pub(crate) fn end(&self, time: Duration) -> End {
        if !self.home {
            return End::Left;
        }
        let take = self.ring.at().take;
        let is_starter = self.incarnation == self.song.id;
        let summary = is_starter.then(|| {
            self.ledger
                .summary(take, self.song.bottles, self.roll.len(), time)
        });
        End::Home(summary)
    }
}

/// How far this buddy is with its good-bye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    Unsaid,
    Sent,
    Done,
}
