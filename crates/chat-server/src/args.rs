//! The command line of `chat-server`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use common::cli;
use common::net::Limits;

/// What `--version` prints. It names what is optional, because two programs of one version may
/// differ in that, and only one of them opens a log in NATS.
const VERSION: &str = if cfg!(feature = "nats") {
    concat!(env!("CARGO_PKG_VERSION"), " with nats")
} else {
    env!("CARGO_PKG_VERSION")
};

/// Keeps the rooms of a chat, and every message in them
#[derive(Debug, Parser)]
#[command(
    version = VERSION,
    after_help = "Examples:\n  \
                  chat-server                          on port 8030, messages kept in a file\n  \
                  chat-server --listen 9000 --store memory --rate 0\n  \
                  chat-server --per-address 40         a class behind one router\n  \
                  chat-server --http 0.0.0.0:8080      and chat in a browser, on a phone too\n  \
                  chat-server --metrics 127.0.0.1:9030   then: curl 127.0.0.1:9030/metrics"
)]
pub struct Args {
    /// Where it answers
    #[command(flatten)]
    pub ports: Ports,

    /// Where messages are kept: sqlite:PATH, memory, or nats://HOST:PORT,.../NAME, where several
    /// chat-servers share them [default: sqlite:log.sqlite in
    /// $STATE_DIRECTORY, $XDG_STATE_HOME/chat-server or $HOME/.local/state/chat-server]
    #[arg(long, value_name = "STORE", value_parser = store)]
    pub store: Option<Store>,

    /// Messages kept of each room; a room ends 30 days after its last one, a private one after a
    /// day, or after an hour while there are many
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub history: u64,

    /// Most bytes that the store takes, such as 500M or 2G; then the oldest messages of the
    /// largest room go. In memory at most 128M
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    pub store_limit: u64,

    /// File that lets this server into NATS: one line USER:PASSWORD, or what nsc writes
    #[arg(long, value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,

    /// File with the certificate to trust as that of NATS, in PEM; the way there is TLS then
    #[arg(long, value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,

    /// Messages a second that each session may send, four times as many in a burst; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rate: u32,

    /// Connections, and sessions, that one address may have; a class behind one router needs more
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_address)]
    pub per_address: usize,

    /// File with the token (16 bytes or more) whose holders may kick and ban
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// Writes the guest key that belongs to --key to FILE, and ends: it lets clients in, and cannot
    /// be used to pose as a server. If it gets into wrong hands, make a new --key as well
    #[arg(long, value_name = "FILE")]
    pub guest_key: Option<PathBuf>,

    /// Prints the token that belongs to --key, and ends: calls over HTTP show it, as
    /// Authorization: Bearer TOKEN
    #[arg(long)]
    pub http_token: bool,

    /// What all five programs take
    #[command(flatten)]
    pub common: cli::Common,
}

/// Where a server answers.
#[derive(Clone, Debug, clap::Args)]
pub struct Ports {
    /// Where to listen: PORT, :PORT or IP:PORT
    #[arg(long, visible_alias = "port", value_name = "ADDR", default_value = "0.0.0.0:8030",
          value_parser = cli::listen_addr)]
    pub listen: SocketAddr,

    /// Where to answer over HTTP as well: a page to chat in a browser, JSON-RPC 2.0 at /rpc. PORT
    /// alone is for this machine only, 0.0.0.0:PORT for others
    #[arg(long, value_name = "ADDR", value_parser = cli::http_addr)]
    pub http: Option<SocketAddr>,

    /// A name that people use for this server over HTTP, beside its addresses; give it once for
    /// each. Then the server trusts a proxy on this machine to say who calls
    #[arg(long, value_name = "NAME", requires = "http")]
    pub http_name: Vec<String>,

    /// Where operators are answered over HTTP, in addition: /metrics for Prometheus, /health
    #[arg(long, value_name = "ADDR", value_parser = cli::listen_addr)]
    pub metrics: Option<SocketAddr>,
}

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In memory, until the server ends.
    Memory,
    /// In this SQLite file.
    Sqlite(PathBuf),
    /// In NATS, at this URL.
    Nats(String),
}

fn store(text: &str) -> Result<Store, String> {
    match text.split_once(':') {
        None if text == "memory" => Ok(Store::Memory),
        Some(("sqlite", path)) if !path.is_empty() => Ok(Store::Sqlite(path.into())),
        Some(("nats" | "tls", rest)) if rest.starts_with("//") => Ok(Store::Nats(text.into())),
        _ => Err("expected sqlite:PATH, memory or nats://HOST:PORT".into()),
    }
}

/// Smallest limit of a store in MiB: less is filled by one burst, and keeps next to nothing.
const SMALLEST: u64 = 16;

fn size(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.strip_suffix(['G', 'g']) {
        Some(number) => (number, 30),
        None => (text.strip_suffix(['M', 'm']).unwrap_or_default(), 20),
    };
    let size = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(1 << shift));
    size.filter(|&size| size >= SMALLEST << 20)
        .ok_or_else(|| format!("expected a number of megabytes or gigabytes, {SMALLEST}M at least"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_a_least() {
        assert_eq!(size("16M"), Ok(16 << 20));
        assert_eq!(size("2G"), Ok(2 << 30));
        for bad in [
            "",
            "M",
            "15M",
            "1000000000",
            "-1G",
            "1.5G",
            "99999999999999G",
            "1T",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn stores_have_a_spelling_each() {
        assert_eq!(store("memory"), Ok(Store::Memory));
        assert_eq!(store("nats://a,b"), Ok(Store::Nats("nats://a,b".into())));
        assert_eq!(store("sqlite:a/b"), Ok(Store::Sqlite("a/b".into())));
        for bad in ["", "sqlite", "sqlite:", "redis:x", "memory:x", "nats:x"] {
            assert!(store(bad).is_err(), "{bad}");
        }
    }
}
