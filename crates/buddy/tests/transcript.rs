//! Rings in memory, as transcripts: a queue for a network, and every event written down.
//!
//! How to read: start with `three_buddies_four_bottles`, with the picture at the head of `ring.rs`
//! beside it, and go on to `a_buddy_dies_in_mid_verse`. The line "1 to 2: go Left(3) (1,1)" says
//! that Buddy 1 passes the song to Buddy 2, with 3 bottles left to sing of, in take 1, at hop 1.

#[path = "support/words.rs"]
mod words;

use std::collections::VecDeque;

use buddy::ring::{Input, Output, Request, Ring};
use common::buddy::{Mark, Place, Progress, Reply, Stamp};
use words::words;

/// Buddies that call each other over a queue. Each call is answered when it arrives.
struct MemoryRing {
    buddies: Vec<Option<Ring>>,
    queue: VecDeque<(Place, Output)>,
    /// each verse that was sung, and by which buddy
    song: Vec<(u64, Place)>,
    transcript: String,
}

impl MemoryRing {
    fn new(size: Place, bottles: u64) -> Self {
        let progress = Progress {
            at: Stamp::default(),
            mark: Mark::Left(bottles),
        };
        let buddy = |me| Some(Ring::new(size, 1, me, me as u64 + 1, progress));
        let mut ring = Self {
            buddies: (0..size).map(buddy).collect(),
            queue: VecDeque::new(),
            song: Vec::new(),
            transcript: String::new(),
        };
        ring.input(0, Input::Enlisted);
        ring
    }

    fn input(&mut self, me: Place, input: Input) {
        if let Some(buddy) = &mut self.buddies[me as usize] {
            let outputs = buddy.handle(input).into_iter();
            self.queue.extend(outputs.map(|output| (me, output)));
        }
    }

    fn write(&mut self, line: String) {
        self.transcript += &(line + "\n");
    }

    /// Does the next thing. Returns false when nothing is left to do.
    fn step(&mut self) -> bool {
        let Some((me, output)) = self.queue.pop_front() else {
            return false;
        };
        if self.buddies[me as usize].is_none() {
            return true; // because it left with this undone
        }
        let who = me + 1;
        match output {
            Output::Sing(left) => {
                self.write(format!("{who} sings {left}"));
                self.song.push((left, me));
                self.input(me, Input::Sung);
            }
            Output::Leave => {
                self.write(format!("{who} leaves"));
                self.buddies[me as usize] = None;
            }
            Output::Call(to, request) => self.call(me, to, request),
        }
        true
    }

    fn call(&mut self, me: Place, to: Place, request: Request) {
        let (who, whom) = (me + 1, to + 1);
        self.write(format!("{who} to {whom}: {}", words(request)));
        self.input(to, Input::Called(request));
        let Some(buddy) = &self.buddies[to as usize] else {
            self.write(format!("{whom} is gone"));
            return self.input(me, Input::Gone(to));
        };
        let reply = Reply::Here(buddy.mark());
        // A buddy that was enlisted enlists its next, except the starter, where the lap ends.
        if matches!(request, Request::Enlist(_)) && to != 0 {
            self.input(to, Input::Enlisted);
        }
        self.input(me, Input::Answered(to, request, reply));
    }

    fn run(&mut self) {
        /// More than five buddies and twenty bottles take.
        const STEPS: usize = 10_000;
        let ends = (0..STEPS).any(|_| !self.step());
        assert!(ends, "it goes on for ever: {}", self.transcript);
    }
}

#[test]
fn any_ring_sings_one_singers_song() {
    for (size, bottles) in (1..=5).flat_map(|size| (0..=20).map(move |bottles| (size, bottles))) {
        let mut ring = MemoryRing::new(size, bottles);
        ring.run();
        let alone = (0..=bottles).rev();
        let expected: Vec<_> = alone.zip((0..size).cycle()).collect();
        assert_eq!(ring.song, expected, "{size} buddies, {bottles} bottles");
        assert!(ring.buddies.iter().all(Option::is_none), "all have left");
    }
}

/// How three buddies sing four bottles.
#[test]
fn three_buddies_four_bottles() {
    let mut ring = MemoryRing::new(3, 4);
    ring.run();
    let expected = "\
1 to 2: enlist
2 to 3: enlist
3 to 1: enlist
1 sings 4
1 to 2: go Left(3) (1,1)
2 sings 3
2 to 3: go Left(2) (1,2)
3 sings 2
3 to 1: go Left(1) (1,3)
1 sings 1
1 to 2: go Left(0) (1,4)
2 sings 0
2 to 3: go Over (1,5)
3 to 1: go Over (1,6)
1 to 2: go Over (1,7)
2 to 3: go Home (1,8)
3 to 1: go Home (1,9)
2 leaves
1 to 2: go Home (1,10)
2 is gone
3 leaves
1 leaves
";
    assert_eq!(ring.transcript, expected);
}

/// Buddy 2 is killed after it has sung. Buddy 1 finds out when it pings.
#[test]
fn a_buddy_dies_in_mid_verse() {
    let mut ring = MemoryRing::new(3, 2);
    while ring.song.len() < 2 {
        ring.step();
    }
    ring.buddies[1] = None; // verse 1 is sung, and never passed on
    ring.queue.clear();
    ring.transcript.clear();
    ring.input(0, Input::Beat(1));
    ring.run();
    let expected = "\
1 to 2: ping
2 is gone
1 to 3: where were we? Left(1) (2,1)
3 to 1: where were we? Left(1) (2,2)
1 to 3: go Left(1) (2,3)
3 sings 1
3 to 1: go Left(0) (2,4)
1 sings 0
1 to 3: go Over (2,5)
3 to 1: go Over (2,6)
1 to 3: go Home (2,7)
3 to 1: go Home (2,8)
1 leaves
3 leaves
";
    assert_eq!(ring.transcript, expected);
}
