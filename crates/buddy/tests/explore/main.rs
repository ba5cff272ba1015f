//! Exhaustive search of what a ring can do: every order of every event within a budget of faults,
//! and in every state reached the promises of `ring.rs`.
//!
//! The core arms no timers and knows no clock. So time-outs are events like any other, and the
//! search runs the very code that sings. `cargo test` searches small worlds in seconds. All of
//! them take some ten minutes and 6 GB of memory:
//!
//! ```text
//! EXPLORE=all cargo test --release -p buddy --test explore -- --nocapture
//! EXPLORE="3 buddies, 2 bottles, 1 crash" cargo test -p buddy --test explore
//! ```
//!
//! `mutants.sh` lists the deliberate faults in the core that this search catches.

#[path = "../support/journals.rs"]
mod journals;
#[path = "../support/search.rs"]
mod search;
#[path = "../support/words.rs"]
mod words;
mod world;

use lab_report::verdict::Verdict;

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
    search::explore::<world::RingWorld>(&SMALL, &LARGE);
}

/// Some runs of each world, drawn by dice, because a state of the search has no history.
/// `EXPLORE_SEED=N` plays the runs of that seed only, `EXPLORE_WALKS=100000` more of them.
#[test]
fn lab_report_says_yes_of_every_run() {
    let number = |name| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a number"))
    };
    let seeds = match number("EXPLORE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("EXPLORE_WALKS").unwrap_or(100),
    };
    let mut judged = 0;
    let mut first_fault = None;
    for seed in seeds {
        for name in SMALL.iter().chain(&LARGE) {
            let world = name
                .rsplit_once(", 4 million")
                .map_or(*name, |(world, _)| world);
            let fault = match world::RingWorld::walk(world, seed) {
                Ok(None) => continue,
                Ok(Some(report)) if report.verdict() == Verdict::Yes => None,
                Ok(Some(report)) => Some(format!("{report:#?}")),
                // Goes on, because mutants.sh counts what the report says of all runs.
                Err(broken) => Some(broken),
            };
            judged += 1;
            let fault = fault.map(|fault| format!("EXPLORE_SEED={seed}: {world}: {fault}"));
            first_fault = first_fault.or(fault);
        }
    }
    assert_eq!(first_fault, None);
    assert!(judged > 0, "somebody lives in some run");
}
