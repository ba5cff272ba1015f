//! Line mode: a line in is a message, a message is a line out.
//!
//! Reading and writing block, so each has a thread of its own. A runtime that read stdin itself
//! could not end before the next line comes.

use std::fs::File;
use std::future::pending;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::thread;

use futures::FutureExt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot};

use crate::client::Console;
use crate::completion::Completion;
use crate::config::Style;
use crate::effect::{Output, is_message};
use crate::format::{json, text};

/// Lines read ahead of the conversation, and outputs printed behind it.
const AHEAD: usize = 64;

/// The most that is read of one line, in bytes. A longer one cannot be a message, so what is cut
/// off is refused with the rest.
const MAX_LINE: u64 = 64 * 1024;

/// Opens stdin and stdout. Returns them, and what ends when all is printed.
pub(crate) fn open(style: Style) -> (Console, oneshot::Receiver<()>) {
    let (outputs, printed) = print(style);
    let (lines, reader_gone) = if has_nothing_to_say() {
        let (no_lines, lines) = mpsc::channel(1);
        let reader_gone = async move {
            let _open = no_lines; // because the input of a listener never ends
            reader_gone().await
        };
        (lines, reader_gone.boxed())
    } else {
        (read(io::stdin()), pending().boxed())
    };
    let console = Console {
        lines,
        outputs,
        completion: Completion::default(),
        reader_gone,
    };
    (console, printed)
}

/// Reads lines until the end.
fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (lines, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let mut input = BufReader::new(input);
        while let Ok(Some(line)) = line(&mut input) {
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
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
/// report that only at the next message.
async fn reader_gone() {
    let (sender, gone) = oneshot::channel();
    thread::spawn(move || {
        let out = io::stdout();
        // No event is asked for, so that it waits only for those that are always reported: an
        // error, or a hang-up.
        let mut out = [PollFd::new(&out, PollFlags::empty())];
        while poll(&mut out, None) == Err(Errno::INTR) {}
        let _ = sender.send(out[0].revents().intersects(PollFlags::ERR | PollFlags::HUP));
    });
    if gone.await != Ok(true) {
        pending().await
    }
}

/// Prints messages on stdout and everything else on stderr, each as it comes, until stdout is
/// closed or all senders are gone. The receiver reports when all is printed.
fn print(style: Style) -> (mpsc::Sender<Output>, oneshot::Receiver<()>) {
    let (outputs, mut receiver) = mpsc::channel(AHEAD);
    let (done, printed) = oneshot::channel();
    thread::spawn(move || {
        while let Some(output) = receiver.blocking_recv() {
            if write(&output, style).is_err() {
                break;
            }
        }
        let _ = done.send(());
    });
    (outputs, printed)
}

/// # Errors
/// If stdout is closed. A closed stderr is not an error, because it is no one's input.
fn write(output: &Output, style: Style) -> io::Result<()> {
    let aside = match output {
        Output::Entry(entry, room, here) if is_message(entry) => {
            let line = match style {
                Style::Json => json(entry, room),
                Style::Lines => text(entry, room, *here),
            };
            let mut out = io::stdout().lock();
            return writeln!(out, "{line}").and_then(|()| out.flush());
        }
        Output::Entry(entry, room, here) => text(entry, room, *here),
        Output::Status(status) => status.to_string(),
    };
    let _ = writeln!(io::stderr(), "-- {aside}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
