//! Lines out: to stdout, to stderr, or into memory.
//!
//! All of a buddy runs on one thread, so that no verse has to wake another. A write that has to
//! wait (for the reader of a pipe, or after Ctrl-S) must not be made on it, because the heartbeat
//! would stop. It gets a thread of its own, and the song waits for it as for a long verse.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

/// Writes whole lines.
#[derive(Clone)]
pub struct LineWriter {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    /// whether a line that is written now may have to wait
    is_slow: fn() -> bool,
}

impl LineWriter {
    /// A writer to a place that never makes it wait, such as memory.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self::careful(to, || false)
    }

    /// A writer to stdout.
    pub fn stdout() -> Self {
        Self::careful(io::stdout(), || !has_room(io::stdout()))
    }

    /// A writer to stderr.
    pub fn stderr() -> Self {
        Self::careful(io::stderr(), || !has_room(io::stderr()))
    }

    fn careful(to: impl Write + Send + 'static, is_slow: fn() -> bool) -> Self {
        Self {
            to: Arc::new(Mutex::new(Box::new(to))),
            is_slow,
        }
    }

    /// Writes `text` and a newline in one piece, because several buddies may share a terminal.
    pub(crate) async fn line(&self, mut text: String) -> io::Result<()> {
        text.push('\n');
        if !(self.is_slow)() {
            return self.write(&text);
        }
        let writer = self.clone();
        let written = spawn_blocking(move || writer.write(&text)).await;
        written.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(text.as_bytes())?;
        to.flush()
    }
}

/// Whether a line can be written at once. That holds for any pipe that polls as writable, because
/// POSIX promises room for 512 bytes there, and Linux for 4096.
fn has_room(to: impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ready = poll(&mut [PollFd::new(&to, PollFlags::OUT)], Some(&now));
    ready.is_ok_and(|count| count > 0)
}
