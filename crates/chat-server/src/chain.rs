//! Which messages of a log stand that several servers write. PURE.
//!
//! The servers share one ordered list. Each of them plays it, and asks here for each message what
//! it means. All of them find the same, because only the order counts: **a message stands if it
//! was written on the last message that stands in its room.** Its writer had played everything up
//! to there, so it knew which keys were stored and which number comes next. Of two servers that
//! write at once, the second is void, and writes again. A late copy of a message is void too.
//!
//! A message names the place it is written on (`prev`), and the newest number before it (`after`).
//! A room has the place of its last message that stands (`last`), what that was written on
//! (`below`), and its newest number.
//!
//! | Room | The message | Verdict |
//! |---|---|---|
//! | known | `prev == last`, with the same origin and number | stands |
//! | known | `prev == last`, with another origin or number | the log went back |
//! | known | `prev > last` | a hole: its writer has played what is not here |
//! | taken on trust | `below < prev < last` | stands, and what was trusted was void |
//! | known | `below < prev < last` | a hole: `prev` stands and is not here, so `last` was void |
//! | known | `prev <= below` | void |
//! | unknown | `prev == 0`, `after` is at least the floor | stands, and the room begins |
//! | unknown | `prev == 0`, `after` is below the floor | void: its writer missed the end of a room |
//! | ended | `prev` is not above what the end was written on | void: the end was first |
//! | unknown | `prev > 0`, in the part that was there at the start | stands, on trust |
//! | unknown | `prev > 0`, later | a hole |
//!
//! The old messages of a room are not kept for ever. So a server that starts may find a message
//! that is written on one that is gone. It trusts it, because void messages are rare; the next
//! message shows whether that was right. It may also find such a hole between two messages, when
//! the oldest ones are deleted while it plays them. Then it forgets the room, and trusts again.
//!
//! A room ends with a message of its own kind, for which the same table holds. Numbers of a room
//! that begins are above the floor: the newest number of all rooms that have ended. So a reader's
//! cursor is never above what is new.

use std::collections::{HashMap, VecDeque};

/// Most ends of rooms that are remembered. That many rooms exist at a time, and each lives for an
/// hour, so that no message comes later than this many ends.
const ENDS: usize = 1000;

/// Who wrote a message: a random number of the process, and which of its messages it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) writer: u64,
    pub(crate) attempt: u64,
}

/// A place in the list. Places come again when a list has lost its end, origins do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// from 1; 0 is before the first one
    pub(crate) at: u64,
    pub(crate) origin: Origin,
}

/// What a message says of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// the message that it is written on
    pub(crate) prev: Place,
    /// the newest number before it
    pub(crate) after: u64,
    pub(crate) what: What,
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It adds this many entries.
    Entries(u64),
    /// It ends the room. New rooms begin above this number.
    End { floor: u64 },
}

/// What a message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counts. If `begins`, whatever was known of the room does not.
    Stands { begins: bool },
    /// It does not count, and its writer writes again.
    Void,
    /// Something is missing here.
    Hole,
    /// What was played is not in the list any more.
    WentBack,
}

/// What is known of a room.
#[derive(Clone, Copy, Debug)]
struct Room {
    last: Place,
    below: u64,
    newest: u64,
    is_trusted: bool,
}

/// What a reader of the list knows.
#[derive(Debug)]
pub(crate) struct Chain {
    rooms: HashMap<String, Room>,
    /// of each room that has ended, what the end was written on
    ended: HashMap<String, u64>,
    /// the order in which they ended, oldest first
    ends: VecDeque<String>,
    floor: u64,
    /// the end of the list when this reader began
    begun_at: u64,
    played: Place,
}

impl Chain {
    /// Returns a reader that has read nothing yet of a list whose last place is `end`.
    pub(crate) fn new(end: u64) -> Self {
        Self {
            rooms: HashMap::new(),
            ended: HashMap::new(),
            ends: VecDeque::new(),
            floor: 0,
            begun_at: end,
            played: Place::default(),
        }
    }

    /// Returns the last place that was played.
    pub(crate) fn played(&self) -> Place {
        self.played
    }

    /// Returns what the next message in `room` is written on, and the newest number before it.
    pub(crate) fn top(&self, room: &str) -> (Place, u64) {
        let known = self.rooms.get(room);
        known.map_or_else(
            || (Place::default(), self.floor),
            |room| (room.last, room.newest),
        )
    }

    /// Returns the number above which the rooms of the future begin, when `room` ends now.
    pub(crate) fn floor_without(&self, room: &str) -> u64 {
        self.floor.max(self.top(room).1)
    }

    /// Returns whether the message at `place` is new, or what is wrong with it. The list is read
    /// again from the last message on, so that a list that went back is noticed.
    pub(crate) fn is_new(&self, place: Place) -> Result<bool, Verdict> {
        if place.at == self.played.at && place.origin != self.played.origin {
            return Err(Verdict::WentBack);
        }
        Ok(place.at > self.played.at)
    }

    /// Forgets a room whose oldest messages are deleted up to the one at `at`, so that this one is
    /// taken on trust. Returns whether that can be. It must be in the part that was there at the
    /// start: nobody is shown anything before all of that is played, and by then it is known
    /// whether what was trusted is void.
    pub(crate) fn forget(&mut self, room: &str, at: u64) -> bool {
        at <= self.begun_at && self.rooms.remove(room).is_some()
    }

    /// Notes that the message at `place` was played.
    pub(crate) fn pass(&mut self, place: Place) {
        self.played = place;
    }

    /// Returns what a new message means, and keeps it in mind.
    pub(crate) fn judge(&mut self, place: Place, room: &str, link: Link) -> Verdict {
        let verdict = self.look(place.at, room, link);
        let below = link.prev.at;
        match (verdict, link.what) {
            (Verdict::Stands { begins }, What::Entries(count)) => {
                let known = Room {
                    last: place,
                    below,
                    newest: link.after + count,
                    is_trusted: begins && place.at <= self.begun_at,
                };
                self.rooms.insert(room.to_owned(), known);
            }
            (Verdict::Stands { .. }, What::End { .. }) => {
                self.rooms.remove(room);
                self.remember_end(room, below);
            }
            _ => {}
        }
        if let What::End { floor } = link.what {
            // Of a void one too, because it does no harm, and all readers must have the same.
            self.floor = self.floor.max(floor);
        }
        verdict
    }

    fn look(&self, at: u64, room: &str, link: Link) -> Verdict {
        let Link { prev, after, what } = link;
        let begins = Verdict::Stands { begins: true };
        // Written before its writer knew of the end of the room.
        let is_over = prev.at > 0 && self.ended.get(room).is_some_and(|&end| prev.at <= end);
        let Some(room) = self.rooms.get(room) else {
            let is_end = matches!(what, What::End { .. });
            return match prev.at {
                0 if after >= self.floor && !is_end => begins,
                0 => Verdict::Void,
                _ if is_over => Verdict::Void,
                _ if at <= self.begun_at => begins,
                _ => Verdict::Hole,
            };
        };
        if prev.at > room.last.at {
            Verdict::Hole
        } else if prev.at == room.last.at {
            let is_same = (prev.origin, after) == (room.last.origin, room.newest);
            if is_same {
                Verdict::Stands { begins: false }
            } else {
                Verdict::WentBack
            }
        } else if prev.at > room.below && !is_over {
            // Nobody writes on a void message. So `prev` stands, and did not come here; and `last`
            // was written on the same one as `prev`, and came after it.
            if room.is_trusted {
                begins
            } else {
                Verdict::Hole
            }
        } else {
            Verdict::Void
        }
    }

    fn remember_end(&mut self, room: &str, below: u64) {
        if self.ended.insert(room.to_owned(), below).is_some() {
            self.ends.retain(|ended| ended != room);
        }
        self.ends.push_back(room.to_owned());
        if self.ends.len() > ENDS
            && let Some(oldest) = self.ends.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
