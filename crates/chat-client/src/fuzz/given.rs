//! What people type and what servers answer, as the bytes of a fuzzer choose.

use common::chat::{Crowd, Cursor, Entry, Kind, Listed, Page, Present, Refusal};

use crate::effect::{Call, CallError, Input};
use crate::servers::Place;
pub(super) use input::Input as Choices;
pub(super) use odd_text::text;

#[path = "../../../common/tests/support/input.rs"]
mod input;
#[path = "../../../common/tests/support/odd_text.rs"]
mod odd_text;

pub(super) fn kind(choices: &mut Choices<'_>) -> Kind {
    [
        Kind::Said,
        Kind::Did,
        Kind::Joined,
        Kind::Left,
        Kind::Renamed,
    ][choices.below(5)]
}

pub(super) fn entry(number: u64, kind: Kind, nick: String, body: String, at_ms: u64) -> Entry {
    Entry {
        number,
        sender: number.into(),
        kind,
        nick: nick.into(),
        body: body.into(),
        at_ms,
    }
}

/// Returns a typed line: a command with any arguments, or any text.
pub(super) fn line(choices: &mut Choices<'_>) -> String {
    const COMMANDS: &str = "/join /leave /msg /me /nick /who /rooms /history /search /ignore \
        /unignore /kick /ban /unban /bans /help /quit /x /reply /pieces";
    let commands: Vec<_> = COMMANDS.split(' ').collect();
    let words = text(choices, 12);
    match choices.below(40) {
        said @ 20.. => format!("{said} {words}"),
        command => format!("{} {}{words}", commands[command], choices.below(4)),
    }
}

pub(super) fn room(choices: &mut Choices<'_>) -> String {
    match choices.below(4) {
        0 => "lobby".into(),
        1 => format!("@{}", choices.byte()),
        2 => format!("{}", choices.below(4)),
        _ => text(choices, 6),
    }
}

pub(super) fn cursor(choices: &mut Choices<'_>) -> Cursor {
    Cursor {
        room: room(choices),
        after: choices.number(),
        epoch: choices.number(),
    }
}

pub(super) fn page(choices: &mut Choices<'_>) -> Page {
    let count = choices.below(4);
    let entries = (0..count).map(|_| {
        let kind = kind(choices);
        let (nick, body) = (text(choices, 4), text(choices, 8));
        entry(choices.number(), kind, nick, body, choices.number())
    });
    Page {
        entries: entries.collect(),
        room: room(choices),
        first: choices.number(),
        head: choices.number(),
        epoch: choices.number(),
        damaged: choices.number(),
    }
}

pub(super) fn people(choices: &mut Choices<'_>) -> Listed<Present> {
    let (nick, is_registered) = (text(choices, 6), choices.below(2) == 0);
    let person = Present {
        nick,
        is_registered,
    };
    let (part, more) = (vec![person; choices.below(4)], choices.number() as u32);
    Listed { part, more }
}

/// Where a connection leads: to a server of the list, or to one that is in none.
pub(super) fn place(choices: &mut Choices<'_>) -> Place {
    let server = text(choices, 4);
    Place {
        server: ["a:1", "b:1", "c:1", &server][choices.below(4)].into(),
        addr: (choices.below(2) == 0).then(|| text(choices, 4)),
        has_others: choices.below(2) == 0,
    }
}

pub(super) fn error(choices: &mut Choices<'_>) -> CallError {
    let words = text(choices, 8);
    CallError::Refused(match choices.below(13) {
        0 => Refusal::NoSession,
        1 => Refusal::NickTaken {
            by: words,
            free: text(choices, 4),
        },
        2 => Refusal::Unfit(words),
        3 => Refusal::NotJoined,
        4 => Refusal::TooFast(choices.number() as u32),
        5 => Refusal::Full(Crowd::Rooms),
        6 => Refusal::Unavailable(words),
        7 if choices.below(4) == 0 => Refusal::Kicked(words),
        8 => Refusal::Banned,
        9 => Refusal::Nobody,
        10 => Refusal::Unreadable(words),
        11 => Refusal::Registered(words),
        _ => return CallError::Lost(words, Vec::new()),
    })
}

/// Returns whether an honest server answers only when there is something new.
pub(super) fn waits(call: &Call) -> bool {
    matches!(call, Call::Poll(..) | Call::Follow(_))
}

/// Returns what an honest server answers, to which nothing new is said.
pub(super) fn honest(call: Call) -> Input {
    match call {
        Call::Enter(nick, _) => Input::Entered(Ok(nick)),
        Call::Vouch => Input::Vouched,
        Call::Join(room, _) => {
            let (after, epoch) = (0, 1);
            Input::Joined(Ok(Cursor { room, after, epoch }))
        }
        Call::Poll(number, _) | Call::Follow(number) => Input::Polled(number, Ok(Vec::new())),
        Call::LastPoll(_) => Input::PolledLast(Ok(Vec::new())),
        Call::Send(room, _) => Input::Sent(room, Ok(Vec::new())),
        Call::Ask(..) => Input::Replied(Err(CallError::Refused(Refusal::Nobody))),
    }
}
