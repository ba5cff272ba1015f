//! The roll-call in every wiring of up to four buddies, with every set of starters, in every order
//! of events.
//!
//! The pure core of `roll_call.rs` runs in the world of `world.rs`; `oracle.rs` says who is to sing
//! with whom, and who says what, from the wiring alone. Visited are all states that can be reached:
//! in each, nothing may have been said or closed that is not so; whatever happens must come to
//! rest; and at rest all that was promised must come true. `cargo test` searches what takes
//! seconds; all of the list, a minute of a processor:
//!
//! ```text
//! EXPLORE=all cargo test --release -p buddy --test wirings -- --nocapture
//! ```
//!
//! Not searched: a starter that is restarted. The call of its first life comes round to nobody who
//! knows it, and a buddy may say that the ring misses its starter, until the call of the new life
//! closes the ring all the same. The deliberate faults that this search catches stand in `mutants.sh`.

#[path = "../support/fingerprint.rs"]
mod fingerprint;
mod oracle;
mod world;

use std::collections::HashMap;

use fingerprint::fingerprint;
use oracle::{Promise, Wiring};
use world::{Event, World};

/// How far one search goes.
#[derive(Clone, Copy, Debug)]
struct Bound {
    buddies: usize,
    /// of them, at most
    starters: usize,
    /// that each starter may make while others are on their way
    calls: u8,
    /// answers that get lost
    losses: u8,
    /// of buddies that start nothing
    restarts: u8,
}

const fn bound(buddies: usize, starters: usize, calls: u8, losses: u8, restarts: u8) -> Bound {
    Bound {
        buddies,
        starters,
        calls,
        losses,
        restarts,
    }
}

const SMALL: [Bound; 7] = [
    bound(1, 1, 2, 1, 1),
    bound(2, 2, 2, 1, 1),
    bound(3, 3, 1, 1, 0),
    bound(3, 2, 2, 0, 0),
    bound(3, 2, 1, 0, 1),
    bound(4, 4, 1, 0, 0),
    bound(4, 2, 1, 1, 0),
];

const LARGE: [Bound; 8] = [
    bound(3, 3, 2, 0, 0),
    bound(3, 2, 2, 1, 1),
    bound(4, 2, 1, 1, 1),
    bound(4, 2, 2, 0, 0),
    bound(4, 3, 1, 1, 0),
    bound(3, 3, 2, 1, 1),
    bound(4, 3, 2, 0, 0),
    bound(4, 4, 1, 1, 0),
];

/// One wiring's states, depth first.
struct Search {
    promise: Promise,
    /// without losses and restarts a call is lost only where another takes its place
    is_calm: bool,
    /// by fingerprint: whether it is on the path
    seen: HashMap<u64, bool>,
    path: Vec<Event>,
}

impl Search {
    /// Looks at `world` and all that may come of it. On an error, `path` leads there.
    fn visit(&mut self, world: &World) -> Result<(), String> {
        /// Rolls that grow without an end are found here: four buddies take a hundred events.
        const DEEPEST: usize = 500;
        let here = fingerprint(world);
        match self.seen.get(&here) {
            Some(true) => return Err("it goes round for ever".into()),
            Some(false) => return Ok(()),
            None if self.path.len() > DEEPEST => return Err("it goes on for ever".into()),
            None => self.seen.insert(here, true),
        };
        let events = world.events();
        if events.iter().all(Event::is_fault) {
            world.comes_true(&self.promise, self.is_calm)?;
        }
        for event in events {
            self.path.push(event);
            let mut then = world.clone();
            then.happen(event, &self.promise)?;
            self.visit(&then)?;
            self.path.pop();
        }
        self.seen.insert(here, false);
        Ok(())
    }
}

/// Searches every wiring within `bound`; returns how many there are, and how many states they have.
fn explore(bound: Bound) -> (usize, usize) {
    let (mut wirings, mut states) = (0, 0);
    for wiring in Wiring::all(bound.buddies, bound.starters) {
        let mut search = Search {
            promise: wiring.promise(bound.restarts > 0),
            is_calm: bound.losses + bound.restarts == 0,
            seen: HashMap::new(),
            path: Vec::new(),
        };
        let start = World::new(&wiring, bound.calls, bound.losses, bound.restarts);
        if let Err(why) = search.visit(&start) {
            panic!("{why}, with {wiring:?} in {bound:?}: {:?}", search.path);
        }
        wirings += 1;
        states += search.seen.len();
    }
    (wirings, states)
}

#[test]
fn every_wiring_comes_to_what_was_promised() {
    let mut bounds = SMALL.to_vec();
    if std::env::var("EXPLORE").is_ok_and(|which| which == "all") {
        bounds.extend(LARGE);
    }
    for bound in bounds {
        let (wirings, states) = explore(bound);
        println!("{wirings:>5} wirings {states:>9} states in {bound:?}");
        assert!(states > wirings, "nothing happens");
    }
}
