//! The two ends: a thread that reads lines, a thread that writes them.
//!
//! Plain threads, because reading from a terminal or a pipe may block for ever. A runtime's own
//! thread would then keep the program from ending; a plain thread does not. The channels are short,
//! so that a slow reader of the answers slows the work and does not fill the memory.

use std::io::{self, Read, Write};
use std::thread;

use common::cli::Failure;
use tokio::sync::{mpsc, oneshot};

use crate::lines::{Cleaner, MAX_LINE};

/// Bytes for one read: most of what a pipe holds. Together with the line that the read before it
/// cut, it is shorter than [`MAX_LINE`] where lines are words, and is then cleaned in one pass.
const READ_SIZE: usize = MAX_LINE - 4 * 1024;

/// Texts that wait in the channel from the reader, and in the channel to the writer. A few are
/// enough, because the queue reads ahead by itself.
const WAITING: usize = 4;

/// What comes from the input.
#[derive(Debug)]
pub(crate) enum Input {
    /// Whole lines.
    Lines(String),
    /// One text, line breaks included, as the only word.
    One(String),
    /// No more comes.
    End {
        /// The number of lines in which bytes were replaced that are not UTF-8.
        replaced: u64,
        /// Why reading stopped before the end, if it did.
        failure: Option<Failure>,
    },
}

/// Returns an input that is this one text.
pub(crate) fn one(text: String) -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let end = Input::End {
        replaced: 0,
        failure: None,
    };
    for input in [Input::One(text), end] {
        // Never an error, because there is room for both and the receiver is here.
        let _ = sender.try_send(input);
    }
    receiver
}

/// Reads `input` to its end, or until the returned receiver is dropped.
pub(crate) fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(WAITING);
    thread::spawn(move || read_all(input, &sender));
    receiver
}

fn read_all(mut input: impl Read, sender: &mpsc::Sender<Input>) {
    let mut cleaner = Cleaner::default();
    let mut buffer = vec![0; READ_SIZE];
    let failure = loop {
        let (lines, end) = match input.read(&mut buffer) {
            Ok(0) => (cleaner.end(), Some(None)),
            Ok(n) => (cleaner.push(&buffer[..n]), None),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => {
                let failure = Failure::new(format!("cannot read the list: {e}"));
                (cleaner.end(), Some(Some(failure)))
            }
        };
        if !lines.is_empty() && sender.blocking_send(Input::Lines(lines)).is_err() {
            return;
        }
        if let Some(line) = cleaner.too_long {
            let what = format!("line {line} is longer than {MAX_LINE} bytes");
            let help = "the lines before it were done; split or remove this one";
            break Some(Failure::new(what).help(help));
        }
        if let Some(failure) = end {
            break failure;
        }
    };
    let replaced = cleaner.replaced;
    // It fails if the receiver was dropped, because the work is then over.
    let _ = sender.blocking_send(Input::End { replaced, failure });
}

/// The way to the output.
#[derive(Debug)]
pub(crate) struct Output {
    texts: mpsc::Sender<String>,
    result: oneshot::Receiver<io::Result<()>>,
}

/// Writes each text that is sent to the returned [`Output`] to `output` at once.
pub(crate) fn write(mut output: impl Write + Send + 'static) -> Output {
    let (texts, mut receiver) = mpsc::channel::<String>(WAITING);
    let (sender, result) = oneshot::channel();
    thread::spawn(move || {
        let mut write_all = || {
            while let Some(text) = receiver.blocking_recv() {
                output.write_all(text.as_bytes())?;
                output.flush()?;
            }
            Ok(())
        };
        // It fails if the result is no longer wanted, because the program is interrupted.
        let _ = sender.send(write_all());
    });
    Output { texts, result }
}

impl Output {
    /// Waits until there is room for a text. Returns `None` if the output failed.
    pub(crate) async fn room(&self) -> Option<mpsc::Permit<'_, String>> {
        self.texts.reserve().await.ok()
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// Why the output failed. That its reader went away (`| head`) is such a failure.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.texts);
        self.result.await.unwrap_or(Ok(()))
    }
}
