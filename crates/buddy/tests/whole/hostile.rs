//! A stranger who calls whatever the wire format can carry, at any moment.
//!
//! It is not on the roll and does not know the song's id. What it may know besides is said at each
//! test. `WORLD_SEED=N` repeats a run, as for the other tests here.

use std::net::{IpAddr, Ipv4Addr};

use buddy::effect::{Effect, Job, Target};
use buddy::ring::Request;
use buddy::roll_call::Call;
use buddy::state::State;
use common::buddy::{
    Addresses, Caller, Incarnation, MAX_BOTTLES, MAX_BUDDIES, MAX_ROUND_TRIP_MS, MAX_TEMPO_MS,
    Mark, Place, Progress, Song, Stamp, Take, Tally, Token,
};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::notices::ann;
use super::play;
use super::verdict;
use super::world::{MS, World};

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));

/// Most notices that a buddy prints because of what callers say.
const MOST_TOLD: usize = 3;

/// Most effects of one call: a verse, a notice, and a few jobs.
const MOST_EFFECTS: usize = 6;

/// One call of the stranger.
#[derive(Clone, Debug)]
enum Mischief {
    RollCall(Call),
    Enlist(Song, Vec<Addresses>, Place, Progress),
    Request(Incarnation, Place, Request, Tally),
    Ping(Incarnation, Place, Caller),
}

impl Mischief {
    /// Draws a call. `names` are the addresses that the stranger puts on rolls.
    fn draw(dice: &mut SmallRng, names: &[String]) -> Self {
        let song = Song {
            id: number(dice),
            bottles: number(dice),
            tempo_ms: number(dice),
            round_trip_ms: number(dice) % 5100,
        };
        let most = if dice.random_bool(0.01) { 5000 } else { 5 };
        let size = dice.random_range(0..=most);
        let roll = (0..size).map(|_| (&**names.choose(dice).expect("a name")).into());
        let roll = roll.collect();
        let progress = Progress {
            at: Stamp {
                take: Take {
                    number: number(dice),
                    by: number(dice),
                },
                hop: number(dice),
            },
            mark: match dice.random_range(0..4) {
                0 => Mark::Over,
                1 => Mark::Home,
                _ => Mark::Left(number(dice)),
            },
        };
        let to = dice.random_range(0..5);
        let tally = Tally {
            sung: number(dice),
            lost: number(dice),
            resumed: number(dice),
        };
        let by = Caller {
            place: number(dice) as u32,
            port: number(dice) as u16,
        };
        match dice.random_range(0..5) {
            0 | 1 => Self::RollCall(Call {
                song,
                attempt: number(dice) as u32,
                roll,
            }),
            2 => Self::Enlist(song, roll, to, progress),
            3 => Self::Ping(song.id, to, by),
            _ => {
                let token = if dice.random() { Token::Go } else { Token::Ask };
                Self::Request(song.id, to, Request::Pass(token, progress), tally)
            }
        }
    }

    /// Returns whether it sends a closed roll on which `next` is after the receiver.
    fn knows(&self, next: &str) -> bool {
        let Self::Enlist(_, roll, to, _) = self else {
            return false;
        };
        let after = roll.get((*to as usize + 1) % roll.len().max(1));
        (*to as usize) < roll.len() && after.is_some_and(|after| after.first() == next)
    }

    fn happens_to(self, state: &mut State) {
        match self {
            Self::RollCall(call) => _ = state.roll_call(call, STRANGER),
            Self::Enlist(song, roll, to, progress) => {
                state.enlist(song, roll, to, progress, STRANGER);
            }
            Self::Ping(song, to, by) => _ = state.ping(song, to, by, STRANGER),
            Self::Request(song, to, request, tally) => {
                state.hear(song, to, request, tally);
            }
        }
    }
}

/// Draws a number that is likely to be at an edge. Few enough for calls to meet again.
fn number(dice: &mut SmallRng) -> u64 {
    let edges = [
        0,
        1,
        2,
        3,
        600_000,
        1_000_000,
        1_000_001,
        u64::MAX - 1,
        u64::MAX,
    ];
    let number = edges.choose(dice).copied();
    number
        .filter(|_| dice.random_bool(0.9))
        .unwrap_or_else(|| dice.random())
}

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
                let mischief = Mischief::draw(&mut world.dice, &names);
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
    play(5000, |song| {
        let dice = &mut SmallRng::seed_from_u64(song.seed);
        let names = ["ann:1", "bob:1", "eve:1"].map(str::to_owned);
        let mine = dice.random::<bool>().then_some(9);
        let mut state = ann(mine);
        let (mut begun, mut told, mut is_singing) = (false, 0, false);
        for _ in 0..100 {
            let mischief = Mischief::draw(dice, &names);
            let may_begin = matches!(&mischief, Mischief::Enlist(song, roll, _, progress)
                if mischief.knows("bob:1")
                    && roll.len() <= MAX_BUDDIES
                    && song.bottles <= MAX_BOTTLES
                    && song.tempo_ms <= MAX_TEMPO_MS
                    && song.round_trip_ms <= MAX_ROUND_TRIP_MS
                    && progress.mark >= Mark::Left(song.bottles));
            match dice.random_range(0..10) {
                0 => state.beat(),
                1 => state.call_the_roll(),
                2 if is_singing => {
                    is_singing = false;
                    state.sung();
                }
                _ => mischief.clone().happens_to(&mut state),
            }
            let mut effects = Vec::new();
            state.take_effects(&mut effects);
            assert!(effects.len() <= MOST_EFFECTS, "{mischief:?}: {effects:?}");
            for effect in effects {
                match effect {
                    Effect::Begun => {
                        assert!(may_begin && !begun, "{mischief:?}");
                        begun = true;
                    }
                    Effect::Sing(_) => {
                        assert!(begun && !is_singing, "{mischief:?}");
                        is_singing = true;
                    }
                    Effect::Tell(text) if text.ends_with("(called by 192.0.2.66)") => told += 1,
                    Effect::Send(Target::Next, Job::RollCall(call)) => {
                        assert!(!begun && call.roll.len() <= MAX_BUDDIES + 1);
                    }
                    Effect::Send(to, _) => {
                        assert!(begun && matches!(to, Target::Place(_)), "{mischief:?}");
                    }
                    Effect::Tell(_) | Effect::Ended => {}
                }
            }
        }
        assert!(told <= MOST_TOLD);
    });
}
