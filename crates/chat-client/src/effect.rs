//! The inputs and the effects of a [conversation](crate::conversation). PURE.
//!
//! Both are plain data, so that a test needs no server, no terminal and no clock.

use std::time::Duration;

use common::chat::{
    Admin, Ban, Cursor, Entry, Kind, Listed, Page, Post, Present, Private, Refusal, RoomInfo,
};
use common::journal::Event;
use common::net::doctor::Error;

use crate::clean::Clean;
use crate::command::Question;
use crate::servers::Place;

/// How long a client that is about to end waits for the server without progress.
pub(crate) const UNLESS_PROGRESS: Duration = Duration::from_secs(30);

/// Something that has happened.
pub(crate) enum Input {
    Started,
    /// A line was typed, or came through a pipe.
    Line(String),
    NoMoreLines,
    /// Stdout is closed: what is printed has no reader any more.
    ReaderGone,
    Interrupted,
    /// The printer has taken an output.
    Taken,
    Elapsed(Timer),
    /// There is a new connection, which leads there.
    Reached(Place),
    /// The server has let us in, under this nick in its normal form.
    Entered(Result<String, CallError>),
    /// The token was shown, taken or not.
    Vouched,
    Joined(Result<Cursor, CallError>),
    /// The server has answered the poll of this number, or the call that follows one.
    Polled(u64, Result<Vec<Page>, CallError>),
    PolledLast(Result<Vec<Page>, CallError>),
    /// The server has answered a send to this room.
    Sent(String, Result<Vec<u64>, CallError>),
    Replied(Result<Reply, CallError>),
}

/// Something to do. None of it makes the conversation wait.
pub(crate) enum Effect {
    /// Make this call. Its answer is an [`Input`].
    Call(Call),
    /// Close the connection: the calls that are out on it fail at once.
    HangUp,
    /// Print this after everything before it, then report [`Input::Taken`].
    Print(Output),
    /// Report after this time that it is over. A timer that runs already begins anew.
    Timer(Timer, Duration),
    /// Remember a name for the Tab key.
    Learn(Name),
    /// Write this into the journal.
    Note(Event),
    /// End the program: why, with or without goodbye to the server, and how many messages are not
    /// known to be delivered.
    End(Why, bool, usize),
}

/// Why a conversation ends.
#[derive(Debug)]
pub(crate) enum Why {
    Done,
    Interrupted,
    /// The first attempt to attach has failed.
    CannotBegin(CallError),
    /// An operator has kicked or banned the person.
    Kicked(Refusal),
    /// A command that came through a pipe was refused; with the command and the reason.
    Refused(String),
    /// What was said until the end could not be read; with the reason.
    Unread(String),
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next attempt to come back to the server.
    Attach,
    /// The next attempt to send.
    Resend,
    /// The next attempt to read.
    Reread,
    /// The moment without news before a call that follows a poll.
    Follow,
    /// The return to the server that this client began with.
    Return,
    /// The time after which messages without an acknowledgement are spoken of.
    Slow,
    /// The time that a person needs to read a refusal.
    Settle,
    /// The end of the time that the server has to come up at first.
    Wait,
    /// The end of its patience with unacknowledged messages.
    GiveUp,
}

/// A call to the server.
pub(crate) enum Call {
    /// Enter under this nick, at the first of these servers that answers.
    Enter(String, Vec<String>),
    /// Show the admin token.
    Vouch,
    /// Join a room before the last messages, this many.
    Join(String, u32),
    /// Ask for what is new, and wait for it. With the number of this poll.
    Poll(u64, Vec<Cursor>),
    /// Ask for what comes after the answer to the poll that waits. With the number of this one.
    Follow(u64),
    /// Ask for what is new, without waiting.
    LastPoll(Vec<Cursor>),
    Send(String, Vec<Post>),
    /// Ask this for the person, who talks in this room.
    Ask(String, Question),
}

/// What the server did about a [`Question`].
pub(crate) enum Reply {
    /// Opened a private room for this text.
    Private(Private, String),
    Joined(Cursor),
    Left(String),
    Renamed(String),
    /// Registered this nick, for the identity in this file.
    Registered(String, String),
    People(String, Listed<Present>),
    Rooms(Listed<RoomInfo>),
    Found(Page),
    Bans(Listed<Ban>),
    Obeyed(Admin),
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum CallError {
    Refused(Refusal),
    /// The server did not answer; in words. If none was reached, why not, for each of them.
    Lost(String, Vec<Error>),
}

impl CallError {
    /// Returns what went wrong, in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::Lost(why, dials) if dials.is_empty() => why.clone(),
            Self::Lost(_, dials) => {
                let dials: Vec<_> = dials.iter().map(Error::to_string).collect();
                dials.join("; ")
            }
        }
    }
}

/// Something to print.
pub(crate) enum Output {
    /// An entry of a room.
    Entry(Shown),
    /// A notice of this program.
    Status(Clean),
    /// The prompt from now on. Pipes have none.
    Prompt(Clean),
}

/// An entry as it is shown.
pub(crate) struct Shown {
    pub(crate) entry: Entry,
    pub(crate) room: String,
    /// the log in which it has its number
    pub(crate) epoch: u64,
    /// whether the person talks in that room
    pub(crate) here: bool,
    pub(crate) attention: Attention,
}

/// How much an entry asks for attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    None,
    /// It is for this person: it is private, or has the nick in it.
    Mark,
    /// The same, and it has just been said.
    Ring,
}

/// A name that the Tab key can complete.
pub(crate) enum Name {
    Nick(String),
    Room(String),
}

/// The effects of one input, in order.
#[derive(Default)]
pub(crate) struct Effects {
    list: Vec<Effect>,
    /// how many outputs the printer has not taken
    pub(crate) unprinted: usize,
    last_status: String,
    /// the room that the prompt names
    prompted: String,
}

impl Effects {
    /// Returns none yet, where the prompt names `room` already.
    pub(crate) fn new(room: &str) -> Self {
        let prompted = room.into();
        Self {
            prompted,
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    pub(crate) fn call(&mut self, call: Call) {
        self.push(Effect::Call(call));
    }

    pub(crate) fn print(&mut self, output: Output) {
        self.unprinted += 1;
        self.push(Effect::Print(output));
    }

    /// Prints a notice. `text` is made harmless here and only here, because it may quote others.
    pub(crate) fn status(&mut self, text: impl Into<String>) {
        self.last_status = text.into();
        self.print(Output::Status(Clean::new(&self.last_status)));
    }

    /// Prints a notice, unless it was the last one.
    pub(crate) fn status_once(&mut self, text: String) {
        if self.last_status != text {
            self.status(text);
        }
    }

    /// Lets the prompt name the room in which the person talks, unless it does already.
    pub(crate) fn prompt(&mut self, room: &str) {
        if self.prompted != room {
            self.prompted = room.into();
            self.print(Output::Prompt(prompt(room)));
        }
    }

    /// Prints each of these lines.
    pub(crate) fn statuses(&mut self, lines: Vec<String>) {
        lines.into_iter().for_each(|line| self.status(line));
    }

    /// Returns the effects since this was called last.
    pub(crate) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.list)
    }
}

/// Returns the prompt of a person who talks in `room`, or in none.
pub(crate) fn prompt(room: &str) -> Clean {
    let sign = if room.is_empty() { "" } else { "#" };
    Clean::new(&format!("{sign}{room}> "))
}

/// Returns whether a person said this entry, as opposed to a notice of the server.
pub(crate) fn is_message(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Said | Kind::Did)
}
