//! The command line of `secret-client`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use common::cli::{self, Failure};
use common::key::Key;
use common::secret::Tier;

use crate::list::Options;
use crate::pacing::{Fixed, MAX_CALLS, MAX_WORDS};
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

    /// InFlight out at each server at once [default: adapts to the server]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_CALLS as i64))]
    pub in_flight: Option<u16>,

    /// Words in a call [default: adapts to the server, from one to thousands]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_WORDS as i64))]
    pub chunk: Option<u16>,

    /// How long to go on trying while no server at all can be reached
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = cli::duration)]
    pub patience: Duration,

    /// What all programs take
    #[command(flatten)]
    pub common: cli::Common,
}

/// What to read, and how many bytes it has if that is known.
pub type List = (Box<dyn Read + Send>, Option<u64>);

impl Args {
    /// The list to read.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn open(&self) -> Result<List, Failure> {
        if self.wordlist == Path::new("-") {
            return Ok((Box::new(io::stdin()), None));
        }
        let open = || -> io::Result<_> {
            let file = File::open(&self.wordlist)?;
            let found = file.metadata()?;
            if found.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok((file, found.is_file().then_some(found.len())))
        };
        match open() {
            Ok((file, bytes)) => Ok((Box::new(file), bytes)),
            Err(error) => {
                let shown = self.wordlist.display();
                Err(
                    Failure::new(format!("cannot read the list {shown}: {error}"))
                        .help("name a file with a word on each line, or - for stdin")
                        .help("or give one string: --string Hello"),
                )
            }
        }
    }

    /// What to ask, and whom, of a list that has so many bytes.
    ///
    /// # Errors
    /// If the key file cannot be read.
    pub fn options(&self, bytes: Option<u64>) -> Result<Options, Failure> {
        let key = self
            .premium_key_file
            .as_deref()
            .map(Key::read)
            .transpose()?;
        let key = key.map(|key| key.reveal().to_owned());
        let tier = match self.premium || key.is_some() {
            true => Tier::Premium { key },
            false => Tier::Free,
        };
        Ok(Options {
            servers: self.server.clone(),
            tier,
            fixed: Fixed {
                words: self.chunk.map(usize::from),
                calls: self.in_flight.map(usize::from),
            },
            give_up_after: self.patience,
            progress: Progress::on_terminal(bytes),
            has_end: bytes.is_some(),
        })
    }
}
