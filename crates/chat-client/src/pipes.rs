//! Line mode: a line in is a message, a message is a line out.
//!
//! Reading and writing block, so each has a thread of its own; a runtime that reads stdin itself
//! could not end before the next line comes.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::client::{Show, Style};
use crate::cursors::is_message;
use crate::format::{json, text};

/// Lines read ahead of the conversation, and messages printed behind it.
const AHEAD: usize = 64;

/// The most that is read of one line, in bytes. A longer one cannot be a message, so what is cut
/// off is refused with the rest.
const MAX_LINE: u64 = 64 * 1024;

/// Reads lines until the end.
pub(crate) fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<String> {
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

/// Whether the input is `/dev/null`: somebody who has nothing to say, as opposed to an input that
/// has ended.
#[cfg(unix)]
pub(crate) fn has_nothing_to_say() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let metadata = |file: io::Result<File>| file.and_then(|file| file.metadata()).ok();
    let input = metadata(io::stdin().as_fd().try_clone_to_owned().map(File::from));
    let null = metadata(File::open("/dev/null"));
    let (Some(input), Some(null)) = (input, null) else {
        return false;
    };
    input.file_type().is_char_device() && input.rdev() == null.rdev()
}

#[cfg(not(unix))]
pub(crate) fn has_nothing_to_say() -> bool {
    false
}

/// Returns when nobody can read stdout any more (`| grep -m 1` has found it), which a write would
/// only tell at the next message.
#[cfg(unix)]
pub(crate) async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, poll};
    let (sender, gone) = oneshot::channel();
    thread::spawn(move || {
        let out = io::stdout();
        // Asked for nothing, it waits for what is always told: an error, or a hang-up.
        let mut out = [PollFd::new(&out, PollFlags::empty())];
        while poll(&mut out, None) == Err(rustix::io::Errno::INTR) {}
        let _ = sender.send(out[0].revents().intersects(PollFlags::ERR | PollFlags::HUP));
    });
    if gone.await != Ok(true) {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
pub(crate) async fn reader_gone() {
    std::future::pending().await
}

/// Prints messages on stdout and everything else on stderr, each as it comes. Ends when stdout is
/// closed, and when all is printed and nobody sends any more; the receiver tells when that is.
pub(crate) fn print(style: Style) -> (mpsc::Sender<Show>, oneshot::Receiver<()>) {
    let (show, mut shows) = mpsc::channel(AHEAD);
    let (done, printed) = oneshot::channel();
    thread::spawn(move || {
        while let Some(show) = shows.blocking_recv() {
            let printed = match show {
                Show::Entry(entry, room, here) if is_message(&entry) => {
                    let line = match style {
                        Style::Json => json(&entry, &room),
                        Style::Lines => text(&entry, &room, here),
                    };
                    let mut out = io::stdout().lock();
                    writeln!(out, "{line}").and_then(|()| out.flush())
                }
                Show::Entry(entry, room, here) => {
                    let _ = writeln!(io::stderr(), "-- {}", text(&entry, &room, here));
                    Ok(())
                }
                Show::Status(text) => {
                    let _ = writeln!(io::stderr(), "-- {text}");
                    Ok(())
                }
            };
            if printed.is_err() {
                break;
            }
        }
        let _ = done.send(());
    });
    (show, printed)
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
