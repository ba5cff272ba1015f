//! How much one answer to a reader carries: as much as its line brings in a few seconds. PURE: the
//! caller hands in the time.
//!
//! A reader gives up a call that takes too long. Then a page that is too large for its line never
//! arrives, however often it is asked for. So pages begin small, grow while they arrive at once,
//! and shrink when they take long or are lost. The reader's next poll says which: it comes when the
//! page has arrived, with the cursor where the page has left it.

use std::time::Duration;

use common::chat::MAX_PAGE;

/// The first page of a session in bytes: all that a newcomer is shown, and 0.8 kB/s bring it in 20
/// seconds, after which our client gives up.
const FIRST: usize = 16 * 1024;

/// The smallest page in bytes: two of the longest messages. 400 bytes a second bring it in time.
const SMALLEST: usize = 8 * 1024;

/// A page that arrives within this time was small for its line.
const QUICK: Duration = Duration::from_secs(2);

/// A page that takes longer than this was too large. Much less than a client waits, because a line
/// may get slower.
const SLOW: Duration = Duration::from_secs(6);

/// The pace of one session.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    /// whether a page was too large, and none has arrived quickly since
    is_slow: bool,
    sent: Option<Sent>,
}

/// The page that was sent last.
#[derive(Debug)]
struct Sent {
    at: Duration,
    room: String,
    /// the number of its last entry
    last: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            most: FIRST,
            is_slow: false,
            sent: None,
        }
    }

    /// Notes that a page is on its way. One that is far below the limit says nothing about the line
    /// and is not noted; nor is one of which no entry tells whether it has arrived.
    pub(crate) fn sends(&mut self, room: &str, last: Option<u64>, bytes: usize, now: Duration) {
        let room = room.to_owned();
        self.sent = last.filter(|_| bytes >= self.most / 2).map(|last| Sent {
            at: now,
            room,
            last,
        });
    }

    /// Returns how many bytes the answer to a poll may have that comes now. `after` returns how far
    /// the reader has read a room.
    pub(crate) fn next(&mut self, after: impl Fn(&str) -> Option<u64>, now: Duration) -> usize {
        if let Some(Sent { at, room, last }) = self.sent.take() {
            let took = now.saturating_sub(at);
            let is_lost = after(&room).is_some_and(|after| after < last);
            if is_lost || took > SLOW {
                self.most = (self.most / 2).max(SMALLEST);
                self.is_slow = true;
            } else if took < QUICK {
                self.most = (self.most * 2).min(MAX_PAGE);
                self.is_slow = false;
            }
        }
        self.most
    }

    /// Returns how many bytes an answer may have that is not a page of a poll: all that a frame
    /// carries, unless the line is known to be slow.
    pub(crate) fn most(&self) -> usize {
        if self.is_slow { self.most } else { MAX_PAGE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that brings this many bytes a second, and a reader that waits this long for a page.
    struct Line {
        rate: usize,
        patience: Duration,
        now: Duration,
        read: u64,
    }

    impl Line {
        fn new(rate: usize) -> Self {
            Self {
                rate,
                patience: Duration::from_secs(20),
                now: Duration::ZERO,
                read: 0,
            }
        }

        /// Polls once while there is very much to read. Returns the bytes of the page, if it came.
        fn poll(&mut self, pace: &mut Pace) -> Option<usize> {
            let most = pace.next(|_| Some(self.read), self.now);
            pace.sends("lobby", Some(self.read + 1), most, self.now);
            let takes = Duration::from_millis((most * 1000 / self.rate) as u64);
            self.now += takes.min(self.patience);
            let arrives = takes <= self.patience;
            self.read += u64::from(arrives);
            arrives.then_some(most)
        }
    }

    #[test]
    fn every_line_makes_progress() {
        for rate in [450, 1000, 2000, 5000, 7500, 20_000, 1_000_000] {
            let (mut pace, mut line) = (Pace::new(), Line::new(rate));
            let polls = (0..200).filter_map(|_| line.poll(&mut pace));
            let bytes: usize = polls.sum();
            let could = rate as u64 * line.now.as_secs();
            assert!(
                bytes as u64 * 10 >= could * 9,
                "{bytes} of {could} at {rate}"
            );
            assert!(line.read >= 196, "{} of 200 arrive at {rate}", line.read);
        }
    }

    #[test]
    fn a_fast_line_soon_gets_the_largest_pages() {
        let (mut pace, mut line) = (Pace::new(), Line::new(10_000_000));
        let polls: Vec<_> = (0..4).map(|_| line.poll(&mut pace)).collect();
        let sizes = [FIRST, 2 * FIRST, 4 * FIRST, MAX_PAGE].map(Some);
        assert_eq!(polls, sizes);
        assert_eq!(pace.most(), MAX_PAGE);
    }

    #[test]
    fn a_page_that_was_lost_comes_again_in_halves() {
        let mut pace = Pace::new();
        let at = Duration::from_secs;
        let read = |after| move |_: &str| Some(after);
        assert_eq!(pace.next(read(0), at(0)), FIRST);
        pace.sends("lobby", Some(300), FIRST, at(0));
        assert_eq!(pace.next(read(0), at(1)), FIRST / 2, "it did not arrive");
        assert_eq!(pace.most(), FIRST / 2);
        pace.sends("lobby", Some(300), FIRST / 2, at(1));
        assert_eq!(
            pace.next(read(300), at(4)),
            FIRST / 2,
            "neither fast nor slow"
        );
        pace.sends("lobby", Some(301), 50, at(4));
        assert_eq!(
            pace.next(read(300), at(19)),
            FIRST / 2,
            "one line says nothing"
        );
        for n in 0..9 {
            pace.sends("lobby", Some(400), FIRST, at(20 + n));
            pace.next(read(0), at(20 + n));
        }
        assert_eq!(pace.next(read(0), at(99)), SMALLEST);
    }
}
