//! What a person is told: why a ring does not close, and which buddy is lost or back.

use buddy::effect::{Cause, Effect, End, Job, Report, Target};
use buddy::roll_call::Call;
use buddy::state::State;
use common::buddy::{Incarnation, Mark, Progress, Reply, RollCallReply, Song, Stamp};
use common::net::{Error, Trouble};

use super::mischief::ann;
use super::world::{MS, World, machine};
use super::{SONG, verdict};

#[test]
fn a_loop_without_the_starter_names_its_buddies() {
    let mut world = World::wired(&[2, 3, 2], SONG);
    for (n, bottles) in [(3, None), (2, None), (1, Some(9))] {
        world.start(n, bottles);
    }
    world.says(
        "the ring misses its starter: 3 -> 2 -> and round again; one --next among these must lead \
         to the starter",
    );
    world.says(
        "the roll call came to 2 a second time: the ring misses its starter; --next 2 may be wrong",
    );
}

#[test]
fn a_next_that_is_itself_in_a_larger_ring_says_so() {
    let mut world = World::wired(&[2, 2], SONG);
    world.start(2, None);
    world.start(1, Some(9));
    world.says("the ring misses its starter: 2 -> and round again");
}

#[test]
fn the_start_of_a_chain_says_that_nothing_came_back() {
    let mut world = World::wired(&[2, 3], SONG);
    world.start(2, None);
    world.start(1, Some(9));
    world.says(
        "the roll call has not come back yet: some buddy waits for its next and says so, \
         or the last buddy's --next is not this one",
    );
    assert!(world.sung() == 0);
}

#[test]
fn a_next_in_a_ring_that_sings_already_says_so() {
    let mut world = World::wired(&[2, 3, 2], SONG);
    world.start(3, None);
    world.start(2, Some(99));
    world.moment(3);
    world.start(1, Some(9));
    world.says("2 is in the middle of a song: waiting to be taken in");
    assert!(!world.story().contains(": 9 bottles"), "a song of its own");
}

#[test]
fn two_starters_sing_one_song_whichever_is_up_first() {
    for (first, last) in [(1, 2), (2, 1)] {
        let mut world = World::wired(&[2, 3, 1], SONG);
        world.start(first, Some(99));
        world.start(last, Some(99));
        world.pass(100 * MS);
        world.start(3, None);
        assert_eq!(verdict(&mut world), []);
        let ignored = "--bottles 99 is ignored: 1 has started a song with 99";
        let ignored = world.lines.iter().filter(|line| *line == ignored);
        assert_eq!(ignored.count(), 1, "{}", world.story());
    }
}

#[test]
fn a_buddy_that_is_lost_and_one_that_is_back_are_named() {
    let mut world = World::of(3, SONG);
    world.moment(3);
    world.crash(2);
    world.says("lost Buddy 2 at 2: refused; the song goes on without it");
    world.restart(2);
    world.says("back: Buddy 2 at 2");
    verdict(&mut world);
    let last = world.lines.last().expect("a summary");
    assert!(
        last.starts_with("song over: 100 verses, 3 buddies, "),
        "{last}"
    );
    assert!(!last.contains(" 0 lost"), "{last}");
}

/// Tells `state` what came of a job after `ms`, and returns what it says about that.
fn hears(state: &mut State, ms: u32, report: Report) -> String {
    state.reported(Target::Next, &Job::Ping, report, ms * MS);
    lines(state)
}

/// Returns what `state` says, and what else it does.
fn lines(state: &mut State) -> String {
    let mut effects = Vec::new();
    state.take_effects(&mut effects);
    let line = |effect| match effect {
        Effect::Tell(text) => text,
        other => format!("{other:?}"),
    };
    effects.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn failed(trouble: Trouble) -> Cause {
    Cause::Dial(Error {
        trouble,
        service: "buddy",
        target: "bob:1".into(),
        addr: Some(([192, 0, 2, 1], 1).into()),
        own: None,
    })
}

#[test]
fn a_next_that_is_missing_is_named_once_and_not_at_once() {
    let mut ann = ann(None);
    let refused = || Report::Refused(failed(Trouble::Refused));
    assert_eq!(hears(&mut ann, 100, refused()), "");
    assert_eq!(hears(&mut ann, 1599, refused()), "");
    assert_eq!(
        hears(&mut ann, 1600, refused()),
        "waiting for the next buddy: cannot reach bob:1 (192.0.2.1:1): connection refused\n\
         help: the machine answered, but nothing listens on port 1: start buddy there\n\
         help: or buddy listens on 127.0.0.1 only: start it with --listen 0.0.0.0:1"
    );
    assert_eq!(hears(&mut ann, 1700, refused()), "");
    let heard = || Report::Called(RollCallReply::Heard);
    assert_eq!(hears(&mut ann, 1800, heard()), "bob:1 answers");
    assert_eq!(hears(&mut ann, 1900, heard()), "");
}

#[test]
fn what_does_not_mend_itself_is_said_at_once_and_what_never_will_is_the_end() {
    let mut ann = ann(Some(9));
    let text = hears(&mut ann, 100, Report::Silent(failed(Trouble::NoSuchHost)));
    assert!(
        text.starts_with(
            "waiting for the next buddy: cannot reach bob:1 (192.0.2.1:1): \
             no such machine on this network\nhelp: "
        ),
        "{text}"
    );
    let end = ann.end(200 * MS);
    assert!(matches!(end, End::NoSong(Some(_))), "{end:?}");
    let other = failed(Trouble::Service("secret-server".into()));
    assert_eq!(hears(&mut ann, 300, Report::Silent(other)), "Ended");
    let end = ann.end(400 * MS);
    assert!(matches!(end, End::Hopeless(_)), "{end:?}");
}

fn call(id: Incarnation, roll: &[&str]) -> Call {
    Call {
        song: Song {
            id,
            bottles: 9,
            tempo_ms: 0,
            round_trip_ms: 0,
        },
        attempt: 1,
        roll: roll.iter().map(|name| (*name).into()).collect(),
    }
}

#[test]
fn what_strangers_say_is_told_a_few_times_and_leaves_room_for_what_is_true() {
    let mut ann = ann(None);
    let mut told = String::new();
    for id in 10..100 {
        let long = format!("eve{id}:1");
        ann.roll_call(call(id, &["x:1", "eve:1"]), machine(9));
        ann.roll_call(call(id, &["x:1", "eve:1", &long]), machine(9));
        told += &lines(&mut ann);
    }
    assert_eq!(
        told.matches("the ring misses its starter").count(),
        3,
        "{told}"
    );
    let shown = "eve10:1 -> and round again; one --next among these must lead to the starter \
                 (called by 10.0.0.9)";
    assert!(told.contains(shown), "{told}");
    let refused = || Report::Refused(failed(Trouble::Refused));
    hears(&mut ann, 0, refused());
    assert!(hears(&mut ann, 2000, refused()).starts_with("waiting for the next buddy: "));
}

#[test]
fn a_starter_does_not_say_that_the_loop_of_a_rival_s_call_has_no_starter() {
    let mut ann = ann(Some(9));
    let mut answered = |id| {
        let job = Job::RollCall(call(id, &["ann:1", "bob:1"]));
        let report = Report::Called(RollCallReply::Looped);
        ann.reported(Target::Next, &job, report, MS);
        lines(&mut ann)
    };
    assert_eq!(answered(3), "");
    assert!(
        answered(7).contains("--next bob:1 may be wrong"),
        "its own call"
    );
}

#[test]
fn a_buddy_that_is_restarted_with_another_next_says_why_it_does_not_sing_along() {
    let mut ann = ann(None);
    let roll = ["ann:1", "eve:1"].map(Into::into).to_vec();
    let progress = Progress {
        at: Stamp::default(),
        mark: Mark::Left(3),
    };
    let reply = ann.enlist(call(3, &[]).song, roll, 0, progress, machine(9));
    assert_eq!(reply, Reply::Wrong);
    assert_eq!(
        lines(&mut ann),
        "not singing along in a song whose roll does not fit: bob:1 must come after this buddy, at \
         its place in the roll call; if this buddy was restarted, give it the --next that it had \
         before (called by 10.0.0.9)"
    );
}
