//! Exhaustive search of what a ring can do: every order of every event within a budget of faults,
//! and in every state reached the promises of `ring.rs`.
//!
//! The core arms no timers and knows no clock, so time-outs are events like any other, and what is
//! explored is the very code that runs. `cargo test` explores small worlds in seconds; all of them,
//! the largest of which takes 4 GB of memory:
//!
//! ```text
//! EXPLORE=all cargo test --release -p buddy --test explore -- --nocapture
//! ```
//!
//! or any one: `EXPLORE="3 buddies, 2 bottles, 1 crash"`.
//!
//! The table of deliberate faults in the core that this search catches stands in `mutants.sh`.

#[path = "../support/fingerprint.rs"]
mod fingerprint;
mod world;

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

use fingerprint::fingerprint;
use world::{Event, Faults, World};

/// One world: its size, its song, what may go wrong.
#[derive(Clone, Copy, Debug)]
struct Case {
    size: u32,
    bottles: u64,
    /// begin with the lap that enlists
    lap: bool,
    faults: Faults,
    /// ends after so many states
    most: usize,
}

/// Reads `"3 buddies, 6 bottles, 1 crash, 1 wrong"`, and `"..., 2 million"`: no more states than that,
/// where all of them need more memory than a laptop has.
fn case(text: &str) -> Case {
    let mut case = Case {
        size: 0,
        bottles: 0,
        lap: false,
        faults: Faults::default(),
        most: usize::MAX,
    };
    for part in text.split(", ") {
        let (number, what) = part.split_once(' ').expect("a number and a noun");
        let number: u8 = number.parse().expect("a small number");
        let faults = &mut case.faults;
        match what.trim_end_matches('s') {
            "buddie" | "buddy" => case.size = number.into(),
            "bottle" => case.bottles = number.into(),
            "crashe" | "crash" => faults.crashes = number,
            "restart" => faults.restarts = number,
            "wrong" => faults.wrong = number,
            "quiet" => faults.quiet = number,
            "repeat" => faults.twice = number,
            "lap" => case.lap = true,
            "million" => case.most = usize::from(number) * 1_000_000,
            other => panic!("no such thing: {other}"),
        }
    }
    case
}

/// Every state, with the state before it and what happened there.
type Seen = HashMap<u64, (u64, Option<Event>)>;

/// In one state of so many it is tried whether the song ends from there.
const TRY_TO_FINISH: u64 = 16;

/// Explores all of `text`; returns how many states and transitions there were.
fn explore(text: &str) -> (usize, usize) {
    let Case {
        size,
        bottles,
        lap,
        faults,
        most,
    } = case(text);
    let start = World::new(size, bottles, faults, lap);
    let mut seen = Seen::from([(fingerprint(&start), (0, None))]);
    let mut frontier = VecDeque::from([start]);
    let mut transitions = 0;
    while let Some(world) = frontier.pop_front()
        && seen.len() < most
    {
        let here = fingerprint(&world);
        let fail =
            |why, seen: &Seen, last| -> ! { panic!("{text}: {why}\n{}", path(seen, here, last)) };
        if here.is_multiple_of(TRY_TO_FINISH)
            && let Err(why) = world.finishes(false).and_then(|()| world.finishes(true))
        {
            fail(why, &seen, None);
        }
        for event in world.events() {
            transitions += 1;
            let mut then = world.clone();
            if let Err(why) = then.happen(event) {
                fail(why, &seen, Some(event));
            }
            if let Entry::Vacant(new) = seen.entry(fingerprint(&then)) {
                new.insert((here, Some(event)));
                frontier.push_back(then);
            }
        }
    }
    (seen.len(), transitions)
}

/// How a state was reached, one event a line.
fn path(seen: &Seen, mut at: u64, last: Option<Event>) -> String {
    let mut lines = Vec::from_iter(last.map(|event| format!("{event:?}")));
    while let Some(&(before, Some(event))) = seen.get(&at) {
        lines.push(format!("{event:?}"));
        at = before;
    }
    lines.reverse();
    lines.join("\n")
}

const SMALL: [&str; 11] = [
    "1 buddy, 8 bottles, 2 quiet, 2 repeats",
    "2 buddies, 8 bottles, 2 crashes, 1 quiet",
    "2 buddies, 2 bottles, 1 crash, 1 restart, 1 quiet",
    "3 buddies, 4 bottles, 1 quiet, 1 repeat",
    "3 buddies, 5 bottles, 2 crashes",
    "3 buddies, 4 bottles, 1 wrong",
    "3 buddies, 2 bottles, 1 crash, 1 wrong",
    "4 buddies, 3 bottles, 1 crash",
    "2 buddies, 2 bottles, 1 lap, 2 crashes, 1 repeat",
    "2 buddies, 1 bottle, 1 lap, 1 crash, 1 restart",
    "3 buddies, 1 bottle, 1 lap, 1 crash",
];

const LARGE: [&str; 21] = [
    "3 buddies, 3 bottles, 2 wrong",
    "2 buddies, 4 bottles, 1 crash, 1 restart, 1 wrong",
    "2 buddies, 3 bottles, 2 crashes, 2 restarts",
    "3 buddies, 6 bottles, 2 quiet",
    "3 buddies, 6 bottles, 2 crashes, 1 quiet",
    "3 buddies, 5 bottles, 1 wrong, 1 quiet",
    "3 buddies, 4 bottles, 1 wrong, 1 repeat",
    "3 buddies, 2 bottles, 1 crash, 1 restart",
    "4 buddies, 4 bottles, 2 crashes",
    "4 buddies, 4 bottles, 1 wrong",
    "5 buddies, 6 bottles, 1 crash",
    "3 buddies, 2 bottles, 1 lap, 1 wrong",
    "4 buddies, 2 bottles, 1 crash, 1 wrong",
    "5 buddies, 3 bottles, 2 crashes",
    "5 buddies, 4 bottles, 1 quiet",
    "2 buddies, 2 bottles, 1 lap, 1 crash, 1 restart, 1 wrong",
    "3 buddies, 1 bottle, 1 lap, 1 crash, 1 restart",
    "3 buddies, 2 bottles, 1 crash, 1 wrong, 1 quiet",
    "3 buddies, 1 bottle, 1 crash, 1 restart, 1 wrong, 4 million",
    "3 buddies, 3 bottles, 1 crash, 1 restart, 1 quiet, 4 million",
    "4 buddies, 2 bottles, 1 crash, 1 restart, 4 million",
];

#[test]
fn the_promises_hold_in_every_state() {
    let which = std::env::var("EXPLORE").unwrap_or_default();
    let mut cases = SMALL.to_vec();
    match which.as_str() {
        "" => {}
        "all" => cases.extend(LARGE),
        one => cases = vec![one],
    }
    println!("{:>10} {:>11}  world", "states", "transitions");
    for text in cases {
        let (states, transitions) = explore(text);
        println!("{states:>10} {transitions:>11}  {text}");
        assert!(states > 1, "{text}: nothing happens");
    }
}
