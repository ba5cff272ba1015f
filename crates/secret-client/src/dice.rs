//! Random numbers for tests, which can be drawn again.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Returns dice of a new seed, or of the one in the environment variable `name`. Prints the seed,
/// because a test that fails shows what it has printed.
pub(crate) fn dice(name: &str) -> StdRng {
    let seed =
        std::env::var(name).map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("{name}={seed}");
    StdRng::seed_from_u64(seed)
}
