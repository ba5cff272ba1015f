//! The whole interface between deciding and doing, as plain data. PURE.
//!
//! A [`State`](crate::state::State) is told what has happened, and returns [effects](Effect). The
//! shell executes them, and [reports](Report) what becomes of each call.

use std::sync::Arc;

use common::buddy::{
    Addresses, Caller, Incarnation, Place, Progress, Pulse, Reply, RollCallReply, Song, Tally,
    Token,
};
use common::journal::Event;
use common::net::doctor::Error;

use crate::ring::Request;
use crate::roll_call::Call;

/// Something for the shell to do. None of it may wait under the lock.
#[derive(Debug)]
pub enum Effect {
    /// Send this job until no retry is wanted. It replaces an older one to the same target, except
    /// that a ping replaces nothing.
    Send(Target, Job),
    /// Print this verse with this many bottles, wait for the tempo, then report it as sung.
    Sing(u64, String),
    /// Write this into the journal. In a box, because an event is larger than all other effects.
    Note(Box<Event>),
    /// Print this notice.
    Tell(String),
    /// Stop what only a buddy without a roll needs, because the song begins here.
    Begun,
    /// Stop everything, because this buddy has ended.
    Ended,
}

impl Effect {
    /// Returns the effect that writes `event` into the journal.
    pub(crate) fn note(event: Event) -> Self {
        Self::Note(Box::new(event))
    }
}

/// The receiver of a job. Before the song only the next buddy is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The buddy that `--next` names.
    Next,
    /// A buddy on the roll.
    Place(Place),
}

/// How to call one buddy on the roll.
#[derive(Clone, Debug)]
pub struct Way {
    /// The song in which it is called.
    pub song: Incarnation,
    /// The caller: this buddy.
    pub by: Caller,
    /// The place of the buddy that is meant.
    pub to: Place,
    /// Where it can be reached: as the roll says, and as was seen since.
    pub addresses: Vec<String>,
    /// Whether it is the buddy that `--next` names, which the first address has led to.
    pub is_next: bool,
}

/// A call to another buddy, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// The roll call, one address longer.
    RollCall(Call),
    /// The closed roll, for a buddy that has none. Shared, because a roll may be long.
    Enlist(Song, Arc<[Addresses]>, Progress),
    /// The token, with what the living have done so far.
    Pass(Token, Progress, Tally),
    /// The question whether the buddy lives.
    Ping,
    /// The same before the song, to the buddy at this place of the song that was called.
    Peek(Incarnation, Place),
    /// The good-bye of this buddy, with what it has done.
    Farewell(Tally),
}

impl Job {
    /// Whether any other job tells as much.
    pub(crate) fn is_question(&self) -> bool {
        matches!(self, Self::Ping | Self::Peek(..))
    }

    /// Returns the request of the song that this job carries.
    pub(crate) fn request(&self) -> Option<Request> {
        match *self {
            Self::RollCall(_) | Self::Peek(..) | Self::Farewell(_) => None,
            Self::Enlist(_, _, progress) => Some(Request::Enlist(progress)),
            Self::Pass(token, progress, _) => Some(Request::Pass(token, progress)),
            Self::Ping => Some(Request::Ping),
        }
    }
}

/// What a sender reports about its job.
#[derive(Clone, Debug)]
pub enum Report {
    /// A roll call was answered.
    Called(RollCallReply),
    /// A ping was answered.
    Pulse(Pulse),
    /// Any other job was answered.
    Answered(Reply),
    /// The port is closed, or the connection broke.
    Refused(Cause),
    /// No answer came in time, or not from the buddy that was meant.
    Silent(Cause),
    /// The wait before the next try is over.
    Waited,
}

/// The reason why a try failed.
#[derive(Clone, Debug)]
pub enum Cause {
    /// No connection could be opened.
    Dial(Error),
    /// The call failed on an open connection, for this reason.
    Call(String),
    /// Another buddy answers there.
    Wrong,
}

/// What is said of an address at which another buddy was met.
pub(crate) const WRONG: &str = "another buddy answers there";

impl Cause {
    /// Returns the reason in a few words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Dial(error) => error.trouble.to_string(),
            Self::Call(text) => text.clone(),
            Self::Wrong => WRONG.to_owned(),
        }
    }
}

/// What a sender is to do with a job after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Forget it.
    No,
    /// Try again after a short and growing wait.
    Soon,
    /// Try again one heartbeat after the last try began.
    AtBeat,
}

/// The way a buddy ended, for its exit code and its last line.
#[derive(Debug)]
pub enum End {
    /// The song is over and all know it. The buddy that started it has a last line to print.
    Home(Option<String>),
    /// It left early, because it was told to.
    Left,
    /// Its next can never become a buddy, however long it waits.
    Hopeless(Error),
    /// The song was sung without it: it was on the roll, and the others did not reach it.
    LeftOut,
    /// It was called to a ring of which no buddy answers any more.
    Deserted,
    /// No song began in time, and if its next was missing then for this reason.
    NoSong(Option<Error>),
}
