//! How an entry is printed: a line for people, or an object for programs.

use chrono::{Local, TimeZone};
use common::chat::{Entry, Kind};
use serde_json::json;

use crate::clean::{Clean, is_harmful};

/// Returns the entry as `HH:MM nick: text`, in this machine's time. Unless `here`, it names the
/// room.
pub(crate) fn text(entry: &Entry, room: &str, here: bool) -> String {
    let at = i64::try_from(entry.at_ms).ok();
    let at = at.and_then(|ms| Local.timestamp_millis_opt(ms).single());
    let time = at.map_or_else(|| "--:--".into(), |at| at.format("%H:%M").to_string());
    format!("{time} {}", line(entry, (!here).then_some(room)))
}

/// Returns the line of an entry after its time. `aside` is the room, unless the person talks in it.
fn line(entry: &Entry, aside: Option<&str>) -> String {
    let (nick, body) = (Clean::new(&entry.nick), Clean::new(&entry.body));
    let words = match entry.kind {
        Kind::Said => format!("{nick}: {body}"),
        Kind::Did => format!("* {nick} {body}"),
        Kind::Joined => format!("{nick} is here"),
        Kind::Left if body.as_str().is_empty() => format!("{nick} has left"),
        // The body says how, because it was not by themselves.
        Kind::Left => format!("{nick} {body}"),
        Kind::Renamed => format!("{nick} is now called {body}"),
    };
    match aside {
        None => words,
        Some(room) if room.starts_with('@') => format!("(private) {words}"),
        Some(room) => format!("#{} {words}", Clean::new(room)),
    }
}

/// Returns the entry as one line of JSON. All of it is there, and it is harmless on a terminal,
/// because what [`Clean`] would replace is escaped.
pub(crate) fn json(entry: &Entry, room: &str) -> String {
    let did = entry.kind == Kind::Did;
    let object = json!({
        "room": room, "number": entry.number, "at_ms": entry.at_ms, "nick": entry.nick,
        "kind": if did { "did" } else { "said" }, "text": entry.body,
    });
    let mut line = String::new();
    for c in object.to_string().chars() {
        if is_harmful(c) || c == '\u{7f}' {
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_faithful_and_harmless() {
        let body = "\u{1b}[2J \u{9b} \u{202e} \u{7f} \"ü\"\n";
        let entry = Entry {
            number: 7,
            sender: 1,
            kind: Kind::Said,
            nick: "ann".into(),
            body: body.into(),
            at_ms: 1,
        };
        let line = json(&entry, "lobby");
        assert!(
            !line.chars().any(|c| c.is_control() || is_harmful(c)),
            "{line}"
        );
        let back: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            (back["text"].as_str(), back["number"].as_u64()),
            (Some(body), Some(7))
        );
    }

    #[test]
    fn every_kind_has_its_line_and_no_nick_escapes() {
        let mut entry = Entry {
            number: 1,
            sender: 1,
            kind: Kind::Said,
            nick: "ann".into(),
            body: "100%\n".into(),
            at_ms: 0,
        };
        assert_eq!(line(&entry, None), "ann: 100%⏎");
        assert_eq!(line(&entry, Some("kitchen")), "#kitchen ann: 100%⏎");
        entry.nick = "\u{1b}[31mx".into();
        for kind in [
            Kind::Said,
            Kind::Did,
            Kind::Joined,
            Kind::Left,
            Kind::Renamed,
        ] {
            entry.kind = kind;
            let line = line(&entry, Some("@1+2"));
            assert!(
                line.contains("␛[31mx") && line.starts_with("(private) "),
                "{line}"
            );
        }
    }
}
