//! The command line of `secret-client`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use common::cli::{self, Failure};
use common::credential::Credential;
use common::secret::MAX_WORDS;

use crate::config::{Config, List, Options, Work};
use crate::pacing::{Fixed, MAX_CALLS};
use crate::progress::Progress;

/// Has a word list reversed by one or several secret servers, in the order of the list
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  secret-client --string Hello
  secret-client --server 10.0.0.1:8030,10.0.0.2:8030 --premium wordlist"
)]
pub struct Args {
    /// Server to call, as HOST:PORT; several share the work
    #[arg(long, default_value = "127.0.0.1:8030", value_name = "HOST:PORT")]
    #[arg(value_delimiter = ',', value_parser = cli::host_port)]
    pub server: Vec<String>,

    /// Reverse this text instead of a list
    #[arg(long, value_name = "TEXT", conflicts_with = "wordlist")]
    pub string: Option<String>,

    /// List with a word on each line, of at most 65536 bytes; - is stdin
    #[arg(default_value = "wordlist", alias = "file")]
    pub wordlist: PathBuf,

    /// Use the faster, premium tier
    #[arg(long)]
    pub premium: bool,

    /// File with the key to the premium tier, for servers that want one; implies --premium
    #[arg(long, value_name = "FILE")]
    pub premium_key_file: Option<PathBuf>,

    /// Ask two servers for each word, and fail with both names where they differ
    #[arg(long)]
    pub verify: bool,

    /// Calls out at each server at once [default: adapts to the server]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_CALLS as i64))]
    pub in_flight: Option<u16>,

    /// Words in a call [default: adapts to the server, from one to thousands]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_WORDS as i64))]
    pub chunk: Option<u16>,

    /// How long to go on trying while no server at all can be reached, or no second to verify
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = cli::duration)]
    pub patience: Duration,

    /// What all programs take
    #[command(flatten)]
    pub common: cli::Common,
}

impl TryFrom<Args> for Config {
    type Error = Failure;

    /// Opens the list and reads the key.
    ///
    /// # Errors
    /// If one of them cannot be read.
    fn try_from(args: Args) -> Result<Self, Failure> {
        let work = match args.string {
            Some(text) => Work::String(text),
            None => Work::List(open(&args.wordlist)?),
        };
        let seal = args.common.seal()?;
        let key = args.premium_key_file.as_deref();
        for server in args.server.iter().filter(|_| key.is_some()) {
            Credential::check_way("premium key", server, &seal)?;
        }
        let key = key.map(|path| Credential::read(path, "premium key"));
        let key = key.transpose()?;
        let options = Options {
            servers: args.server,
            seal,
            premium: args.premium || key.is_some(),
            premium_key: key,
            fixed: Fixed {
                words: args.chunk.map(usize::from),
                calls: args.in_flight.map(usize::from),
            },
            verify: args.verify,
            give_up_after: args.patience,
            journal: args.common.journal("secret-client", None)?,
        };
        Ok(Self {
            work,
            options,
            verbose: args.common.verbose > 0,
        })
    }
}

fn open(path: &Path) -> Result<List, Failure> {
    let open = || -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
        if path == Path::new("-") {
            return Ok((Box::new(io::stdin()), None));
        }
        let file = File::open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok((Box::new(file), found.is_file().then_some(found.len())))
    };
    let (input, bytes) = open().map_err(|error| {
        Failure::new(format!("cannot read the list {}: {error}", path.display()))
            .help("name a file with a word on each line, or - for stdin")
            .help("or give one string: --string Hello")
    })?;
    Ok(List {
        input,
        has_end: bytes.is_some(),
        progress: Progress::on_terminal(bytes),
    })
}
