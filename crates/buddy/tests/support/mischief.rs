//! A stranger who calls whatever the wire format can carry, drawn from bytes: for the tests of
//! whole buddies, and for a fuzz target.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use buddy::Config;
use buddy::effect::{Cause, Effect, Job, Report, Target};
use buddy::ring::Request;
use buddy::roll_call::Call;
use buddy::state::State;
use common::buddy::{
    Addresses, Caller, Incarnation, MAX_BOTTLES, MAX_BUDDIES, MAX_ROUND_TRIP_MS, MAX_TEMPO_MS,
    Mark, Place, Progress, Pulse, Reply, RollCallReply, Song, Stamp, Take, Tally, Token,
};
use input::Input;

#[path = "../../../common/tests/support/input.rs"]
pub(crate) mod input;

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));

/// Most notices that a buddy prints because of what callers say.
pub(crate) const MOST_TOLD: usize = 3;

/// Most effects of one call: a verse, a notice, and a few jobs.
const MOST_EFFECTS: usize = 6;

/// One call of the stranger.
#[derive(Clone, Debug)]
pub(crate) enum Mischief {
    RollCall(Call),
    Enlist(Song, Vec<Addresses>, Place, Progress),
    Request(Incarnation, Place, Request, Tally),
    Ping(Incarnation, Place, Caller),
    Farewell(Incarnation, Place, Place, Tally),
}

impl Mischief {
    /// Draws a call. `names` are the addresses that the stranger puts on rolls.
    pub(crate) fn draw(input: &mut Input<'_>, names: &[String]) -> Self {
        let song = Song {
            id: number(input),
            bottles: number(input),
            tempo_ms: number(input),
            round_trip_ms: number(input) % 5100,
        };
        let is_long = input.byte() == 255;
        let size = input.below(6) * if is_long { 1000 } else { 1 };
        let roll = (0..size).map(|_| (&*names[input.below(names.len())]).into());
        let roll = roll.collect();
        let progress = Progress {
            at: Stamp {
                take: Take {
                    number: number(input),
                    by: number(input),
                },
                hop: number(input),
            },
            mark: mark(input),
        };
        let to = input.below(5) as Place;
        let tally = Tally {
            sung: number(input),
            lost: number(input),
            left: number(input),
            back: number(input),
            resumed: number(input),
        };
        let by = Caller {
            place: number(input) as Place,
            port: number(input) as u16,
        };
        match input.below(6) {
            0 | 1 => Self::RollCall(Call {
                song,
                attempt: number(input) as u32,
                roll,
            }),
            2 => Self::Enlist(song, roll, to, progress),
            3 => Self::Ping(song.id, to, by),
            4 => Self::Farewell(song.id, to, by.place, tally),
            _ => {
                let token = if input.below(2) == 0 {
                    Token::Go
                } else {
                    Token::Ask
                };
                Self::Request(song.id, to, Request::Pass(token, progress), tally)
            }
        }
    }

    /// Returns whether it sends a closed roll on which `next` is after the receiver.
    pub(crate) fn knows(&self, next: &str) -> bool {
        let Self::Enlist(_, roll, to, _) = self else {
            return false;
        };
        let after = roll.get((*to as usize + 1) % roll.len().max(1));
        (*to as usize) < roll.len() && after.is_some_and(|after| after.first() == next)
    }

    /// Returns whether it knows Ann's next, and sends a song that has an end.
    fn may_begin(&self) -> bool {
        matches!(self, Self::Enlist(song, roll, _, progress)
            if self.knows("bob:1")
                && roll.len() <= MAX_BUDDIES
                && song.bottles <= MAX_BOTTLES
                && song.tempo_ms <= MAX_TEMPO_MS
                && song.round_trip_ms <= MAX_ROUND_TRIP_MS
                && progress.mark >= Mark::Left(song.bottles))
    }

    pub(crate) fn happens_to(self, state: &mut State) {
        match self {
            Self::RollCall(call) => _ = state.roll_call(call, STRANGER),
            Self::Enlist(song, roll, to, progress) => {
                state.enlist(song, roll, to, progress, STRANGER);
            }
            Self::Farewell(song, to, by, tally) => _ = state.farewell((song, to), by, tally),
            Self::Ping(song, to, by) => _ = state.ping(song, to, by, STRANGER),
            Self::Request(song, to, request, tally) => {
                state.hear(song, to, request, tally);
            }
        }
    }
}

fn mark(input: &mut Input<'_>) -> Mark {
    match input.below(4) {
        0 => Mark::Over,
        1 => Mark::Home,
        _ => Mark::Left(number(input)),
    }
}

/// The id of Ann's own song. No stranger knows it.
const MINE: Incarnation = 7;

/// Draws a number that is likely to be at an edge. Few enough for calls to meet again.
fn number(input: &mut Input<'_>) -> u64 {
    let edges = [0, 1, 2, 3, 600_000, 1_000_000, 1_000_001, u64::MAX - 1];
    match input.below(10) {
        edge @ 0..8 => edges[edge],
        _ => Some(input.number())
            .filter(|n| *n != MINE)
            .unwrap_or_default(),
    }
}

/// A buddy in Ann's place, whose next is at `bob:1`.
pub(crate) fn ann(bottles: Option<u64>) -> State {
    State::new(Config {
        next: "bob:1".into(),
        listen: ([0, 0, 0, 0], 8030).into(),
        advertise: Vec::new(),
        bottles,
        name: None,
        tempo: Duration::ZERO,
        patience: Duration::from_secs(3),
        wait: None,
        is_noted: false,
        incarnation: MINE,
    })
}

/// Draws what became of a job, as far as the shell lets such a report through.
fn report(job: &Job, input: &mut Input<'_>) -> Report {
    let cause = match input.below(2) {
        0 => Cause::Wrong,
        _ => Cause::Call("the connection broke".into()),
    };
    match (input.below(6), job) {
        (0, _) => Report::Waited,
        (1, _) => Report::Refused(cause),
        (2, _) => Report::Silent(cause),
        (answer, Job::RollCall(_)) => Report::Called(match answer {
            3 => RollCallReply::Heard,
            4 => RollCallReply::Busy,
            _ => RollCallReply::Looped,
        }),
        (answer, Job::Ping | Job::Peek(..)) => Report::Pulse(Pulse {
            reply: match answer {
                3 => Reply::Stranger,
                _ => Reply::Here(mark(input)),
            },
            next: number(input) as Place,
            holder: Some(number(input) as Place),
        }),
        (3, Job::Pass(..)) => Report::Answered(Reply::Stranger),
        _ => Report::Answered(Reply::Here(mark(input))),
    }
}

/// One buddy, and what it has done so far.
struct Ann {
    state: State,
    jobs: Vec<(Target, Job)>,
    has_begun: bool,
    is_singing: bool,
    sung: BTreeSet<String>,
    told: usize,
}

/// Whatever callers and the called say, a buddy does little at each call, begins only a song that
/// fits, sings no verse twice, and tells little of what they say.
pub(crate) fn one_buddy(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let names = ["ann:1", "bob:1", "eve:1"].map(str::to_owned);
    let mut ann = Ann {
        state: ann((input.below(2) == 0).then_some(9)),
        jobs: Vec::new(),
        has_begun: false,
        is_singing: false,
        sung: BTreeSet::new(),
        told: 0,
    };
    let mut now = Duration::ZERO;
    while !input.is_over() {
        let mischief = Mischief::draw(&mut input, &names);
        let mut may_begin = false;
        match input.below(12) {
            0 => ann.state.beat(),
            1 => ann.state.call_the_roll(),
            2 if ann.is_singing => {
                ann.is_singing = false;
                ann.state.sung();
            }
            3 | 4 if !ann.jobs.is_empty() => {
                let (to, job) = ann.jobs.swap_remove(input.below(ann.jobs.len().min(256)));
                now += Duration::from_millis(input.byte().into());
                ann.state.reported(to, &job, report(&job, &mut input), now);
            }
            5 if input.byte() == 255 => ann.state.leave(),
            _ => {
                may_begin = mischief.may_begin();
                mischief.clone().happens_to(&mut ann.state);
            }
        }
        ann.carry_out(&mischief, may_begin);
    }
    assert!(ann.told <= MOST_TOLD);
}

impl Ann {
    fn carry_out(&mut self, mischief: &Mischief, may_begin: bool) {
        let mut effects = Vec::new();
        self.state.take_effects(&mut effects);
        assert!(effects.len() <= MOST_EFFECTS, "{mischief:?}: {effects:?}");
        for effect in effects {
            match effect {
                Effect::Begun => {
                    assert!(may_begin && !self.has_begun, "{mischief:?}");
                    self.has_begun = true;
                    self.jobs.clear();
                }
                Effect::Sing(_, verse) => {
                    assert!(self.has_begun && !self.is_singing, "{mischief:?}");
                    assert!(self.sung.insert(verse), "twice: {mischief:?}");
                    self.is_singing = true;
                }
                Effect::Tell(text) if text.ends_with("(called by 192.0.2.66)") => self.told += 1,
                Effect::Send(to, job) => {
                    match &job {
                        Job::RollCall(call) => {
                            assert!(to == Target::Next && !self.has_begun);
                            assert!(call.roll.len() <= MAX_BUDDIES + 1);
                        }
                        Job::Peek(..) => assert!(to == Target::Next && !self.has_begun),
                        _ => assert!(self.has_begun && matches!(to, Target::Place(_))),
                    }
                    self.jobs.retain(|(other, _)| *other != to);
                    self.jobs.push((to, job));
                }
                Effect::Tell(_) | Effect::Note(_) | Effect::Ended => {}
            }
        }
    }
}
