//! The way to the server, and back to it after a loss. PURE.
//!
//! ```text
//!   Lost ──(at first)──────────▶ Entering ──▶ Joining each room ──▶ Attached
//!    ▲ └───(later)───▶ Waiting ──▶  │              │                   │
//!    └───────── a call fails ───────┴──────────────┴───────────────────┘
//! ```
//!
//! The session stays the same, so that the server sees one person who never left.

use std::collections::VecDeque;
use std::time::Duration;

use common::chat::Refusal;
use common::net::Backoff;

use crate::effect::{Call, CallError, Effect, Effects, Timer, Why};

/// The first wait before the server is tried again: short, so that a restart is not noticed.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait: long, so that a thousand clients do not hinder a server that comes back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How a client stands with its server.
pub(crate) struct Connection {
    server: String,
    state: State,
    told: Told,
    /// how long the server may take to come up at first; `None` for one attempt only
    pub(crate) wait: Option<Duration>,
    /// why the last attempt has failed, while the server may still come up
    last: Option<CallError>,
    /// the waits before a call is made again
    pub(crate) backoff: Backoff,
}

#[derive(PartialEq, Eq)]
enum State {
    Lost,
    Waiting,
    Entering,
    /// these rooms are left to join, with so many messages; the first one is asked for
    Joining(VecDeque<String>, u32),
    Attached,
}

/// What the person knows about the connection.
#[derive(PartialEq, Eq)]
enum Told {
    NeverAttached,
    Attached,
    Lost,
}

impl Connection {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.into(),
            state: State::Lost,
            told: Told::NeverAttached,
            wait: None,
            last: None,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// Returns whether the server knows us and our rooms.
    pub(crate) fn is_attached(&self) -> bool {
        self.state == State::Attached
    }

    /// Returns whether the client was never attached.
    pub(crate) fn is_new(&self) -> bool {
        self.told == Told::NeverAttached
    }

    /// Begins an attempt to attach, if one is needed and none is under way.
    pub(crate) fn begin(&mut self, nick: &str, dice: f64, out: &mut Effects) {
        if self.state == State::Lost && self.is_new() && self.last.is_none() {
            self.enter(nick, out);
        } else if self.state == State::Lost {
            self.state = State::Waiting;
            out.push(Effect::Timer(Timer::Attach, self.backoff.wait(dice)));
        }
    }

    pub(crate) fn enter(&mut self, nick: &str, out: &mut Effects) {
        self.state = State::Entering;
        out.call(Call::Enter(nick.into()));
    }

    /// Joins these rooms one after the other, each before its last messages.
    pub(crate) fn join(&mut self, rooms: Vec<String>, history: u32, out: &mut Effects) {
        self.state = State::Joining(rooms.into(), history);
        self.ask_next(out);
    }

    /// The first of the rooms is joined, or cannot be: goes on with the next one. Returns the room
    /// that was asked for. After the last one the client is attached.
    pub(crate) fn join_next(&mut self, out: &mut Effects) -> Option<String> {
        let asked = match &mut self.state {
            State::Joining(rooms, _) => rooms.pop_front(),
            _ => None,
        };
        self.ask_next(out);
        asked
    }

    fn ask_next(&mut self, out: &mut Effects) {
        if let State::Joining(rooms, history) = &self.state
            && let Some(room) = rooms.front()
        {
            return out.call(Call::Join(room.clone(), *history));
        }
        self.state = State::Attached;
        self.backoff.reset();
        if std::mem::replace(&mut self.told, Told::Attached) == Told::Lost {
            out.status("connected again");
        }
    }

    /// Ends an attempt that has failed. Returns why the conversation ends with it, or `None` if
    /// another attempt may succeed.
    pub(crate) fn failed(&mut self, error: CallError, out: &mut Effects) -> Option<Why> {
        self.state = State::Lost;
        match error {
            error if self.is_new() => self.not_begun(error, out),
            CallError::Refused(refusal @ (Refusal::Kicked(_) | Refusal::Banned)) => {
                Some(Why::Kicked(refusal))
            }
            // Another attempt is made anyway, and later.
            CallError::Refused(Refusal::TooFast(_)) => None,
            CallError::Refused(refusal) => {
                let is_taken =
                    matches!(refusal, Refusal::NickTaken { .. } | Refusal::Registered(_));
                let how = if is_taken {
                    ": /nick NAME takes another one"
                } else {
                    ""
                };
                // Once, because every attempt may be refused like this.
                out.status_once(format!("cannot come back: {refusal}{how}"));
                None
            }
            CallError::Lost(_, Some(error)) if error.is_permanent() => {
                // The person would wait for ever for what only a person can mend, such as a server
                // that was started with another key.
                out.status_once(format!("cannot come back: {error}; still trying"));
                None
            }
            CallError::Lost(..) => None,
        }
    }

    fn not_begun(&mut self, error: CallError, out: &mut Effects) -> Option<Why> {
        use Refusal::{Banned, Kicked, Registered, Unfit};
        let is_final = matches!(
            error,
            CallError::Refused(Unfit(_) | Registered(_) | Kicked(_) | Banned)
        );
        let Some(wait) = self.wait.filter(|_| !is_final) else {
            return Some(Why::CannotBegin(error));
        };
        if self.last.is_none() {
            let why = error.words();
            out.status(format!("{why}: trying again, for {wait:?} at most"));
        }
        self.last = Some(error);
        None
    }

    /// Notes that the server had its time to come up. Returns why the conversation cannot begin, if
    /// no attempt is under way, which could still succeed.
    pub(crate) fn waited(&mut self) -> Option<CallError> {
        self.wait = None;
        let is_idle = self.is_new() && self.state == State::Waiting;
        self.last.take_if(|_| is_idle)
    }

    /// Handles a poll or a send that has failed. The person is told of a loss once, because every
    /// call that was out reports it.
    pub(crate) fn lost(&mut self, error: CallError, out: &mut Effects) {
        self.detach();
        match error {
            // The attempt to come back says what is the matter.
            CallError::Refused(Refusal::NoSession | Refusal::Kicked(_) | Refusal::Banned) => {}
            CallError::Refused(refusal) => out.status(format!("the server refuses: {refusal}")),
            CallError::Lost(..) if self.told == Told::Lost => {}
            CallError::Lost(..) => {
                self.told = Told::Lost;
                let server = &self.server;
                out.status(format!("connection to {server} lost: trying again"));
            }
        }
    }

    /// Notes that the server does not know our rooms. An attempt that is under way goes on.
    pub(crate) fn detach(&mut self) {
        if self.is_attached() {
            self.state = State::Lost;
        }
    }
}
