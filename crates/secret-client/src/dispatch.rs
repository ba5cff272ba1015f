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

use common::net::Error;
use common::secret::Refusal;

use crate::cause::Cause;
use crate::latencies::Latencies;
use crate::pacing::{Fixed, Pacing, Timing};
use crate::queue::{Assigned, BLAME_FAILED, BLAME_NONE, Queue, Verdict};
use crate::report::{Report, plural};
use crate::server::{Server, ServerId, State};

/// What the caller has to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Look up the addresses of this name, again and again, and report them.
    LookUp(String),
    /// Keep a connection to the server at this address, and report when it is up or down.
    Connect(ServerId, String),
    /// Drop the connection and all calls over it. The next connection is on its way.
    Close(ServerId),
    /// Drop the connection and all calls over it, and never connect to the server again.
    Abandon(ServerId),
    /// Drop the call about the chunk at this line.
    Cancel(ServerId, u64),
    /// Report after this time that the server may have room again.
    ResumeAfter(ServerId, Duration),
    /// Print this line for the person.
    Say(String),
}

/// The state of the work. See the [module](self).
#[derive(Debug)]
pub(crate) struct Dispatcher {
    /// The words. The caller reads into it and takes the answers from it.
    pub(crate) queue: Queue,
    servers: Vec<Server>,
    effects: VecDeque<Effect>,
    fixed: Fixed,
    /// which server is asked first whether it has room
    turn: ServerId,
    latencies: Latencies,
    /// why the last server that went away did so
    last: Option<Cause>,
    give_up_after: Duration,
    /// when to give up, while no server can be reached
    give_up_at: Option<Duration>,
}

impl Dispatcher {
    /// Work for the servers at `targets`, as `HOST:PORT`. It fails when no server can be reached
    /// for `give_up_after`.
    pub(crate) fn new(targets: &[String], fixed: Fixed, give_up_after: Duration) -> Self {
        let mut dispatcher = Self {
            queue: Queue::default(),
            servers: Vec::new(),
            effects: VecDeque::new(),
            fixed,
            turn: 0,
            latencies: Latencies::default(),
            last: None,
            give_up_after,
            give_up_at: None,
        };
        for target in targets {
            match target.parse::<SocketAddr>() {
                Ok(address) => dispatcher.found(address.to_string()),
                Err(_) => dispatcher.effects.push_back(Effect::LookUp(target.clone())),
            }
        }
        dispatcher
    }

    /// Returns the next thing to do, in the order in which it was decided.
    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns the next call to make. The servers take turns, because a few words would otherwise
    /// all go to the first.
    pub(crate) fn next_call(&mut self) -> Option<Assigned> {
        let servers = self.servers.len();
        let mut turns = (self.turn..servers).chain(0..self.turn);
        let call = turns.find_map(|id| self.assign(id))?;
        self.turn = (call.server + 1) % servers;
        Some(call)
    }

    fn assign(&mut self, id: ServerId) -> Option<Assigned> {
        let words = self.servers[id].room()?;
        let call = self.queue.assign(id, words)?;
        self.servers[id].out += 1;
        Some(call)
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

    /// Takes the addresses of a name. Each is a server, but may be known already. That a name has
    /// none is said the first time only, because the name is looked up again and again.
    pub(crate) fn looked_up(&mut self, found: Result<Vec<SocketAddr>, Error>) {
        match found {
            Ok(addresses) => addresses.iter().for_each(|a| self.found(a.to_string())),
            Err(error) => {
                if self.last.is_none() {
                    self.say(error.to_string());
                }
                self.last = Some(Cause::Unreached(Box::new(error)));
            }
        }
    }

    fn found(&mut self, address: String) {
        if self.servers.iter().all(|server| server.name != address) {
            let id = self.servers.len();
            self.effects.push_back(Effect::Connect(id, address.clone()));
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
    }

    /// Notes that the connection to a server has ended.
    pub(crate) fn closed(&mut self, id: ServerId) {
        let name = self.servers[id].name.clone();
        self.down(id, Cause::Closed(name));
    }

    /// Notes that a server cannot be called, and takes back its words. The person is told once an
    /// outage.
    pub(crate) fn down(&mut self, id: ServerId, cause: Cause) {
        let may_pass = cause.may_pass();
        let (state, effect) = if may_pass {
            (State::Down, Effect::Close(id))
        } else {
            (State::Retired, Effect::Abandon(id))
        };
        let server = &mut self.servers[id];
        let line = match server.state {
            State::Retired => return,
            State::Down => None,
            State::New | State::Up(_) if may_pass => Some(format!("{cause}; trying again")),
            State::New | State::Up(_) => Some(cause.to_string()),
        };
        (server.state, server.out) = (state, 0);
        self.queue.take_back_all(id);
        self.effects.push_back(effect);
        self.effects.extend(line.map(Effect::Say));
        self.last = Some(cause);
    }

    /// Takes the answer of a server to the chunk at line `first`.
    pub(crate) fn answered(&mut self, id: ServerId, first: u64, answer: String, timing: Timing) {
        self.latencies.add(timing.took);
        self.servers[id].busy.reset();
        match self.queue.answered(id, first, answer) {
            Verdict::Counts { words, also } => {
                self.servers[id].answered(words, timing);
                if let Some(other) = also {
                    self.servers[other].out -= 1;
                    self.effects.push_back(Effect::Cancel(other, first));
                }
            }
            Verdict::Late => {}
            Verdict::Garbled => {
                let name = self.servers[id].name.clone();
                self.down(id, Cause::Garbled(name));
            }
        }
    }

    /// Notes that a server refused the chunk at line `first`. A busy server is paused. Any other
    /// refusal would come again, so its server is given up. `dice` is a random number from 0 to 1.
    pub(crate) fn refused(&mut self, id: ServerId, first: u64, refusal: Refusal, dice: f64) {
        if refusal == Refusal::Busy {
            return self.pause(id, first, BLAME_NONE, dice);
        }
        let name = self.servers[id].name.clone();
        self.down(id, Cause::Refused(name, refusal));
    }

    /// Notes that a server failed on the chunk at line `first`, and is still there. It is paused,
    /// as if it were busy, so that another server can try the words.
    pub(crate) fn failed(&mut self, id: ServerId, first: u64, dice: f64) {
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

    /// Returns when to give up unless something happens, as a time since the beginning. `None`
    /// means never. `now` is the time since the beginning.
    ///
    /// # Errors
    /// Why there is no point in going on.
    pub(crate) fn check(
        &mut self,
        now: impl FnOnce() -> Duration,
    ) -> Result<Option<Duration>, Cause> {
        if let Some(first) = self.queue.hopeless {
            return Err(Cause::Hopeless(first + 1));
        }
        let is_retired = |server: &Server| matches!(server.state, State::Retired);
        if !self.servers.is_empty() && self.servers.iter().all(is_retired) {
            return Err(self.give_up());
        }
        self.give_up_at = self.none_answers().then(|| {
            self.give_up_at
                .unwrap_or_else(|| now().saturating_add(self.give_up_after))
        });
        Ok(self.give_up_at)
    }

    /// Returns why no server can be reached.
    pub(crate) fn give_up(&mut self) -> Cause {
        self.last.take().unwrap_or(Cause::NoServer)
    }

    /// Returns whether every server was tried and none is up. While one is still being tried for
    /// the first time, or looked up, it is too early to say.
    fn none_answers(&self) -> bool {
        let is_open = |server: &Server| matches!(server.state, State::New | State::Up(_));
        let nothing_yet = self.servers.is_empty() && self.last.is_none();
        !nothing_yet && !self.servers.iter().any(is_open)
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
