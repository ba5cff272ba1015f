//! A buddy that waits for the song to begin. PURE.
//!
//! It sends on what the [`RollCall`] says, and tells the person what it waits for. A wrong `--next`
//! cannot be told from a buddy that is not started yet, so only the person can mend it.

use std::time::Duration;

use common::buddy::{RollCallReply, Song};
use common::net::doctor::{Error, Trouble};

use crate::config::{Config, millis};
use crate::effect::{Cause, Effect, End, Job, Report, Retry, Target};
use crate::roll_call::{Call, RollCall, Step};

/// Most addresses shown of a loop without its starter, because a roll may have thousands.
const MAX_SHOWN: usize = 10;

/// Most letters shown of an address. Others put it on the roll, so it may have any length.
const MAX_LETTERS: usize = 60;

/// How long a next may be missing before the person is told. A person who starts three programs by
/// hand needs a moment.
const MISSING_NOTICE: Duration = Duration::from_millis(1500);

/// The call with which a starter says that none has come back yet: six seconds after the first.
const LATE: u32 = 3;

/// Most notices of one roll call. A person reads a dozen; what others send could make more.
const MAX_TOLD: usize = 64;

/// What a buddy without a roll knows.
pub(crate) struct Waiting {
    roll_call: RollCall,
    next: String,
    /// how often this buddy has called the roll
    calls: u32,
    missing_since: Option<Duration>,
    last_error: Option<Error>,
    /// every notice so far, so that each is printed once
    told: Vec<String>,
}

impl Waiting {
    /// A buddy that has heard nothing yet.
    pub(crate) fn new(config: &Config) -> Self {
        let mine = config.bottles.map(|bottles| Song {
            id: config.incarnation,
            bottles,
            tempo_ms: millis(config.tempo),
        });
        Self {
            roll_call: RollCall::new(&config.next, mine),
            next: config.next.clone(),
            calls: 0,
            missing_since: None,
            last_error: None,
            told: Vec::new(),
        }
    }

    /// Calls the roll, or calls it again, if this buddy is a starter.
    pub(crate) fn call(&mut self, out: &mut Vec<Effect>) {
        let step = self.roll_call.call();
        self.calls += 1;
        if self.calls == LATE && step != Step::Nothing {
            let text = "the roll-call has not come back yet: some buddy waits for its next and \
                        says so, or the last buddy's --next is not this one";
            out.push(Effect::Tell(text.into()));
        }
        self.step(step, out);
    }

    /// Hears a roll call. Returns the song and its roll as well, once the roll is closed.
    pub(crate) fn hear(
        &mut self,
        call: Call,
        out: &mut Vec<Effect>,
    ) -> (RollCallReply, Option<(Song, Vec<String>)>) {
        let (reply, step) = self.roll_call.hear(call);
        let roll = self.step(step, out);
        (reply, self.roll_call.mine().zip(roll))
    }

    fn step(&mut self, step: Step, out: &mut Vec<Effect>) -> Option<Vec<String>> {
        match step {
            Step::Send(call) => out.push(Effect::Send(Target::Next, Job::RollCall(call))),
            Step::Closed(roll) => return Some(roll),
            Step::Misses(ring) => self.tell_once(misses(&ring), out),
            Step::Nothing => {}
        }
        None
    }

    /// Gives up its own song for `song`, which has reached this buddy first.
    pub(crate) fn give_in(&self, song: Song, roll: &[String], out: &mut Vec<Effect>) {
        if let Some(mine) = self.roll_call.mine() {
            let starter = roll.first().map_or("another buddy", String::as_str);
            out.push(Effect::Tell(format!(
                "--bottles {} is ignored: {} has started a song with {}",
                mine.bottles,
                starter.escape_debug(),
                song.bottles
            )));
        }
    }

    /// Learns what became of the roll call.
    pub(crate) fn reported(
        &mut self,
        report: Report,
        now: Duration,
        out: &mut Vec<Effect>,
    ) -> Retry {
        let (cause, retry) = match report {
            Report::Called(reply) => {
                self.answered(reply, now, out);
                return Retry::No;
            }
            Report::Answered(_) => return Retry::No,
            Report::Waited => return Retry::Soon,
            Report::Refused(cause) => (cause, Retry::Soon),
            Report::Silent(cause) => (cause, Retry::AtBeat),
        };
        if let Cause::Dial(error) = cause {
            self.missing(error, now, out);
        }
        retry
    }

    fn answered(&mut self, reply: RollCallReply, now: Duration, out: &mut Vec<Effect>) {
        let next = self.next.clone();
        self.last_error = None;
        if self
            .missing_since
            .take()
            .is_some_and(|since| is_long(since, now))
        {
            self.tell_once(format!("{next} answers"), out);
        }
        let text = match reply {
            RollCallReply::Heard => return,
            RollCallReply::Busy => {
                format!("{next} is in the middle of a song: waiting to be taken in")
            }
            RollCallReply::Looped => format!(
                "the roll-call came to {next} a second time: the ring misses its starter; \
                 --next {next} may be wrong"
            ),
        };
        self.tell_once(text, out);
    }

    fn missing(&mut self, error: Error, now: Duration, out: &mut Vec<Effect>) {
        let since = *self.missing_since.get_or_insert(now);
        if error.is_permanent() {
            out.push(Effect::Ended);
        } else if error.trouble != Trouble::Refused || is_long(since, now) {
            // Told at once unless the port is closed, because only a closed port mends itself.
            let lines = [format!("waiting for the next buddy: {error}")];
            let text: Vec<_> = lines.into_iter().chain(error.help()).collect();
            self.tell_once(text.join("\nhelp: "), out);
        }
        self.last_error = Some(error);
    }

    fn tell_once(&mut self, text: String, out: &mut Vec<Effect>) {
        if self.told.len() < MAX_TOLD && !self.told.contains(&text) {
            self.told.push(text.clone());
            out.push(Effect::Tell(text));
        }
    }

    /// Returns how this buddy ended, if it was not told to leave.
    pub(crate) fn end(&mut self) -> End {
        match self.last_error.take() {
            Some(error) if error.is_permanent() => End::Hopeless(error),
            error => End::NoSong(error),
        }
    }
}

fn is_long(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= MISSING_NOTICE
}

fn misses(ring: &[String]) -> String {
    let letters = |addr: &String| addr.chars().take(MAX_LETTERS).collect::<String>() + " -> ";
    let shown: String = ring.iter().take(MAX_SHOWN).map(letters).collect();
    let more = match ring.len().saturating_sub(MAX_SHOWN) {
        0 => String::new(),
        n => format!("({n} more) -> "),
    };
    format!(
        "the ring misses its starter: {}{more}and round again; \
         one --next among these must lead to the starter",
        shown.escape_debug()
    )
}
