//! How outputs look in a terminal: colours, dates, messages of several lines, a bell.

use crate::clean::Clean;
use crate::effect::{Attention, Output, Shown};
use crate::format::{Days, clock, line};

/// Most lines of one message that are shown: a screen.
const MOST_LINES: usize = 24;

/// What stands before each further line of a message, so that it cannot pass for a message of
/// another person: those begin with a time.
const INDENT: &str = "        ";

/// How outputs look.
pub(crate) struct Look {
    days: Days,
    has_colours: bool,
    has_bell: bool,
}

impl Look {
    /// Returns a look with or without colours, and with or without a bell when a message is for
    /// this person.
    pub(crate) fn new(has_colours: bool, has_bell: bool) -> Self {
        Self {
            days: Days::default(),
            has_colours,
            has_bell,
        }
    }

    /// Returns the lines of an output, each with its end.
    pub(crate) fn text(&mut self, output: &Output) -> String {
        let shown = match output {
            Output::Status(status) => return format!("-- {status}\n"),
            Output::Prompt(_) => return String::new(), // which stands below all lines
            Output::Entry(shown) => shown,
        };
        let mut text = String::new();
        if let Some(day) = self.days.change(shown.entry.at_ms) {
            text.push_str(&format!("-- {day}\n"));
        }
        if self.has_bell && shown.attention == Attention::Ring {
            text.push('\u{7}');
        }
        let bold = if shown.attention == Attention::None {
            ""
        } else {
            ";1"
        };
        for line in lines(shown) {
            if self.has_colours {
                let colour = colour(&shown.entry.nick);
                text.push_str(&format!("\x1b[{colour}{bold}m{line}\x1b[0m\n"));
            } else {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }
}

/// Returns the lines of a message, the first one with its time.
fn lines(shown: &Shown) -> Vec<String> {
    let is_end = |c| matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let body = shown.entry.body.trim_end();
    let mut parts = body.split(is_end).map(|part| part.trim_end_matches('\r'));
    let first = line(shown, parts.next().unwrap_or_default());
    let mut lines = vec![format!("{} {first}", clock(shown.entry.at_ms))];
    let further = |part| format!("{INDENT}{}", Clean::new(part));
    lines.extend(parts.by_ref().take(MOST_LINES - 1).map(further));
    let rest = parts.count();
    if rest > 0 {
        lines.push(format!("{INDENT}... and {rest} more lines"));
    }
    lines
}

/// Returns one of six colours that can be read on black and on white, always the same for a nick.
fn colour(nick: &str) -> u8 {
    let sum = |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte);
    31 + nick.bytes().fold(0, sum) % 6
}

#[cfg(test)]
mod tests {
    use common::chat::{Entry, Kind};

    use super::*;

    fn shown(body: &str, attention: Attention) -> Output {
        Output::Entry(Shown {
            entry: Entry {
                number: 1,
                sender: 1,
                kind: Kind::Said,
                nick: "eve".into(),
                body: body.into(),
                at_ms: 0,
            },
            room: "lobby".into(),
            epoch: 1,
            here: true,
            attention,
        })
    }

    /// The lines of a message without the one with its date.
    fn plain(body: &str, attention: Attention) -> Vec<String> {
        let text = Look::new(false, true).text(&shown(body, attention));
        text.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn no_line_of_a_message_passes_for_another_message() {
        let forged = "hi\r\n12:00 ann: I agree\u{2028}-- ann has left\u{1b}[2J\n\n";
        let lines = plain(forged, Attention::None);
        assert!(lines[0].ends_with(" eve: hi"), "{lines:?}");
        let further = ["        12:00 ann: I agree", "        -- ann has left␛[2J"];
        assert_eq!(lines[1..], further);
    }

    #[test]
    fn a_message_takes_a_screen_at_most() {
        let lines = plain(&"x\n".repeat(100), Attention::None);
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[MOST_LINES], "        ... and 76 more lines");
    }

    #[test]
    fn what_is_for_this_person_rings_and_is_bold() {
        let output = shown("hi", Attention::Ring);
        assert!(Look::new(false, true).text(&output).contains('\u{7}'));
        let coloured = Look::new(true, false).text(&output);
        assert!(
            !coloured.contains('\u{7}') && coloured.contains(";1m"),
            "{coloured:?}"
        );
        let mark = Look::new(true, true).text(&shown("hi", Attention::Mark));
        assert!(!mark.contains('\u{7}') && mark.contains(";1m"), "{mark:?}");
    }
}
