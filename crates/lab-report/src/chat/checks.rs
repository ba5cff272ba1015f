//! The promises of a chat room, checked by numbers alone. PURE. `common/src/chat.rs` states them.
//!
//! A server gives each message of a log a number, and the numbers rise. So order, repeats and gaps
//! show in the numbers that a client was shown, and no clock is needed to judge them.

use std::collections::BTreeSet;

use super::{Room, Window};
use crate::counts::count;
use crate::verdict::{Check, Judgement, Verdict};

impl Room<'_> {
    /// Judges the room.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let readers: BTreeSet<usize> = self.windows.iter().map(|window| window.life).collect();
        let messages = count(self.messages.len(), "message", "messages");
        let readers = count(readers.len(), "client", "clients");
        Judgement {
            subject: format!("room {}: {messages}, {readers}", self.name),
            checks: vec![
                self.same_order(),
                self.no_message_twice(),
                self.every_message(),
                self.same_text(),
                self.stored_once(),
                Check::whole(&self.gaps),
            ],
        }
    }

    fn name(&self, window: &Window) -> String {
        self.lives[window.life].title()
    }

    /// In no window does a number come after a greater one. Then all have the order of the numbers.
    fn same_order(&self) -> Check {
        let mut check = Check::new("all were shown the messages in the same order");
        for window in &self.windows {
            for pair in window.shown.windows(2).filter(|pair| pair[1] < pair[0]) {
                let name = self.name(window);
                check.find(
                    Verdict::No,
                    format!("{name} was shown {} after {}", pair[1], pair[0]),
                );
            }
        }
        check
    }

    /// No client was shown a number again, not even after it had lost the server and come back.
    fn no_message_twice(&self) -> Check {
        let mut check = Check::new("nobody was shown a message twice");
        let mut seen = BTreeSet::new();
        for window in &self.windows {
            for &number in &window.shown {
                if !seen.insert((window.life, number)) {
                    let name = self.name(window);
                    check.find(Verdict::No, format!("{name} was shown {number} twice"));
                }
            }
        }
        check
    }

    /// A client was shown each message of its window that it has not sent itself. It is judged up
    /// to the last one that it was shown or has sent, because it may have left before the next one.
    fn every_message(&self) -> Check {
        let mut check = Check::new("everybody was shown every message");
        for window in &self.windows {
            let shown: BTreeSet<u64> = window.shown.iter().copied().collect();
            let begin = window.after.saturating_add(1).max(window.first);
            if begin > window.last {
                continue;
            }
            let due = self.messages.range(begin..=window.last);
            for (number, _) in
                due.filter(|(number, _)| !shown.contains(number) && !window.own.contains(number))
            {
                let name = self.name(window);
                check.find(Verdict::No, format!("{name} was not shown {number}"));
            }
        }
        check
    }

    /// All journals have the same check of a message's text: that of the server and of each reader.
    fn same_text(&self) -> Check {
        let mut check = Check::new("all were shown the same text");
        for (number, message) in self
            .messages
            .iter()
            .filter(|(_, message)| message.texts.len() > 1)
        {
            let count = message.texts.len();
            check.find(Verdict::No, format!("{number} has {count} different texts"));
        }
        check
    }

    /// The acknowledgements that the room's reader has compared with what was stored.
    fn stored_once(&self) -> Check {
        let mut check = Check::new("what was acknowledged is stored, once");
        for (verdict, what) in &self.mismatches {
            check.find(*verdict, what.clone());
        }
        check
    }
}
