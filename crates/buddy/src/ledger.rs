//! Who did how much: the tally that goes round with the end of the song, and its last line. PURE.

use std::collections::BTreeSet;
use std::time::Duration;

use common::buddy::{Mark, Place, Progress, Take, Tally};

/// What one buddy has done, and what it has heard of the others.
///
/// On the lap that says `Over` each buddy adds its own tally once. After a whole lap the sum is
/// complete, and it goes round once more with `Home`. A new take begins a new sum, because the lap
/// of the old take may have been broken off anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// What this buddy has done.
    pub(crate) mine: Tally,
    sum: Tally,
    take: Take,
    added: bool,
    /// the buddies that have handed on their tally to this one
    heir_of: BTreeSet<Place>,
}

impl Ledger {
    /// Adds what this buddy has done. Never past the greatest number, because a tally that was
    /// handed on may hold any.
    pub(crate) fn did(&mut self, more: Tally) {
        self.mine = add(self.mine, more);
    }

    /// Takes over the `tally` of the buddy at `by`, which leaves; once, because a call may be
    /// repeated.
    pub(crate) fn inherit(&mut self, by: Place, tally: Tally) {
        if self.heir_of.insert(by) {
            let one = Tally {
                left: 1,
                ..Tally::default()
            };
            self.did(add(tally, one));
        }
    }

    /// Takes over the `sum` that came with a heeded pass.
    pub(crate) fn heard(&mut self, progress: Progress, sum: Tally) {
        self.enter(progress.at.take);
        self.sum = sum;
    }

    /// Returns the tally to send along with `progress`.
    pub(crate) fn send(&mut self, progress: Progress) -> Tally {
        self.enter(progress.at.take);
        if progress.mark == Mark::Over && !self.added {
            self.added = true;
            self.sum = add(self.sum, self.mine);
        }
        self.sum
    }

    /// Returns all that is known at the end: the sum, or this buddy's own tally if it is alone.
    fn total(&self, take: Take) -> Tally {
        if take == self.take && self.added {
            self.sum
        } else {
            self.mine
        }
    }

    /// Returns the last line of a song that ended in `take`.
    pub(crate) fn summary(&self, take: Take, bottles: u64, size: usize, time: Duration) -> String {
        let total = self.total(take);
        let verses = u128::from(bottles) + 1;
        let more = u128::from(total.sung).saturating_sub(verses);
        // What a buddy sang that was lost with its tally is not in the sum. Then only each time
        // when the song was taken up again is known, and that may have repeated a verse.
        let all_counted = total.lost <= total.left.saturating_add(total.back);
        let unsure = if all_counted { 0 } else { total.resumed };
        let twice = match (more, unsure) {
            (0, 0) => "no verse twice".to_owned(),
            (n, 0) => format!("{} twice", count(n, "verse", "verses")),
            (n, m) => format!(
                "{} twice at most",
                count(n + u128::from(m), "verse", "verses")
            ),
        };
        let as_known = if all_counted {
            ""
        } else {
            " as far as the living know"
        };
        let left = match total.left {
            0 => String::new(),
            left => format!("{left} left early, "),
        };
        format!(
            "song over: {}, {}, {:.1}s, {} lost, {left}{twice}{as_known}",
            count(verses, "verse", "verses"),
            count(size as u128, "buddy", "buddies"),
            time.as_secs_f64(),
            total.lost.saturating_sub(total.left),
        )
    }

    fn enter(&mut self, take: Take) {
        if take != self.take {
            (self.take, self.sum, self.added) = (take, Tally::default(), false);
        }
    }
}

fn add(a: Tally, b: Tally) -> Tally {
    Tally {
        sung: a.sung.saturating_add(b.sung),
        lost: a.lost.saturating_add(b.lost),
        left: a.left.saturating_add(b.left),
        back: a.back.saturating_add(b.back),
        resumed: a.resumed.saturating_add(b.resumed),
    }
}

fn count(n: u128, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::buddy::Stamp;

    #[test]
    fn each_buddy_is_counted_once_and_the_sum_goes_home() {
        let progress = |number, hop, mark| Progress {
            at: Stamp {
                take: Take { number, by: 1 },
                hop,
            },
            mark,
        };
        let mut ring: Vec<Ledger> = (1..=3)
            .map(|sung| Ledger {
                mine: Tally {
                    sung,
                    ..Tally::default()
                },
                ..Ledger::default()
            })
            .collect();
        // The first take must not count, because its second lap is broken off.
        for (number, hops) in [(1, 4), (2, 3)] {
            for hop in 0..hops {
                let sent = ring[hop % 3].send(progress(number, hop as u64, Mark::Over));
                ring[(hop + 1) % 3].heard(progress(number, hop as u64, Mark::Over), sent);
            }
        }
        let home = ring[0].send(progress(2, 3, Mark::Home));
        assert_eq!(home.sung, 1 + 2 + 3);
        assert_eq!(ring[0].total(Take { number: 2, by: 1 }).sung, 6);
        assert_eq!(
            Ledger {
                mine: home,
                ..Ledger::default()
            }
            .total(Take { number: 9, by: 9 }),
            home
        );
    }

    #[test]
    fn the_last_line_says_what_is_known_and_no_more() {
        let says = |sung, lost, left, back, resumed| {
            let mine = Tally {
                sung,
                lost,
                left,
                back,
                resumed,
            };
            let ledger = Ledger {
                mine,
                ..Ledger::default()
            };
            let line = ledger.summary(Take::default(), 9, 3, Duration::ZERO);
            let (_, says) = line.split_once("0.0s, ").expect("a time");
            says.to_owned()
        };
        assert_eq!(says(10, 0, 0, 0, 0), "0 lost, no verse twice");
        assert_eq!(
            says(10, 0, 0, 0, 5),
            "0 lost, no verse twice",
            "false alarms"
        );
        assert_eq!(says(10, 1, 1, 0, 1), "0 lost, 1 left early, no verse twice");
        assert_eq!(says(11, 1, 0, 1, 3), "1 lost, 1 verse twice", "it was back");
        let known = " as far as the living know";
        assert_eq!(
            says(8, 1, 0, 0, 0),
            format!("1 lost, no verse twice{known}")
        );
        let at_most = format!("1 lost, 1 verse twice at most{known}");
        assert_eq!(says(8, 1, 0, 0, 1), at_most);
    }

    #[test]
    fn a_tally_is_inherited_once_however_often_it_is_handed_on() {
        let mut heir = Ledger::default();
        let tally = Tally {
            sung: 3,
            ..Tally::default()
        };
        heir.inherit(2, tally);
        heir.inherit(2, tally);
        assert_eq!((heir.mine.sung, heir.mine.left), (3, 1));
    }

    #[test]
    fn a_tally_of_any_numbers_can_be_inherited_and_counted_on() {
        let (mut heir, most) = (Ledger::default(), u64::MAX);
        let tally = Tally {
            sung: most,
            lost: most,
            left: most,
            back: most,
            resumed: most,
        };
        heir.inherit(2, tally);
        heir.did(tally);
        assert_eq!(heir.mine, tally);
    }
}
