//! Lines out: to stdout, to stderr, or into memory.
//!
//! All of a buddy runs on one thread, so that no verse has to wake another. A write that has to
//! wait (for the reader of a pipe, or after Ctrl-S) must not be made on it, because the heartbeat
//! would stop. It gets a thread of its own, and the song waits for it as for a long verse.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::task::spawn_blocking;

/// Writes whole lines.
#[derive(Clone)]
pub struct LineWriter(Arc<To>);

/// Where lines go.
enum To {
    Memory(Mutex<Box<dyn Write + Send>>),
    /// a file, a pipe or a terminal
    File(File),
}

impl LineWriter {
    /// A writer to a place that never makes it wait, such as memory.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self(Arc::new(To::Memory(Mutex::new(Box::new(to)))))
    }

    /// A writer to stdout.
    ///
    /// # Errors
    /// If the process has no file descriptor left.
    pub fn stdout() -> io::Result<Self> {
        Self::over(io::stdout())
    }

    /// A writer to stderr.
    ///
    /// # Errors
    /// If the process has no file descriptor left.
    pub fn stderr() -> io::Result<Self> {
        Self::over(io::stderr())
    }

    fn over(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd().try_clone_to_owned()?;
        Ok(Self(Arc::new(To::File(fd.into()))))
    }

    /// Writes `text` and a newline in one piece, because several buddies may share a terminal.
    pub(crate) async fn line(&self, mut text: String) -> io::Result<()> {
        text.push('\n');
        let written = self.write_now(&text)?;
        self.finish(text, written).await
    }

    /// Writes `line`, which ends with a newline, unless that has to wait. Returns how many bytes
    /// were written: all or none, but for a file that is full.
    pub(crate) fn write_now(&self, line: &str) -> io::Result<usize> {
        match &*self.0 {
            To::File(file) => write_now(file, line.as_bytes()),
            To::Memory(_) => self.write(line.as_bytes()).map(|()| line.len()),
        }
    }

    /// Writes what is left of `line` after the bytes that were `written`, however long that takes.
    pub(crate) async fn finish(&self, line: String, written: usize) -> io::Result<()> {
        if written == line.len() {
            return Ok(());
        }
        let writer = self.clone();
        let rest = move || writer.write(&line.as_bytes()[written..]);
        let written = spawn_blocking(rest).await;
        written.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match &*self.0 {
            To::File(file) => (&*file).write_all(bytes),
            To::Memory(to) => {
                let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
                to.write_all(bytes)?;
                to.flush()
            }
        }
    }
}

/// Writes `line` with one system call where the kernel can refuse to wait. It can for pipes and
/// most files; a terminal is asked first.
fn write_now(mut file: &File, line: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{ReadWriteFlags, pwritev2};
        /// At the position of the file, which it moves on.
        const HERE: u64 = u64::MAX;
        let lines = [io::IoSlice::new(line)];
        if let Ok(written) = pwritev2(file, &lines, HERE, ReadWriteFlags::NOWAIT) {
            return Ok(written);
        }
    }
    if has_room(file) {
        file.write_all(line)?;
        return Ok(line.len());
    }
    Ok(0)
}

/// Whether a line can be written at once. That holds for any pipe that polls as writable, because
/// POSIX promises room for 512 bytes there, and Linux for 4096.
fn has_room(file: &File) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ready = poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&now));
    ready.is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, pipe};

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_line_waits_for_the_reader_of_a_full_pipe_and_nothing_else_does() {
        let (reader, writer) = pipe().expect("a pipe");
        let lines = LineWriter::over(&writer).expect("a descriptor");
        drop(writer);
        let text = |n: usize| format!("{n} {}", "bottles".repeat(100));
        let write = |n| {
            let lines = lines.clone();
            Box::pin(async move { lines.line(text(n)).await })
        };
        let mut count = 0;
        // The only thread: a write that waits for the reader on it would never come back.
        let mut last = loop {
            let mut line = write(count);
            count += 1;
            match line.as_mut().now_or_never() {
                Some(written) => written.expect("written"),
                None => break line,
            }
        };
        assert!(count > 5, "a pipe has room for some: {count}");
        assert!(last.as_mut().now_or_never().is_none(), "it is still full");
        let read = std::thread::spawn(move || {
            let lines = BufReader::new(reader).lines().take(count);
            lines.map(|line| line.expect("text")).collect::<Vec<_>>()
        });
        last.await.expect("written");
        let read = read.join().expect("no panic");
        assert_eq!(read, Vec::from_iter((0..count).map(text)), "each whole");
    }
}
