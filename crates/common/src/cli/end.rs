//! How a program ends: an error with advice, printed once, and the exit code.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::runtime::Builder;

use super::printable::printable;
use super::secrets::without_keys;
use super::signals::Interrupted;
use super::watchdog;
use crate::net;

/// Most lines of advice that are printed.
const MAX_HELP: usize = 3;

/// An error with advice: what failed, and what a person can do about it.
#[derive(Clone, Debug)]
pub struct Failure {
    name: &'static str,
    what: String,
    help: Vec<String>,
}

impl Failure {
    /// What failed, with its cause, and no advice yet.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            name: "failed",
            what: what.into(),
            help: Vec::new(),
        }
    }

    /// The same failure with a name for programs, instead of `failed`.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same failure with one more line of advice. The first three lines are printed.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    /// The same failure as the cause of `what`.
    #[must_use]
    pub fn within(self, what: impl fmt::Display) -> Self {
        Self {
            what: format!("{what}: {self}"),
            ..self
        }
    }

    /// The text that a person sees: what failed, then each line of advice after `help: `.
    pub fn report(&self) -> String {
        let help = self.help.iter().take(MAX_HELP);
        help.fold(self.what.clone(), |text, line| text + "\nhelp: " + line)
    }

    /// The same as one line of JSON, for programs.
    fn object(&self) -> String {
        let help: Vec<_> = self.help.iter().take(MAX_HELP).collect();
        json!({ "error": self.name, "text": self.what, "help": help }).to_string()
    }
}

/// A failed connection or bind, with the doctor's advice.
impl From<net::Error> for Failure {
    fn from(error: net::Error) -> Self {
        Self {
            name: error.trouble.name(),
            what: error.to_string(),
            help: error.help(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// Who reads what is printed about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// People.
    People,
    /// Programs as well: a line of JSON follows the text.
    Programs,
}

/// Runs a program's `work` on a runtime of such `threads`, prints what failed, and returns the exit
/// code.
///
/// Blocked threads are not waited for, because a name server or a reader of stdout may block them
/// for minutes.
pub fn run(
    threads: &mut Builder,
    program: &str,
    work: impl Future<Output = anyhow::Result<()>>,
) -> ExitCode {
    run_for(Readers::People, threads, program, work)
}

/// Does what [`run`] does, for these `readers`.
pub fn run_for(
    readers: Readers,
    threads: &mut Builder,
    program: &str,
    work: impl Future<Output = anyhow::Result<()>>,
) -> ExitCode {
    raise_file_limit();
    let result = match threads.enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(async {
                watchdog::start();
                work.await
            });
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(error).context("the system gives no threads or files"),
    };
    finish(readers, program, result).into()
}

/// Prints what failed, and returns the exit code.
pub(super) fn finish(readers: Readers, program: &str, result: anyhow::Result<()>) -> u8 {
    let Err(error) = result else { return 0 };
    let (text, code) = verdict(readers, program, &error);
    let _ = io::stderr().write_all(text.as_bytes());
    code
}

/// Most open files that a program asks for: 2048 connections and the store need far fewer.
const FILES: u64 = 16 * 1024;

/// Raises the limit of open files as far as the system allows, because shells start programs with
/// 1024 and a server has places for 2048 connections. Without success the old limit stays.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|current| current < raised) {
        let current = Some(raised);
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
}

/// Returns what is printed about `error`, and the exit code.
///
/// Two errors print nothing. A closed stdout (`| head`) counts as success. A bare interruption is
/// known to the person who pressed Ctrl-C; one with context, such as lost messages, is printed.
fn verdict(readers: Readers, program: &str, error: &anyhow::Error) -> (String, u8) {
    let is_closed = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    if error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(is_closed))
    {
        return (String::new(), 0);
    }
    let signal = error.downcast_ref::<Interrupted>();
    let code = signal.map_or(1, |signal| signal.code());
    if signal.is_some() && error.chain().count() == 1 {
        return (String::new(), code);
    }
    // The last line of defence: an error may quote a peer, and only our own lines may break.
    let failure = error.chain().find_map(failure);
    let interrupted = signal.map_or("failed", |_| "interrupted");
    let (name, help) = failure.map_or((interrupted, Vec::new()), |known| (known.name, known.help));
    let failure = Failure {
        name,
        // A key that was given for the name of a file, too.
        what: without_keys(&printable(&format!("{program}: {error:#}"))).replace('\n', "\\n"),
        help: help.iter().map(|line| printable(line).into()).collect(),
    };
    let text = failure.report() + "\n";
    match readers {
        Readers::People => (text, code),
        Readers::Programs => (text + &failure.object() + "\n", code),
    }
}

fn failure(cause: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    let network = cause.downcast_ref::<net::Error>().cloned();
    let network = network.map(Failure::from);
    network.or_else(|| cause.downcast_ref().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_its_help_through_context() {
        let failure = Failure::new("cannot read x").help("give another file");
        let error = anyhow::Error::new(failure.clone()).context("reading the list");
        let (text, code) = verdict(Readers::People, "buddy", &error);
        assert_eq!(
            text,
            "buddy: reading the list: cannot read x\nhelp: give another file\n"
        );
        assert_eq!(code, 1);
        assert_eq!(
            failure.within("reading the list").report(),
            "reading the list: cannot read x\nhelp: give another file"
        );
    }

    #[test]
    fn no_word_of_a_peer_reaches_the_terminal_as_a_command() {
        let evil = "\u{1b}]0;owned\u{7}\r\u{202e}\u{9b}31m";
        let error = anyhow::Error::new(Failure::new(evil).help(evil)).context("line 1\nline 2");
        let (text, _) = verdict(Readers::People, "buddy", &error);
        assert_eq!(text.lines().count(), 2, "{text}");
        let is_shown = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
        assert!(text.chars().all(is_shown), "{text:?}");
        assert_eq!(printable("café 日本\n"), "café 日本\n");
    }

    #[test]
    fn a_key_that_was_given_for_a_file_is_not_printed() {
        let failure = Failure::new("cannot read the key in labkey1abc234: not found");
        let (text, _) = verdict(Readers::Programs, "buddy", &failure.into());
        assert!(text.starts_with("buddy: cannot read the key in labkey1***: not found\n"));
        assert!(!text.contains("abc"), "{text}");
    }

    #[test]
    fn a_closed_stdout_and_a_bare_interruption_print_nothing() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        let bare = anyhow::Error::from(Interrupted::Term);
        let lost = anyhow::Error::from(Interrupted::Int).context("2 messages were not sent");
        let table = [
            (anyhow::Error::from(closed).context("writing"), "", 0),
            (bare, "", 143),
            (lost, "buddy: 2 messages were not sent: interrupted\n", 130),
        ];
        for (error, text, code) in table {
            let ended = verdict(Readers::People, "buddy", &error);
            assert_eq!(ended, (text.to_owned(), code));
        }
    }

    #[test]
    fn programs_get_the_name_of_what_failed_on_a_line_of_its_own() {
        let evil = "\u{1b}]0;owned\u{7}\n{}";
        let error = anyhow::Error::new(Failure::new(evil).named("evil").help("ask")).context("a");
        let (text, code) = verdict(Readers::Programs, "buddy", &error);
        let (people, object) = text.trim_end().rsplit_once('\n').expect("several lines");
        assert_eq!(
            people.to_owned() + "\n",
            verdict(Readers::People, "buddy", &error).0
        );
        let object: serde_json::Value = serde_json::from_str(object).expect("JSON");
        let what = r"buddy: a: \u{1b}]0;owned\u{7}\n{}";
        assert_eq!(
            object,
            json!({ "error": "evil", "text": what, "help": ["ask"] })
        );
        assert_eq!(code, 1);
        let lost = anyhow::Error::from(Interrupted::Int).context("2 messages were not sent");
        let (text, _) = verdict(Readers::Programs, "buddy", &lost);
        assert!(text.contains(r#""error":"interrupted""#), "{text}");
    }
}
