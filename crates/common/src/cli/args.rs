//! The flags that every program has, and the values that flags take.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::Failure;
use crate::pen::Pen;

/// The port of the lab sheet, where a server listens and a client calls unless told otherwise.
pub const DEFAULT_PORT: u16 = 8030;

/// The flags every program has.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Common {
    /// File with the lab's key: encrypts every connection, and only holders of the key can come in
    /// [default: the key in LAB_KEY; without either, no protection]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Makes a new key, writes it to FILE, and ends
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub new_key: Option<PathBuf>,

    /// Write down what happens, for lab-report: a new file in this folder, without texts that
    /// people type [default: LAB_JOURNAL]
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,

    /// Say more on stderr: once for what happens, twice for every detail (or set RUST_LOG)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Common {
    /// Begins the journal of `program`, if `--journal` or `LAB_JOURNAL` asks for one. `name` is
    /// the one that a person gave it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn journal(&self, program: &str, name: Option<String>) -> Result<Pen, Failure> {
        let set = env::var_os("LAB_JOURNAL").filter(|dir| !dir.is_empty());
        match self.journal.clone().or_else(|| set.map(PathBuf::from)) {
            Some(dir) => Pen::begin(&dir, program, name),
            None => Ok(Pen::default()),
        }
    }
}

/// Returns the address to listen on: `8030`, `:8030` and `0.0.0.0:8030` mean the same.
///
/// # Errors
/// A sentence for clap, if the text is not an address.
pub fn listen_addr(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    text.parse()
        .map_err(|_| "expected PORT, :PORT or IP:PORT, such as 8030 or 0.0.0.0:8030".to_owned())
}

/// Returns the address to answer HTTP on. A port alone is on loopback, unlike that of
/// [`listen_addr`], because browsers carry out what any page tells them to, so that a person
/// who opens such a port to a network has to say so.
///
/// # Errors
/// A sentence for clap, if the text is not an address.
pub fn http_addr(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let expected = "expected PORT or IP:PORT, such as 8080, or 0.0.0.0:8080 for other machines";
    text.parse().map_err(|_| expected.to_owned())
}

/// Returns the address to call, `HOST:PORT`; `:8030` and `8030` are on this machine.
///
/// # Errors
/// A sentence for clap, if the host or the port is missing.
pub fn host_port(text: &str) -> Result<String, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Ok(format!("{}:{port}", Ipv4Addr::LOCALHOST));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
            Ok(text.to_owned())
        }
        _ => Err("expected HOST:PORT, such as 127.0.0.1:8030 or [::1]:8030".to_owned()),
    }
}

/// Returns the duration: `250ms`, `2s`, `1m`; `0` is none.
///
/// # Errors
/// A sentence for clap, if the unit is missing.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration with its unit, such as 250ms, 2s or 1m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_many_spellings() {
        for text in ["8030", ":8030", "0.0.0.0:8030"] {
            assert_eq!(listen_addr(text), Ok(([0, 0, 0, 0], 8030).into()), "{text}");
        }
        assert!(listen_addr("[::]:8030").is_ok_and(|addr| addr.is_ipv6()));
        for text in ["", ":", "host:8030", "99999", "1.2.3.4"] {
            assert!(listen_addr(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_for_http_is_on_loopback_unless_an_address_says_otherwise() {
        for text in ["8080", ":8080", "127.0.0.1:8080"] {
            assert_eq!(http_addr(text), Ok(([127, 0, 0, 1], 8080).into()), "{text}");
        }
        assert_eq!(http_addr("0.0.0.0:8080"), Ok(([0, 0, 0, 0], 8080).into()));
        assert!(http_addr("host:8080").is_err());
    }

    #[test]
    fn an_address_to_call_needs_a_port() {
        for text in ["8030", ":8030", "127.0.0.1:8030"] {
            assert_eq!(host_port(text).as_deref(), Ok("127.0.0.1:8030"), "{text}");
        }
        assert!(host_port("[::1]:8030").is_ok() && host_port("lab.example.org:1").is_ok());
        for text in ["", "0", ":0", "host", "host:", "host:0", "host:99999"] {
            assert!(host_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_carry_their_unit_except_none() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("5").is_err() && duration("-1s").is_err());
    }
}
