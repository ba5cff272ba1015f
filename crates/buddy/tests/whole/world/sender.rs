//! How jobs travel: what `buddy/src/sender.rs` does, over simulated connections.

use std::net::IpAddr;
use std::time::Duration;

use buddy::effect::{Cause, Job, Report, Retry, Target, Way};
use buddy::ring::Request;
use common::buddy::{Caller, Incarnation, Reply};
use common::net::Backoff;
use rand::RngExt;

use super::{Event, Process, World};

/// The first and the longest wait between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The caller of a roll call, which names none.
const NOBODY: Caller = Caller { place: 0, port: 0 };

/// How long a roll call may take.
const DIAGNOSIS: Duration = Duration::from_secs(8);

/// A mailbox, and the task that empties it.
pub(super) struct Sender {
    mailbox: Option<Job>,
    /// the job of the last try
    job: Job,
    /// counts the tries, so that an answer to an older one is not heeded
    number: u64,
    is_trying: bool,
    began: Duration,
    backoff: Backoff,
    /// the process to which the connection leads, if there is one, and from where it sees us
    connection: Option<(Process, IpAddr)>,
    /// the address that has led to the right buddy
    proven: Option<String>,
}

impl Sender {
    fn new() -> Self {
        Self {
            mailbox: None,
            job: Job::Ping,
            number: 0,
            is_trying: false,
            began: Duration::ZERO,
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1),
            connection: None,
            proven: None,
        }
    }

    fn forget(&mut self) {
        if self.mailbox.as_ref() == Some(&self.job) {
            self.mailbox = None;
        }
    }
}

/// One try of a job: by which process, to whom, and its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    process: Process,
    to: Target,
    number: u64,
}

/// A call on its way. It arrives even if its sender waits for it no longer.
#[derive(Debug)]
pub(super) struct Letter {
    of: Try,
    whom: usize,
    seen: IpAddr,
    song: Incarnation,
    by: Caller,
    job: Job,
}

impl World {
    /// Puts `job` into a mailbox.
    pub(super) fn put(&mut self, n: usize, to: Target, job: Job) {
        let Some(buddy) = &mut self.buddies[n] else {
            return;
        };
        let sender = buddy.senders.entry(to).or_insert_with(Sender::new);
        if matches!(job, Job::Ping | Job::Peek(..)) && sender.mailbox.is_some() {
            return;
        }
        sender.mailbox = Some(job);
        // A roll call is tried to its end, so that the reason why it fails is found.
        if !sender.is_trying || to != Target::Next {
            self.try_now(n, to);
        }
    }

    fn try_now(&mut self, n: usize, to: Target) {
        let Some(buddy) = &mut self.buddies[n] else {
            return;
        };
        let Some(sender) = buddy.senders.get_mut(&to) else {
            return;
        };
        let Some(job) = sender.mailbox.clone() else {
            return;
        };
        sender.job = job.clone();
        sender.number += 1;
        sender.is_trying = true;
        sender.began = self.now;
        let of = Try {
            process: (n, buddy.life),
            to,
            number: sender.number,
        };
        let limit = match to {
            Target::Next => DIAGNOSIS,
            Target::Place(_) => buddy.state.beat_time(),
        };
        let way = match to {
            Target::Next => None,
            Target::Place(place) => buddy.state.way(place),
        };
        let (song, by) = way.as_ref().map_or((0, NOBODY), |way| (way.song, way.by));
        let is_new = !self.is_connected(n, to);
        let connected = match &way {
            Some(way) => self.dial(n, way),
            None => self.map.leads(n, &self.typed[n - 1], self.next[n - 1]),
        };
        if let Some((whom, seen)) = connected {
            let letter = Letter {
                of,
                whom,
                seen,
                song,
                by,
                job,
            };
            let mut time = self.way();
            if is_new && self.song.is_sealed {
                time += self.way() + self.way();
            }
            self.send(n, whom, time, Event::Call(Box::new(letter)));
        }
        let silence = Report::Silent(Cause::Call("no answer".into()));
        self.later(limit, Event::Answer(of, silence));
    }

    /// Returns whether a connection of Buddy `n` leads to a process that lives.
    fn is_connected(&mut self, n: usize, to: Target) -> bool {
        let buddy = self.buddies[n].as_ref();
        let sender = buddy.and_then(|buddy| buddy.senders.get(&to));
        let connection = sender.and_then(|sender| sender.connection);
        connection.is_some_and(|(process, _)| self.buddy(process).is_some())
    }

    /// Does what `buddy/src/dial.rs` does: finds the address at which the right buddy answers.
    /// Returns that buddy, or another one if it answers nowhere, and from where it sees the call.
    fn dial(&mut self, n: usize, way: &Way) -> Option<(usize, IpAddr)> {
        let to = Target::Place(way.to);
        let sender = self.buddies[n].as_ref()?.senders.get(&to)?;
        if let Some((process, seen)) = sender.connection
            && self.buddy(process).is_some()
        {
            return Some((process.0, seen));
        }
        let proven = self.buddies[n].as_ref()?.senders.get(&to)?.proven.clone();
        let mut best: Option<(bool, usize, IpAddr)> = None;
        for address in proven.iter().chain(&way.addresses) {
            let Some((whom, seen)) = self.map.leads(n, address, self.next[n - 1]) else {
                continue;
            };
            let is_open = self.gets_through(n, whom) && self.gets_through(whom, n);
            let Some(buddy) = self.buddies[whom].as_mut().filter(|_| is_open) else {
                // A refusal at an address that has led to it is the truth.
                if proven.as_ref() == Some(address) {
                    return Some((whom, seen));
                }
                best = best.or(Some((false, whom, seen)));
                continue;
            };
            let life = buddy.life;
            match buddy.state.ping(way.song, way.to, way.by, seen).reply {
                Reply::Here(_) => {
                    let sender = self.buddies[n].as_mut()?.senders.get_mut(&to)?;
                    sender.connection = Some(((whom, life), seen));
                    sender.proven = Some(address.clone());
                    return Some((whom, seen));
                }
                Reply::Stranger if best.is_none_or(|(is_up, ..)| !is_up) => {
                    best = Some((true, whom, seen));
                }
                Reply::Stranger | Reply::Wrong => best = best.or(Some((false, whom, seen))),
            }
        }
        best.map(|(_, whom, seen)| (whom, seen))
    }

    /// Lets a call arrive, and sends the answer.
    pub(super) fn call(&mut self, letter: Letter) {
        let (of, whom, song) = (letter.of, letter.whom, letter.song);
        if self.buddy(of.process).is_none() && self.dice.random() {
            return; // because its process ended before it was written
        }
        let place = match of.to {
            Target::Place(place) => place,
            Target::Next => 0,
        };
        let from = letter.seen;
        let longest = 2 * self.song.latency.as_millis() as u64;
        let report = if let Some(buddy) = &mut self.buddies[whom] {
            let state = &mut buddy.state;
            let answer = |reply| match reply {
                Reply::Wrong => Report::Silent(Cause::Wrong),
                reply => Report::Answered(reply),
            };
            match letter.job {
                Job::RollCall(mut call) => {
                    let round_trip = &mut call.song.round_trip_ms;
                    *round_trip = longest.max(*round_trip);
                    Report::Called(state.roll_call(call, from))
                }
                Job::Enlist(song, roll, at) => {
                    answer(state.enlist(song, roll.to_vec(), place, at, from))
                }
                Job::Farewell(tally) => {
                    answer(state.farewell((song, place), letter.by.place, tally))
                }
                Job::Pass(token, at, tally) => {
                    answer(state.hear(song, place, Request::Pass(token, at), tally))
                }
                Job::Ping | Job::Peek(..) => {
                    let (song, place) = match letter.job {
                        Job::Peek(song, to) => (song, to),
                        _ => (song, place),
                    };
                    let pulse = state.ping(song, place, letter.by, from);
                    match pulse.reply {
                        Reply::Wrong => Report::Silent(Cause::Wrong),
                        _ => Report::Pulse(pulse),
                    }
                }
            }
        } else {
            Report::Refused(Cause::Call("refused".into()))
        };
        let linger = self.song.linger.mul_f64(self.dice.random_range(0.0..1.0));
        let time = self.way() + linger;
        self.send(whom, of.process.0, time, Event::Answer(of, report));
        self.act(whom);
    }

    /// Lets the outcome of a try arrive.
    pub(super) fn answer(&mut self, of: Try, report: Report) {
        let now = self.now;
        let Some(sender) = self.sender(of).filter(|sender| sender.is_trying) else {
            return;
        };
        sender.is_trying = false;
        if matches!(
            report,
            Report::Called(_) | Report::Answered(_) | Report::Pulse(_)
        ) {
            sender.backoff.reset();
            sender.forget();
        }
        let (job, began) = (sender.job.clone(), sender.began);
        let buddy = self.buddy(of.process).expect("it has a sender");
        let beat = buddy.state.beat_time();
        let retry = buddy.state.reported(of.to, &job, report, now);
        self.act(of.process.0);
        let dice = self.dice.random_range(0.0..1.0);
        // There is none by this number if it tries something newer already.
        let Some(sender) = self.sender(of) else {
            return;
        };
        let time = match retry {
            Retry::No => {
                sender.forget();
                Duration::ZERO
            }
            Retry::Soon => sender.backoff.wait(dice),
            Retry::AtBeat => (began + beat).saturating_sub(now),
        };
        if sender.mailbox.as_ref() == Some(&job) {
            self.later(time, Event::Retry(of));
        } else {
            self.try_now(of.process.0, of.to);
        }
    }

    pub(super) fn retry(&mut self, of: Try) {
        let Some(sender) = self.sender(of).filter(|sender| !sender.is_trying) else {
            return;
        };
        let job = sender.job.clone();
        let now = self.now;
        let buddy = self.buddy(of.process).expect("it has a sender");
        if buddy.state.reported(of.to, &job, Report::Waited, now) == Retry::No {
            self.sender(of).expect("as above").forget();
        }
        self.try_now(of.process.0, of.to);
    }

    fn sender(&mut self, of: Try) -> Option<&mut Sender> {
        let sender = self.buddy(of.process)?.senders.get_mut(&of.to)?;
        (sender.number == of.number).then_some(sender)
    }
}
