//! How an entry is printed: a line for people, or an object for programs.

use chrono::{DateTime, Local, NaiveDate, TimeZone};
use common::chat::Kind;
use serde_json::json;

use crate::clean::{Clean, is_harmful};
use crate::effect::Shown;

/// The last moment that is shown, in milliseconds: a day before the year 10000. A server may say
/// any time, and the last ones that chrono knows have no local time in some places.
const LAST: i64 = 253_402_214_400_000;

/// Returns the time of this machine.
fn local(at_ms: u64) -> Option<DateTime<Local>> {
    let at = i64::try_from(at_ms).ok().filter(|&at| at <= LAST)?;
    Local.timestamp_millis_opt(at).single()
}

/// Returns the time of day as `HH:MM`.
pub(crate) fn clock(at_ms: u64) -> String {
    local(at_ms).map_or_else(|| "--:--".into(), |at| at.format("%H:%M").to_string())
}

/// The day that the last entry was of. It begins with today.
pub(crate) struct Days(NaiveDate);

impl Default for Days {
    fn default() -> Self {
        Self(Local::now().date_naive())
    }
}

impl Days {
    /// Returns the date of an entry if it is of another day than the last one.
    pub(crate) fn change(&mut self, at_ms: u64) -> Option<String> {
        let day = local(at_ms)?.date_naive();
        let before = std::mem::replace(&mut self.0, day);
        (day != before).then(|| day.format("%A %-d %B %Y").to_string())
    }
}

/// Returns an entry on one line, as `HH:MM nick: text`. It names the room, unless the person talks
/// there.
pub(crate) fn text(shown: &Shown) -> String {
    let line = line(shown, &shown.entry.body);
    format!("{} {line}", clock(shown.entry.at_ms))
}

/// Returns the line of an entry after its time, with `body` instead of its own.
pub(crate) fn line(shown: &Shown, body: &str) -> String {
    let entry = &shown.entry;
    let (nick, body) = (Clean::new(&entry.nick), Clean::new(body));
    let words = match entry.kind {
        Kind::Said => format!("{nick}: {body}"),
        Kind::Did => format!("* {nick} {body}"),
        Kind::Joined => format!("{nick} is here"),
        Kind::Left if body.as_str().is_empty() => format!("{nick} has left"),
        // The body says how, because it was not by themselves.
        Kind::Left => format!("{nick} {body}"),
        Kind::Renamed => format!("{nick} is now called {body}"),
    };
    match &*shown.room {
        _ if shown.here => words,
        room if room.starts_with('@') => format!("(private) {words}"),
        room => format!("#{} {words}", Clean::new(room)),
    }
}

/// Returns the entry as one line of JSON. All of it is there, and it is harmless on a terminal,
/// because what [`Clean`] would replace is escaped.
pub(crate) fn json(shown: &Shown) -> String {
    let (entry, room) = (&shown.entry, &shown.room);
    // Text, because many programs read a number as a float, which has only 53 bits.
    let epoch = shown.epoch.to_string();
    let did = entry.kind == Kind::Did;
    let object = json!({
        "room": room, "number": entry.number, "epoch": epoch,
        "at_ms": entry.at_ms, "nick": entry.nick,
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
    use common::chat::Entry;

    use super::*;
    use crate::effect::Attention;

    fn shown(room: &str, kind: Kind, nick: &str, body: &str) -> Shown {
        Shown {
            entry: Entry {
                number: 7,
                sender: 1,
                kind,
                nick: nick.into(),
                body: body.into(),
                at_ms: 1,
            },
            room: room.into(),
            epoch: u64::MAX,
            here: room == "lobby",
            attention: Attention::None,
        }
    }

    #[test]
    fn json_is_faithful_and_harmless() {
        let body = "\u{1b}[2J \u{9b} \u{202e} \u{7f} \"ü\"\n";
        let line = json(&shown("lobby", Kind::Said, "ann", body));
        assert!(
            !line.chars().any(|c| c.is_control() || is_harmful(c)),
            "{line}"
        );
        let back: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            (back["text"].as_str(), back["number"].as_u64()),
            (Some(body), Some(7))
        );
        assert_eq!(back["epoch"].as_str(), Some("18446744073709551615"));
    }

    #[test]
    fn every_kind_has_its_line_and_no_nick_escapes() {
        let said = |room| line(&shown(room, Kind::Said, "ann", ""), "100%\n");
        assert_eq!(said("lobby"), "ann: 100%⏎");
        assert_eq!(said("kitchen"), "#kitchen ann: 100%⏎");
        for kind in [
            Kind::Said,
            Kind::Did,
            Kind::Joined,
            Kind::Left,
            Kind::Renamed,
        ] {
            let line = text(&shown("@1+2", kind, "\u{1b}[31mx", "b"));
            assert!(
                line.contains(" (private) ") && line.contains("␛[31mx"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_time_that_some_place_cannot_show_is_shown_nowhere() {
        let last_of_chrono = DateTime::<chrono::Utc>::MAX_UTC.timestamp_millis() as u64;
        for at in [last_of_chrono, LAST as u64 + 1, u64::MAX] {
            assert_eq!((&*clock(at), Days::default().change(at)), ("--:--", None));
        }
        let of_the_last_day = Days::default().change(LAST as u64);
        assert!(of_the_last_day.is_some_and(|day| day.ends_with(" 9999")));
    }

    #[test]
    fn a_date_is_given_when_the_day_changes() {
        let day = 24 * 60 * 60 * 1000;
        let mut days = Days::default();
        let first = days.change(100 * day).expect("long ago");
        assert!(first.ends_with(" April 1970"), "{first}");
        assert_eq!(days.change(100 * day), None);
        assert!(days.change(101 * day).is_some() && days.change(100 * day).is_some());
        assert_eq!(days.change(u64::MAX), None, "no such day");
    }
}
