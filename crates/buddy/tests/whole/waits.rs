//! What a buddy says and does when it waits: for a roll call, for the song, for one that holds it.

use std::time::Duration;

use buddy::effect::{Effect, End, Job, Report, Target};
use buddy::roll_call::Call;
use buddy::state::State;
use common::buddy::{Mark, Pulse, Reply, RollCallReply, Song};

use super::mischief::ann;
use super::world::{MS, World, machine};
use super::{SONG, play, verdict};

/// Lets `state` feel heartbeats of a second each, and returns what it says and sends.
fn beats(state: &mut State, count: u32) -> (Vec<String>, Vec<Job>) {
    let (mut told, mut jobs) = (Vec::new(), Vec::new());
    for _ in 0..count {
        state.beat();
        let mut effects = Vec::new();
        state.take_effects(&mut effects);
        for effect in effects {
            match effect {
                Effect::Tell(text) => told.push(text),
                Effect::Send(Target::Next, job) => jobs.push(job),
                Effect::Ended => told.push("ended".into()),
                other => panic!("{other:?}"),
            }
        }
    }
    (told, jobs)
}

/// Ann after the first roll call of Buddy 1, whose next she is.
fn called() -> State {
    let mut ann = ann(None);
    let call = Call {
        song: Song {
            id: 3,
            bottles: 9,
            tempo_ms: 0,
            round_trip_ms: 0,
        },
        attempt: 1,
        roll: vec!["x:1".into(), "ann:1".into()],
    };
    assert_eq!(ann.roll_call(call, machine(1)), RollCallReply::Heard);
    ann.take_effects(&mut Vec::new());
    ann
}

#[test]
fn a_buddy_that_nobody_points_at_says_so_after_seconds_and_once() {
    let mut ann = ann(None);
    assert_eq!(beats(&mut ann, 9).0, [""; 0]);
    let text = "no roll call has come yet: this buddy must be the --next of another one, and the \
                last buddy started needs --bottles";
    assert_eq!(beats(&mut ann, 100), (vec![text.into()], vec![]));
}

#[test]
fn a_buddy_whose_starter_is_gone_says_so() {
    let mut ann = called();
    assert_eq!(beats(&mut ann, 12).0, [""; 0], "it may call again");
    let (told, jobs) = beats(&mut ann, 30);
    let text = "the roll call does not come again: its starter is gone, or a buddy before this \
                one; start the missing one again, and the starter with --bottles";
    assert_eq!(told, [text]);
    assert_eq!(jobs[0], Job::Peek(3, 2), "it asks Buddy 3, its next");
}

/// Tells Ann what her next says to a peek, and returns what she says.
fn hears(ann: &mut State, reply: Reply) -> Vec<String> {
    let pulse = Pulse::from(reply);
    ann.reported(Target::Next, &Job::Peek(3, 2), Report::Pulse(pulse), MS);
    let mut effects = Vec::new();
    ann.take_effects(&mut effects);
    effects.iter().map(|effect| format!("{effect:?}")).collect()
}

#[test]
fn a_buddy_that_is_left_out_learns_that_the_song_is_over() {
    let mut ann = called();
    assert_eq!(hears(&mut ann, Reply::Stranger), [""; 0]);
    let told = hears(&mut ann, Reply::Here(Mark::Left(3)));
    assert!(
        told[0].contains("bob:1 sings already, and this buddy is left out"),
        "{told:?}"
    );
    assert_eq!(hears(&mut ann, Reply::Here(Mark::Left(2))), [""; 0], "once");
    assert_eq!(hears(&mut ann, Reply::Here(Mark::Over)), ["Ended"]);
    assert!(matches!(ann.end(MS), End::LeftOut));
}

#[test]
fn a_buddy_whose_ring_is_gone_ends_but_not_because_a_stranger_called() {
    let mut ann = called();
    assert!(
        !beats(&mut ann, 1000).0.contains(&"ended".into()),
        "next was never there"
    );
    let mut ann = called();
    hears(&mut ann, Reply::Stranger);
    assert!(!beats(&mut ann, 179).0.contains(&"ended".into()));
    assert!(beats(&mut ann, 1).0.contains(&"ended".into()));
    assert!(matches!(ann.end(MS), End::Deserted));
}

/// Buddy 2 does not get through to Buddy 3 from the moment on in which the ring closes.
#[test]
fn who_is_left_out_by_the_ring_ends_with_it() {
    play(50, |mut song| {
        song.bottles = 300;
        let mut world = World::of(3, song);
        while world.begun.is_empty() {
            world.pass(MS / 10);
        }
        world.wall(2, 3);
        assert_eq!(verdict(&mut world), []);
        world.says("1 sings already, and this buddy is left out");
        world.says("# Buddy 3 is left out");
    });
}

#[test]
fn all_know_who_holds_the_song() {
    play(5, |mut song| {
        song.bottles = 5;
        let mut world = World::of(4, song);
        world.moment(2);
        world.hold(3);
        world.pass(Duration::from_secs(40));
        let others =
            "the song waits for Buddy 3 at 3: its output may be stuck, or its --tempo is long";
        let said = |text: &str| {
            world
                .lines
                .iter()
                .filter(|line| line.contains(text))
                .count()
        };
        assert_eq!(said(others), 3, "{}", world.story());
        assert_eq!(said("the song waits for this buddy, Buddy 3: "), 1);
        world.release(3);
        assert_eq!(verdict(&mut world), []);
    });
}

#[test]
fn one_that_leaves_in_good_order_is_counted() {
    play(100, |mut song| {
        song.bottles = 60;
        let size = 2 + song.seed as usize % 4;
        let mut world = World::of(size, song);
        world.moment(20);
        world.leave(2);
        assert_eq!(verdict(&mut world), []);
        let last = world.lines.last().expect("a summary");
        assert!(
            last.ends_with("0 lost, 1 left early, no verse twice"),
            "{}",
            world.story()
        );
    });
}

#[test]
fn a_false_alarm_is_not_counted_as_a_verse_sung_twice() {
    let mut song = SONG;
    (song.bottles, song.seed) = (20, 1);
    let mut world = World::of(3, song);
    world.moment(3);
    world.disturb(2, |state| (0..100).for_each(|_| state.beat()));
    assert_eq!(verdict(&mut world), []);
    let last = world.lines.last().expect("a summary");
    assert!(
        last.ends_with(" 0 lost, no verse twice"),
        "{}",
        world.story()
    );
}
