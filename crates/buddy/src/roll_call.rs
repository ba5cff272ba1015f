//! The roll call before the song: who is in the ring, and in which order. PURE.
//!
//! The starter sends a roll call to its next. Each buddy adds the address that it was given for its
//! own next, and sends the call on. When it comes back, it lists the whole ring in order, by
//! addresses that have just worked. They have worked for the buddy before, and another machine may
//! know the same buddy by another address. So each adds its own as well: where it listens, and what
//! its person gave it. If it listens on all addresses of its machine, the buddy after it puts in
//! the one that it has seen. A starter calls again, with a greater attempt, until one comes
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
//!
//! # What is believed of a closed roll
//! A waiting buddy begins a song when it is sent the closed roll. It has no key, so it cannot know
//! the sender. But the honest ring can only have sent a roll [that fits](RollCall::believes):
//!
//! * **The buddy after me on the roll is my `--next`**, in the very words of my command line,
//!   because I have put it there. So a stranger who does not know my `--next` is not believed, and
//!   the first address that I call is always one that my person gave me.
//! * **If I have heard the call for this song**, my place is the one that I had in it, and the call
//!   has not come round to me: a call that does is of no starter in this ring.
//! * **If I have not heard it**, the first rule alone holds. This is a buddy that was restarted in
//!   mid-song: its neighbours send it the roll, and it knows nothing any more.
//!
//! Without a key, whoever knows my `--next` (a buddy of my ring, or a person who has seen the
//! command lines) can still make me sing a song of that roll, within the bounds of [`Song`]; and
//! I call its other addresses once my next is gone. A song that a ring sings already cannot be
//! changed so, because only that ring knows its id.

use std::collections::BTreeMap;
use std::net::IpAddr;

use common::buddy::{Addresses, Incarnation, MAX_BUDDIES, Place, RollCallReply, Song};
use common::journal::name;

/// Most songs whose roll calls are remembered: more starters than a ring has by mistake. Beyond it
/// the greatest id is forgotten, because it loses to all others. A stranger who makes up songs can
/// bring that about. It may repeat a call, but never makes a wrong roll, and the closed roll of a
/// song that was forgotten is believed like that of a song that was not heard.
const MAX_SONGS: usize = 64;

/// A roll call on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The song for which the roll is called.
    pub song: Song,
    /// The number of this call among those of its starter.
    pub attempt: u32,
    /// The buddies so far, from the starter to the receiver.
    pub roll: Vec<Addresses>,
}

impl Call {
    /// Returns its name in journals.
    pub(crate) fn name(&self) -> String {
        name::roll_call(&self.song, self.attempt, self.roll.len())
    }
}

/// What is to be done about a roll call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the next buddy, until it answers.
    Send(Call),
    /// Begin this song: the own call is back, and this is the ring from here on.
    Closed(Song, Vec<Addresses>),
    /// Tell the person that the ring loops without its starter. These are the buddies of the loop,
    /// this one last.
    Misses(Vec<Addresses>),
    /// Do nothing.
    Nothing,
}

/// What a buddy knows of roll calls before the song.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollCall {
    next: String,
    /// where this buddy can be reached, as far as it knows
    own: Addresses,
    /// the song that this buddy starts, if it does
    mine: Option<Song>,
    attempt: u32,
    heard: BTreeMap<Incarnation, Heard>,
}

/// What a buddy remembers of the last call for one song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Heard {
    attempt: u32,
    /// my place: how many buddies were before me on its roll
    place: usize,
    /// it came here again, so it misses its starter
    looped: bool,
}

impl RollCall {
    /// A buddy with `next` after it and its `own` addresses, and perhaps with a song of its own.
    pub fn new(next: impl Into<String>, own: Addresses, mine: Option<Song>) -> Self {
        Self {
            next: next.into(),
            own,
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
        self.attempt = self.attempt.saturating_add(1);
        Step::Send(Call {
            song,
            attempt: self.attempt,
            roll: vec![self.own.clone(), (&*self.next).into()],
        })
    }

    /// Hears a roll call from the machine `from`. Returns its answer, and what is to be done.
    pub fn hear(&mut self, mut call: Call, from: IpAddr) -> (RollCallReply, Step) {
        let place = call.roll.len().saturating_sub(1);
        if place == 0 || place > MAX_BUDDIES || !call.song.is_within_bounds() {
            return (RollCallReply::Busy, Step::Nothing);
        }
        call.roll[place - 1].complete(from);
        match self.mine {
            Some(mine) if mine.id == call.song.id => {
                if call.roll[1].first() != self.next {
                    return (RollCallReply::Busy, Step::Nothing); // because it is not my call
                }
                let mut me = call.roll.split_off(place).remove(0); // as the buddy before dials me
                me.add(&call.roll[0]);
                call.roll[0] = me;
                let round_trip_ms = call.song.round_trip_ms;
                let song = Song {
                    round_trip_ms,
                    ..mine
                };
                return (RollCallReply::Heard, Step::Closed(song, call.roll));
            }
            Some(mine) if mine.id < call.song.id => return (RollCallReply::Heard, self.call()),
            _ => {}
        }
        match self.heard.get_mut(&call.song.id) {
            Some(heard) if heard.attempt == call.attempt && place > heard.place => {
                heard.looped = true;
                if self.mine.is_some() {
                    return (RollCallReply::Heard, Step::Nothing); // I am a starter in this loop
                }
                let roll = call.roll.split_off(heard.place + 1);
                return (RollCallReply::Looped, Step::Misses(roll));
            }
            Some(heard) if heard.attempt >= call.attempt => {
                return (RollCallReply::Heard, Step::Nothing);
            }
            _ => {}
        }
        if place == MAX_BUDDIES {
            return (RollCallReply::Busy, Step::Nothing); // because my next would not fit on it
        }
        // Each of us adds its next once a lap, so this call goes round, and I have forgotten it.
        let nexts = call.roll.iter().skip(1).map(Addresses::first);
        if nexts.filter(|next| *next == self.next).count() > 1 {
            return (RollCallReply::Heard, Step::Nothing);
        }
        let heard = Heard {
            attempt: call.attempt,
            place,
            looped: false,
        };
        if self.heard.len() >= MAX_SONGS && !self.heard.contains_key(&call.song.id) {
            self.heard.pop_last();
        }
        self.heard.insert(call.song.id, heard);
        call.roll[place].add(&self.own);
        call.roll.push((&*self.next).into());
        (RollCallReply::Heard, Step::Send(call))
    }

    /// Whether the closed `roll` of `song`, sent to the buddy at place `to`, can be that of my
    /// ring. The head of this file has the rule and its reasons.
    pub fn believes(&self, song: Incarnation, roll: &[Addresses], to: Place) -> bool {
        let place = to as usize;
        let fits = |heard: &Heard| heard.place == place && !heard.looped;
        place < roll.len()
            && roll[(place + 1) % roll.len()].first() == self.next
            && self.mine.is_none_or(|mine| mine.id != song)
            && self.heard.get(&song).is_none_or(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: Incarnation, roll: &[&str]) -> Call {
        Call {
            song: Song {
                id,
                bottles: 3,
                tempo_ms: 0,
                round_trip_ms: 0,
            },
            attempt: 1,
            roll: names(roll),
        }
    }

    fn names(roll: &[&str]) -> Vec<Addresses> {
        roll.iter().map(|name| (*name).into()).collect()
    }

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    fn buddy(next: &str, mine: Option<Song>) -> RollCall {
        RollCall::new(next, "0.0.0.0:8030".into(), mine)
    }

    #[test]
    fn memory_is_bounded_and_so_is_the_roll() {
        let mut buddy = buddy("a", None);
        for id in 1..=1000 {
            assert_eq!(
                buddy.hear(call(id, &["s", "b"]), FROM).0,
                RollCallReply::Heard
            );
        }
        assert!(buddy.heard.len() <= MAX_SONGS);
        let lengths = [0, 1, MAX_BUDDIES + 1, MAX_BUDDIES + 2];
        for roll in lengths.map(|length| vec!["b"; length]) {
            let heard = buddy.hear(call(2000, &roll), FROM);
            assert_eq!(heard, (RollCallReply::Busy, Step::Nothing));
        }
        for (bottles, tempo_ms) in [(1_000_001, 0), (1, 600_001)] {
            let mut call = call(2000, &["s", "b"]);
            (call.song.bottles, call.song.tempo_ms) = (bottles, tempo_ms);
            let heard = buddy.hear(call, FROM);
            assert_eq!(heard, (RollCallReply::Busy, Step::Nothing));
        }
    }

    #[test]
    fn a_call_that_was_forgotten_does_not_go_round_for_ever() {
        let mut buddy = buddy("c", None);
        let again = |buddy: &mut RollCall, roll: &[&str]| buddy.hear(call(1000, roll), FROM).1;
        assert!(matches!(
            again(&mut buddy, &["s", "b", "c", "b"]),
            Step::Send(_)
        ));
        for id in 1..=MAX_SONGS as Incarnation {
            buddy.hear(call(id, &["s", "b"]), FROM);
        }
        assert!(!buddy.heard.contains_key(&1000));
        let roll = ["s", "b", "c", "b", "c", "b"];
        assert_eq!(again(&mut buddy, &roll), Step::Nothing);
    }

    #[test]
    fn a_closed_roll_is_believed_only_if_it_fits_what_was_heard() {
        let mut buddy = buddy("c", Some(call(5, &[]).song));
        buddy.hear(call(3, &["a", "b"]), FROM);
        let believes =
            |buddy: &RollCall, id, roll: &[&str], to| buddy.believes(id, &names(roll), to);
        assert!(believes(&buddy, 3, &["a", "b", "c"], 1));
        assert!(!believes(&buddy, 3, &["a", "b", "x"], 1), "another next");
        assert!(
            !believes(&buddy, 3, &["a", "x", "b", "c"], 2),
            "another place"
        );
        assert!(!believes(&buddy, 3, &["a", "b", "c"], 9), "no place");
        assert!(believes(&buddy, 4, &["c", "x", "b"], 2), "as if restarted");
        assert!(!believes(&buddy, 4, &["b"], 0), "a ring of another one");
        assert!(!believes(&buddy, 5, &["b", "c"], 0), "my own song");
        buddy.hear(call(3, &["a", "b", "c", "d", "b"]), FROM);
        assert!(
            !believes(&buddy, 3, &["a", "b", "c"], 1),
            "it has no starter"
        );
    }

    #[test]
    fn an_own_call_that_comes_back_begins_with_my_next() {
        let mut buddy = buddy("c", Some(call(5, &[]).song));
        let heard = buddy.hear(call(5, &["s", "x", "b"]), FROM);
        assert_eq!(heard, (RollCallReply::Busy, Step::Nothing));
        let heard = buddy.hear(call(5, &["s", "c", "b"]), FROM);
        let roll = names(&["b,s", "c"]);
        assert_eq!(heard.1, Step::Closed(call(5, &[]).song, roll));
    }

    #[test]
    fn a_starter_in_a_loop_does_not_say_that_the_loop_has_none() {
        let mut buddy = buddy("c", Some(call(5, &[]).song));
        buddy.hear(call(3, &["s", "b"]), FROM);
        let again = buddy.hear(call(3, &["s", "b", "c", "b"]), FROM);
        assert_eq!(again, (RollCallReply::Heard, Step::Nothing));
    }

    #[test]
    fn each_adds_where_it_can_be_reached_and_completes_what_its_caller_did_not_know() {
        let mut ann = buddy("bob:1", Some(call(5, &[]).song));
        let mut bob = RollCall::new("cat:1", "pub:1,0.0.0.0:2".into(), None);
        let mut cat = RollCall::new("ann:1", "10.0.0.3:3".into(), None);
        let sent = |step| match step {
            Step::Send(call) => call,
            step => panic!("{step:?}"),
        };
        let machine = |n| IpAddr::from([10, 0, 0, n]);
        let first = sent(ann.call());
        assert_eq!(first.roll, names(&["0.0.0.0:8030", "bob:1"]));
        let second = sent(bob.hear(first, machine(1)).1);
        let roll = ["10.0.0.1:8030", "bob:1,pub:1,0.0.0.0:2", "cat:1"];
        assert_eq!(second.roll, names(&roll));
        let third = sent(cat.hear(second, machine(2)).1);
        let Step::Closed(_, roll) = ann.hear(third, machine(3)).1 else {
            panic!("it is her call")
        };
        let ring = [
            "ann:1,10.0.0.1:8030",
            "bob:1,pub:1,10.0.0.2:2",
            "cat:1,10.0.0.3:3",
        ];
        assert_eq!(roll, names(&ring));
    }
}
