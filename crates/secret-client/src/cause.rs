//! Why a server is of no use, or no server is: in words, with advice. PURE.

use std::fmt;

use common::net::Error;
use common::secret::Refusal;

/// Why a server is of no use, or the work must end. The texts are addresses of servers.
#[derive(Debug)]
pub(crate) enum Cause {
    /// It cannot be reached, or its name cannot be resolved.
    Unreached(Box<Error>),
    /// It does not answer any more.
    Silent(String),
    /// Its connection ended.
    Closed(String),
    /// It answered, and refused.
    Refused(String, Refusal),
    /// Its answer had the wrong number of lines.
    Garbled(String),
    /// The words from this line on, counted from 1, fail at every server.
    Hopeless(u64),
    /// No server was ever found.
    NoServer,
}

impl Cause {
    /// Returns whether the same server can be of use later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(error) => !error.is_permanent(),
            Self::Silent(_) | Self::Closed(_) => true,
            _ => false,
        }
    }

    /// Returns what a person can do about it, line by line.
    pub(crate) fn help(&self) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Unreached(error) => return error.help(),
            Self::Refused(_, Refusal::KeyMissing) => &[
                "give the key that its owner gave you: --premium-key-file FILE",
                "or do without --premium",
            ],
            Self::Refused(_, Refusal::KeyWrong) => {
                &["compare the file with the one the server was given"]
            }
            Self::Refused(_, Refusal::Busy) => {
                &["try again later, or name more servers: --server A,B,C"]
            }
            Self::Refused(_, Refusal::KeyGuessed) => &["try again in a minute, with the right key"],
            Self::Refused(_, Refusal::TooMuch) => &["send fewer words at once: a smaller --chunk"],
            Self::Refused(_, Refusal::TooLong) => &["the longest text takes 65536 bytes"],
            _ => &[],
        };
        lines.iter().map(|line| (*line).to_owned()).collect()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached(error) => error.fmt(f),
            Self::Silent(name) => write!(f, "lost {name}: it does not answer"),
            Self::Closed(name) => write!(f, "lost {name}: the connection was closed"),
            Self::Refused(name, refusal) => write!(f, "{name}: {refusal}"),
            Self::Garbled(name) => {
                write!(f, "{name} answers with another number of words than asked")
            }
            Self::Hopeless(line) => {
                write!(f, "the words from line {line} on fail at every server")
            }
            Self::NoServer => f.write_str("no server was found"),
        }
    }
}
