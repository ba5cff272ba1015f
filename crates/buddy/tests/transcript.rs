//! Rings in memory, as transcripts: a queue for a network, and every word written down.

use std::collections::VecDeque;
use std::fmt::Write;

use buddy::ring::{Input, Output, Request, Ring};
use buddy::song::verse;
use common::buddy::{Mark, Place, Progress, Reply, Stamp, Token};

/// Buddies that call each other over a queue; each call is answered when it arrives.
struct Stage {
    ring: Vec<Option<Ring>>,
    queue: VecDeque<(Place, Output)>,
    song: Vec<(Place, u64)>,
    log: String,
}

impl Stage {
    fn new(size: Place, bottles: u64) -> Self {
        let progress = Progress {
            at: Stamp::default(),
            mark: Mark::Left(bottles),
        };
        let ring = (0..size).map(|me| Some(Ring::new(size, 1, me, me as u64 + 1, progress)));
        let mut stage = Self {
            ring: ring.collect(),
            queue: VecDeque::new(),
            song: Vec::new(),
            log: String::new(),
        };
        stage.input(0, Input::Enlisted);
        stage
    }

    fn input(&mut self, me: Place, input: Input) {
        if let Some(ring) = &mut self.ring[me as usize] {
            self.queue
                .extend(ring.handle(input).into_iter().map(|output| (me, output)));
        }
    }

    /// Does the next thing; false when nothing is left to do.
    fn step(&mut self) -> bool {
        let Some((me, output)) = self.queue.pop_front() else {
            return false;
        };
        if self.ring[me as usize].is_none() {
            return true; // it left with this undone
        }
        let who = me + 1;
        match output {
            Output::Sing(left) => {
                writeln!(self.log, "{who} sings {left}").expect("memory");
                self.song.push((me, left));
                self.input(me, Input::Sung);
            }
            Output::Leave => {
                writeln!(self.log, "{who} leaves").expect("memory");
                self.ring[me as usize] = None;
            }
            Output::Call(to, request) => self.call(me, to, request),
        }
        true
    }

    fn call(&mut self, me: Place, to: Place, request: Request) {
        let (who, whom) = (me + 1, to + 1);
        writeln!(self.log, "{who} to {whom}: {}", words(request)).expect("memory");
        self.input(to, Input::Called(request));
        match &self.ring[to as usize] {
            Some(ring) => {
                let reply = Reply::Here(ring.mark());
                // Whoever was enlisted goes on with the enlisting.
                if let (Request::Enlist(_), true) = (request, to != 0) {
                    self.input(to, Input::Enlisted);
                }
                self.input(me, Input::Answered(to, request, reply));
            }
            None => {
                writeln!(self.log, "{whom} is gone").expect("memory");
                self.input(me, Input::Gone(to));
            }
        }
    }

    fn run(&mut self) {
        /// Five buddies and twenty bottles take a few hundred.
        const STEPS: usize = 10_000;
        let ends = (0..STEPS).any(|_| !self.step());
        assert!(ends, "it goes on for ever: {}", self.log);
    }
}

fn words(request: Request) -> String {
    match request {
        Request::Enlist(_) => "enlist".into(),
        Request::Ping => "ping".into(),
        Request::Pass(token, Progress { at, mark }) => {
            let token = match token {
                Token::Ask => "where were we?",
                Token::Go => "go",
            };
            format!("{token} {mark:?} ({},{})", at.take.number, at.hop)
        }
    }
}

#[test]
fn any_ring_sings_one_singers_song() {
    for size in 1..=5 {
        for bottles in 0..=20 {
            let mut stage = Stage::new(size, bottles);
            stage.run();
            let alone: Vec<_> = (0..=bottles)
                .rev()
                .map(|left| verse(left, bottles))
                .collect();
            let ring: Vec<_> = stage
                .song
                .iter()
                .map(|&(_, left)| verse(left, bottles))
                .collect();
            assert_eq!(ring, alone, "{size} buddies, {bottles} bottles");
            let order = stage.song.iter().map(|&(who, _)| who);
            assert!(
                order.eq((0..size).cycle().take(alone.len())),
                "{:?}",
                stage.song
            );
            assert!(stage.ring.iter().all(Option::is_none), "everybody left");
        }
    }
}

/// Reading matter: how three buddies sing four bottles.
#[test]
fn three_buddies_four_bottles() {
    let mut stage = Stage::new(3, 4);
    stage.run();
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
    assert_eq!(stage.log, expected);
}

/// Reading matter: Buddy 2 is killed as it has sung; Buddy 1 finds out when it pings.
#[test]
fn a_buddy_dies_in_mid_verse() {
    let mut stage = Stage::new(3, 2);
    while stage.song.len() < 2 {
        stage.step();
    }
    stage.ring[1] = None; // it had sung verse 1, and passed nothing on
    stage.queue.clear();
    stage.log.clear();
    stage.input(0, Input::Beat(1));
    stage.run();
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
    assert_eq!(stage.log, expected);
}
