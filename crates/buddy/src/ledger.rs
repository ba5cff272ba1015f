//! Who did how much: the tally that goes round with the end of the song. PURE.

use common::buddy::{Mark, Progress, Take, Tally};

/// One buddy's own doings, and what it has heard of the others'.
///
/// On the lap that says `Over` everybody adds its own once; what has been right round is the sum
/// of the living, and goes round once more with `Home`. A new take begins a new sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger {
    /// This buddy's own.
    pub mine: Tally,
    sum: Tally,
    take: Take,
    added: bool,
}

impl Ledger {
    /// A word of the song was heeded.
    pub fn heard(&mut self, progress: Progress, sum: Tally) {
        self.enter(progress.at.take);
        self.sum = sum;
    }

    /// The tally to send along with `news`.
    pub fn send(&mut self, progress: Progress) -> Tally {
        self.enter(progress.at.take);
        if progress.mark == Mark::Over && !self.added {
            self.added = true;
            self.sum = add(self.sum, self.mine);
        }
        self.sum
    }

    /// All that is known at the end: the sum, or one's own doings if nobody else is left.
    pub fn total(&self, take: Take) -> Tally {
        match take == self.take && self.added {
            true => self.sum,
            false => self.mine,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use common::buddy::Stamp;

    #[test]
    fn everybody_is_counted_once_and_the_sum_goes_home() {
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
        // two laps of Over in take 1, the second broken off; then a whole one in take 2
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
