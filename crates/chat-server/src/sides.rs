//! What is kept beside the log, bans and registered nicks, when several servers share it: line by
//! line, each a message in the log. So all servers have the same lines. PURE.
//!
//! A line is known by its first column. A later line of a ban replaces an earlier one. A nick
//! belongs to the public key that was first, until it is freed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bans::{Bans, Whom};
use crate::owners::Owners;
use crate::presence::Side;

/// A change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "nats", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Change {
    pub(crate) side: Side,
    /// the first column
    pub(crate) key: String,
    /// the new line; without one, it is gone
    pub(crate) line: Option<String>,
}

/// Both texts, as the log has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) bans: Bans,
    pub(crate) owners: Owners,
}

impl Sides {
    /// Returns what has to change, so that a text is `wanted`.
    pub(crate) fn changes(&self, side: Side, wanted: &str) -> Vec<Change> {
        let text = match side {
            Side::Bans => self.bans.text(),
            Side::Owners => self.owners.text(),
        };
        let (old, new) = (lines(&text), lines(wanted));
        let change = |key: &str, line: Option<&str>| Change {
            side,
            key: key.to_owned(),
            line: line.map(str::to_owned),
        };
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        let gone = gone.map(|key| change(key, None));
        let put = new
            .iter()
            .filter(|(key, line)| old.get(*key) != Some(*line));
        let put = put.map(|(key, line)| change(key, Some(line)));
        // First what is gone, because it may stand in the way.
        gone.chain(put).collect()
    }

    /// Returns `theirs` with what is changed here since the texts were `base`. A change that is not
    /// in the log yet must not be undone by another one that is.
    pub(crate) fn onto(&self, base: &Self, mut theirs: Self, now: Duration) -> Self {
        let texts = [
            (Side::Bans, self.bans.text()),
            (Side::Owners, self.owners.text()),
        ];
        for (side, text) in texts {
            for change in base.changes(side, &text) {
                theirs.take(change, now);
            }
        }
        theirs
    }

    /// Takes in a change that was written at this time. One that has come too late is left out.
    pub(crate) fn take(&mut self, change: Change, now: Duration) {
        let Change { side, key, line } = change;
        match (side, line) {
            (Side::Bans, Some(line)) => {
                if let Ok(bans) = Bans::read(&line) {
                    self.bans.take(bans);
                }
            }
            (Side::Bans, None) => {
                if let Ok(whom @ Whom::Addresses(_)) = Whom::new(&key) {
                    let _ = self.bans.lift(&whom); // fails if it is lifted already
                }
            }
            (Side::Owners, Some(line)) => {
                let _ = self.owners.take(&line, now); // fails if another one was first
            }
            (Side::Owners, None) => self.owners.free(&key),
        }
    }
}

fn lines(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .map(|line| (line.split('\t').next().unwrap_or_default(), line))
        .collect()
}

#[cfg(test)]
mod tests {
    use common::chat::PublicKey;

    use super::*;
    use crate::names::Nick;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn registered(nick: &str, public: PublicKey) -> Owners {
        let mut owners = Owners::default();
        let nick = Nick::new(nick).expect("a nick");
        owners
            .add(&nick, public, [10, 0, 0, 1].into(), true, NOW)
            .expect("free");
        owners
    }

    #[test]
    fn a_nick_belongs_to_the_first_who_asked() {
        let mut sides = Sides::default();
        let (ann, eve) = (registered("ann", [1; 32]), registered("Ann", [2; 32]));
        let [first, second] = [&ann, &eve].map(|one| sides.changes(Side::Owners, &one.text()));
        for change in first.into_iter().chain(second) {
            sides.take(change, NOW);
        }
        assert_eq!(sides.owners.text(), ann.text());
        assert_eq!(sides.changes(Side::Owners, &ann.text()), []);
        for change in sides.changes(Side::Owners, "") {
            sides.take(change, NOW);
        }
        assert_eq!(sides.owners.text(), "");
    }

    #[test]
    fn what_two_servers_change_at_once_is_kept_of_both() {
        let sides = |bans: &str, owners: &Owners| Sides {
            bans: Bans::read(bans).expect("bans"),
            owners: owners.clone(),
        };
        let (ann, eve) = (registered("ann", [1; 32]), registered("Ann", [2; 32]));
        let (one, other) = ("10.0.0.1/32\t0\tx\t\n", "10.0.0.2/32\t0\ty\t\n");
        let base = sides(one, &Owners::default());
        let mine = sides(&format!("{one}{other}"), &eve);
        // Meanwhile another server has lifted the first ban, and ann is registered there.
        let theirs = sides("10.0.0.3/32\t0\tz\t\n", &ann);
        let both = mine.onto(&base, theirs.clone(), NOW);
        assert_eq!(both.bans.text(), format!("{other}{}", theirs.bans.text()));
        assert_eq!(both.owners.text(), ann.text(), "she was first");
        let is_written = base.changes(Side::Bans, &mine.bans.text());
        let keys: Vec<_> = is_written.iter().map(|change| &*change.key).collect();
        assert_eq!(keys, ["10.0.0.2/32"], "only what is new here");
        assert_eq!(
            mine.onto(&mine, theirs.clone(), NOW).bans.text(),
            theirs.bans.text()
        );
    }

    #[test]
    fn bans_come_and_go() {
        let mut sides = Sides::default();
        let text = "10.0.0.7/32\t0\teve\ttoo loud\n2001:db8::/32\t9\t\t\n";
        for wanted in [text, "10.0.0.7/32\t5\teve\t\n", ""] {
            for change in sides.changes(Side::Bans, wanted) {
                sides.take(change, NOW);
            }
            let text = sides.bans.text();
            assert_eq!(lines(&text), lines(wanted));
        }
    }
}
