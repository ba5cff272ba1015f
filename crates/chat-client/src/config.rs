//! The settings of a client: what its arguments become.

use common::credential::Credential;
use common::net::Seal;

/// The settings of one client.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server, as `HOST:PORT`.
    pub server: String,
    /// What protects the connection to it.
    pub seal: Seal,
    /// The nick that the person wants.
    pub nick: String,
    /// The first room.
    pub room: String,
    /// How messages are printed.
    pub style: Style,
    /// The message number after which to begin, instead of `history`.
    pub after: Option<u64>,
    /// How many earlier messages of a room to show.
    pub history: u32,
    /// The token that lets its holder kick and ban people.
    pub admin: Option<Credential>,
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `HH:MM nick: text`
    Lines,
    /// One JSON object a line.
    Json,
}
