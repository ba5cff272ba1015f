//! How much one answer to a reader carries, and how soon it comes. PURE: the caller hands in the
//! time.
//!
//! It carries as much as the reader's line brings in a few seconds. A reader gives up a call that
//! takes too long. Then a page that is too large for its line never arrives, however often it is
//! asked for. So pages begin small, grow while they arrive at once, and shrink when they take long
//! or are lost. The reader's next poll says which: it comes when the page has arrived, with the
//! cursor where the page has left it.
//!
//! The answer comes at once, unless 25 people or more are in a room. There, a small page for
//! everybody after each call of a writer would be most of the work. So a reader that asks again
//! just after it has read rests for a moment, in which its next page grows.

use std::time::Duration;

use common::chat::{MAX_ENTRIES, MAX_PAGE};

/// The first page of a session in bytes: all that a newcomer is shown, and 0.8 kB/s bring it in 20
/// seconds, after which our client gives up.
const FIRST: usize = 16 * 1024;

/// The smallest page in bytes: one of the longest messages, and more. 410 bytes a second bring it
/// in time.
const SMALLEST: usize = 8 * 1024;

/// A page that arrives within this time was small for its line.
const QUICK: Duration = Duration::from_secs(2);

/// A page that takes longer than this was too large. Much less than a client waits, because a line
/// may get slower.
const SLOW: Duration = Duration::from_secs(6);

/// How long a reader rests between two pages, for each of the people in its room: about what one
/// page takes of a processor at both ends. So it rests as long as a page for each of them takes: 4
/// ms among 100.
const REST_EACH: Duration = Duration::from_micros(40);

/// The longest rest, because a thousand readers do not have their page sooner than that: a message
/// which comes meanwhile waits anyway.
const LONGEST_REST: Duration = Duration::from_millis(10);

/// A shorter rest is none, because timers count in milliseconds: that of less than 25 people.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// What the answer to a poll may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// how many bytes it may have
    pub(crate) most: usize,
    /// how long the session rests between two readings
    pub(crate) rest: Duration,
}

/// How much a page carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

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

    /// Notes that a page of this size is on its way. One that is far below both limits says nothing
    /// about the line and is not noted; nor is one of which no entry tells whether it has arrived.
    pub(crate) fn sends(&mut self, room: &str, last: Option<u64>, size: Size, now: Duration) {
        let room = room.to_owned();
        let is_large = size.bytes >= self.most / 2 || size.entries >= MAX_ENTRIES;
        self.sent = last.filter(|_| is_large).map(|last| Sent {
            at: now,
            room,
            last,
        });
    }

    /// Returns what the answer may be to a poll that comes now. `after` returns how far the reader
    /// has read a room; `people` are in the fullest one of its rooms.
    pub(crate) fn next(
        &mut self,
        after: impl Fn(&str) -> Option<u64>,
        people: usize,
        now: Duration,
    ) -> Next {
        let rest = match self.sent {
            // The last page was large: the reader is behind, and the next one need not grow.
            Some(_) => Duration::ZERO,
            None => rest(people),
        };
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
        let most = self.most;
        Next { most, rest }
    }

    /// Returns how many bytes an answer may have that is not a page of a poll: all that a frame
    /// carries, unless the line is known to be slow.
    pub(crate) fn most(&self) -> usize {
        if self.is_slow { self.most } else { MAX_PAGE }
    }
}

/// Returns how long a reader rests between two pages in a room with this many people.
fn rest(people: usize) -> Duration {
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    let rest = REST_EACH.saturating_mul(people).min(LONGEST_REST);
    if rest < SHORTEST_REST {
        return Duration::ZERO;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(entries: usize, bytes: usize) -> Size {
        Size { entries, bytes }
    }

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
            let most = pace.next(|_| Some(self.read), 2, self.now).most;
            pace.sends("lobby", Some(self.read + 1), size(1, most), self.now);
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
        let next = |pace: &mut Pace, after, seconds| pace.next(read(after), 2, at(seconds)).most;
        assert_eq!(next(&mut pace, 0, 0), FIRST);
        pace.sends("lobby", Some(300), size(1, FIRST), at(0));
        assert_eq!(next(&mut pace, 0, 1), FIRST / 2, "it did not arrive");
        assert_eq!(pace.most(), FIRST / 2);
        pace.sends("lobby", Some(300), size(1, FIRST / 2), at(1));
        assert_eq!(next(&mut pace, 300, 4), FIRST / 2, "neither fast nor slow");
        pace.sends("lobby", Some(301), size(1, 50), at(4));
        assert_eq!(next(&mut pace, 300, 19), FIRST / 2, "one line says nothing");
        for n in 0..9 {
            pace.sends("lobby", Some(400), size(1, FIRST), at(20 + n));
            next(&mut pace, 0, 20 + n);
        }
        assert_eq!(next(&mut pace, 0, 99), SMALLEST);
    }

    #[test]
    fn readers_rest_for_as_long_as_their_room_is_full() {
        let rest = |people| {
            let next = Pace::new().next(|_| None, people, Duration::ZERO);
            next.rest.as_micros()
        };
        let rests = [2, 24, 25, 100, 1000, usize::MAX].map(rest);
        assert_eq!(rests, [0, 0, 1000, 4000, 10_000, 10_000]);
    }

    #[test]
    fn a_reader_that_is_behind_does_not_rest() {
        let mut pace = Pace::new();
        let mut rests = |entries, bytes| {
            pace.sends("lobby", Some(1), size(entries, bytes), Duration::ZERO);
            let next = pace.next(|_| Some(1), 100, Duration::from_secs(1));
            !next.rest.is_zero()
        };
        assert!(rests(9, FIRST / 2 - 1));
        assert!(!rests(9, FIRST / 2), "cut for its bytes");
        assert!(rests(MAX_ENTRIES - 1, 99));
        assert!(!rests(MAX_ENTRIES, 99), "cut for its entries");
    }
}
