//! Fuzz targets: text of strangers that is printed, and a server that lies in every answer.

use std::time::Duration;

use common::chat::{Listed, MAX_JOINED, MAX_PRIVATE, Private, Session};
use serde_json::Value;

use crate::clean::{Clean, is_harmful};
use crate::command::{Command, Manner, Question, parse};
use crate::completion::Completion;
use crate::conversation::{After, Conversation};
use crate::effect::{Attention, Call, Effect, Input, Name, Output, Reply, Shown, Timer};
use crate::format;
use crate::servers::Servers;
use given::{Choices, cursor, entry, error, honest, kind, line, page, people, place, text, waits};

mod given;

/// Most effects of one input besides those of what the server has sent with it.
const MOST_EFFECTS: usize = 64;

/// Most inputs until a conversation ends whose input is over and whose server has become honest.
const MOST_STEPS: usize = 3000;

/// Nothing that others have written reaches the terminal but text, and typed lines mean something
/// or are explained.
pub fn texts(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let kind = kind(&mut choices);
    let [nick, room, body] = [8, 8, 120].map(|most| text(&mut choices, most));
    let clean = Clean::new(&body);
    is_printable(clean.as_str());
    assert_eq!(
        Clean::new(clean.as_str()),
        clean,
        "cleaning twice changes it"
    );

    let at_ms = choices.number();
    let entry = entry(choices.number(), kind, nick.clone(), body.clone(), at_ms);
    let mut shown = Shown {
        entry,
        room: room.clone(),
        epoch: choices.number(),
        here: true,
        attention: Attention::Ring,
    };
    is_printable(&format::text(&shown));
    shown.here = false;
    is_printable(&format::text(&shown));
    let line = format::json(&shown);
    let is_bad = |c: char| c.is_control() || is_harmful(c);
    assert!(!line.contains(is_bad), "{line:?}");
    let back: Value = serde_json::from_str(&line).expect("JSON");
    let is_faithful = back["text"] == *body && back["nick"] == *nick && back["room"] == *room;
    assert!(is_faithful, "{line:?}");

    let completion = Completion::default();
    completion.learn(Name::Nick(nick.clone()));
    completion.learn(Name::Room(room));
    for typed in [&body, &format!("/join {nick}"), &nick] {
        let (begin, candidates) = completion.complete(typed);
        assert!(typed.is_char_boundary(begin), "{typed:?} {begin}");
        candidates
            .iter()
            .for_each(|candidate| is_printable(candidate));
    }
    match parse(&body, Manner::Typed) {
        Some(Ok(Command::Say(_, said))) => assert!(!said.is_empty() && body.contains(&said)),
        Some(Err(why)) => is_printable(Clean::new(&why).as_str()),
        _ => {}
    }
}

/// Checks that a terminal only shows `text`, on one line.
fn is_printable(text: &str) {
    let is_wrong =
        |c: char| c.is_control() || is_harmful(c) || matches!(c, '\u{2028}' | '\u{2029}');
    assert!(!text.contains(is_wrong), "{text:?}");
}

/// A conversation with a server that lies, and what is out of it.
struct Talk {
    conversation: Conversation,
    calls: Vec<Call>,
    timers: Vec<Timer>,
    /// how many outputs wait for the printer
    printing: usize,
    has_ended: bool,
    /// whether the person still types
    types: bool,
}

/// Whatever a server answers, a conversation makes at most one poll, one send and one question at a
/// time, reads a bounded number of rooms, prints only text, and ends once its input is over and the
/// server is honest.
pub fn conversation(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let servers = ["a:1", "b:1", "c:1"].map(str::to_owned);
    let servers = &servers[choices.below(3)..];
    let mut talk = Talk {
        conversation: Conversation::new(Servers::new(servers, 0), "ann", "lobby", Session(7)),
        calls: Vec::new(),
        timers: Vec::new(),
        printing: 0,
        has_ended: false,
        types: true,
    };
    talk.conversation.is_operator = choices.below(2) == 0;
    talk.conversation.after = (choices.below(4) == 0).then(|| After {
        number: choices.number(),
        epoch: (choices.below(2) == 0).then(|| choices.number()),
    });
    let manners = [Manner::Typed, Manner::Piped, Manner::Commanded];
    talk.conversation.manner = manners[choices.below(3)];
    talk.conversation.wait = Duration::from_secs(choices.below(2) as u64);
    talk.input(Input::Started, 0);
    while !choices.is_over() && !talk.has_ended {
        talk.step(&mut choices);
    }
    talk.ends();
}

impl Talk {
    /// Hands in an input that may be answered with `bulk` effects more than usual.
    fn input(&mut self, input: Input, bulk: usize) {
        if self.has_ended {
            return;
        }
        let effects = self.conversation.handle(input, 0.5);
        assert!(
            effects.len() <= MOST_EFFECTS + bulk,
            "{} effects",
            effects.len()
        );
        for effect in effects {
            assert!(!self.has_ended, "nothing comes after the end");
            match effect {
                Effect::Call(call) => self.calls.push(call),
                Effect::Print(output) => {
                    self.printing += 1;
                    if let Output::Status(status) = output {
                        is_printable(status.as_str());
                    }
                }
                Effect::Timer(timer, _) => {
                    self.timers.retain(|running| *running != timer);
                    self.timers.push(timer);
                }
                Effect::Learn(_) | Effect::Note(_) | Effect::HangUp => {}
                Effect::End(..) => self.has_ended = true,
            }
        }
        self.check();
    }

    fn check(&self) {
        let count = |is_it: fn(&Call) -> bool| self.calls.iter().filter(|call| is_it(call)).count();
        assert!(count(|call| matches!(call, Call::Send(..))) <= 1, "sends");
        assert!(
            count(|call| matches!(call, Call::Ask(..))) <= 1,
            "questions"
        );
        assert!(count(|call| matches!(call, Call::Poll(..))) <= 1, "polls");
        assert!(count(waits) <= 2, "polls and calls that follow them");
        for call in &self.calls {
            match call {
                Call::Poll(_, cursors) | Call::LastPoll(cursors) => {
                    let private = cursors.iter().filter(|at| at.room.starts_with('@'));
                    assert!(private.count() <= MAX_PRIVATE);
                }
                Call::Send(_, posts) => assert!((1..=MAX_JOINED).contains(&posts.len())),
                _ => {}
            }
        }
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.below(10) {
            0 | 1 if self.types && self.conversation.wants_line() => {
                let line = line(choices);
                self.input(Input::Line(line), 0);
            }
            2 if !self.timers.is_empty() => {
                let timer = self.timers.remove(choices.below(self.timers.len()));
                self.input(Input::Elapsed(timer), 0);
            }
            3 if self.printing > 0 => {
                self.printing -= 1;
                self.input(Input::Taken, 0);
            }
            4 => match choices.below(32) {
                0 if self.types => {
                    self.types = false;
                    self.input(Input::NoMoreLines, 0);
                }
                1 => self.input(Input::ReaderGone, 0),
                2 => self.input(Input::Interrupted, 0),
                3..8 => self.input(Input::Reached(place(choices)), 0),
                _ => {}
            },
            _ if !self.calls.is_empty() => {
                let call = self.calls.remove(choices.below(self.calls.len().min(256)));
                let (answer, bulk) = lie(call, choices);
                self.input(answer, bulk);
            }
            _ => {}
        }
    }

    /// Ends the input; the server is honest from now on. So there is no need to give up.
    fn ends(&mut self) {
        if self.types {
            self.input(Input::NoMoreLines, 0);
        }
        for _ in 0..MOST_STEPS {
            if self.has_ended {
                return;
            }
            if self.printing > 0 {
                self.printing -= 1;
                self.input(Input::Taken, 0);
            } else if let Some(at) = self.calls.iter().position(|call| !waits(call)) {
                let call = self.calls.remove(at);
                self.input(honest(call), 0);
            } else if let Some(at) = self.timers.iter().position(|at| *at != Timer::GiveUp) {
                let timer = self.timers.remove(at);
                self.input(Input::Elapsed(timer), 0);
            } else if let Some(poll) = self.calls.pop() {
                self.input(honest(poll), 0);
            } else {
                panic!("it waits for nothing");
            }
        }
        panic!("it does not end");
    }
}

/// Returns what a server that lies answers to a call, and how much the client may do about it.
fn lie(call: Call, choices: &mut Choices<'_>) -> (Input, usize) {
    let (fails, pages) = (choices.below(3) == 0, choices.below(4));
    let bulk = 16 * pages;
    let input = match call {
        Call::Enter(..) if fails => Input::Entered(Err(error(choices))),
        Call::Enter(..) => Input::Entered(Ok(text(choices, 8))),
        Call::Vouch => Input::Vouched,
        Call::Join(..) if fails => Input::Joined(Err(error(choices))),
        Call::Join(..) => Input::Joined(Ok(cursor(choices))),
        Call::Poll(number, _) | Call::Follow(number) if fails => {
            Input::Polled(number, Err(error(choices)))
        }
        Call::Poll(number, _) | Call::Follow(number) => {
            Input::Polled(number, Ok((0..pages).map(|_| page(choices)).collect()))
        }
        Call::LastPoll(_) if fails => Input::PolledLast(Err(error(choices))),
        Call::LastPoll(_) => Input::PolledLast(Ok((0..pages).map(|_| page(choices)).collect())),
        Call::Send(room, _) if fails => Input::Sent(room, Err(error(choices))),
        Call::Send(room, _) => Input::Sent(room, Ok(Vec::new())),
        Call::Ask(..) if fails => Input::Replied(Err(error(choices))),
        Call::Ask(room, question) => Input::Replied(Ok(reply(room, question, choices))),
    };
    (input, bulk)
}

fn reply(room: String, question: Question, choices: &mut Choices<'_>) -> Reply {
    match question {
        Question::Private(_, text_of) | Question::Reply(_, _, text_of) => {
            let (cursor, nick) = (cursor(choices), text(choices, 6));
            Reply::Private(Private { cursor, nick }, text_of)
        }
        Question::Join(_) => Reply::Joined(cursor(choices)),
        Question::Leave(room) => Reply::Left(room),
        Question::Rename(_) => Reply::Renamed(text(choices, 6)),
        Question::Register(nick) => Reply::Registered(nick, "a file".into()),
        Question::Who(_) => Reply::People(room, people(choices)),
        Question::Rooms(_) => Reply::Rooms(Listed::first(std::iter::empty())),
        Question::History(_) | Question::Search(_) => Reply::Found(page(choices)),
        Question::Admin(order) => Reply::Obeyed(order),
    }
}

#[cfg(test)]
mod tests;
