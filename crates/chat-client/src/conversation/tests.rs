//! Conversations in memory, as transcripts: what happens, and indented what comes of it.
//!
//! They are in `tests/transcripts`. `start` begins a conversation, and `attached` one that has
//! joined the lobby. Messages are numbered as they are sent, `lobby:3` is a cursor, and `!` begins
//! the reason why a call failed. The dice show one half. What is printed is taken at once, until
//! the `printer blocks`; at `silence` no line is read. The oldest poll that is out is `polled`, the
//! newest one `followed`. Lines are typed in a terminal, unless they are `piped` or `commanded`.

use std::collections::VecDeque;
use std::fmt::Write;

use common::chat::{
    Ban, Crowd, Cursor, Entry, Kind, Listed, Page, Present, Private, Refusal, RoomInfo, sender,
};
use common::net::{Error, Trouble};

use super::*;
use crate::effect::{CallError, Reply};
use crate::servers::Place;
use words::words;

mod words;

/// Plays a transcript, and compares what comes of its inputs with its indented lines.
fn play(script: &str) {
    let mut talk = Talk::new();
    let mut played = String::new();
    for line in script.lines().filter(|line| !line.starts_with(' ')) {
        writeln!(played, "{line}").expect("memory");
        if line.starts_with("start") || line == "attached" {
            talk = Talk::new();
        }
        talk.play(&line.replace("<ESC>", "\u{1b}"));
        for effect in talk.effects.drain(..) {
            writeln!(played, "    {effect}").expect("memory");
        }
    }
    let mut both = played.lines().zip(script.lines()).enumerate();
    if let Some((line, (played, expected))) = both.find(|(_, (a, b))| a != b) {
        panic!("line {}: {played:?} was played, not {expected:?}", line + 1);
    }
    assert_eq!(played.len(), script.len());
}

#[test]
fn a_conversation_begins() {
    play(include_str!("../../tests/transcripts/begin.txt"));
}

#[test]
fn a_connection_is_lost_and_found() {
    play(include_str!("../../tests/transcripts/loss.txt"));
}

#[test]
fn one_of_several_servers_is_lost() {
    play(include_str!("../../tests/transcripts/servers.txt"));
}

#[test]
fn messages_are_refused() {
    play(include_str!("../../tests/transcripts/sending.txt"));
}

#[test]
fn a_conversation_ends() {
    play(include_str!("../../tests/transcripts/end.txt"));
}

#[test]
fn commands_are_answered() {
    play(include_str!("../../tests/transcripts/commands.txt"));
}

#[test]
fn messages_wait() {
    play(include_str!("../../tests/transcripts/waiting.txt"));
}

#[test]
fn commands_are_refused() {
    play(include_str!("../../tests/transcripts/refused.txt"));
}

#[test]
fn people_talk_in_private() {
    play(include_str!("../../tests/transcripts/private.txt"));
}

#[test]
fn logs_are_read_from_somewhere_to_somewhere() {
    play(include_str!("../../tests/transcripts/reading.txt"));
}

struct Talk {
    conversation: Conversation,
    effects: Vec<String>,
    unprinted: usize,
    /// the numbers of the polls that are out, the oldest first
    polls: VecDeque<u64>,
    blocks: bool,
    /// how many places were of a name with several addresses
    reached: usize,
}

impl Talk {
    fn new() -> Self {
        let servers = servers("host:1");
        let mut conversation = Conversation::new(servers, "ann", "lobby", Session(1 << 64));
        let (number, epoch) = (5, None);
        conversation.after = Some(After { number, epoch });
        Self {
            conversation,
            effects: Vec::new(),
            unprinted: 0,
            polls: VecDeque::new(),
            blocks: false,
            reached: 0,
        }
    }

    fn play(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let input = match (word, rest) {
            ("", _) | ("#", _) => return,
            ("attached", _) => {
                self.play("start");
                self.play("entered ann");
                self.effects.clear();
                self.play("joined lobby:5");
                return self.effects.retain(|effect| !effect.starts_with("prompt"));
            }
            ("sealed", _) => return self.conversation.is_sealed = true,
            ("operator", _) => return self.conversation.is_operator = true,
            ("piped", _) => return self.conversation.manner = Manner::Piped,
            ("commanded", _) => return self.conversation.manner = Manner::Commanded,
            ("after", number) => {
                let (number, epoch) = number.split_once('@').unwrap_or((number, ""));
                let number = number.parse().expect("a number");
                let epoch = epoch.parse().ok();
                return self.conversation.after = Some(After { number, epoch });
            }
            ("start", how) => {
                let (wait, list) = how.split_once("at ").unwrap_or((how, "host:1"));
                self.conversation.connection = Connection::new(servers(list));
                let seconds = if wait.is_empty() { 0 } else { 60 };
                self.conversation.wait = Duration::from_secs(seconds);
                Input::Started
            }
            ("type", text) => {
                assert!(self.conversation.wants_line(), "no line is read: {line}");
                // A long text, as `x` and how often.
                let times = text.strip_prefix("x*").and_then(|times| times.parse().ok());
                Input::Line(times.map_or_else(|| text.into(), |times| "x".repeat(times)))
            }
            ("silence", _) => return assert!(!self.conversation.wants_line(), "it reads"),
            ("end-of-input", _) => Input::NoMoreLines,
            ("reader-gone", _) => Input::ReaderGone,
            ("signal", _) => Input::Interrupted,
            ("printer", "blocks") => return self.blocks = true,
            ("printer", _) => return self.prints(),
            ("elapsed", "attach") => Input::Elapsed(Timer::Attach),
            ("elapsed", "resend") => Input::Elapsed(Timer::Resend),
            ("elapsed", "follow") => Input::Elapsed(Timer::Follow),
            ("elapsed", "reread") => Input::Elapsed(Timer::Reread),
            ("elapsed", "return") => Input::Elapsed(Timer::Return),
            ("elapsed", "slow") => Input::Elapsed(Timer::Slow),
            ("elapsed", "settle") => Input::Elapsed(Timer::Settle),
            ("elapsed", "wait") => Input::Elapsed(Timer::Wait),
            ("elapsed", _) => Input::Elapsed(Timer::GiveUp),
            ("reached", server) => {
                // Of several addresses of a name, another one answers each time.
                let name = server.strip_suffix(" of several");
                self.reached += usize::from(name.is_some());
                Input::Reached(Place {
                    server: name.unwrap_or(server).into(),
                    addr: name.map(|_| format!("10.0.0.{}:1", self.reached)),
                    has_others: name.is_some(),
                })
            }
            ("entered", nick) => Input::Entered(answer(nick, str::to_owned)),
            ("vouched", _) => Input::Vouched,
            ("joined", room) => Input::Joined(answer(room, cursor)),
            ("polled", pages) => {
                let oldest = self.polls.pop_front().expect("a poll is out");
                Input::Polled(oldest, answer(pages, read))
            }
            ("followed", pages) => {
                let newest = self.polls.pop_back().expect("a poll is out");
                Input::Polled(newest, answer(pages, read))
            }
            ("polled-last", pages) => Input::PolledLast(answer(pages, read)),
            ("sent", rest) => {
                let (room, why) = rest.split_once(' ').unwrap_or((rest, ""));
                Input::Sent(room.into(), answer(why, |_| Vec::new()))
            }
            ("replied", rest) => Input::Replied(answer(rest, reply)),
            _ => panic!("what is {line:?}?"),
        };
        self.handle(input);
        if !self.blocks {
            self.prints();
        }
    }

    fn prints(&mut self) {
        self.blocks = false;
        while self.unprinted > 0 {
            self.unprinted -= 1;
            self.handle(Input::Taken);
        }
    }

    fn handle(&mut self, input: Input) {
        for effect in self.conversation.handle(input, 0.5) {
            self.unprinted += usize::from(matches!(effect, Effect::Print(_)));
            if let Effect::Call(Call::Poll(number, _) | Call::Follow(number)) = effect {
                self.polls.push_back(number);
            }
            self.effects.extend(words(effect));
        }
    }
}

/// The servers `a:1 b:1 c:1`, called in this order.
fn servers(list: &str) -> Servers {
    let list: Vec<_> = list.split(' ').map(str::to_owned).collect();
    let orders = (0..6).map(|dice| Servers::new(&list, dice));
    let mut as_listed = orders.filter(|servers| servers.order() == list);
    as_listed.next().expect("one of the orders of three")
}

fn answer<T>(text: &str, make: impl FnOnce(&str) -> T) -> Result<T, CallError> {
    let Some(why) = text.strip_prefix('!') else {
        return Ok(make(text));
    };
    Err(CallError::Refused(match why {
        "lost" => return Err(CallError::Lost(why.into(), Vec::new())),
        "refused" => {
            let dials = ["a:1", "b:1"].map(|target| Error {
                trouble: Trouble::Refused,
                service: "chat-server",
                target: target.into(),
                addr: None,
                own: None,
            });
            return Err(CallError::Lost(why.into(), dials.into()));
        }
        "no session" => Refusal::NoSession,
        "nick taken" => Refusal::NickTaken {
            by: "Ann".into(),
            free: "ann2".into(),
        },
        "registered" => Refusal::Registered("Ann".into()),
        "nobody" => Refusal::Nobody,
        "not written" => Refusal::Unavailable("disk full".into()),
        "not read" => Refusal::Unreadable("disk failed".into()),
        "not joined" => Refusal::NotJoined,
        "too fast" => Refusal::TooFast(700),
        "full" => Refusal::Full(Crowd::Rooms),
        "banned" => Refusal::Banned,
        "kicked" => Refusal::Kicked("too loud".into()),
        "wrong token" => Refusal::WrongToken,
        why => Refusal::Unfit(why.into()),
    }))
}

/// `lobby:3`
fn cursor(text: &str) -> Cursor {
    let (room, after) = text.split_once(':').expect("a cursor");
    Cursor {
        room: room.into(),
        after: after.parse().expect("a number"),
        epoch: 1,
    }
}

/// `lobby:3 bob hello` is bob's message 3. Without a text it says that bob is here. The text
/// `anew` begins another log, before `late` the older messages are gone, before `after damage`
/// seven are damaged, and after `more` there is another message.
fn read(text: &str) -> Vec<Page> {
    let mut words = text.split(' ');
    let Some(at) = words.next().filter(|at| !at.is_empty()) else {
        return Vec::new();
    };
    let (nick, body) = (
        words.next().expect("a nick"),
        words.collect::<Vec<_>>().join(" "),
    );
    let Cursor {
        room,
        after: number,
        ..
    } = cursor(at);
    let entry = Entry {
        number,
        sender: if nick == "ann" {
            sender(Session(1 << 64))
        } else {
            2
        },
        kind: if body.is_empty() {
            Kind::Joined
        } else {
            Kind::Said
        },
        nick: nick.into(),
        body: body.into(),
        at_ms: 0,
    };
    let epoch = if entry.body.starts_with("anew") { 2 } else { 1 };
    let head = number + u64::from(entry.body.starts_with("more"));
    let first = if entry.body.starts_with("late") {
        number
    } else {
        1
    };
    vec![Page {
        room,
        head,
        first,
        epoch,
        damaged: if entry.body.starts_with("after damage") {
            7
        } else {
            0
        },
        entries: vec![entry],
    }]
}

/// Two of a list.
fn listed<T>(all: impl Iterator<Item = T>) -> Listed<T> {
    let mut part: Vec<T> = all.collect();
    let more = part.drain(part.len().min(2)..).count();
    let more = u32::try_from(more).expect("few");
    Listed { part, more }
}

fn reply(text: &str) -> Reply {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "private" => Reply::Private(
            Private {
                cursor: cursor("@1+2:0"),
                nick: "bob".into(),
            },
            rest.into(),
        ),
        "joined" => Reply::Joined(cursor(rest)),
        "left" => Reply::Left(rest.into()),
        "registered" => Reply::Registered(rest.into(), "/home/ann/identity".into()),
        "renamed" => Reply::Renamed(rest.into()),
        "people" => {
            let present = |name: &str| Present {
                nick: name.trim_end_matches('*').to_owned(),
                is_registered: name.ends_with('*'),
            };
            Reply::People("lobby".into(), listed(rest.split(' ').map(present)))
        }
        "rooms" => Reply::Rooms(listed(std::iter::once(RoomInfo {
            room: rest.into(),
            people: 2,
            head: 7,
        }))),
        "bans" => Reply::Bans(listed(rest.split(' ').map(|network| Ban {
            network: network.into(),
            nick: "eve".into(),
            why: "too loud".into(),
            until_ms: 0,
        }))),
        "found" => Reply::Found(read(rest).pop().unwrap_or_else(|| Page {
            room: "lobby".into(),
            entries: Vec::new(),
            first: 1,
            head: 1,
            epoch: 1,
            damaged: 0,
        })),
        _ => panic!("what is {text:?}?"),
    }
}
