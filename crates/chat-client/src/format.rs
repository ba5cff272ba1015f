//! How an entry is printed: a line for people, or an object for programs.

use chrono::{Local, TimeZone};
use common::chat::{Entry, Kind};
use serde_json::json;

use crate::clean::is_harmful;
use crate::cursors::line;

/// `HH:MM nick: text`, in this machine's time.
pub(crate) fn text(entry: &Entry, room: &str, here: bool) -> String {
    let at = i64::try_from(entry.at_ms)
        .ok()
        .and_then(|ms| Local.timestamp_millis_opt(ms).single());
    let time = at.map_or_else(|| "--:--".into(), |at| at.format("%H:%M").to_string());
    format!("{time} {}", line(entry, (!here).then_some(room)))
}

/// The entry as one line of JSON. Nothing is lost, and nothing is harmful on a terminal: what
/// [`Clean`](crate::clean::Clean) would replace is escaped.
pub(crate) fn json(entry: &Entry, room: &str) -> String {
    let kind = if entry.kind == Kind::Did {
        "did"
    } else {
        "said"
    };
    let object = json!({
        "room": room, "number": entry.number, "at_ms": entry.at_ms,
        "nick": entry.nick, "kind": kind, "text": entry.body,
    });
    let mut line = String::new();
    for c in object.to_string().chars() {
        match c {
            _ if is_harmful(c) || c == '\u{7f}' => {
                line.push_str(&format!("\\u{:04x}", u32::from(c)))
            }
            _ => line.push(c),
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
}
