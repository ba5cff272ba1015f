//! The conversation with the server: what is called, printed and waited for, until the end. PURE.
//!
//! ```text
//!   line ──▶ outbox ──▶ send ──▶ server          enter, join ──▶ ┐
//!                         ▲  └─ lost: again       after a loss   ├─ then poll and send go on
//!   print ◀── cursors ◀── poll ◀── server         or NoSession ──┘
//! ```
//!
//! One send is out at a time, one question of the person, and the [`Polls`]. Every decision is made
//! here, so that all of them can be tested in memory: an [`Input`] leads to [`Effect`]s.
//!
//! This file decides what goes on and how it ends. `arrivals` is what the server brings without
//! being asked by the person, `delivery` what becomes of messages, and `person` what the person
//! wants.

use std::collections::BTreeMap;
use std::time::Duration;

use common::chat::Session;
use common::journal::Event;

use crate::command::{Manner, Question, SHOWN_ON_JOIN};
use crate::connection::Connection;
use crate::cursors::Cursors;
use crate::effect::{Call, CallError, Effect, Effects, Input, Timer, UNLESS_PROGRESS, Why};
use crate::ignored::Ignored;
use crate::outbox::Outbox;
use crate::partners::Partners;
use crate::polls::Polls;
use crate::record::Record;
use crate::servers::Servers;
use crate::waiting::{SLOW, Waiting};
use crate::words;

mod arrivals;
mod delivery;
mod person;

/// How long the last look at an unreadable log is tried again: a disk that is busy for a moment.
const READABLE: Duration = Duration::from_secs(5);

/// How far the conversation is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The input is over: deliver what was said, then print what others have said until then.
    InputOver,
    /// The last poll is out. The server ends the one that waits.
    LastPoll,
    /// The person has typed `/quit`: deliver what was said.
    Quitting,
    /// The output has lost its reader: deliver what was said.
    Unread,
    Ended,
}

/// What the person has asked for. No line is read meanwhile, because the next one may depend on
/// it: what follows `/join` is for that room.
enum Asking {
    Nothing,
    /// to leave this room, as soon as all that was said is acknowledged
    ToLeave(String),
    /// something that the server has not answered yet
    Server(Question),
}

/// What has just changed where words go. What comes before a person can have read it was typed
/// ahead, and so goes nowhere.
enum Unsettled {
    /// A command that leads to another room was refused.
    Room,
    /// This person has written in private, and would get the next reply.
    Partner(String),
}

/// Where to begin to read the first room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// The number of the last message that is known.
    pub number: u64,
    /// The log in which it has that number, if that is known.
    pub epoch: Option<u64>,
}

/// One person's conversation, from the first attempt to attach to the end of the program.
pub(crate) struct Conversation {
    nick: String,
    /// the room in which the person talks, or nothing
    room: String,
    pub(crate) record: Record,
    /// where to begin, instead of the last messages
    pub(crate) after: Option<After>,
    /// how many earlier messages of a room to show
    pub(crate) history: u32,
    /// whether there is a token for what only operators may do
    pub(crate) is_operator: bool,
    /// whether the connection is sealed
    pub(crate) is_sealed: bool,
    pub(crate) manner: Manner,
    /// how long the server may take to come up
    pub(crate) wait: Duration,
    connection: Connection,
    cursors: Cursors,
    outbox: Outbox,
    waiting: Waiting,
    partners: Partners,
    ignored: Ignored,
    /// whether the server has been shown the token in this attempt to enter
    vouched: bool,
    stage: Stage,
    asking: Asking,
    polls: Polls,
    /// whether what is read was said just now, as opposed to before this client came
    is_live: bool,
    /// why the log could not be read at the last attempt
    unreadable: Option<String>,
    /// how far to read before the end
    goal: Option<BTreeMap<String, u64>>,
    /// what the person needs a moment to read
    unsettled: Option<Unsettled>,
    /// what was too long for one message
    too_long: Option<String>,
    /// the command that ends the client, because it was refused
    refused: Option<String>,
    /// whether only the printer is waited for
    is_over: bool,
    /// whether something could not be read, because the log is damaged there
    damaged: bool,
    out: Effects,
}

impl Conversation {
    /// Returns a conversation that begins with [`Input::Started`].
    pub(crate) fn new(servers: Servers, nick: &str, room: &str, session: Session) -> Self {
        Self {
            nick: nick.into(),
            room: room.into(),
            record: Record::new(session),
            after: None,
            history: SHOWN_ON_JOIN,
            is_operator: false,
            is_sealed: false,
            manner: Manner::Typed,
            wait: Duration::ZERO,
            connection: Connection::new(servers),
            cursors: Cursors::new(session),
            outbox: Outbox::default(),
            waiting: Waiting::default(),
            partners: Partners::default(),
            ignored: Ignored::default(),
            vouched: false,
            stage: Stage::Open,
            asking: Asking::Nothing,
            polls: Polls::default(),
            is_live: false,
            unreadable: None,
            goal: None,
            unsettled: None,
            too_long: None,
            refused: None,
            is_over: false,
            damaged: false,
            out: Effects::new(room),
        }
    }

    /// Returns the name of the server in use.
    pub(crate) fn server(&self) -> String {
        self.connection.servers.name()
    }

    /// Returns whether to read a line: not before the client is attached, nor more than the
    /// outbox holds, nor while something is unprinted or asked for.
    pub(crate) fn wants_line(&self) -> bool {
        let is_idle = self.out.unprinted == 0 && matches!(self.asking, Asking::Nothing);
        let may_say_more = self.stage == Stage::Open && self.outbox.has_room();
        !self.connection.is_new() && is_idle && may_say_more
    }

    /// Returns what is to be done about `input`, in this order. `dice` is a fresh random number
    /// between 0 and 1.
    pub(crate) fn handle(&mut self, input: Input, dice: f64) -> Vec<Effect> {
        let unacknowledged = self.outbox.len();
        match input {
            Input::Started if self.wait > Duration::ZERO => {
                self.connection.wait = Some(self.wait);
                self.out.push(Effect::Timer(Timer::Wait, self.wait));
            }
            Input::Started => {}
            Input::Line(line) => self.line(&line),
            Input::NoMoreLines => self.leave(Stage::InputOver),
            // Nothing changes after /quit, because the client then ends whether it is read or not.
            Input::ReaderGone if self.stage == Stage::Quitting => {}
            Input::ReaderGone => {
                self.out.unprinted = 0;
                self.leave(Stage::Unread);
            }
            Input::Interrupted => self.end(Why::Interrupted),
            Input::Taken => self.out.unprinted = self.out.unprinted.saturating_sub(1),
            Input::Elapsed(timer) => self.elapsed(timer),
            Input::Reached(place) => self.connection.reached(place, &mut self.out),
            Input::Entered(Ok(nick)) => self.entered(nick),
            Input::Vouched => self.connection.enter(&self.nick, &mut self.out),
            Input::Joined(Ok(cursor)) => self.joined(cursor),
            Input::Entered(Err(error)) => self.not_let_in(error),
            Input::Joined(Err(error)) => self.not_joined(error),
            Input::Polled(number, answer) => {
                self.polls.answered(number, answer);
                while let Some(answer) = self.polls.next() {
                    match answer {
                        Ok(pages) => self.polled_live(pages),
                        Err(error) => self.not_polled(error, dice),
                    }
                }
            }
            Input::PolledLast(Ok(pages)) => self.polled_last(pages),
            Input::PolledLast(Err(error)) => self.not_polled(error, dice),
            Input::Sent(room, result) => self.sent(&room, result, dice),
            Input::Replied(result) => {
                match (std::mem::replace(&mut self.asking, Asking::Nothing), result) {
                    (_, Ok(reply)) => self.replied(reply),
                    (Asking::Server(question), Err(error)) => self.not_done(&question, &error),
                    (_, Err(_)) => {}
                }
            }
        }
        if self.stage != Stage::Open && self.outbox.len() < unacknowledged {
            self.finish(self.stage); // the time begins again, because the server acknowledges
        }
        self.out.prompt(&self.room);
        self.go_on(dice);
        self.out.take()
    }

    fn elapsed(&mut self, timer: Timer) {
        match timer {
            Timer::Attach => self.connection.enter(&self.nick, &mut self.out),
            Timer::Resend => self.outbox.again(),
            Timer::Reread => {
                self.polls.resume();
                if self.stage == Stage::LastPoll {
                    self.stage = Stage::InputOver;
                }
            }
            Timer::Follow => self.follow(),
            Timer::GiveUp => self.is_over = true,
            Timer::Settle => self.unsettled = None,
            Timer::Return => {
                let is_idle = self.out.unprinted == 0 && matches!(self.asking, Asking::Nothing);
                let is_out = !is_idle || self.outbox.len() > 0 || self.stage != Stage::Open;
                self.connection.returns(is_out, &self.nick, &mut self.out);
            }
            Timer::Slow => {
                let is_leaving = self.stage != Stage::Open;
                if !self.connection.is_attached() {
                    self.waiting.disconnected();
                }
                let text = self.waiting.elapsed(&self.outbox, is_leaving);
                text.into_iter().for_each(|text| self.out.status(text));
            }
            Timer::Wait => {
                if let Some(error) = self.connection.waited() {
                    self.end(Why::CannotBegin(error));
                }
            }
        }
    }

    /// Ends the conversation if nothing is left to do, otherwise starts what can be started.
    fn go_on(&mut self, dice: f64) {
        if self.stage == Stage::Ended {
            return;
        }
        let all_sent = self.outbox.len() == 0;
        if let (true, Asking::ToLeave(room)) = (all_sent, &self.asking) {
            self.ask(Question::Leave(room.clone()));
        }
        if let Some(text) = self.waiting.ends(&self.outbox) {
            self.out.status(text);
        }
        let all_printed = self.out.unprinted == 0;
        let is_done = all_sent && all_printed && matches!(self.asking, Asking::Nothing);
        let is_last = matches!(self.stage, Stage::Quitting | Stage::Unread);
        if (is_done && is_last) || (self.is_over && all_printed) {
            let why = self.why();
            return self.end(why);
        }
        self.connection.begin(&self.nick, dice, &mut self.out);
        if self.waiting.begins(&self.outbox) {
            self.out.push(Effect::Timer(Timer::Slow, SLOW));
        }
        if !self.connection.is_attached() {
            return;
        }
        self.connection.plan_return(dice, &mut self.out);
        if is_done && self.stage == Stage::InputOver {
            self.stage = Stage::LastPoll;
            self.out.call(Call::LastPoll(self.cursors.all()));
        } else if self.may_poll()
            && let Some(number) = self.polls.begin()
        {
            let cursors = self.cursors.all();
            self.note(|record, nick| record.polls(nick, &cursors));
            self.out.call(Call::Poll(number, cursors));
        }
        if let Some((room, posts)) = self.outbox.next_call() {
            self.note(|record, _| record.sends(&room, &posts));
            self.out.call(Call::Send(room, posts));
        }
    }

    /// Returns whether more is to be read now: not before all is printed that came, nor beside the
    /// last poll.
    fn may_poll(&self) -> bool {
        let is_read = self.connection.is_attached() && self.out.unprinted == 0;
        is_read && self.stage != Stage::LastPoll
    }

    /// Begins to end, and says what is waited for if that is known to take time.
    fn leave(&mut self, stage: Stage) {
        self.finish(stage);
        if let Some(text) = self.waiting.leaves(&self.outbox) {
            self.out.status(text);
        }
    }

    /// Waits for the server before the end, from now on and for a limited time.
    fn finish(&mut self, stage: Stage) {
        self.stage = stage;
        self.is_over = false;
        self.out.push(Effect::Timer(Timer::GiveUp, UNLESS_PROGRESS));
    }

    /// Returns why the conversation ends now, unless it is cut off.
    fn why(&mut self) -> Why {
        if let Some(command) = self.refused.take() {
            return Why::Refused(command);
        }
        let is_read = self
            .goal
            .as_ref()
            .is_some_and(|goal| self.cursors.reach(goal));
        let has_to_read = matches!(self.stage, Stage::InputOver | Stage::LastPoll);
        if has_to_read && self.damaged {
            return Why::Unread(words::DAMAGED.into());
        }
        if !has_to_read || is_read || self.outbox.len() > 0 {
            return Why::Done;
        }
        let why = self.unreadable.take();
        Why::Unread(why.unwrap_or_else(|| "the server did not answer in time".into()))
    }

    fn end(&mut self, why: Why) {
        self.stage = Stage::Ended;
        let (goodbye, undelivered) = (self.connection.is_attached(), self.outbox.undelivered());
        self.out.push(Effect::End(why, goodbye, undelivered));
    }

    /// Has what `event` returns written into the journal.
    fn note(&mut self, event: impl FnOnce(&mut Record, &str) -> Option<Event>) {
        let event = event(&mut self.record, &self.nick);
        event
            .into_iter()
            .for_each(|event| self.out.push(Effect::Note(event)));
    }

    /// The server was lost, because of this error: tries to come back.
    fn lost(&mut self, error: CallError) {
        self.note(|record, _| record.lost(error.words()));
        self.connection.lost(error, &mut self.out);
    }

    fn ask(&mut self, question: Question) {
        self.ask_in(self.room.clone(), question);
    }

    fn ask_in(&mut self, room: String, question: Question) {
        self.asking = Asking::Server(question.clone());
        self.out.call(Call::Ask(room, question));
    }
}

#[cfg(test)]
mod tests;
