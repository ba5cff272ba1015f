//! A stranger who calls whatever the wire format can carry, at any moment.
//!
//! It is not on the roll and does not know the song's id. What it may know besides is said at each
//! test. `WORLD_SEED=N` repeats a run, as for the other tests here.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::mischief::input::Input;
use super::mischief::{MOST_TOLD, Mischief, one_buddy};
use super::play;
use super::verdict;
use super::world::{MS, World};

/// The stranger knows all addresses, but not which buddy is next to which. It calls while the ring
/// gathers and while it sings.
#[test]
fn a_ring_sings_each_verse_once_whatever_a_stranger_calls() {
    play(200, |mut song| {
        (song.bottles, song.tempo) = (20, 5 * MS);
        let size = 2 + song.seed as usize % 4;
        let next = Vec::from_iter((1..=size).map(|n| n % size + 1));
        let names = Vec::from_iter((1..=size + 2).map(|n| n.to_string()));
        let mut world = World::wired(&next, song);
        let disturb = |world: &mut World, times| {
            for _ in 0..times {
                let time = world.dice.random_range(0..40);
                world.pass(time * MS);
                let n = world.dice.random_range(1..=size);
                let bytes: [u8; 128] = world.dice.random();
                let mischief = Mischief::draw(&mut Input::new(&bytes), &names);
                if !mischief.knows(&next[n - 1].to_string()) {
                    world.disturb(n, |state| mischief.happens_to(state));
                }
            }
        };
        for n in (1..=size).rev() {
            world.start(n, (n == 1).then_some(song.bottles));
            disturb(&mut world, 15);
        }
        disturb(&mut world, 30);
        assert_eq!(verdict(&mut world), [], "{}", world.story());
        let told = world
            .lines
            .iter()
            .filter(|line| line.contains("(called by "));
        assert!(told.count() <= MOST_TOLD * size, "{}", world.story());
    });
}

/// The stranger knows Ann's next as well, and the ids of the songs that it makes up. So it can make
/// Ann sing, but only a song that fits, and that is not without end.
#[test]
fn a_buddy_does_little_at_each_call_and_begins_only_a_song_that_fits() {
    play(3000, |song| {
        let dice = &mut SmallRng::seed_from_u64(song.seed);
        let bytes: Vec<u8> = (0..3000).map(|_| dice.random()).collect();
        one_buddy(&bytes);
    });
}
