//! What is to be done: which server gets which words, when a server is paused, given up or tried
//! again, and when the work has failed. PURE: the caller reports what happens, and carries out the
//! [`Effect`]s and the calls that follow from it.
//!
//! ```text
//!   what happened ──> Dispatcher ──> next_effect ──> connect, close, wait, cancel, say
//!                      │      │
//!                   servers  queue ──> next_call ──> ask a server about a chunk
//! ```
//!
//! It is a *pull* scheme: a server gets a chunk when it has room for one, so a fast server comes
//! back more often, and nothing need be known about the speed of a server beforehand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use common::journal::{Back, Event};
use common::net::Error;
use common::secret::Refusal;

use crate::cause::Cause;
use crate::latencies::Latencies;
use crate::names::{Known, Names};
use crate::pacing::{Fixed, Pacing, Timing};
use crate::queue::{Assigned, BLAME_FAILED, BLAME_NONE, Fault, Queue, Verdict};
use crate::report::{Report, plural};
use crate::server::{Server, ServerId, State};
use crate::stall::Stall;

mod check;

/// What the caller has to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Look up the addresses of this name after this time, and report them.
    LookUp(String, Duration),
    /// Connect to the server at this address after this time, and report when it is up, and why it
    /// is not, or no longer.
    Connect(ServerId, String, Duration),
    /// Drop the connection and all calls over it.
    Close(ServerId),
    /// Drop the connection and all calls over it, and never connect to the server again.
    Abandon(ServerId),
    /// Drop the call about the chunk at this line.
    Cancel(ServerId, u64),
    /// Report after this time that the server may have room again.
    ResumeAfter(ServerId, Duration),
    /// Print this line for the person.
    Say(String),
    /// Write this into the journal.
    Note(Event),
}

/// The state of the work. See the [module](self).
#[derive(Debug)]
pub(crate) struct Dispatcher {
    /// The words. The caller reads into it and takes the answers from it.
    pub(crate) queue: Queue,
    servers: Vec<Server>,
    names: Names,
    effects: VecDeque<Effect>,
    fixed: Fixed,
    /// how many servers must answer each word
    needed: usize,
    /// which server is asked first whether it has room
    turn: ServerId,
    latencies: Latencies,
    stall: Stall,
    /// why the last server that went away did so
    last: Option<Cause>,
    /// what the last server said that failed on a call
    failure: Option<Cause>,
    give_up_after: Duration,
    /// when to give up, while no server can be reached
    give_up_at: Option<Duration>,
    /// whether there is a journal
    pub(crate) is_noted: bool,
}

impl Dispatcher {
    /// Work for servers. It fails when none can be reached for `give_up_after`, or with `verify`
    /// fewer than two.
    pub(crate) fn new(fixed: Fixed, verify: bool, give_up_after: Duration) -> Self {
        Self {
            queue: Queue::new(verify),
            servers: Vec::new(),
            names: Names::default(),
            effects: VecDeque::new(),
            fixed,
            needed: if verify { 2 } else { 1 },
            turn: 0,
            latencies: Latencies::default(),
            stall: Stall::default(),
            last: None,
            failure: None,
            give_up_after,
            give_up_at: None,
            is_noted: false,
        }
    }

    /// Adds the server or servers at `target`, as `HOST:PORT`.
    pub(crate) fn add(&mut self, target: &str) {
        match target.parse::<SocketAddr>() {
            Ok(address) => self.found(address.to_string()),
            Err(_) => {
                self.names.add(target.to_owned());
                let look_up = Effect::LookUp(target.to_owned(), Duration::ZERO);
                self.effects.push_back(look_up);
            }
        }
    }

    /// Returns the next thing to do, in the order in which it was decided.
    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns the next call to make. The servers take turns, because a few words would otherwise
    /// all go to the first. Late ones come last. `now` is the time since the beginning.
    pub(crate) fn next_call(&mut self, now: Duration) -> Option<Assigned> {
        let servers = self.servers.len();
        let turns = (self.turn..servers).chain(0..self.turn);
        for is_late in [false, true] {
            for id in turns.clone() {
                if self.servers[id].is_late == is_late
                    && let Some(call) = self.assign(id, now)
                {
                    self.turn = (id + 1) % servers;
                    return Some(call);
                }
            }
        }
        None
    }

    fn assign(&mut self, id: ServerId, now: Duration) -> Option<Assigned> {
        let pacing = self.servers[id].room()?;
        let call = self.queue.assign(id, pacing, now)?;
        self.servers[id].out += 1;
        self.note(|| Event::Give {
            server: id,
            first: call.chunk.first,
            words: call.chunk.words,
        });
        Some(call)
    }

    /// Has something written into the journal, if there is one.
    fn note(&mut self, event: impl FnOnce() -> Event) {
        if self.is_noted {
            self.effects.push_back(Effect::Note(event()));
        }
    }

    fn note_back(&mut self, server: ServerId, first: u64, why: Back) {
        self.note(|| Event::Drop { server, first, why });
    }

    /// Ends the input, in which `replaced` lines were not UTF-8.
    pub(crate) fn end(&mut self, replaced: u64) {
        self.queue.end();
        if replaced > 0 {
            let lines = plural(replaced, "line");
            self.say(format!(
                "{lines} held bytes that are no UTF-8: reversed with U+FFFD there"
            ));
        }
    }

    /// Takes the addresses of a name. Each is a server, but may be known already.
    pub(crate) fn looked_up(&mut self, name: &str, found: Result<Vec<SocketAddr>, Error>) {
        let known = match &found {
            Ok(_) => Known::Found,
            Err(error) if error.is_permanent() => Known::Hopeless,
            Err(_) => Known::Missing,
        };
        let (is_news, again) = self.names.looked_up(name, known);
        match found {
            Ok(addresses) => addresses.iter().for_each(|a| self.found(a.to_string())),
            Err(error) => {
                if is_news && !self.is_over() {
                    self.say(error.to_string());
                }
                self.last = Some(Cause::Unreached(Box::new(error)));
            }
        }
        let again = again.map(|wait| Effect::LookUp(name.to_owned(), wait));
        self.effects.extend(again);
    }

    fn found(&mut self, address: String) {
        if self.servers.iter().all(|server| server.name != address) {
            let id = self.servers.len();
            self.note(|| Event::Server {
                server: id,
                address: address.clone(),
            });
            let connect = Effect::Connect(id, address.clone(), Duration::ZERO);
            self.effects.push_back(connect);
            self.servers.push(Server::new(address));
        }
    }

    /// Notes that a server is connected, and works on `workers` calls at once.
    pub(crate) fn up(&mut self, id: ServerId, workers: usize) {
        let server = &mut self.servers[id];
        let line = format!("{} is there", server.name);
        match server.state {
            State::Retired => return self.effects.push_back(Effect::Close(id)),
            State::Down => self.effects.push_back(Effect::Say(line)),
            State::New | State::Up(_) => {}
        }
        server.up(Pacing::new(workers, self.fixed));
        self.note(|| Event::Up {
            server: id,
            workers,
        });
    }

    /// Notes that a call found its connection ended. That the connection is down is reported as
    /// well.
    pub(crate) fn closed(&mut self, id: ServerId) {
        let name = self.servers[id].name.clone();
        self.lose(id, Cause::Closed(name));
    }

    /// Notes that a server answered a call with something else than what was asked. It is given up,
    /// because nothing that it says can be believed.
    pub(crate) fn unasked(&mut self, id: ServerId) {
        let name = self.servers[id].name.clone();
        self.lose(id, Cause::Unasked(name));
    }

    /// Notes that a connection to a server was not made or is over, and connects again, unless the
    /// server is given up. `dice` is a random number from 0 to 1.
    pub(crate) fn down(&mut self, id: ServerId, cause: Cause, dice: f64) {
        self.lose(id, cause);
        let server = &mut self.servers[id];
        if !server.is_retired() {
            let (name, wait) = (server.name.clone(), server.retry.wait(dice));
            self.effects.push_back(Effect::Connect(id, name, wait));
        }
    }

    /// Takes back the words of a server that cannot be called. The person is told once an outage,
    /// and not at all if the work is then over, because its end says why.
    fn lose(&mut self, id: ServerId, cause: Cause) {
        let may_pass = cause.may_pass();
        let (state, effect) = if may_pass {
            (State::Down, Effect::Close(id))
        } else {
            (State::Retired, Effect::Abandon(id))
        };
        let server = &mut self.servers[id];
        let line = match server.state {
            State::Retired => return,
            State::Down if may_pass => None,
            State::New | State::Up(_) if may_pass => Some(format!("{cause}; trying again")),
            _ => Some(cause.to_string()),
        };
        (server.state, server.out) = (state, 0);
        self.queue.take_back_all(id);
        self.note(|| Event::Down {
            server: id,
            why: cause.to_string(),
        });
        self.effects.push_back(effect);
        if !self.is_over() {
            self.effects.extend(line.map(Effect::Say));
        }
        self.last = Some(cause);
    }

    /// Takes the answer of a server to the chunk at line `first`.
    pub(crate) fn answered(&mut self, id: ServerId, first: u64, answer: String, timing: Timing) {
        self.latencies.add(timing.took);
        let server = &mut self.servers[id];
        if timing.is_absurd() {
            let name = server.name.clone();
            return self.lose(id, Cause::Absurd(name));
        }
        server.busy.reset();
        server.is_busy = false;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        match self.queue.answered(id, first, answer) {
            Verdict::Counts {
                words,
                is_claim,
                before,
                after,
            } => {
                server.answered(words, timing);
                self.note(|| Event::Got {
                    server: id,
                    first,
                    words,
                    counts: !is_claim,
                    waited: micros(timing.waited),
                    worked: micros(timing.worked),
                });
                for late in &before {
                    self.servers[*late].is_late = true;
                }
                for other in before.into_iter().chain(after) {
                    self.servers[other].out -= 1;
                    self.effects.push_back(Effect::Cancel(other, first));
                    self.note_back(other, first, Back::Beaten);
                }
            }
            Verdict::Late => {}
            Verdict::Wrong(fault) => {
                let name = server.name.clone();
                let cause = match fault {
                    Fault::Number => Cause::Garbled(name),
                    Fault::Letters(line) => Cause::Letters(name, line.map(|line| line + 1)),
                };
                self.lose(id, cause);
            }
        }
    }

    /// Notes that a server refused the chunk at line `first`. A busy server is paused. Any other
    /// refusal would come again, so its server is given up. `dice` is a random number from 0 to 1.
    pub(crate) fn refused(&mut self, id: ServerId, first: u64, refusal: Refusal, dice: f64) {
        if refusal == Refusal::Busy {
            self.servers[id].is_busy = true;
            self.note_back(id, first, Back::Busy);
            return self.pause(id, first, BLAME_NONE, dice);
        }
        let name = self.servers[id].name.clone();
        self.lose(id, Cause::Refused(name, refusal));
    }

    /// Notes that a server failed on the chunk at line `first`, in its own `words`, and is still
    /// there. It is paused, as if it were busy, so that another server can try.
    pub(crate) fn failed(&mut self, id: ServerId, first: u64, words: String, dice: f64) {
        let name = self.servers[id].name.clone();
        self.failure = Some(Cause::Failed(name, words));
        self.note_back(id, first, Back::Failed);
        self.pause(id, first, BLAME_FAILED, dice);
    }

    fn pause(&mut self, id: ServerId, first: u64, blame: u32, dice: f64) {
        let had = self.queue.take_back(id, first, blame);
        let server = &mut self.servers[id];
        server.out -= usize::from(had);
        let wait = server.pause(dice);
        let resume = wait.map(|wait| Effect::ResumeAfter(id, wait));
        self.effects.extend(resume);
    }

    /// Notes that a paused server may have room again.
    pub(crate) fn resume(&mut self, id: ServerId) {
        self.servers[id].is_paused = false;
    }

    /// Returns the servers that were ever up, with the words that each answered first.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&str, u64)> {
        let reached = self.servers.iter().filter(|server| server.was_up);
        reached.map(|server| (server.name.as_str(), server.words))
    }

    /// Returns how it went, after work of this time.
    pub(crate) fn report(&self, took: Duration) -> Report {
        let shares = self.shares().map(|(name, words)| (name.to_owned(), words));
        Report {
            totals: self.queue.totals,
            took,
            shares: shares.collect(),
            latencies: self.latencies.clone(),
        }
    }

    fn say(&mut self, line: String) {
        self.effects.push_back(Effect::Say(line));
    }
}

#[cfg(test)]
mod tests;
