//! Why a server is of no use, or no server is: in words, with advice. PURE.

use std::fmt;

use common::net::Error;
use common::secret::Refusal;

/// Why a server is of no use, or the work must end. The texts are addresses of servers.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// It cannot be reached, or its name cannot be resolved.
    Unreached(Box<Error>),
    /// It does not answer any more.
    Silent(String),
    /// Its connection ended.
    Closed(String),
    /// It answered, and refused.
    Refused(String, Refusal),
    /// It answered what was not asked.
    Unasked(String),
    /// Its answer had the wrong number of lines.
    Garbled(String),
    /// Its answer to this line, counted from 1, had other letters than the line. `None`: the text
    /// was one, and not a list.
    Letters(String, Option<u64>),
    /// It reported a time for a call that cannot be.
    Absurd(String),
    /// It failed on a call, with these words.
    Failed(String, String),
    /// Two servers answered this line, counted from 1, differently: the server and its answer.
    Differ(Option<u64>, [(String, String); 2]),
    /// Answers cannot be verified, because this is the only server.
    Alone(String),
    /// The words from this line on, counted from 1, fail at every server, the last time for this
    /// reason.
    Hopeless(Option<u64>, Option<Box<Self>>),
    /// No server was ever found.
    NoServer,
}

/// The most characters that are shown of what a server says, so that it fits on a few lines.
const SHOWN: usize = 200;

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
            Self::Differ(..) => &["one of them is wrong: ask a third, or each alone"],
            Self::Alone(_) => &[
                "name a second server: --server A,B",
                "or do without --verify",
            ],
            Self::Hopeless(_, Some(cause)) => return cause.help(),
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
            Self::Unasked(name) => write!(f, "{name} answers what was not asked"),
            Self::Garbled(name) => {
                write!(f, "{name} answers with another number of words than asked")
            }
            Self::Letters(name, line) => {
                write!(
                    f,
                    "{name} answers {} with other letters than it has",
                    what(*line)
                )
            }
            Self::Absurd(name) => write!(f, "{name} says that a call took more than a day"),
            Self::Failed(name, words) => write!(f, "{name} says {}", shown(words)),
            Self::Differ(line, [(first, one), (second, other)]) => write!(
                f,
                "{first} and {second} answer {} differently: {} and {}",
                what(*line),
                shown(one),
                shown(other)
            ),
            Self::Alone(name) => write!(
                f,
                "--verify needs two servers, and {name} is the only one that can be asked"
            ),
            Self::Hopeless(line, cause) => {
                match line {
                    Some(line) => write!(f, "the words from line {line} on fail")?,
                    None => f.write_str("the text fails")?,
                }
                f.write_str(" at every server")?;
                cause
                    .as_ref()
                    .map_or(Ok(()), |cause| write!(f, ": {cause}"))
            }
            Self::NoServer => f.write_str("no server was found"),
        }
    }
}

/// Returns the name of a line, or of the one text.
fn what(line: Option<u64>) -> String {
    line.map_or_else(|| "the text".to_owned(), |line| format!("line {line}"))
}

/// Returns words from outside in quotes, without what a terminal would obey, and not too long.
fn shown(words: &str) -> String {
    let mut chars = words.chars();
    let start: String = chars.by_ref().take(SHOWN).collect();
    let more = if chars.next().is_some() { "..." } else { "" };
    format!("{start:?}{more}")
}
