//! How jobs travel: what `buddy/src/sender.rs` does, over simulated connections.

use std::time::Duration;

use buddy::effect::{Cause, Job, Report, Retry, Target};
use buddy::ring::Request;
use common::buddy::{Incarnation, Reply, Tally};
use common::net::Backoff;
use rand::RngExt;

use super::{Event, Process, World, machine};

/// The first and the longest wait between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

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
    song: Incarnation,
    job: Job,
}

impl World {
    /// Puts `job` into a mailbox.
    pub(super) fn put(&mut self, n: usize, to: Target, job: Job) {
        let Some(buddy) = &mut self.buddies[n] else {
            return;
        };
        let sender = buddy.senders.entry(to).or_insert_with(Sender::new);
        if job == Job::Ping && sender.mailbox.is_some() {
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
        let (song, address) = buddy.state.address(to);
        let whom = address.parse().expect("a number");
        let letter = Letter {
            of,
            whom,
            song,
            job,
        };
        let time = self.way();
        self.send(n, whom, time, Event::Call(Box::new(letter)));
        let silence = Report::Silent(Cause::Call("no answer".into()));
        self.later(limit, Event::Answer(of, silence));
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
        let from = machine(of.process.0);
        let longest = 2 * self.song.latency.as_millis() as u64;
        let report = if let Some(buddy) = &mut self.buddies[whom] {
            let state = &mut buddy.state;
            let reply = match letter.job {
                Job::RollCall(mut call) => {
                    let round_trip = &mut call.song.round_trip_ms;
                    *round_trip = longest.max(*round_trip);
                    Err(state.roll_call(call, from))
                }
                Job::Enlist(song, roll, at) => {
                    Ok(state.enlist(song, roll.to_vec(), place, at, from))
                }
                Job::Pass(token, at, tally) => {
                    Ok(state.hear(song, place, Request::Pass(token, at), tally))
                }
                Job::Ping => Ok(state.hear(song, place, Request::Ping, Tally::default())),
            };
            match reply {
                Err(called) => Report::Called(called),
                Ok(Reply::Wrong) => Report::Silent(Cause::Wrong),
                Ok(reply) => Report::Answered(reply),
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
        if matches!(report, Report::Called(_) | Report::Answered(_)) {
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
