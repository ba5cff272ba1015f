//! The command line of `chat-server`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use common::chat::SERVICE;
use common::cli::{self, Failure};
use common::key::Key;
use common::net;

use crate::log::Log;
use crate::memory::Memory;
use crate::server::{Config, Listeners};
use crate::sqlite::Sqlite;

/// Keeps the rooms of a chat, and every message in them
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
                  chat-server                          on port 8030, messages kept in a file\n  \
                  chat-server --listen 9000 --store memory --rate 0\n  \
                  chat-server --metrics 127.0.0.1:9030   then: curl 127.0.0.1:9030/metrics"
)]
pub struct Args {
    /// Where to listen: PORT, :PORT or IP:PORT
    #[arg(long, visible_alias = "port", value_name = "ADDR", default_value = "0.0.0.0:8030",
          value_parser = cli::listen_addr)]
    pub listen: SocketAddr,

    /// Where messages are kept: sqlite:PATH or memory [default: sqlite: in your state folder]
    #[arg(long, value_name = "STORE", value_parser = store)]
    pub store: Option<Store>,

    /// Messages kept of each room
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub history: u64,

    /// Messages a second that each session may send, four times as many in a burst; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rate: u32,

    /// File with the token whose holders may kick and ban
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// Where operators are answered over HTTP, in addition: /metrics for Prometheus, /health
    #[arg(long, value_name = "ADDR", value_parser = cli::listen_addr)]
    pub metrics: Option<SocketAddr>,

    /// What all five programs take
    #[command(flatten)]
    pub common: cli::Common,
}

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In memory, until the server ends.
    Memory,
    /// In this SQLite file.
    Sqlite(PathBuf),
}

fn store(text: &str) -> Result<Store, String> {
    match text.split_once(':') {
        None if text == "memory" => Ok(Store::Memory),
        Some(("sqlite", path)) if !path.is_empty() => Ok(Store::Sqlite(path.into())),
        _ => Err("expected sqlite:PATH or memory".into()),
    }
}

impl Args {
    /// What the owner decided.
    ///
    /// # Errors
    /// If the token file cannot be read.
    pub fn config(&self) -> anyhow::Result<Config> {
        let admin = self
            .admin_token_file
            .as_deref()
            .map(Key::read)
            .transpose()?;
        Ok(Config {
            rate: self.rate,
            admin,
            ..Config::default()
        })
    }

    /// Binds what it listens on.
    ///
    /// # Errors
    /// If a port is taken, or the like, with advice.
    pub async fn bind(&self) -> anyhow::Result<Listeners> {
        let chat = net::bind(self.listen, SERVICE).await?;
        let metrics = match self.metrics {
            Some(addr) => Some(net::bind(addr, SERVICE).await.context("--metrics")?),
            None => None,
        };
        Ok(Listeners { chat, metrics })
    }

    /// Opens the log.
    ///
    /// # Errors
    /// If it cannot be opened, with its path.
    pub fn open_log(&self) -> anyhow::Result<Log> {
        let path = match &self.store {
            Some(Store::Memory) => {
                let history = usize::try_from(self.history).unwrap_or(usize::MAX);
                return Ok(Memory::new(history));
            }
            Some(Store::Sqlite(path)) => path.clone(),
            None => default_path()?,
        };
        let log = make_folder(&path).and_then(|()| Sqlite::open(&path, self.history));
        match log {
            Ok(log) => Ok(log),
            Err(error) => Err(
                Failure::new(format!("cannot open {}: {error:#}", path.display()))
                    .help("choose another file: --store sqlite:PATH")
                    .help("or keep messages in memory only: --store memory")
                    .into(),
            ),
        }
    }
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => std::fs::create_dir_all(folder).context("its folder cannot be made"),
        None => Ok(()),
    }
}

/// The file in the user's state folder, by the XDG Base Directory Specification.
fn default_path() -> anyhow::Result<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // systemd gives a service a folder of its own.
    let folder = var("STATE_DIRECTORY")
        .or_else(|| Some(var("XDG_STATE_HOME")?.join("chat-server")))
        .or_else(|| Some(var("HOME")?.join(".local/state/chat-server")));
    let folder = folder.ok_or_else(|| {
        Failure::new("nowhere to keep messages: HOME is not set")
            .help("name a file: --store sqlite:PATH")
    })?;
    Ok(folder.join("log.sqlite"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_have_two_spellings() {
        assert_eq!(store("memory"), Ok(Store::Memory));
        assert_eq!(store("sqlite:a/b"), Ok(Store::Sqlite("a/b".into())));
        for bad in ["", "sqlite", "sqlite:", "redis:x", "memory:x"] {
            assert!(store(bad).is_err(), "{bad}");
        }
    }
}
