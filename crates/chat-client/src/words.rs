//! What is said about the outcome of a command. PURE.

use chrono::DateTime;
use common::chat::{Admin, Ban, Listed, Present, Refusal, RoomInfo};

use crate::effect::CallError;

/// Returns the notice of a command that failed.
pub(crate) fn no(error: &CallError) -> String {
    match error {
        CallError::Refused(Refusal::WrongToken) => {
            "no: the server does not take this admin token, or was started without".into()
        }
        CallError::Refused(refusal @ Refusal::NickTaken { free, .. }) if !free.is_empty() => {
            format!("no: {refusal}; {free} is free")
        }
        CallError::Refused(refusal) => format!("no: {refusal}"),
        CallError::Lost(..) => "no answer: try again".into(),
    }
}

/// Returns the notice of a room of which some lines are lost.
pub(crate) fn unreadable(lines: u64, room: &str) -> String {
    format!("up to {lines} lines of {room} cannot be read: {DAMAGED}")
}

/// Why lines are lost.
pub(crate) const DAMAGED: &str = "the server's file is damaged there";

/// Returns the notice of an order that was carried out.
pub(crate) fn obeyed(order: &Admin) -> String {
    match order {
        Admin::Kick { nick, .. } => format!("{nick} is out"),
        Admin::Ban { whom, .. } => format!("{whom} is out, and that address may not come back"),
        Admin::Unban { whom } => format!("the address of {whom} may come back"),
        Admin::Bans { .. } => String::new(),
        Admin::Release { nick } => format!("{nick} is anybody's again"),
    }
}

/// Returns the lines of a list of people. A star marks a registered nick.
pub(crate) fn people(room: &str, people: Listed<Present>) -> Vec<String> {
    // No nick has a star.
    let star = |person: &Present| if person.is_registered { "*" } else { "" };
    let names = people.part.iter();
    let names: Vec<_> = names
        .map(|person| format!("{}{}", person.nick, star(person)))
        .collect();
    let line = format!("in {room}: {}", names.join(", "));
    let more = more("/who", &people, |person| &person.nick);
    [Some(line), more].into_iter().flatten().collect()
}

/// Returns the lines of a list of rooms.
pub(crate) fn rooms(rooms: Listed<RoomInfo>) -> Vec<String> {
    let more = more("/rooms", &rooms, |info| &info.room);
    let line = |info: RoomInfo| format!("#{} ({} here)", info.room, info.people);
    rooms.part.into_iter().map(line).chain(more).collect()
}

/// Returns the lines of a list of bans.
pub(crate) fn bans(bans: Listed<Ban>) -> Vec<String> {
    if bans.part.is_empty() {
        return vec!["nobody is banned".into()];
    }
    let more = more("/bans", &bans, |ban| &ban.network);
    bans.part.iter().map(ban).chain(more).collect()
}

/// Returns how a list goes on, if it does.
fn more<T>(command: &str, list: &Listed<T>, name: impl Fn(&T) -> &str) -> Option<String> {
    let last = list.part.last().filter(|_| list.more > 0)?;
    Some(format!("and {} more: {command} {}", list.more, name(last)))
}

fn ban(ban: &Ban) -> String {
    let mut line = ban.network.clone();
    if !ban.nick.is_empty() {
        line = format!("{line} ({})", ban.nick);
    }
    let end = i64::try_from(ban.until_ms).ok().filter(|&ms| ms > 0);
    if let Some(end) = end.and_then(DateTime::from_timestamp_millis) {
        line = format!("{line} until {}", end.format("%F %H:%M UTC"));
    }
    if !ban.why.is_empty() {
        line = format!("{line}: {}", ban.why);
    }
    line
}
