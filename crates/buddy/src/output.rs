//! Where a buddy is heard: a pen for its verses and one for what else it has to say.
//!
//! All of a buddy runs on one thread, which saves waking others for every verse. So a write that
//! would have to wait (nobody reads the pipe, the terminal was stopped with Ctrl-S) must not be
//! made on it: the heartbeat would stop, and the others would take the buddy for gone. Such a
//! write gets a thread of its own, and the song waits for it as for a long verse.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

/// Where a buddy is heard.
pub struct Stage {
    /// Its verses.
    pub song: LineWriter,
    /// Everything else it has to say.
    pub notices: LineWriter,
}

/// Writes whole lines.
#[derive(Clone)]
pub struct LineWriter {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    /// whether a line written now may have to wait
    is_slow: fn() -> bool,
}

impl LineWriter {
    /// To somewhere that never makes it wait, such as memory.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self::careful(to, || false)
    }

    /// To stdout.
    pub fn stdout() -> Self {
        Self::careful(io::stdout(), || !has_room(io::stdout()))
    }

    /// To stderr.
    pub fn stderr() -> Self {
        Self::careful(io::stderr(), || !has_room(io::stderr()))
    }

    fn careful(to: impl Write + Send + 'static, is_slow: fn() -> bool) -> Self {
        Self {
            to: Arc::new(Mutex::new(Box::new(to))),
            is_slow,
        }
    }

    /// Writes `text` and a line's end in one piece: several buddies may share a terminal.
    pub(crate) async fn line(&self, mut text: String) -> io::Result<()> {
        text.push('\n');
        if !(self.is_slow)() {
            return self.write(&text);
        }
        let pen = self.clone();
        let written = spawn_blocking(move || pen.write(&text)).await;
        written.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(text.as_bytes())?;
        to.flush()
    }
}

/// Whether a line can be written at once. POSIX promises that for up to 512 bytes to a pipe that
/// polls as writable, Linux for 4096.
#[cfg(unix)]
fn has_room(to: impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ready = poll(&mut [PollFd::new(&to, PollFlags::OUT)], Some(&now));
    ready.is_ok_and(|count| count > 0)
}

#[cfg(not(unix))]
fn has_room<T>(_: T) -> bool {
    false
}
