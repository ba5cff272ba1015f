//! Who did how much: the tally that goes round with the end of the song, and its last line. PURE.

use std::time::Duration;

use common::buddy::{Mark, Progress, Take, Tally};

/// What one buddy has done, and what it has heard of the others.
///
/// On the lap that says `Over` each buddy adds its own tally once. After a whole lap the sum is
/// complete, and it goes round once more with `Home`. A new take begins a new sum, because the lap
/// of the old take may have been broken off anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ledger {
    /// What this buddy has done.
    pub(crate) mine: Tally,
    sum: Tally,
    take: Take,
    added: bool,
}

impl Ledger {
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
        let Tally { sung, lost, .. } = self.total(take);
        let verses = u128::from(bottles) + 1;
        let twice = match (
            u128::from(sung).saturating_sub(verses),
            self.total(take).resumed,
        ) {
            (0, 0) => "no verse twice".to_owned(),
            (n, 0) => format!("{} twice", count(n, "verse", "verses")),
            (n, m) => format!(
                "{} twice at most",
                count(n + u128::from(m), "verse", "verses")
            ),
        };
        // Said only if a buddy was lost, because its tally was lost with it.
        let as_known = if lost > 0 {
            " as far as the living know"
        } else {
            ""
        };
        format!(
            "song over: {}, {}, {:.1}s, {lost} lost, {twice}{as_known}",
            count(verses, "verse", "verses"),
            count(size as u128, "buddy", "buddies"),
            time.as_secs_f64(),
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
}
