//! The command line of `secret-server`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use common::cli::{self, Failure};
use common::credential::Credential;

use crate::config::Config;

/// Offers a secret string operation to whoever calls, slowly or fast
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  secret-server                                    on port 8030, as slow as in the lab
  secret-server --listen :8031 --delay 0 --fast-delay 0    as fast as it can
  secret-server --http 8080                        then: curl 127.0.0.1:8080"
)]
pub struct Args {
    /// Address to listen on: PORT, :PORT or IP:PORT
    #[arg(
        long,
        visible_alias = "port",
        default_value = "0.0.0.0:8030",
        value_name = "ADDR"
    )]
    #[arg(value_parser = cli::listen_addr)]
    pub listen: SocketAddr,

    /// Where to answer over HTTP as well: JSON-RPC 2.0 at /rpc, for every language. PORT alone is
    /// for this machine only, 0.0.0.0:PORT for others
    #[arg(long, value_name = "ADDR", value_parser = cli::http_addr)]
    pub http: Option<SocketAddr>,

    /// A name that people use for this server over HTTP, beside its addresses; give it once for
    /// each. Then the server trusts a proxy on this machine to say who calls
    #[arg(long, value_name = "NAME", requires = "http")]
    pub http_name: Vec<String>,

    /// Calls worked on at once; 32 times as many may wait, further ones are told it is busy
    #[arg(long, default_value_t = 8, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    /// A word takes a random time between 0 and this, such as 200ms; at most 15s
    #[arg(long, default_value = "9s", value_name = "MAX", value_parser = delay)]
    pub delay: Duration,

    /// The same on the premium tier
    #[arg(long, default_value = "1s", value_name = "MAX", value_parser = delay)]
    pub fast_delay: Duration,

    /// File with the key that the premium tier then wants
    #[arg(long, value_name = "FILE")]
    pub premium_key_file: Option<PathBuf>,

    /// Connections of one address, and its share of the queue; more for a class behind one router
    #[arg(long, default_value_t = 16, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub per_address: u16,

    /// Draw the delays in an order that can be repeated [default: a new one each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Prints the token that belongs to --key, and ends: calls over HTTP show it, as
    /// Authorization: Bearer TOKEN
    #[arg(long)]
    pub http_token: bool,

    /// What all programs take
    #[command(flatten)]
    pub common: cli::Common,
}

/// Longest delay, because a call's deadline of ten minutes a word must leave time for the queue, in
/// which 32 calls may wait for the same worker.
const MAX_DELAY: Duration = Duration::from_secs(15);

/// Shortest premium key in bytes. At three guesses a minute even a shorter one would hold, but a
/// key is chosen once, and many addresses can guess at the same time.
const MIN_KEY: usize = 16;

fn premium_key(path: &Path) -> Result<Credential, Failure> {
    let key = Credential::read(path, "premium key")?;
    if key.reveal().len() < MIN_KEY {
        let shown = path.display();
        let what = format!("the premium key in {shown} is too short: at least {MIN_KEY} bytes");
        return Err(Failure::new(what).help("make one: openssl rand -hex 16"));
    }
    Ok(key)
}

fn delay(text: &str) -> Result<Duration, String> {
    match cli::duration(text)? {
        delay if delay <= MAX_DELAY => Ok(delay),
        _ => Err(format!("expected at most {}s", MAX_DELAY.as_secs())),
    }
}

impl TryFrom<Args> for Config {
    type Error = Failure;

    /// Reads the key.
    ///
    /// # Errors
    /// If the key file cannot be read, or its key is too short.
    fn try_from(args: Args) -> Result<Self, Failure> {
        let seal = args.common.host_seal()?;
        let key = args.premium_key_file.as_deref().map(premium_key);
        let key = key.transpose()?;
        if key.is_some() {
            Credential::check_way("premium key", &args.listen.to_string(), &seal)?;
            if let Some(addr) = args.http {
                cli::check_http("premium key", addr)?;
            }
        }
        Ok(Self {
            workers: args.workers.into(),
            delay: args.delay,
            fast_delay: args.fast_delay,
            premium_key: key,
            per_address: args.per_address.into(),
            seal,
            seed: args.seed.unwrap_or_else(rand::random),
            journal: args.common.journal("secret-server", None)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_is_given_is_taken_and_otherwise_each_start_has_its_own() {
        let seed = |words: &[&str]| {
            let args = Args::parse_from([&["secret-server"], words].concat());
            Config::try_from(args).expect("no key file").seed
        };
        assert_eq!(seed(&["--seed", "7"]), 7);
        assert_ne!(seed(&[]), seed(&[]));
    }
}
