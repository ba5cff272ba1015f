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
use crate::servers::{Place, Servers};

/// The first wait before the server is tried again: short, so that a restart is not noticed.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The first wait where another server can be tried: only so long that the clients of a server that
/// has died do not all come to the next one in the same moment.
const FIRST_WAIT_OF_SEVERAL: Duration = Duration::from_millis(100);

/// The wait before a client returns to its home, the first time and at most. It is long, because
/// nothing is lost meanwhile and a server that comes back must not get all its clients at once; and
/// it grows, because a home may be away for ever.
const FIRST_RETURN: Duration = Duration::from_secs(10 * 60);
const LATEST_RETURN: Duration = Duration::from_secs(2 * 60 * 60);

/// The wait before it is looked again whether a client can return.
const MOMENT: Duration = Duration::from_secs(1);

/// The longest wait: long, so that a thousand clients do not hinder a server that comes back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How a client stands with its server.
pub(crate) struct Connection {
    pub(crate) servers: Servers,
    state: State,
    told: Told,
    /// how long the server may take to come up at first; `None` for one attempt only
    pub(crate) wait: Option<Duration>,
    /// why the last attempt has failed, while the server may still come up
    last: Option<CallError>,
    /// the waits before a call is made again
    pub(crate) backoff: Backoff,
    /// the waits before the client returns to its home
    returns: Backoff,
    /// whether such a wait has begun
    will_return: bool,
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
    /// Nothing yet of the loss of this server, because another one may take its place at once.
    NotOf(String),
    /// Nothing of leaving this server by ourselves, because the home takes its place.
    NotOfReturn(String),
    Lost,
}

impl Connection {
    pub(crate) fn new(servers: Servers) -> Self {
        let first = if servers.has_others() {
            FIRST_WAIT_OF_SEVERAL
        } else {
            FIRST_WAIT
        };
        Self {
            servers,
            state: State::Lost,
            told: Told::NeverAttached,
            wait: None,
            last: None,
            backoff: Backoff::new(first, LONGEST_WAIT),
            returns: Backoff::new(FIRST_RETURN, LATEST_RETURN),
            will_return: false,
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

    /// Begins to wait for the return to the home, if this is another server.
    pub(crate) fn plan_return(&mut self, dice: f64, out: &mut Effects) {
        if !self.servers.is_away() {
            self.returns.reset();
        } else if !self.will_return {
            self.will_return = true;
            out.push(Effect::Timer(Timer::Return, self.returns.wait(dice)));
        }
    }

    /// The wait for the return is over. If nothing `is_out` that could be disturbed, the client
    /// calls its home, and this server again if the home does not answer.
    pub(crate) fn returns(&mut self, is_out: bool, nick: &str, out: &mut Effects) {
        if self.servers.is_away() && self.is_attached() {
            if is_out {
                return out.push(Effect::Timer(Timer::Return, MOMENT));
            }
            self.told = Told::NotOfReturn(self.servers.name());
            out.push(Effect::HangUp);
            self.servers.aim_home();
            self.enter(nick, out);
        }
        self.will_return = false;
    }

    /// There is a new connection. If it was made by another call than an attempt to come back, this
    /// is the first that is known of a loss, and the server there knows us already.
    pub(crate) fn reached(&mut self, place: Place, out: &mut Effects) {
        let before = self.servers.name();
        self.servers.reached(place);
        let now = self.servers.name();
        if self.is_attached() && now != before {
            out.status(format!("connection to {before} lost: now on {now}"));
        }
    }

    pub(crate) fn enter(&mut self, nick: &str, out: &mut Effects) {
        self.state = State::Entering;
        out.call(Call::Enter(nick.into(), self.servers.order()));
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
        self.servers.is_of_use();
        let now = self.servers.name();
        match std::mem::replace(&mut self.told, Told::Attached) {
            Told::NeverAttached | Told::Attached | Told::NotOfReturn(_) => {}
            Told::NotOf(lost) if lost == now => {
                out.status(format!("connection to {lost} lost: connected again"));
            }
            Told::NotOf(lost) => out.status(format!("connection to {lost} lost: now on {now}")),
            Told::Lost if self.servers.has_others() => {
                out.status(format!("connected again: now on {now}"));
            }
            Told::Lost => out.status("connected again"),
        }
    }

    /// Ends an attempt that has failed. Returns why the conversation ends with it, or `None` if
    /// another attempt may succeed.
    pub(crate) fn failed(&mut self, error: CallError, out: &mut Effects) -> Option<Why> {
        self.state = State::Lost;
        let of_one = match &error {
            CallError::Refused(refusal) => is_of_one(refusal),
            CallError::Lost(_, dials) => dials.is_empty(),
        };
        if of_one && self.servers.has_others() {
            out.push(Effect::HangUp);
            if self.servers.give_up() {
                return None;
            }
        }
        if self.is_new() {
            return self.not_begun(error, out);
        }
        if let CallError::Refused(refusal @ (Refusal::Kicked(_) | Refusal::Banned)) = error {
            return Some(Why::Kicked(refusal));
        }
        self.tell_of_loss(out);
        self.tell_of_failure(error, out);
        None
    }

    /// Tells why an attempt to come back has failed, if a person can do something about it.
    fn tell_of_failure(&self, error: CallError, out: &mut Effects) {
        match error {
            // Another attempt is made anyway, and later.
            CallError::Refused(Refusal::TooFast(_)) => {}
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
            }
            CallError::Lost(_, dials) => {
                // The person would wait for ever for what only a person can mend, such as a server
                // that was started with another key.
                if let Some(error) = dials.iter().find(|error| error.is_permanent()) {
                    out.status_once(format!("cannot come back: {error}; still trying"));
                }
            }
        }
    }

    /// Tells of a loss that was not told of, because no other server has taken the place at once.
    fn tell_of_loss(&mut self, out: &mut Effects) {
        if let Told::NotOf(lost) | Told::NotOfReturn(lost) = &self.told {
            out.status(format!(
                "connection to {lost} lost, and no other server lets us in: trying again"
            ));
            self.told = Told::Lost;
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
            CallError::Lost(..) if self.told != Told::Attached => {}
            CallError::Lost(..) => {
                let server = self.servers.name();
                out.push(Effect::HangUp);
                self.servers.lost();
                if self.servers.has_others() {
                    self.told = Told::NotOf(server);
                } else {
                    self.told = Told::Lost;
                    out.status(format!("connection to {server} lost: trying again"));
                }
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

/// Returns whether another server may let us in where one refuses like this.
fn is_of_one(refusal: &Refusal) -> bool {
    use Refusal::{Full, Share, Unavailable, Unreadable};
    matches!(refusal, Full(_) | Share(_) | Unavailable(_) | Unreadable(_))
}
