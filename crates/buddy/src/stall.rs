//! Who holds the song, when it does not move on. PURE: counts heartbeats.
//!
//! A verse that cannot be written (a full pipe, a stopped terminal) holds up the whole ring, and so
//! does a long tempo. The buddy that holds the song knows; it says so in the answer to each ping,
//! and each buddy repeats what its next says. So after as many heartbeats as there are buddies all
//! know.

use std::time::Duration;

use common::buddy::{Mark, Place};

/// How long the song may stand still beyond what its tempo explains before a person is told.
pub(crate) const STALL: Duration = Duration::from_secs(10);

/// What one buddy knows of a song that stands still.
#[derive(Debug)]
pub(crate) struct Stall {
    /// the heartbeats after which it is said
    limit: u64,
    still: u64,
    mark: Mark,
    holder: Option<Place>,
    /// the holder that was named last; one with a long tempo would be named in every lap
    named: Option<Place>,
}

impl Stall {
    /// A song at `mark` that may stand still for `limit` heartbeats.
    pub(crate) fn new(limit: u64, mark: Mark) -> Self {
        Self {
            limit,
            still: 0,
            mark,
            holder: None,
            named: None,
        }
    }

    /// Learns from next who holds the song.
    pub(crate) fn heard(&mut self, holder: Option<Place>) {
        self.holder = holder;
    }

    /// Returns who holds the song, as far as this buddy has heard.
    pub(crate) fn holder(&self) -> Option<Place> {
        self.holder
    }

    /// Counts a heartbeat of a song at `mark`. Returns who holds it up, if that is not the buddy
    /// that was named last.
    pub(crate) fn beat(&mut self, mark: Mark, mine: Option<Place>) -> Option<Place> {
        if mark != self.mark {
            (self.mark, self.still, self.holder) = (mark, 0, None);
        }
        self.still = self.still.saturating_add(1);
        let holder = mine.or(self.holder);
        let news = holder.filter(|_| self.still >= self.limit && self.named != holder);
        self.named = news.or(self.named);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named_once() {
        let mut stall = Stall::new(3, Mark::Left(9));
        let mut beats = |mark, mine| {
            let said = (0..6).map(|_| stall.beat(mark, mine));
            let said: Vec<_> = said.flatten().collect();
            stall.heard(Some(2));
            said
        };
        assert_eq!(beats(Mark::Left(9), None), [0; 0], "it has heard of none");
        assert_eq!(beats(Mark::Left(9), None), [2]);
        assert_eq!(beats(Mark::Left(9), None), [0; 0], "said already");
        assert_eq!(beats(Mark::Left(8), Some(0)), [0]);
        assert_eq!(beats(Mark::Left(7), Some(0)), [0; 0], "in every lap");
        let mut moving = Stall::new(3, Mark::Left(9));
        moving.heard(Some(1));
        let said = (0..9).find_map(|left| moving.beat(Mark::Left(left / 2), None));
        assert_eq!(said, None);
    }
}
