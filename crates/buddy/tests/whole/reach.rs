//! Rings over several networks, in which each pair knows the other by another address.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::world::{MS, Map, Song, World};
use super::{play, verdict};

/// Kills one buddy of three to five on `map`, and returns the world after the song. It was alive
/// when the buddies had called each other once.
fn one_dies(map: impl FnOnce(&mut SmallRng, usize) -> Map, song: Song) -> World {
    let size = 3 + song.seed as usize % 3;
    let mut world = World::on(|dice| map(dice, size), size, song);
    world.moment(20);
    world.pass(Duration::from_secs(3));
    let victim = world.dice.random_range(1..=size);
    world.crash(victim);
    let repeats = verdict(&mut world);
    assert!(repeats.len() <= 1, "{repeats:?}\n{}", world.story());
    let victim = format!("lost Buddy {victim} at ");
    let is_wrong = |line: &&String| line.starts_with("lost ") && !line.starts_with(&victim);
    let wrong = world.lines.iter().find(is_wrong);
    assert_eq!(wrong, None, "{}", world.story());
    world
}

#[test]
fn any_one_may_die_in_a_ring_over_two_private_networks_and_a_public_one() {
    play(400, |mut song| {
        song.bottles = 200;
        one_dies(Map::draw, song);
    });
}

#[test]
fn any_one_may_die_in_a_ring_where_a_name_is_known_to_the_buddy_before_only() {
    play(100, |mut song| {
        song.bottles = 200;
        let world = one_dies(|_, _| Map::Names, song);
        let warned = world
            .lines
            .iter()
            .find(|line| line.contains(" cannot reach "));
        assert_eq!(warned, None, "{}", world.story());
    });
}

/// Buddy 1 gets no answer from Buddy 3, although both live.
#[test]
fn who_cannot_reach_whom_is_said_before_it_matters() {
    play(20, |mut song| {
        song.bottles = 400;
        let mut world = World::of(5, song);
        world.wall(1, 3);
        world.says(
            "Buddy 1 cannot reach Buddy 3 at 3: no answer; if Buddy 2 dies, the ring breaks\n\
             help: start Buddy 3 with --advertise HOST:PORT, where Buddy 1 can reach it",
        );
        assert_eq!(verdict(&mut world), []);
        let said = world
            .lines
            .iter()
            .filter(|line| line.contains(" cannot reach "));
        assert_eq!(said.count(), 1, "{}", world.story());
    });
}

#[test]
fn a_song_of_five_on_the_simple_map_has_nothing_to_complain_about() {
    play(20, |mut song| {
        (song.bottles, song.tempo) = (100, 50 * MS);
        let mut world = World::of(5, song);
        assert_eq!(verdict(&mut world), []);
        assert!(!world.story().contains(" cannot reach "));
    });
}

/// Its machine is switched off, so that the others hear nothing, at about the time of their tries.
#[test]
fn who_has_died_is_not_said_to_be_out_of_reach() {
    play(100, |mut song| {
        song.bottles = 200;
        let mut world = World::of(4, song);
        world.moment(1);
        let time = world.dice.random_range(0..1500);
        world.pass(time * MS);
        for n in [1, 2, 4] {
            world.wall(n, 3);
        }
        world.crash(3);
        verdict(&mut world);
        assert!(
            !world.story().contains(" cannot reach "),
            "{}",
            world.story()
        );
    });
}
