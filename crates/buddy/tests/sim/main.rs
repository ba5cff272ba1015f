//! The real shell in a simulated network, with simulated faults and a simulated clock.
//!
//! Each scenario runs for some seeds, for the first one twice: the two logs must agree to the last
//! line and millisecond. A simulation has a process to itself, since tokio numbers its tasks per
//! process, and what is dropped in the order of these numbers draws on the dice: the test starts
//! itself again, as `--exact NAME`. `SIM_SEED=N` runs one seed only, `SIM_SEEDS=100` the first
//! hundred.
//!
//! Two ways of turmoil's are not those of real networks: dials to a crashed host hang, and dials
//! across a cut are refused at once. Real crashes are in `chaos.rs`.

#[path = "../support/verdict.rs"]
mod verdict;
mod world;

use std::process::Command;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use verdict::{Repeat, judge};
use world::{Song, World, is_sung};

/// Set for the process that simulates.
const CHILD: &str = "SIM_CHILD";
const MS: Duration = Duration::from_millis(1);
const TEMPO: Duration = Duration::from_millis(20);
const LATENCY: Duration = Duration::from_millis(10);

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

/// Runs the test `name`'s `scenario`, which makes a world of a seed, for the `usual` number
/// of seeds.
fn simulate(name: &str, usual: u64, scenario: impl Fn(u64) -> World) {
    let one = number("SIM_SEED");
    if let (Ok(child), Some(seed)) = (std::env::var(CHILD), one)
        && child == name
    {
        return eprintln!("{}", scenario(seed).story().join("\n"));
    }
    let seeds = match one {
        Some(seed) => seed..=seed,
        None => 1..=number("SIM_SEEDS").unwrap_or(usual),
    };
    let first = *seeds.start();
    for seed in seeds {
        println!("{name}: SIM_SEED={seed}");
        let log = alone(name, seed);
        assert!(
            seed != first || log == alone(name, seed),
            "another log for the same seed"
        );
    }
}

/// The log of the simulation with `seed`, in a process of its own.
fn alone(name: &str, seed: u64) -> String {
    let this = std::env::current_exe().expect("it runs");
    let output = Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, name)
        .env("SIM_SEED", seed.to_string())
        .output()
        .expect("it starts");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(log.contains("beer"), "nothing was sung:\n{log}");
    log
}

fn verdict(world: &mut World, bottles: u64) -> Vec<Repeat> {
    let lines = world.all_home();
    match judge(&lines, bottles) {
        Ok(repeats) => repeats,
        Err(fault) => panic!("{fault}\n{}", world.story().join("\n")),
    }
}

#[test]
fn without_faults_each_verse_is_sung_once() {
    simulate("without_faults_each_verse_is_sung_once", 3, |seed| {
        let mut world = World::of(Song {
            latency: LATENCY,
            seed,
            size: 5,
            bottles: 99,
            tempo: Duration::ZERO,
        });
        assert_eq!(verdict(&mut world, 99), []);
        world
    });
}

#[test]
fn one_or_two_of_three_to_seven_crash() {
    simulate("one_or_two_of_three_to_seven_crash", 3, |seed| {
        let size = 3 + seed as usize % 5;
        let mut world = World::of(Song {
            latency: LATENCY,
            seed,
            size,
            bottles: 99,
            tempo: TEMPO,
        });
        let mut buddies: Vec<usize> = (1..=size).collect();
        buddies.shuffle(&mut world.dice);
        for &victim in &buddies[..world.dice.random_range(1..=2)] {
            world.moment(30);
            world.crash(victim);
        }
        verdict(&mut world, 99);
        world
    });
}

#[test]
fn one_crashes_and_is_restarted_again_and_again() {
    simulate("one_crashes_and_is_restarted_again_and_again", 3, |seed| {
        let mut world = World::of(Song {
            latency: LATENCY,
            seed,
            size: 4,
            bottles: 500,
            tempo: TEMPO,
        });
        let victim = world.dice.random_range(1..=4);
        for _ in 0..3 {
            world.moment(20);
            world.crash(victim);
            let away = world.dice.random_range(0..2000);
            world.pass(Duration::from_millis(away));
            world.restart(victim);
            sings_again(&mut world, victim);
        }
        verdict(&mut world, 500);
        world
    });
}

/// Waits until `n` sings after the last thing that was done.
fn sings_again(world: &mut World, n: usize) {
    let who = format!("Buddy {n}: ");
    world.until(|lines| {
        let after = lines.iter().rev().take_while(|line| !line.starts_with('#'));
        after.into_iter().any(|line| line.starts_with(&who))
    });
}

#[test]
fn a_ring_cut_in_two_sings_on_twice_and_becomes_one_again() {
    simulate(
        "a_ring_cut_in_two_sings_on_twice_and_becomes_one_again",
        3,
        |seed| {
            let mut world = World::of(Song {
                latency: LATENCY,
                seed,
                size: 6,
                bottles: 400,
                tempo: TEMPO,
            });
            world.moment(20);
            world.cut(&[1, 2, 3]);
            for side in [1..=3, 4..=6] {
                world.until(|lines| {
                    let cut = lines.iter().skip_while(|line| !line.starts_with('#'));
                    let sung = |n| {
                        cut.clone()
                            .filter(|line| line.starts_with(&format!("Buddy {n}: ")))
                            .count()
                    };
                    side.clone().all(|n| sung(n) >= 5)
                });
            }
            world.heal(&[1, 2, 3]);
            let repeats = verdict(&mut world, 400);
            assert!(!repeats.is_empty(), "both sides have sung");
            let endings = world
                .lines()
                .iter()
                .filter(|line| line.contains(": No more"))
                .count();
            assert_eq!(
                endings,
                1,
                "they end as one ring:\n{}",
                world.story().join("\n")
            );
            world
        },
    );
}

#[test]
fn what_was_held_back_falls_on_deaf_ears() {
    simulate("what_was_held_back_falls_on_deaf_ears", 3, |seed| {
        let mut world = World::of(Song {
            latency: LATENCY,
            seed,
            size: 4,
            bottles: 500,
            tempo: TEMPO,
        });
        for held in [2, 4] {
            world.moment(20);
            world.hold(&[held]);
            let time = world.dice.random_range(0..3000);
            world.pass(Duration::from_millis(time));
            world.release(&[held]);
            sings_again(&mut world, held);
        }
        verdict(&mut world, 500);
        world
    });
}

#[test]
fn a_thousand_buddies_sing_a_thousand_verses() {
    simulate("a_thousand_buddies_sing_a_thousand_verses", 1, |seed| {
        let song = Song {
            latency: MS,
            seed,
            size: 1000,
            bottles: 1000,
            tempo: Duration::ZERO,
        };
        let mut world = World::crowded(song, 20);
        assert_eq!(verdict(&mut world, 1000), []);
        let sung = world.lines().into_iter().filter(|line| is_sung(line));
        let in_turn =
            |(hop, line): (usize, String)| line.starts_with(&format!("Buddy {}: ", hop % 1000 + 1));
        assert!(sung.enumerate().all(in_turn));
        world
    });
}
