//! The settings of a client: what its arguments become.

use std::time::Duration;

use common::credential::Credential;
use common::net::Seal;
use common::pen::Pen;

use crate::conversation::After;
use crate::identity_file::IdentityFile;

/// The settings of one client.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers of one chat, as `HOST:PORT`, from one to [`MAX_SERVERS`](crate::MAX_SERVERS).
    pub servers: Vec<String>,
    /// What protects the connection to them.
    pub seal: Seal,
    /// The nick that the person wants.
    pub nick: String,
    /// The first room.
    pub room: String,
    /// How messages are printed.
    pub style: Style,
    /// The message number after which to begin, instead of `history`.
    pub after: Option<After>,
    /// How many earlier messages of a room to show.
    pub history: u32,
    /// Whether lines that come through a pipe may be commands.
    pub commands: bool,
    /// How long the server may take to come up; zero if the first attempt is the only one.
    pub wait: Duration,
    /// Whether a terminal rings when a message is for this person.
    pub bell: bool,
    /// What shows that a registered nick is this person's.
    pub identity: IdentityFile,
    /// The token that lets its holder kick and ban people.
    pub admin: Option<Credential>,
    /// What happens is written into this journal.
    pub journal: Pen,
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `HH:MM nick: text`
    Lines,
    /// One JSON object a line.
    Json,
}
