//! Plays a fuzz target without a fuzzer: on inputs drawn from seeds.
//!
//! A seed that fails is printed. `FUZZ_SEED=N` plays only that one, `FUZZ_RUNS=N` plays more.

use std::thread::panicking;

/// The longest random input, in bytes.
const MAX_LENGTH: u64 = 512;

/// Plays `target` on `usual` inputs: random bytes, and the `valid` inputs with a few changes.
pub(crate) fn play(usual: u64, valid: &[Vec<u8>], target: impl Fn(&[u8])) {
    if let Some(seed) = number("FUZZ_SEED") {
        return target(&input(seed, valid));
    }
    for seed in 1..=number("FUZZ_RUNS").unwrap_or(usual) {
        let _printed = PrintedIfItFails(seed);
        target(&input(seed, valid));
    }
}

struct PrintedIfItFails(u64);

impl Drop for PrintedIfItFails {
    fn drop(&mut self) {
        if panicking() {
            println!("FUZZ_SEED={}", self.0);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

fn input(seed: u64, valid: &[Vec<u8>]) -> Vec<u8> {
    let mut dice = Dice(seed);
    let is_random = valid.is_empty() || dice.below(4) == 0;
    if is_random {
        let length = dice.below(MAX_LENGTH);
        return (0..length).map(|_| dice.next() as u8).collect();
    }
    let mut bytes = valid[dice.below(valid.len() as u64) as usize].clone();
    for _ in 0..dice.below(5) {
        let at = dice.below(bytes.len() as u64 + 1) as usize;
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.next() as u8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            // The greatest number that the wire can carry, because lengths and numbers look so.
            3 => drop(bytes.splice(at..at, [[0xff; 9].as_slice(), &[1]].concat())),
            _ if at < bytes.len() => bytes[at] = dice.next() as u8,
            _ => {}
        }
    }
    bytes
}

/// The random numbers of splitmix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
