//! A buddy that waits for the song to begin. PURE.
//!
//! It sends on what the [`RollCall`] says, and tells the person what it waits for. A wrong `--next`
//! cannot be told from a buddy that is not started yet, so only the person can mend it. What it
//! does between the roll call and the song is in `waiting/called.rs`.

mod called;

use std::net::IpAddr;
use std::time::Duration;

use common::buddy::{Addresses, Incarnation, Mark, Place, Progress, RollCallReply, Song};
use common::journal::Event;
use common::net::doctor::{Error, Trouble};

use crate::config::{Config, millis};
use crate::effect::{Cause, Effect, End, Job, Report, Retry, Target};
use crate::roll_call::{Call, RollCall, Step};

/// How long a buddy that was called to a ring looks for one that answers. A starter that lives
/// calls again at least once in a minute, and a person who starts one anew needs a moment.
pub(crate) const DESERTED: Duration = Duration::from_secs(180);

/// Most addresses shown of a loop without its starter, because a roll may have thousands.
const MAX_SHOWN: usize = 10;

/// Most letters shown of an address. Others put it on the roll, so it may be long.
const MAX_LETTERS: usize = 60;

/// How long a next may be missing before the person is told. A person who starts three programs by
/// hand needs a moment.
const MISSING_NOTICE: Duration = Duration::from_millis(1500);

/// The roll is called again after this long, and then after twice as long each time.
pub(crate) const FIRST_RECALL: Duration = Duration::from_secs(2);

/// The call with which a starter says that none has come back yet: six seconds after the first.
const LATE: u32 = 3;

/// Most notices about the own next. A person reads a dozen.
const MAX_TOLD: usize = 64;

/// Most notices that only repeat what a caller says. An honest ring needs one or two. A stranger
/// can make any number of them, so they take no room from the notices about the own next.
const MAX_FROM_OTHERS: usize = 3;

/// What a buddy without a roll knows.
pub(crate) struct Waiting {
    roll_call: RollCall,
    next: String,
    is_noted: bool,
    /// how often this buddy has called the roll
    calls: u32,
    /// the time between heartbeats
    beat: Duration,
    /// heartbeats since the last roll call, or since the beginning
    beats: u32,
    /// the last roll call of another buddy
    called: Option<Called>,
    /// heartbeats since next has answered, if it has
    unanswered: Option<u32>,
    /// next sings, and this buddy does not
    left_out: bool,
    /// why it gives up
    end: Option<End>,
    missing_since: Option<Duration>,
    last_error: Option<Error>,
    /// every notice about the own next so far, so that each is printed once
    told: Vec<String>,
    /// every notice so far of what callers say
    told_by_others: Vec<String>,
}

/// What a buddy knows of the ring that it was called to.
#[derive(Clone, Copy, Debug)]
struct Called {
    song: Incarnation,
    /// the place of next on the roll
    next: Place,
    /// when the starter is to call again
    again: Duration,
}

impl Waiting {
    /// A buddy that has heard nothing yet.
    pub(crate) fn new(config: &Config) -> Self {
        let mine = config.bottles.map(|bottles| Song {
            id: config.incarnation,
            bottles,
            tempo_ms: millis(config.tempo),
            round_trip_ms: 0,
        });
        Self {
            roll_call: RollCall::new(&*config.next, config.own(), mine),
            next: config.next.clone(),
            is_noted: config.is_noted,
            calls: 0,
            beat: config.beat(0),
            beats: 0,
            called: None,
            unanswered: None,
            left_out: false,
            end: None,
            missing_since: None,
            last_error: None,
            told: Vec::new(),
            told_by_others: Vec::new(),
        }
    }

    /// Calls the roll, or calls it again, if this buddy is a starter.
    pub(crate) fn call(&mut self, out: &mut Vec<Effect>) {
        let step = self.roll_call.call();
        self.calls += 1;
        if self.calls == LATE && step != Step::Nothing {
            let text = "the roll call has not come back yet: some buddy waits for its next and \
                        says so, or the last buddy's --next is not this one";
            out.push(Effect::Tell(text.into()));
        }
        if let Step::Send(call) = step {
            self.send(call, out);
        }
    }

    fn send(&self, call: Call, out: &mut Vec<Effect>) {
        let (id, next) = (call.name(), self.next.clone());
        let note = Effect::note(Event::Call { id, next });
        out.extend(self.is_noted.then_some(note));
        out.push(Effect::Send(Target::Next, Job::RollCall(call)));
    }

    /// Hears a roll call from the machine `from`. Returns the song and its roll as well, once the
    /// roll is closed.
    pub(crate) fn hear(
        &mut self,
        call: Call,
        from: IpAddr,
        out: &mut Vec<Effect>,
    ) -> (RollCallReply, Option<(Song, Vec<Addresses>)>) {
        let (reply, step) = self.roll_call.hear(call, from);
        match step {
            Step::Send(call) => {
                if self
                    .roll_call
                    .mine()
                    .is_none_or(|mine| mine.id != call.song.id)
                {
                    self.called(&call);
                }
                self.send(call, out);
            }
            Step::Closed(song, roll) => return (reply, Some((song, roll))),
            Step::Misses(ring) => self.tell_of_others(misses(&ring), from, out),
            Step::Nothing => {}
        }
        (reply, None)
    }

    /// Whether this buddy sings along in `song`, whose closed `roll` the machine `from` has sent to
    /// the buddy at place `to`. It gives up its own song for it, because that one was closed first.
    pub(crate) fn gives_in(
        &mut self,
        (song, progress): (Song, Progress),
        roll: &[Addresses],
        to: Place,
        from: IpAddr,
        out: &mut Vec<Effect>,
    ) -> bool {
        let is_in_song = !matches!(progress.mark, Mark::Left(left) if left > song.bottles);
        if !song.is_within_bounds() || !is_in_song {
            return false;
        }
        if !self.roll_call.believes(song.id, roll, to) {
            let next = &self.next;
            let text = format!(
                "not singing along in a song whose roll does not fit: {next} must come after this \
                 buddy, at its place in the roll call; if this buddy was restarted, give it the \
                 --next that it had before"
            );
            self.tell_of_others(text, from, out);
            return false;
        }
        if let Some(mine) = self.roll_call.mine() {
            let starter = roll.first().map_or("another buddy", Addresses::first);
            out.push(Effect::Tell(format!(
                "--bottles {} is ignored: {} has started a song with {}",
                mine.bottles,
                starter.escape_debug(),
                song.bottles
            )));
        }
        true
    }

    /// Learns what became of the roll call in `job`.
    pub(crate) fn reported(
        &mut self,
        job: &Job,
        report: Report,
        now: Duration,
        out: &mut Vec<Effect>,
    ) -> Retry {
        if matches!(job, Job::Peek(..)) {
            self.peeked(report, now, out);
            return Retry::No;
        }
        let (cause, retry) = match report {
            Report::Called(reply) => {
                self.unanswered = Some(0);
                let is_rival =
                    |mine: Song| matches!(job, Job::RollCall(it) if it.song.id != mine.id);
                let knows_better = self.roll_call.mine().is_some_and(is_rival);
                self.answered(reply, knows_better, now, out);
                return Retry::No;
            }
            Report::Answered(_) | Report::Pulse(_) => return Retry::No,
            Report::Waited => return Retry::Soon,
            Report::Refused(cause) => (cause, Retry::Soon),
            Report::Silent(cause) => (cause, Retry::AtBeat),
        };
        if let Cause::Dial(error) = cause {
            self.missing(error, now, out);
        }
        retry
    }

    fn answered(
        &mut self,
        reply: RollCallReply,
        knows_better: bool,
        now: Duration,
        out: &mut Vec<Effect>,
    ) {
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
            // This starter is in the loop that is said to have none.
            RollCallReply::Looped if knows_better => return,
            RollCallReply::Busy => {
                format!("{next} is in the middle of a song: waiting to be taken in")
            }
            RollCallReply::Looped => format!(
                "the roll call came to {next} a second time: the ring misses its starter; \
                 --next {next} may be wrong"
            ),
        };
        self.tell_once(text, out);
    }

    fn missing(&mut self, error: Error, now: Duration, out: &mut Vec<Effect>) {
        let since = *self.missing_since.get_or_insert(now);
        if is_hopeless(&error) {
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

    /// Tells what a caller says, with its address, so that a person can judge it.
    fn tell_of_others(&mut self, text: String, from: IpAddr, out: &mut Vec<Effect>) {
        let is_new = !self.told_by_others.contains(&text);
        if self.told_by_others.len() < MAX_FROM_OTHERS && is_new {
            out.push(Effect::Tell(format!("{text} (called by {from})")));
            self.told_by_others.push(text);
        }
    }

    /// Returns how this buddy ended, if it was not told to leave.
    pub(crate) fn end(&mut self) -> End {
        if let Some(end) = self.end.take() {
            return end;
        }
        match self.last_error.take() {
            Some(error) if is_hopeless(&error) => End::Hopeless(error),
            error => End::NoSong(error),
        }
    }
}

/// Returns whether it is useless to wait. A next with another key is waited for, because its owner
/// may mend that, and would have to start this buddy again as well otherwise.
fn is_hopeless(error: &Error) -> bool {
    error.is_permanent() && !error.is_mended_there()
}

fn is_long(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= MISSING_NOTICE
}

fn misses(ring: &[Addresses]) -> String {
    let letters =
        |addr: &Addresses| addr.first().chars().take(MAX_LETTERS).collect::<String>() + " -> ";
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
