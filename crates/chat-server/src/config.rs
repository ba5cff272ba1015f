//! What the owner of a server decides, and how it follows from the command line.

use std::path::PathBuf;

use common::cli::Failure;
use common::key::Key;
use common::net::Limits;

use crate::args::{Args, Store};
use crate::log::{Bounds, Log};
use crate::memory::Memory;
use crate::sqlite::Sqlite;

/// The settings of a server.
pub struct Config {
    /// Where messages are kept.
    pub log: Log,
    /// Messages a second that each session may send; 0 is no limit.
    pub rate: u32,
    /// The token whose holders may kick and ban. Without one, both are refused.
    pub admin: Option<Key>,
    /// What the network allows.
    pub limits: Limits,
}

impl Config {
    /// Returns the settings of a server over `log`: no limit on sending, no admin token.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            rate: 0,
            admin: None,
            limits: Limits::default(),
        }
    }
}

/// Reads the token and opens the log.
impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> anyhow::Result<Self> {
        let token = args.admin_token_file.as_deref();
        let admin = token.map(Key::read).transpose()?;
        Ok(Self {
            rate: args.rate,
            admin,
            ..Self::new(open(
                args.store,
                Bounds {
                    bytes: args.store_limit,
                    ..Bounds::keeping(args.history)
                },
            )?)
        })
    }
}

fn open(store: Option<Store>, bounds: Bounds) -> anyhow::Result<Log> {
    let path = match store {
        Some(Store::Memory) => return Ok(Memory::new(bounds)),
        Some(Store::Sqlite(path)) => path,
        None => default_path()?,
    };
    Ok(Sqlite::open(&path, bounds).map_err(|error| {
        Failure::new(format!("cannot open {}: {error:#}", path.display()))
            .help("choose another file: --store sqlite:PATH")
            .help("or keep messages in memory only: --store memory")
    })?)
}

/// Returns the file in the user's state folder, by the XDG Base Directory Specification.
fn default_path() -> anyhow::Result<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // First, because systemd gives a service a folder of its own.
    let folder = var("STATE_DIRECTORY")
        .or_else(|| Some(var("XDG_STATE_HOME")?.join("chat-server")))
        .or_else(|| Some(var("HOME")?.join(".local/state/chat-server")));
    let folder = folder.ok_or_else(|| {
        Failure::new("nowhere to keep messages: HOME is not set")
            .help("name a file: --store sqlite:PATH")
    })?;
    Ok(folder.join("log.sqlite"))
}
