//! Rings of random machines, whose clocks are hours apart.

use common::buddy::Mark;
use common::journal::{Event, Hex, Line, Word};

use super::*;
use crate::life::Life;

/// Journals of a run on machines with clocks that are wrong by `leads`: two of three buddies' words
/// go round a ring of three, `laps` times.
struct World {
    lives: Vec<Life>,
    /// the true time of each line
    truth: Vec<Vec<i64>>,
    leads: Vec<i64>,
    /// by how many millionths each clock runs fast
    drifts: Vec<i64>,
}

impl World {
    fn new(leads: &[i64], drifts: &[i64]) -> Self {
        let life = |number: usize| Life {
            file: number.to_string(),
            program: "buddy".into(),
            id: Hex(number as u128),
            host: format!("host{number}"),
            machine: number.to_string(),
            pid: 0,
            name: None,
            lines: Vec::new(),
            is_cut: false,
            damaged: 0,
        };
        Self {
            lives: (0..leads.len()).map(life).collect(),
            truth: vec![Vec::new(); leads.len()],
            leads: leads.to_vec(),
            drifts: drifts.to_vec(),
        }
    }

    fn note(&mut self, life: usize, now: i64, event: Event) {
        let wall =
            1_700_000_000_000_000 + now + now * self.drifts[life] / 1_000_000 + self.leads[life];
        let start = 1_700_000_000_000_000 + self.leads[life];
        self.truth[life].push(now);
        let is_first = self.lives[life].lines.is_empty();
        self.lives[life].lines.push(Line {
            t: u64::try_from(wall - start).expect("later"),
            w: is_first.then(|| u64::try_from(wall).expect("later")),
            event,
        });
    }

    /// A message that takes `delay`.
    fn pass(&mut self, id: u32, from: usize, to: usize, now: i64, delay: i64) {
        let (id, word, mark) = (id.to_string(), Word::Go, Mark::Left(1));
        let say = Event::Say {
            to: 0,
            id: id.clone(),
            word,
            mark,
        };
        self.note(from, now, say);
        let heed = true;
        self.note(
            to,
            now + delay,
            Event::Hear {
                id,
                word,
                mark,
                heed,
            },
        );
    }
}

/// A small generator, so that a failing seed can be replayed: SplitMix64.
fn random(state: &mut u64, below: i64) -> i64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    i64::try_from((z ^ (z >> 31)) >> 2).expect("62 bits") % below
}

fn ring(seed: u64, drifts: bool) -> World {
    let mut dice = seed;
    let machines = 2 + usize::try_from(random(&mut dice, 5)).expect("small");
    let hour = 3_600_000_000;
    let leads: Vec<i64> = (0..machines)
        .map(|_| random(&mut dice, 2 * hour) - hour)
        .collect();
    let drifts: Vec<i64> = (0..machines)
        .map(|_| {
            if drifts {
                random(&mut dice, 2000) - 1000
            } else {
                0
            }
        })
        .collect();
    let mut world = World::new(&leads, &drifts);
    let mut now = 0;
    for machine in 0..machines {
        world.note(machine, 0, Event::Quiet);
    }
    for hop in 0..200 {
        let from = hop as usize % machines;
        let delay = 50 + random(&mut dice, 200_000);
        world.pass(hop, from, (from + 1) % machines, now, delay);
        now += delay + random(&mut dice, 1000);
    }
    world
}

#[test]
fn no_effect_is_before_its_cause() {
    let first = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..300, |seed| seed..seed + 1) {
        let world = ring(seed, seed % 2 == 1);
        let order = Order::new(&world.lives);
        let lines: usize = world.lives.iter().map(|life| life.lines.len()).sum();
        assert_eq!(
            (order.all.len(), order.contradictions),
            (lines, 0),
            "SEED={seed}"
        );
        let mut last = vec![i64::MIN; world.lives.len()];
        for &at in &order.all {
            assert!(order.time(at) >= last[at.life], "SEED={seed}: {at:?}");
            last[at.life] = order.time(at);
            if let Some(cause) = order.cause(at) {
                assert!(order.rank(cause) < order.rank(at), "SEED={seed}: {at:?}");
                assert!(order.time(cause) <= order.time(at), "SEED={seed}: {at:?}");
                assert!(
                    order.is_cause(cause, at) && !order.is_cause(at, cause),
                    "SEED={seed}"
                );
            }
        }
        // In such a ring everything but the beginning is one chain.
        let truth = |at: At| world.truth[at.life][at.line];
        let chain: Vec<i64> = order
            .all
            .iter()
            .filter(|at| at.line > 0)
            .map(|at| truth(*at))
            .collect();
        assert!(chain.is_sorted(), "SEED={seed}: {chain:?}");
    }
}

#[test]
fn the_true_lead_is_within_the_stated_error() {
    for seed in 0..300 {
        let world = ring(seed, false);
        let order = Order::new(&world.lives);
        assert_eq!(order.moved, 0, "seed {seed}");
        let reference = order.clocks.iter().position(|(_, clock)| {
            *clock
                == Clock {
                    error: Some(0),
                    ..Clock::default()
                }
        });
        let reference = reference.expect("the clock of reference");
        for (machine, (_, clock)) in order.clocks.iter().enumerate() {
            let truth = world.leads[machine] - world.leads[reference];
            let wrong = (clock.ahead - truth).abs();
            assert!(
                wrong <= clock.error.expect("tied") + 1,
                "seed {seed}: {clock:?}, {truth}"
            );
        }
    }
}

#[test]
fn journals_that_contradict_each_other_are_put_in_some_order() {
    let mut world = World::new(&[0, 0], &[0, 0]);
    let hear = |id: &str| Event::Hear {
        id: id.into(),
        word: Word::Go,
        mark: Mark::Left(1),
        heed: true,
    };
    let say = |id: &str| Event::Say {
        to: 0,
        id: id.into(),
        word: Word::Go,
        mark: Mark::Left(1),
    };
    world.note(0, 0, hear("b"));
    world.note(0, 1, say("a"));
    world.note(1, 2, hear("a"));
    world.note(1, 3, say("b"));
    let order = Order::new(&world.lives);
    assert_eq!((order.all.len(), order.contradictions), (4, 1));
}

#[test]
fn a_machine_that_slept_is_noticed() {
    let mut world = World::new(&[0], &[0]);
    for now in [0, 1_000_000, 2_000_000] {
        world.note(0, now, Event::Quiet);
    }
    let lines = &mut world.lives[0].lines;
    let begin = lines[0].w.expect("the first line has it");
    // Five seconds of sleep, which the steady clock did not count.
    lines[1].w = Some(begin + 6_000_000);
    let order = Order::new(&world.lives);
    let times: Vec<i64> = order
        .all
        .iter()
        .map(|at| order.time(*at) - order.time(order.all[0]))
        .collect();
    assert_eq!(times, [0, 6_000_000, 7_000_000]);
}

/// Returns what caused the answer of the buddy at place 1 which showed the mark 4. `first` is what
/// the first life there did, and a second life on `machine` got the roll with that very mark.
fn who_answered(first: &str, machine: &str) -> Option<At> {
    let life = |id: usize, machine: &str, place: usize, roll: &str, lines: &str| {
        let wall = 1_700_000_000_000_000 + id;
        let begin = format!(
            r#""e":"begin","v":1,"program":"buddy","life":"{id}","host":"h","machine":"{machine}""#
        );
        let placed = format!(
            r#""e":"place","song":"7","bottles":5,"place":{place},"name":"b","roll":["a:1","b:1"]"#
        );
        let text = format!(
            "{{\"t\":0,\"w\":{wall},{begin},\"pid\":1}}\n{{\"t\":1,{placed}{roll}}}\n{lines}\n"
        );
        Life::parse(&id.to_string(), &text).expect("a journal")
    };
    let told = r#"{"t":2,"e":"say","to":1,"id":"roll","word":"enlist","mark":"4"}
{"t":3,"e":"told","place":1,"mark":"4"}"#;
    let lives = [
        life(0, "m", 0, "", told),
        life(1, "n", 1, "", first),
        life(2, machine, 1, r#","id":"roll""#, ""),
    ];
    Order::new(&lives).cause(At { life: 0, line: 3 })
}

#[test]
fn of_two_lives_at_one_place_the_earlier_is_a_cause_of_an_answer() {
    let sang = r#"{"t":2,"e":"sing","left":5}
{"t":3,"e":"sang","left":5}"#;
    assert_eq!(who_answered(sang, "n"), Some(At { life: 1, line: 3 }));
    // It is not known which of them was the earlier one.
    assert_eq!(who_answered(sang, "o"), None);
    // A life that had another mark has not answered.
    let begun = r#"{"t":2,"e":"sing","left":5}"#;
    assert_eq!(who_answered(begun, "o"), Some(At { life: 2, line: 1 }));
}
