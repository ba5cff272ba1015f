//! What the Tab key completes: nicks, commands and rooms.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clean::Clean;
use crate::command::HELP;
use crate::effect::Name;

/// Most nicks, and most rooms, that are remembered: a school.
const MOST: usize = 2000;

/// The nicks and rooms that were seen. Clones share them, because the line editor has a thread of
/// its own.
#[derive(Clone, Default)]
pub(crate) struct Completion(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    nicks: BTreeSet<String>,
    rooms: BTreeSet<String>,
}

impl Completion {
    /// Remembers a name, made harmless.
    pub(crate) fn learn(&self, name: Name) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (names, name) = match name {
            Name::Nick(nick) => (&mut seen.nicks, nick),
            Name::Room(room) => (&mut seen.rooms, room),
        };
        if names.len() < MOST && !names.contains(&name) {
            names.insert(Clean::new(&name).to_string());
        }
    }

    /// Returns what the last word of `typed` may become, and where it begins: a command, a room
    /// after `/join` and `/leave`, otherwise a nick, with a colon at the beginning of a line.
    pub(crate) fn complete(&self, typed: &str) -> (usize, Vec<String>) {
        let is_letter = |c: char| !c.is_whitespace();
        let begin = typed.trim_end_matches(is_letter).len();
        let word = typed[begin..].to_lowercase();
        if begin == 0 && word.starts_with('/') {
            let commands = HELP.iter().filter_map(|(usage, _)| usage.split(' ').next());
            let fits = commands.filter(|name| name.starts_with(&word) && !name.starts_with("//"));
            return (0, fits.map(|command| format!("{command} ")).collect());
        }
        let fits = |name: &&String| !word.is_empty() && name.to_lowercase().starts_with(&word);
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if typed.starts_with("/join ") || typed.starts_with("/leave ") {
            return (begin, seen.rooms.iter().filter(fits).cloned().collect());
        }
        let after = if begin == 0 { ": " } else { " " };
        let nicks = seen.nicks.iter().filter(fits);
        (begin, nicks.map(|nick| format!("{nick}{after}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_knows_nicks_commands_and_rooms() {
        let completion = Completion::default();
        for nick in ["ann", "Anton", "bob"] {
            completion.learn(Name::Nick(nick.into()));
        }
        completion.learn(Name::Room("lobby".into()));
        let table = [
            ("an", 0, vec!["Anton: ", "ann: "]),
            ("hi b", 3, vec!["bob "]),
            ("/jo", 0, vec!["/join "]),
            ("/join lo", 6, vec!["lobby"]),
            ("", 0, vec![]),
            ("hello\u{a0}an", 7, vec!["Anton ", "ann "]),
            ("h\u{e9}llo an", 7, vec!["Anton ", "ann "]),
        ];
        for (typed, begin, candidates) in table {
            let candidates = candidates.into_iter().map(str::to_owned).collect();
            assert_eq!(completion.complete(typed), (begin, candidates), "{typed}");
        }
    }
}
