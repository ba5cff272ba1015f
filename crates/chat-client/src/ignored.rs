//! Whose words this person does not want to see. PURE.
//!
//! A nick is ignored with every sender that was seen under it, so that another nick does not help.

use std::collections::{BTreeMap, BTreeSet};

use common::chat::{Entry, Sender};

/// Most nicks that are ignored, and most senders of each: more than a person would type.
const MOST: usize = 100;

/// The nicks, lowered, and their senders.
#[derive(Default)]
pub(crate) struct Ignored(BTreeMap<String, BTreeSet<Sender>>);

impl Ignored {
    /// Ignores a nick. Returns whether there was room for one more.
    pub(crate) fn add(&mut self, nick: &str) -> bool {
        let has_room = self.0.len() < MOST;
        if has_room {
            self.0.entry(nick.to_lowercase()).or_default();
        }
        has_room
    }

    /// Ignores a nick no longer. Returns whether it was ignored.
    pub(crate) fn remove(&mut self, nick: &str) -> bool {
        self.0.remove(&nick.to_lowercase()).is_some()
    }

    /// Returns the ignored nicks.
    pub(crate) fn nicks(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Returns whether an entry is not to be shown, and learns its sender.
    pub(crate) fn hides(&mut self, entry: &Entry) -> bool {
        if self.0.is_empty() {
            return false;
        }
        if let Some(senders) = self.0.get_mut(&entry.nick.to_lowercase()) {
            if senders.len() < MOST {
                senders.insert(entry.sender);
            }
            return true;
        }
        self.0
            .values()
            .any(|senders| senders.contains(&entry.sender))
    }
}

#[cfg(test)]
mod tests {
    use common::chat::Kind;

    use super::*;

    #[test]
    fn who_is_ignored_stays_so_under_another_nick() {
        let by = |sender, nick: &str| Entry {
            number: 1,
            sender,
            kind: Kind::Said,
            nick: nick.into(),
            body: "buy".into(),
            at_ms: 0,
        };
        let mut ignored = Ignored::default();
        assert!(!ignored.hides(&by(1, "eve")));
        assert!(ignored.add("Eve"));
        assert_eq!(ignored.nicks(), ["eve"]);
        assert!(ignored.hides(&by(1, "eve")) && ignored.hides(&by(1, "mallory")));
        assert!(!ignored.hides(&by(2, "mallory")));
        assert!(ignored.remove("EVE") && !ignored.remove("eve"));
        assert!(!ignored.hides(&by(1, "eve")));
    }
}
