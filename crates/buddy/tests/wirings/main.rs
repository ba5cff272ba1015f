//! The roll call in every wiring of up to four buddies, with every set of starters, in every order
//! of events.
//!
//! `world.rs` runs the pure core of `roll_call.rs`. `oracle.rs` says from the wiring alone who must
//! sing with whom, and who says what. The search visits all states that can be reached. In none of
//! them may a buddy have said or closed what is not so. Whatever happens must come to rest, and at
//! rest all promises must come true. `cargo test` searches what takes seconds. All of it takes a
//! minute:
//!
//! ```text
//! EXPLORE=all cargo test --release -p buddy --test wirings -- --nocapture
//! ```
//!
//! Not searched: a starter that is restarted. The call of its first life comes round to a process
//! that does not know it. So a buddy may say that the ring misses its starter, until the call of
//! the new life closes the ring all the same. `mutants.sh` lists the deliberate faults that this
//! search catches.

mod oracle;
#[path = "../support/search.rs"]
mod search;
mod world;

/// Each stands for all wirings of that many buddies. The starters are a maximum, the calls are for
/// each starter and made while others are on their way, the losses are answers, and a restart is of
/// a buddy that starts nothing.
const SMALL: [&str; 7] = [
    "1 buddy, 1 starter, 2 calls, 1 loss, 1 restart",
    "2 buddies, 2 starters, 2 calls, 1 loss, 1 restart",
    "3 buddies, 3 starters, 1 call, 1 loss",
    "3 buddies, 2 starters, 2 calls",
    "3 buddies, 2 starters, 1 call, 1 restart",
    "4 buddies, 4 starters, 1 call",
    "4 buddies, 2 starters, 1 call, 1 loss",
];

const LARGE: [&str; 8] = [
    "3 buddies, 3 starters, 2 calls",
    "3 buddies, 2 starters, 2 calls, 1 loss, 1 restart",
    "4 buddies, 2 starters, 1 call, 1 loss, 1 restart",
    "4 buddies, 2 starters, 2 calls",
    "4 buddies, 3 starters, 1 call, 1 loss",
    "3 buddies, 3 starters, 2 calls, 1 loss, 1 restart",
    "4 buddies, 3 starters, 2 calls",
    "4 buddies, 4 starters, 1 call, 1 loss",
];

#[test]
fn every_wiring_comes_to_what_was_promised() {
    search::explore::<world::RollCallWorld>(&SMALL, &LARGE);
}
