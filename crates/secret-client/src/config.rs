//! What a caller of this library asks for.

use std::io::Read;
use std::time::Duration;

use common::credential::Credential;
use common::net::Seal;
use common::pen::Pen;
use common::secret::Tier;

use crate::pacing::Fixed;
use crate::progress::Progress;

/// What the program does.
pub struct Config {
    /// What is to be reversed.
    pub work: Work,
    /// Where, and how.
    pub options: Options,
    /// Whether to print how long the calls took.
    pub verbose: bool,
}

/// What is to be reversed.
pub enum Work {
    /// One string.
    String(String),
    /// A list.
    List(List),
}

/// A list with a word on each line.
pub struct List {
    /// Where it is read from.
    pub input: Box<dyn Read + Send>,
    /// Whether the input has an end, so that the words that are missing can be counted.
    pub has_end: bool,
    /// Where to show how far the work has come.
    pub progress: Progress,
}

/// Which servers to ask, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The servers, as `HOST:PORT`. A name with several addresses is several servers.
    pub servers: Vec<String>,
    /// What protects the connections to them.
    pub seal: Seal,
    /// Whether to use the faster, premium tier.
    pub premium: bool,
    /// The key to the premium tier.
    pub premium_key: Option<Credential>,
    /// What is not left to adapt by itself.
    pub fixed: Fixed,
    /// Whether a word is done only when two servers have given the same answer. A server that is
    /// reached at two addresses counts as two.
    pub verify: bool,
    /// How long to go on trying while no server at all can be reached.
    pub give_up_after: Duration,
    /// What happens is written into this journal.
    pub journal: Pen,
}

impl Options {
    pub(crate) fn tier(&self) -> Tier {
        if self.premium {
            let key = self.premium_key.as_ref().map(|key| key.reveal().to_owned());
            Tier::Premium { key }
        } else {
            Tier::Free
        }
    }
}
