//! What the roll call promises about a wiring, read off the wiring alone: no calls, no memory, no
//! attempts.

use std::collections::BTreeSet;

/// Buddies by number, and which is next to which.
///
/// The first few have `--bottles`, and the smaller number has the smaller song id. Any other set
/// of starters, and any other order of ids, is one of these with the buddies numbered anew.
#[derive(Clone, Debug)]
pub(crate) struct Wiring {
    /// `None`: an address where no buddy is
    pub(crate) next: Vec<Option<usize>>,
    pub(crate) starters: usize,
}

/// What a buddy says to its person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Said {
    /// "the ring misses its starter: b -> c -> ... -> me -> and round again"
    Misses(Vec<usize>),
    /// "the roll call came to my next a second time"
    Looped,
    /// "waiting for the next buddy", which is not there
    Waits,
    /// "my next is in the middle of a song"
    Busy,
    /// "--bottles is ignored", in favour of this starter
    Ignored(usize),
}

/// What all buddies come to, and what they say.
#[derive(Debug)]
pub(crate) struct Promise {
    /// per buddy, the starter in whose song it sings
    pub(crate) songs: Vec<Option<usize>>,
    /// said by which buddy, sooner or later
    pub(crate) must: BTreeSet<(usize, Said)>,
    /// said or not, as chance has it
    pub(crate) may: BTreeSet<(usize, Said)>,
    /// the starters whose song begins without a second call
    pub(crate) at_once: BTreeSet<usize>,
}

impl Wiring {
    /// Returns every wiring of `size` buddies, with none to `starters` starters.
    pub(crate) fn all(size: usize, starters: usize) -> impl Iterator<Item = Self> {
        let ways = size + 1; // because next may also be an address where no buddy is
        let nexts = (0..size).fold(1, |count, _| count * ways);
        (0..nexts).flat_map(move |mut number| {
            let mut next = Vec::new();
            for _ in 0..size {
                next.push(Some(number % ways).filter(|next| *next < size));
                number /= ways;
            }
            (0..=starters).map(move |starters| Self {
                next: next.clone(),
                starters,
            })
        })
    }

    /// Returns what this wiring comes to. With `forgetful` buddies, any buddy of a loop may find
    /// out that the loop misses its starter.
    pub(crate) fn promise(&self, forgetful: bool) -> Promise {
        let songs: Vec<_> = (0..self.next.len()).map(|b| self.leader(b)).collect();
        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for starter in 0..self.starters {
            if let Some(leader) = songs[starter].filter(|leader| *leader != starter) {
                must.insert((starter, Said::Ignored(leader)));
            }
            let (senders, all_the_way) = self.senders(starter);
            for &sender in &senders {
                if self.next[sender].is_some_and(|next| songs[next].is_some()) {
                    let is_left_out = songs[sender].is_none();
                    let said = if is_left_out { &mut must } else { &mut may };
                    said.insert((sender, Said::Busy));
                }
            }
            let last = senders[senders.len() - 1];
            match self.circle(starter) {
                _ if !all_the_way => {}
                None => _ = must.insert((last, Said::Waits)),
                Some(circle) if circle.contains(&starter) => {}
                Some(circle) => {
                    let first = circle[circle.len() - 1];
                    // If they sing a song of their own, the call may come too late to go round.
                    let sing = songs[first].is_some();
                    let said = if sing { &mut may } else { &mut must };
                    said.insert((last, Said::Looped));
                    said.insert((first, Said::Misses(circle.clone())));
                    for &other in circle.iter().filter(|_| forgetful) {
                        let circle = self.circle(other).unwrap_or_default();
                        may.insert((other, Said::Misses(circle)));
                        may.insert((other, Said::Looped));
                    }
                }
            }
        }
        let leaders = songs.iter().flatten().copied();
        let at_once = leaders.filter(|leader| !self.is_outdone(*leader)).collect();
        Promise {
            songs,
            must,
            may,
            at_once,
        }
    }

    /// Returns the buddies on the way from `from`, each once, and where it goes on from the last.
    fn way(&self, from: usize) -> (Vec<usize>, Option<usize>) {
        let mut way = vec![from];
        loop {
            match self.next[way[way.len() - 1]] {
                Some(next) if !way.contains(&next) => way.push(next),
                end => return (way, end),
            }
        }
    }

    /// Returns the loop that the way from `from` ends in. The buddy where the way enters it is the
    /// last.
    fn circle(&self, from: usize) -> Option<Vec<usize>> {
        let (way, end) = self.way(from);
        let first = way.iter().position(|b| Some(*b) == end)?;
        let mut circle = way[first..].to_vec();
        circle.rotate_left(1);
        Some(circle)
    }

    /// Returns the starter in whose song `buddy` sings: the first of those on its loop.
    fn leader(&self, buddy: usize) -> Option<usize> {
        let circle = self.circle(buddy)?;
        let mut starters = 0..self.starters;
        starters.find(|starter| circle.contains(&buddy) && circle.contains(starter))
    }

    /// Returns the buddies that send the call of `starter` on, and whether it goes all the way,
    /// because a starter keeps the calls of greater numbers to itself.
    fn senders(&self, starter: usize) -> (Vec<usize>, bool) {
        let (mut way, _) = self.way(starter);
        let kept = way.iter().position(|b| *b < starter.min(self.starters));
        way.truncate(kept.unwrap_or(way.len()));
        (way, kept.is_none())
    }

    /// Returns whether a smaller number calls into the leader's loop from outside. Its call may
    /// take the place of the leader's on a link that is busy, and goes on where a greater one does
    /// not.
    fn is_outdone(&self, leader: usize) -> bool {
        (0..leader).any(|other| self.way(other).0.contains(&leader))
    }
}
