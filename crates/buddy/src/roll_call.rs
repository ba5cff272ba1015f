//! The roll call before the song: who is in the ring, and in which order. PURE.
//!
//! The starter sends a roll call to its next. Each buddy adds the address that it was given for its
//! own next, and sends the call on. When it comes back, it lists the whole ring in order, by
//! addresses that have just worked. A starter calls again, with a greater attempt, until one comes
//! back, because a buddy may have been restarted with the roll in its hands.
//!
//! * **The loop misses the starter** (`1 → 2 → 3 → 2`, or a buddy whose next is itself): buddy 2
//!   hears the same attempt again with a longer roll. It says so, and answers
//!   [`RollCallReply::Looped`], so that its caller says so too.
//! * **Two starters**: a starter lets a call pass only if its song has a smaller id than its own
//!   (Chang and Roberts, 1979), so only one can come back. The other starter sings along and says
//!   that its number is ignored. It never gives up its own call before that, so that a rival that
//!   died cannot block it. A sender holds only the newest call, so a rival's call may have replaced
//!   one's own while a buddy waited for its next. Therefore a starter answers each call that it
//!   keeps to itself with its own.
//! * **No loop at all** cannot be told from a buddy that is not started yet. A buddy that waits for
//!   its next says so, and waits.

use std::collections::BTreeMap;

use common::buddy::{Incarnation, RollCallReply, Song};

/// Most buddies on a roll. Their addresses must fit one frame (256 KiB): up to 60 bytes each.
pub const MAX_BUDDIES: usize = 4096;

/// Most songs whose roll calls are remembered: more starters than a ring has by mistake. Beyond it
/// the greatest id is forgotten, because it loses to all others. That may repeat a call, but never
/// makes a wrong roll.
const MAX_SONGS: usize = 64;

/// A roll call on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The song for which the roll is called.
    pub song: Song,
    /// The number of this call among those of its starter.
    pub attempt: u32,
    /// The addresses so far, the receiver's last.
    pub roll: Vec<String>,
}

/// What is to be done about a roll call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the next buddy, until it answers.
    Send(Call),
    /// Begin the song: the own call is back, and this is the ring from here on.
    Closed(Vec<String>),
    /// Tell the person that the ring loops without its starter. These are the buddies of the loop,
    /// this one last.
    Misses(Vec<String>),
    /// Do nothing.
    Nothing,
}

/// What a buddy knows of roll calls before the song.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollCall {
    next: String,
    /// the song that this buddy starts, if it does
    mine: Option<Song>,
    attempt: u32,
    /// of each song: the last attempt, and the length of its roll when it came here
    heard: BTreeMap<Incarnation, (u32, usize)>,
}

impl RollCall {
    /// A buddy with `next` after it, and perhaps with a song of its own.
    pub fn new(next: impl Into<String>, mine: Option<Song>) -> Self {
        Self {
            next: next.into(),
            mine,
            attempt: 0,
            heard: BTreeMap::new(),
        }
    }

    /// Returns the song that this buddy would start.
    pub fn mine(&self) -> Option<Song> {
        self.mine
    }

    /// Calls the roll, or calls it again.
    pub fn call(&mut self) -> Step {
        let Some(song) = self.mine else {
            return Step::Nothing;
        };
        self.attempt += 1;
        Step::Send(Call {
            song,
            attempt: self.attempt,
            roll: vec![self.next.clone()],
        })
    }

    /// Hears a roll call. Returns its answer, and what is to be done about it.
    pub fn hear(&mut self, mut call: Call) -> (RollCallReply, Step) {
        let place = call.roll.len();
        if place == 0 || place > MAX_BUDDIES {
            return (RollCallReply::Busy, Step::Nothing);
        }
        match self.mine {
            Some(mine) if mine.id == call.song.id => {
                call.roll.rotate_right(1); // because my own address came last
                return (RollCallReply::Heard, Step::Closed(call.roll));
            }
            Some(mine) if mine.id < call.song.id => return (RollCallReply::Heard, self.call()),
            _ => {}
        }
        match self.heard.get(&call.song.id) {
            Some(&(attempt, before)) if attempt == call.attempt && place > before => {
                return (
                    RollCallReply::Looped,
                    Step::Misses(call.roll.split_off(before)),
                );
            }
            Some(&(attempt, _)) if attempt >= call.attempt => {
                return (RollCallReply::Heard, Step::Nothing);
            }
            _ => {}
        }
        if self.heard.len() >= MAX_SONGS && !self.heard.contains_key(&call.song.id) {
            self.heard.pop_last();
        }
        self.heard.insert(call.song.id, (call.attempt, place));
        call.roll.push(self.next.clone());
        (RollCallReply::Heard, Step::Send(call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn song(id: Incarnation) -> Song {
        Song {
            id,
            bottles: 3,
            tempo_ms: 0,
        }
    }

    #[test]
    fn memory_is_bounded_and_so_is_the_roll() {
        let mut buddy = RollCall::new("a", None);
        for id in 1..=1000 {
            let call = Call {
                song: song(id),
                attempt: 1,
                roll: vec!["b".into()],
            };
            assert_eq!(buddy.hear(call).0, RollCallReply::Heard);
        }
        assert!(buddy.heard.len() <= MAX_SONGS);
        for roll in [vec![], vec!["b".to_owned(); MAX_BUDDIES + 1]] {
            let call = Call {
                song: song(1),
                attempt: 1,
                roll,
            };
            assert_eq!(buddy.hear(call), (RollCallReply::Busy, Step::Nothing));
        }
    }
}
