//! Line mode: a line in is a message, a message is a line out.
//!
//! Reading and writing block, so each has a thread of its own. A runtime that read stdin itself
//! could not end before the next line comes.

use std::fs::File;
use std::future::pending;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::{Arc, OnceLock};
use std::thread;

use common::chat::Kind;
use common::cli::Failure;
use futures::FutureExt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::client::Console;
use crate::command::Manner;
use crate::completion::Completion;
use crate::config::Style;
use crate::effect::{Output, is_message};
use crate::format::{Days, json, text};

/// Lines read ahead of the conversation, and outputs printed behind it.
const AHEAD: usize = 64;

/// The most that is read of one line, in bytes. A longer one cannot be a message, so what is cut
/// off is refused with the rest.
const MAX_LINE: u64 = 64 * 1024;

/// How reading and printing end.
pub(crate) struct Ends {
    /// Ends when all is printed: when all senders of outputs are gone, or stdout is closed.
    pub(crate) printed: JoinHandle<io::Result<()>>,
    /// Why stdin could not be read to its end, if it could not.
    pub(crate) read: Arc<OnceLock<io::Error>>,
}

/// Returns the error of a stdin or a stdout that failed. A closed pipe is none, because its reader
/// has what it wanted.
///
/// # Errors
/// If one failed, or the task that printed has panicked.
pub(crate) fn failure(
    printed: Option<Result<io::Result<()>, JoinError>>,
    read: &OnceLock<io::Error>,
) -> anyhow::Result<()> {
    match printed {
        Some(Ok(Err(error))) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::new(format!("cannot write: {error}")).into());
        }
        Some(Err(panic)) => return Err(Failure::new(format!("cannot write: {panic}")).into()),
        _ => {}
    }
    match read.get() {
        Some(error) => Err(Failure::new(format!("cannot read: {error}")).into()),
        None => Ok(()),
    }
}

/// Opens stdin and stdout. Lines may be commands only if `has_commands`.
pub(crate) fn open(style: Style, has_commands: bool) -> (Console, Ends) {
    let (outputs, mut receiver) = mpsc::channel(AHEAD);
    let printed = spawn_blocking(move || {
        let mut days = Days::default();
        while let Some(output) = receiver.blocking_recv() {
            print(&output, style, &mut days)?;
        }
        Ok(())
    });
    let read_end = Arc::new(OnceLock::new());
    let (sender, lines) = mpsc::channel(AHEAD);
    let reader_gone = if has_nothing_to_say() {
        reader_gone(sender).boxed()
    } else {
        let end = read_end.clone();
        thread::spawn(move || {
            if let Err(error) = read(io::stdin(), &sender) {
                let _ = end.set(error); // which only this thread does
            }
        });
        pending().boxed()
    };
    let console = Console {
        lines,
        outputs,
        completion: Completion::default(),
        manner: if has_commands {
            Manner::Commanded
        } else {
            Manner::Piped
        },
        reader_gone,
    };
    let ends = Ends {
        printed,
        read: read_end,
    };
    (console, ends)
}

/// Reads lines until the end, or until they are not wanted any more.
fn read(input: impl Read, lines: &mpsc::Sender<String>) -> io::Result<()> {
    let mut input = BufReader::new(input);
    while let Some(line) = line(&mut input)?
        && lines.blocking_send(line).is_ok()
    {}
    Ok(())
}

fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if input.take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if !bytes.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Returns whether the input is `/dev/null`: a listener with nothing to say, as opposed to an
/// input that has ended.
fn has_nothing_to_say() -> bool {
    let metadata = |file: io::Result<File>| file.and_then(|file| file.metadata()).ok();
    let input = metadata(io::stdin().as_fd().try_clone_to_owned().map(File::from));
    let null = metadata(File::open("/dev/null"));
    let (Some(input), Some(null)) = (input, null) else {
        return false;
    };
    input.file_type().is_char_device() && input.rdev() == null.rdev()
}

/// Ends when stdout has no reader any more (`| grep -m 1` has found it). Without it, a write would
/// report that only at the next message. Keeps `_lines` open, because a listener's never end.
async fn reader_gone(_lines: mpsc::Sender<String>) {
    let gone = spawn_blocking(|| {
        let out = io::stdout();
        // No event is asked for, so that it waits only for those that are always reported: an
        // error, or a hang-up.
        let mut out = [PollFd::new(&out, PollFlags::empty())];
        while poll(&mut out, None) == Err(Errno::INTR) {}
        out[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
    });
    if !gone.await.is_ok_and(|gone| gone) {
        pending().await
    }
}

/// Prints messages on stdout and everything else on stderr. Who comes and goes is not printed,
/// because no program reads it and a person who does is in a terminal.
///
/// # Errors
/// If stdout cannot be written. A closed stderr is not an error, because no program reads it.
fn print(output: &Output, style: Style, days: &mut Days) -> io::Result<()> {
    let note = |line: &str| drop(writeln!(io::stderr(), "-- {line}"));
    let shown = match output {
        Output::Status(status) => {
            note(status.as_str());
            return Ok(());
        }
        Output::Prompt(_) => return Ok(()),
        Output::Entry(shown) => shown,
    };
    if !is_message(&shown.entry) {
        // A reason why one has left is more than a coming or going.
        if shown.entry.kind == Kind::Left && !shown.entry.body.is_empty() {
            note(&text(shown));
        }
        return Ok(());
    }
    let line = match style {
        Style::Json => json(shown),
        Style::Lines => {
            let day = days.change(shown.entry.at_ms);
            day.into_iter().for_each(|day| note(&day));
            text(shown)
        }
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_printer_that_panicked_is_a_failure_and_a_reader_that_left_is_none() {
        let panicked = spawn_blocking(|| panic!("a bad time")).await;
        let error = failure(Some(panicked), &OnceLock::new()).expect_err("nothing was printed");
        assert!(error.to_string().contains("a bad time"), "{error}");
        let left = Ok(Err(io::ErrorKind::BrokenPipe.into()));
        assert!(failure(Some(left), &OnceLock::new()).is_ok());
    }

    #[test]
    fn a_line_of_any_length_is_one_line() {
        let long = "x".repeat(100_000);
        let text = format!("a\n{long}\nb");
        let mut input = BufReader::new(text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = line(&mut input).expect("memory") {
            lines.push(line.len());
        }
        assert_eq!(lines, [2, MAX_LINE as usize, 1]);
    }
}
