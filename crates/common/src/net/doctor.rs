//! The network doctor: what went wrong with a connection, in a sentence, and what to try. PURE.
//!
//! Refused, timed out and unreachable look alike to a beginner and have different cures. The table
//! in the tests of `doctor/advice.rs` is the specification of the sentences and of the advice.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

mod advice;

/// What happened, as far as one end can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The text is not `HOST:PORT`.
    Address,
    /// The name has no address, or no name server could be asked.
    Name(String),
    /// A machine answered that nothing listens on the port.
    Refused,
    /// No answer at all: a firewall drops the packets, or no machine has the address.
    NoAnswer,
    /// The local network has no such machine, or a firewall says so.
    NoSuchHost,
    /// This machine has no route there.
    NoRoute,
    /// This machine's own rules forbid it.
    Forbidden,
    /// Connected, and then not a byte of greeting.
    Silent,
    /// Connected, and closed without a greeting.
    HungUp,
    /// The right service, without a place for one more caller, or for one more from this address.
    Full,
    /// Another of our services; its name.
    Service(String),
    /// Our service in another protocol version.
    Version(String),
    /// Not one of our programs; the first words that it said.
    Stranger(String),
    /// It has a key, and this side has none.
    Locked,
    /// It has no key, and this side has one.
    Open,
    /// It has another key; the names of its key and of ours.
    OtherKey(String, String),
    /// It shows our key, of this name, and cannot prove that it has it.
    Unproven(String),
    /// It does not accept our key.
    NotLetIn,
    /// It greets as the right service, and is another one under the seal.
    Disguised,
    /// What comes is not what was sent, or no TLS at all; in the words of the library.
    Garbled(String),
    /// It greets, and then the connection ends within the handshake.
    CutOff,
    /// Listening: another process has the port.
    PortTaken,
    /// Listening: the address does not belong to this machine.
    NotMine,
    /// Listening: ports below 1024 need privileges.
    Privileged,
    /// Anything rarer, in the system's words.
    Other(String),
}

/// A connection or listener that could not be made: the trouble and where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What happened.
    pub trouble: Trouble,
    /// The service that was wanted or offered: also the name of its program.
    pub service: &'static str,
    /// The address as the person gave it.
    pub target: String,
    /// What the target resolved to, once known.
    pub addr: Option<SocketAddr>,
    /// The address that this machine has towards the target, if it has a route.
    pub own: Option<IpAddr>,
}

impl Trouble {
    /// Returns what a failed connect means.
    pub fn connecting(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::NoAnswer,
            ErrorKind::HostUnreachable => Self::NoSuchHost,
            ErrorKind::NetworkUnreachable => Self::NoRoute,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Self::HungUp,
            // Two kinds, because Linux reports a `blackhole` route as EINVAL and a `prohibit` route
            // as EACCES.
            ErrorKind::PermissionDenied | ErrorKind::InvalidInput => Self::Forbidden,
            _ => Self::Other(error.to_string()),
        }
    }

    /// Returns what a failed bind means.
    pub fn listening(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::PortTaken,
            ErrorKind::AddrNotAvailable => Self::NotMine,
            ErrorKind::PermissionDenied => Self::Privileged,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl Trouble {
    /// Returns whether it came up between the greeting's last word and the end of the handshake.
    fn is_about_keys(&self) -> bool {
        matches!(
            self,
            Self::Locked
                | Self::Open
                | Self::OtherKey(..)
                | Self::Unproven(_)
                | Self::NotLetIn
                | Self::Disguised
                | Self::Garbled(_)
                | Self::CutOff
        )
    }
}

impl Trouble {
    /// Returns its name for programs. It stays the same when the sentence changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Name(_) => "name",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::NoSuchHost => "no_such_host",
            Self::NoRoute => "no_route",
            Self::Forbidden => "forbidden",
            Self::Silent => "silent",
            Self::HungUp => "hung_up",
            Self::Full => "full",
            Self::Service(_) => "other_service",
            Self::Version(_) => "other_version",
            Self::Stranger(_) => "stranger",
            Self::Locked => "locked",
            Self::Open => "open",
            Self::OtherKey(..) => "other_key",
            Self::Unproven(_) => "unproven_key",
            Self::NotLetIn => "not_let_in",
            Self::Disguised => "disguised",
            Self::Garbled(_) => "garbled",
            Self::CutOff => "cut_off",
            Self::PortTaken => "port_taken",
            Self::NotMine => "not_mine",
            Self::Privileged => "privileged",
            Self::Other(_) => "other",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "that is not HOST:PORT",
            Self::Refused => "connection refused",
            Self::NoAnswer => "no answer",
            Self::NoSuchHost => "no such machine on this network",
            Self::NoRoute => "no route to that network",
            Self::Forbidden => "this machine's own rules forbid it",
            Self::Silent => "connected, but it says nothing",
            Self::HungUp => "connected, but it hangs up",
            Self::Full => "it is full",
            Self::Locked => "it lets in holders of its key only",
            Self::Open => "it has no key, so anybody on the way could read along",
            Self::NotLetIn => "it does not let your key in",
            Self::Disguised => "it is not the service it says it is",
            Self::CutOff => "the connection is cut before both sides have shown their key",
            Self::PortTaken => "another process has this port",
            Self::NotMine => "this machine does not own that address",
            Self::Privileged => "ports below 1024 need privileges",
            // Escaped, because these words come from outside and no escape sequence may reach a
            // terminal.
            Self::Name(why) | Self::Other(why) => return write!(f, "{}", why.escape_debug()),
            Self::Service(name) => return write!(f, "it is a {}", name.escape_debug()),
            Self::Version(v) => return write!(f, "it speaks version {}", v.escape_debug()),
            Self::OtherKey(theirs, ours) => {
                return write!(f, "it has the key {theirs}, and you have {ours}");
            }
            Self::Unproven(name) => {
                return write!(
                    f,
                    "it shows the key {name}, and cannot prove that it has it"
                );
            }
            Self::Garbled(words) => {
                let words = words.escape_debug().to_string().replace("\\'", "'");
                return write!(f, "somebody on the way garbles it: {words}");
            }
            Self::Stranger(words) => return write!(f, "it says \"{}\"", words.escape_debug()),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, trouble, service) = (&self.target, &self.trouble, self.service);
        match trouble {
            Trouble::PortTaken | Trouble::NotMine | Trouble::Privileged => {
                write!(f, "cannot listen on {target}: {trouble}")
            }
            Trouble::Service(_) | Trouble::Full => write!(f, "{target} answers, but {trouble}"),
            _ if trouble.is_about_keys() => write!(f, "{target} answers, but {trouble}"),
            Trouble::Stranger(_) => {
                write!(f, "{target} answers, but it is not a {service}: {trouble}")
            }
            Trouble::Version(_) => write!(
                f,
                "{target} is a {service}, but {trouble} of the protocol and this program {}",
                super::VERSION
            ),
            _ => match self.addr.filter(|addr| addr.to_string() != *target) {
                Some(addr) => write!(f, "cannot reach {target} ({addr}): {trouble}"),
                None => write!(f, "cannot reach {target}: {trouble}"),
            },
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Returns whether it is useless to wait and try again: the wrong address, the wrong program,
    /// or keys that do not fit.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.trouble,
            Trouble::Address | Trouble::Service(_) | Trouble::Version(_) | Trouble::Stranger(_)
        ) || (self.trouble.is_about_keys() && self.trouble != Trouble::CutOff)
    }

    /// Returns whether it can be mended at the other end, by another key there, while this program
    /// waits. Not if this side has no key, because it will not get one.
    pub fn is_mended_there(&self) -> bool {
        self.trouble.is_about_keys() && self.trouble != Trouble::Locked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error of a call over the internet.
    pub(super) fn error(trouble: Trouble) -> Error {
        Error {
            trouble,
            service: "chat-server",
            target: "lab.example.org:8030".into(),
            addr: "54.1.2.3:8030".parse().ok(),
            own: "192.168.1.7".parse().ok(),
        }
    }

    #[test]
    fn words_from_outside_are_harmless_on_a_terminal() {
        let error = error(Trouble::Stranger("\u{1b}]0;owned\u{7}".into()));
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }

    #[test]
    fn the_system_speaks_in_error_kinds() {
        let table = [
            (ErrorKind::ConnectionRefused, Trouble::Refused),
            (ErrorKind::TimedOut, Trouble::NoAnswer),
            (ErrorKind::HostUnreachable, Trouble::NoSuchHost),
            (ErrorKind::NetworkUnreachable, Trouble::NoRoute),
            (ErrorKind::PermissionDenied, Trouble::Forbidden),
            (ErrorKind::ConnectionReset, Trouble::HungUp),
        ];
        for (kind, trouble) in table {
            assert_eq!(Trouble::connecting(&kind.into()), trouble);
        }
        assert_eq!(
            Trouble::listening(&ErrorKind::AddrInUse.into()),
            Trouble::PortTaken
        );
    }
}
