//! Real processes that are killed, restarted and stopped in mid-song, at random moments.
//!
//! `CHAOS_SEED=N` repeats the moments of a run that printed N, as far as a scheduler repeats
//! anything. `CHAOS_TRIALS=50` is the long form, which also prints how long a death stops the song:
//!
//! ```text
//! CHAOS_TRIALS=50 cargo test -p buddy --test chaos -- --nocapture
//! ```

#[path = "../../common/tests/support/program.rs"]
mod program;
#[path = "../../lab-report/tests/support/tamper.rs"]
mod tamper;
mod support {
    pub(crate) mod process;
    pub(crate) mod verdict;
}

use std::cell::Cell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab_report::Report;
use lab_report::verdict::Verdict;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use support::process::{Ring, is_sung};
use support::verdict::{Repeat, judge};

/// A quick song and a short patience, so that many songs fit a test. A try of 200 ms is still far
/// longer than a loaded machine makes a living process wait.
const FLAGS: [&str; 4] = ["--tempo", "5ms", "--patience", "600ms"];
const KEY: &str = "labkey1aaaqeayeaudaocajbifqydiob5322";
const TEMPO: Duration = Duration::from_millis(5);

/// Returns the dice of one trial, and the lab's key if the ring is to have one. Prints their seed,
/// which is shown when the test fails.
fn dice(test: &str, trial: u64) -> (SmallRng, Option<&'static str>) {
    let seed: u64 = match std::env::var("CHAOS_SEED") {
        Ok(seed) => seed.parse().expect("CHAOS_SEED is a number"),
        Err(_) => rand::random(),
    };
    let seed_of_trial = seed ^ trial;
    // Every second trial, because the promises are the same with a seal and without.
    let key = (seed_of_trial % 2 == 1).then_some(KEY);
    let seal = if key.is_some() { "sealed" } else { "plain" };
    println!("{test}: CHAOS_SEED={seed}, trial {trial}, {seal}");
    (SmallRng::seed_from_u64(seed_of_trial), key)
}

fn trials(usual: u64) -> u64 {
    let given = std::env::var("CHAOS_TRIALS").ok();
    given.map_or(usual, |text| {
        text.parse().expect("CHAOS_TRIALS is a number")
    })
}

/// Lets the song go on to a random verse below `verses`, and a random moment of it.
fn moment(ring: &mut Ring, dice: &mut SmallRng, verses: usize) {
    let heard = ring.lines().iter().filter(|line| is_sung(line)).count();
    ring.sung(heard + dice.random_range(1..=verses));
    sleep(TEMPO.mul_f64(dice.random_range(0.0..2.0)));
}

/// Hears the rest, and judges all of it: what was heard, and what the journals tell.
fn verdict(mut ring: Ring, bottles: u64) -> Vec<Repeat> {
    let lines = ring.all_home();
    let report = Report::read(std::slice::from_ref(&ring.journals)).expect("journals");
    assert_eq!(
        report.verdict(),
        Verdict::Yes,
        "{report:?}\n{}",
        lines.join("\n")
    );
    match judge(&lines, bottles) {
        Ok(repeats) => repeats,
        Err(fault) => panic!("{fault}\n{}", lines.join("\n")),
    }
}

#[test]
fn one_or_two_of_three_to_seven_are_killed() {
    let mut longest = Duration::ZERO;
    let mut repeats = Vec::new();
    let count = trials(6);
    for trial in 0..count {
        let (mut dice, key) = dice("one or two", trial);
        let mut ring = Ring::of(dice.random_range(3..=7), &FLAGS);
        ring.key = key;
        let mut buddies: Vec<usize> = (1..=ring.size()).collect();
        buddies.shuffle(&mut dice);
        ring.start_all(60);
        for &victim in &buddies[..dice.random_range(1..=2)] {
            moment(&mut ring, &mut dice, 30);
            ring.kill(victim);
            let killed = Instant::now();
            let heard = ring.lines().iter().filter(|line| is_sung(line)).count();
            ring.sung(heard + 1);
            longest = longest.max(killed.elapsed());
        }
        repeats.extend(verdict(ring, 60));
    }
    println!("{count} trials: {repeats:?}; the longest silence after a death {longest:?}");
}

/// Waits until Buddy `n` sings after the last `mark`.
fn sings_after(ring: &mut Ring, n: usize, mark: &str) {
    let who = format!("Buddy {n}: ");
    let sings = ring.until(|lines| {
        let after = lines.iter().rev().take_while(|line| *line != mark);
        after.into_iter().any(|line| line.starts_with(&who))
    });
    assert!(sings, "{}", ring.story());
}

#[test]
fn the_starter_is_killed_and_restarted() {
    for trial in 0..trials(1) {
        let (mut dice, key) = dice("the starter", trial);
        let mut ring = Ring::of(3, &FLAGS);
        ring.key = key;
        ring.start_all(200);
        moment(&mut ring, &mut dice, 30);
        ring.kill(1);
        ring.start(1, &["--bottles", "200"]);
        sings_after(&mut ring, 1, "# killed Buddy 1");
        ring.says("--bottles 200 is ignored: ");
        verdict(ring, 200);
    }
}

#[test]
fn one_is_stopped_for_longer_than_the_patience_and_wakes_up() {
    for trial in 0..trials(1) {
        let (mut dice, key) = dice("stopped", trial);
        let mut ring = Ring::of(4, &FLAGS);
        ring.key = key;
        let sleeper = dice.random_range(1..=4);
        ring.start_all(300);
        moment(&mut ring, &mut dice, 30);
        assert!(ring.signal(sleeper, "STOP"));
        ring.says(&format!("lost Buddy {sleeper} at "));
        moment(&mut ring, &mut dice, 10);
        assert!(ring.signal(sleeper, "CONT"));
        sings_after(&mut ring, sleeper, &format!("# CONT to Buddy {sleeper}"));
        verdict(ring, 300);
    }
}

/// Waits until nothing was printed for `time`. Returns the number of lines so far.
fn silence(ring: &mut Ring, time: Duration) -> usize {
    let last = Cell::new((0, Instant::now()));
    ring.until(|lines| {
        if last.get().0 < lines.len() {
            last.set((lines.len(), Instant::now()));
        }
        last.get().1.elapsed() >= time
    });
    last.get().0
}

/// A pipe holds 64 KiB: about 700 verses, of which Buddy 2 sings every second one.
#[test]
fn one_whose_terminal_is_stuck_is_waited_for_and_not_given_up_on() {
    let mut ring = Ring::of(2, &["--tempo", "0", "--patience", "600ms"]);
    ring.piped = Some(2);
    ring.start_all(3000);
    ring.sung(300);
    let heard = silence(&mut ring, Duration::from_millis(1200)); // twice the patience
    assert!(heard < 1400, "the pipe holds it all:\n{}", ring.story());
    let from_pipe = ring.read_pipe();
    let lines = ring.all_home();
    assert!(
        lines.iter().all(|line| !line.starts_with("lost ")),
        "{}",
        ring.story()
    );
    let sung = lines.iter().filter(|line| is_sung(line)).count();
    assert_eq!(sung + from_pipe.lines().count(), 3001);
}

/// The journals of a small ring in which one is killed, line by line.
#[test]
fn a_journal_that_was_tampered_with_is_no_false_yes() {
    let mut ring = Ring::of(3, &["--tempo", "10ms", "--patience", "600ms"]);
    ring.start_all(40);
    ring.sung(5);
    ring.kill(2);
    ring.all_home();
    let kinds = "begin listen call called place say hear sing sang end";
    tamper::check(&ring.journals, &kinds.split(' ').collect::<Vec<_>>());
    tamper::check_clocks(&ring.journals, &["sing"]);
}
