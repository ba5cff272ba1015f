//! The command line of `buddy`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use common::buddy::{Incarnation, MAX_ADDRESS, MAX_BOTTLES, MAX_TEMPO_MS, is_address};
use common::cli;

use crate::config::Config;

/// Sings "99 Bottles of Beer" in a ring of buddies
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples, for a ring of two on one machine:\n  \
                  buddy --listen 8030 --next 127.0.0.1:8040\n  \
                  buddy --listen 8040 --next 127.0.0.1:8030 --bottles 99"
)]
pub struct Args {
    /// The buddy who sings after this one, HOST:PORT; it need not be up yet
    #[arg(long, value_name = "HOST:PORT", value_parser = next)]
    pub next: String,

    /// Where this buddy listens: PORT, or IP:PORT
    #[arg(long, value_name = "ADDR", visible_aliases = ["this", "port"],
          default_value = "0.0.0.0:8030", value_parser = cli::listen_addr)]
    pub listen: SocketAddr,

    /// Where buddies of other networks can reach this one, if it is not seen there; may be repeated
    #[arg(long, value_name = "HOST:PORT", value_parser = next)]
    pub advertise: Vec<String>,

    /// Starts the song with this many bottles, at most a million: for the last buddy started only
    #[arg(short = 'n', long, value_name = "N",
          value_parser = clap::value_parser!(u64).range(..=MAX_BOTTLES))]
    pub bottles: Option<u64>,

    /// Sings under this name instead of "Buddy 1", "Buddy 2", ...
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: Option<String>,

    /// Pause before each verse is passed on, at most 10m; 0 for none
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = tempo)]
    pub tempo: Duration,

    /// Silence after which a buddy is taken for gone, at least nine round trips of the ring
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = patience)]
    pub patience: Duration,

    /// How long to wait for the song to begin, then exit with 1 [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = cli::duration)]
    pub wait: Option<Duration>,

    /// What all five programs take
    #[command(flatten)]
    pub common: cli::Common,
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        Self {
            next: args.next,
            listen: args.listen,
            advertise: args.advertise,
            bottles: args.bottles,
            name: args.name,
            tempo: args.tempo,
            patience: args.patience,
            wait: args.wait,
            is_noted: false,
            incarnation: rand::random_range(1..=Incarnation::MAX),
        }
    }
}

fn next(text: &str) -> Result<String, String> {
    let next = cli::host_port(text)?;
    // Refused here, because the other buddies would refuse a roll with such an address.
    if is_address(&next) {
        Ok(next)
    } else {
        Err(format!(
            "expected the letters of a host name or an IP address, at most {MAX_ADDRESS} in all"
        ))
    }
}

/// Longest tempo, because the other buddies do not join in a slower song.
const LONGEST_TEMPO: Duration = Duration::from_millis(MAX_TEMPO_MS);

fn tempo(text: &str) -> Result<Duration, String> {
    let tempo = cli::duration(text)?;
    if tempo > LONGEST_TEMPO {
        return Err(format!("expected at most {}m", MAX_TEMPO_MS / 60_000));
    }
    Ok(tempo)
}

/// Shortest patience. Three tries fit it, and each must outlast the pauses of a busy machine. A
/// long way needs no longer one here, because nine round trips of the ring are the least in any
/// case.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);

fn patience(text: &str) -> Result<Duration, String> {
    let patience = cli::duration(text)?;
    if patience < LEAST_PATIENCE {
        return Err(format!(
            "less than {LEAST_PATIENCE:?} takes every pause for a death"
        ));
    }
    Ok(patience)
}

/// Longest name in characters: long enough for any name, short enough for a line.
const LONGEST_NAME: usize = 64;

fn name(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=LONGEST_NAME if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!(
            "expected 1 to {LONGEST_NAME} characters that can be seen"
        )),
    }
}
