//! The two ends: a thread that reads lines, a thread that writes them.
//!
//! Plain threads, because reading from a terminal or a pipe blocks for as long as it likes: a
//! runtime's own thread would keep the program from ending, this one does not. The channels
//! between are short, so a slow reader of ours slows the work and fills no memory.

use std::io::{self, Read, Write};
use std::thread;

use common::cli::Failure;
use tokio::sync::{mpsc, oneshot};

use crate::lines::{Cleaner, MAX_LINE};

/// Bytes for one read: as much as a pipe holds.
const READ_SIZE: usize = 64 * 1024;

/// Blocks on their way from the reader and to the writer. The queue reads ahead by itself.
const BLOCKS: usize = 4;

/// What comes from the input.
#[derive(Debug)]
pub enum Input {
    /// Whole lines.
    Lines(String),
    /// All was read.
    End(End),
}

/// How the input ended.
#[derive(Debug)]
pub struct End {
    /// Lines in which bytes were replaced that are no UTF-8.
    pub replaced: u64,
    /// Why it ended before its end, if so.
    pub stopped: Option<Stopped>,
}

/// Why reading stopped early.
#[derive(Debug)]
pub enum Stopped {
    /// The line of this number, from 1, is too long.
    TooLong(u64),
    /// The system would not let us.
    Failed(io::Error),
}

/// Reads `input` to its end, or until nobody listens any more.
pub fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(BLOCKS);
    thread::spawn(move || read_all(input, &sender));
    receiver
}

fn read_all(mut input: impl Read, sender: &mpsc::Sender<Input>) {
    let mut cleaner = Cleaner::default();
    let mut buffer = vec![0; READ_SIZE];
    let stopped = loop {
        let (lines, over) = match input.read(&mut buffer) {
            Ok(0) => (cleaner.end(), Some(None)),
            Ok(n) => (cleaner.push(&buffer[..n]), None),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => (cleaner.end(), Some(Some(Stopped::Failed(e)))),
        };
        if !lines.is_empty() && sender.blocking_send(Input::Lines(lines)).is_err() {
            return;
        }
        if let Some(line) = cleaner.too_long() {
            break Some(Stopped::TooLong(line));
        }
        if let Some(stopped) = over {
            break stopped;
        }
    };
    let replaced = cleaner.replaced();
    // If nobody listens any more, nobody misses it.
    let _ = sender.blocking_send(Input::End(End { replaced, stopped }));
}

/// The way to the output.
#[derive(Debug)]
pub struct Output {
    blocks: Option<mpsc::Sender<String>>,
    result: oneshot::Receiver<io::Result<()>>,
}

/// Writes what is sent to the returned [`Output`] to `output`, each block at once.
pub fn write(mut output: impl Write + Send + 'static) -> Output {
    let (blocks, mut receiver) = mpsc::channel::<String>(BLOCKS);
    let (sender, result) = oneshot::channel();
    thread::spawn(move || {
        let mut write_all = || {
            while let Some(block) = receiver.blocking_recv() {
                output.write_all(block.as_bytes())?;
                output.flush()?;
            }
            Ok(())
        };
        // If nobody waits for the result, nobody misses it.
        let _ = sender.send(write_all());
    });
    Output {
        blocks: Some(blocks),
        result,
    }
}

impl Output {
    /// Waits until there is room for a block; none if the output failed.
    pub async fn room(&self) -> Option<mpsc::Permit<'_, String>> {
        self.blocks.as_ref()?.reserve().await.ok()
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// Why the output failed, a reader who went away (`| head`) included.
    pub async fn finish(mut self) -> io::Result<()> {
        self.blocks = None;
        self.result.await.unwrap_or(Ok(()))
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::TooLong(line) => {
                let what = format!("line {line} is longer than {MAX_LINE} bytes");
                Self::new(what).help("the lines before it were done; split or remove this one")
            }
            Stopped::Failed(error) => Self::new(format!("cannot read the list: {error}")),
        }
    }
}
