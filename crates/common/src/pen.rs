//! Writes a [journal](crate::journal): a handle that programs hand on, and the file behind it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fmt, process};

use rand::RngExt;
use tokio::net::TcpListener;

use crate::cli::{Failure, Interrupted};
use crate::journal::{Event, Hex, Line, VERSION};

/// Most bytes of a journal, about a million lines. That is below what Linux lets a process write
/// before it must wait for the disk on the smallest machine in use (a tenth of 1 GiB), so that a
/// line costs a copy and never a wait.
pub const LIMIT: u64 = 64 << 20;

/// Most journals in a folder. In a full one a program writes none, because a service that is
/// restarted for ever must not fill the disk.
pub const MAX_JOURNALS: usize = 64;

/// Room for the line that says that the journal is cut.
const CUT_ROOM: u64 = 64;

/// The clock on the wall is written when it was last written so long ago.
const WALL_EVERY: Duration = Duration::from_secs(1);

/// How near two readings are near enough, and most readings for that: a reading takes less than a
/// microsecond, and a longer pause hardly comes eight times in a row.
const NEAR: Duration = Duration::from_micros(5);
const READINGS: usize = 8;

/// Writes a journal, or none: the default. It is cheap to clone.
#[derive(Clone, Default)]
pub struct Pen(Option<Arc<Mutex<Sheet>>>);

impl Pen {
    /// Writes nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Begins a journal of `program` in the folder `dir`, which is made if need be. Returns none
    /// if the folder is full. A relative `dir` is below `STATE_DIRECTORY`, if systemd has set it,
    /// so that one setting does for all units.
    ///
    /// # Errors
    /// If the folder or the file cannot be made, because the user has asked for it.
    pub fn begin(dir: &Path, program: &str, name: Option<String>) -> Result<Self, Failure> {
        let dir = env::var_os("STATE_DIRECTORY")
            .map_or_else(|| dir.into(), |state| Path::new(&state).join(dir));
        let failed = |error: io::Error| {
            Failure::new(format!(
                "cannot write a journal in {}: {error}",
                dir.display()
            ))
            .help("--journal, or LAB_JOURNAL, names a folder that you may write in")
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(failed)?;
        if fs::read_dir(&dir).map_err(failed)?.count() >= MAX_JOURNALS {
            let dir = dir.display();
            tracing::warn!("no journal is written, because {dir} has {MAX_JOURNALS} files already");
            return Ok(Self::default());
        }
        let life = Hex(rand::rng().random::<u64>().into());
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(dir.join(format!("{program}-{life}.jsonl")))
            .map_err(failed)?;
        let pen = Self(Some(Arc::new(Mutex::new(Sheet::new(file)))));
        pen.note(|| Event::Begin {
            v: VERSION,
            program: program.to_owned(),
            life,
            host: host(),
            machine: machine(),
            pid: process::id(),
            name,
        });
        Ok(pen)
    }

    /// Writes where the program listens.
    pub fn listens(&self, listener: &TcpListener) {
        if let Ok(address) = listener.local_addr() {
            let address = address.to_string();
            self.note(|| Event::Listen { address });
        }
    }

    /// Writes how the program ends: `done`, or its error, or that it was stopped by a signal.
    pub fn end(&self, done: &str, result: &anyhow::Result<()>) {
        self.note(|| Event::End {
            why: match result {
                Ok(()) => done.to_owned(),
                Err(error) if error.is::<Interrupted>() => "stopped".to_owned(),
                Err(error) => format!("{error:#}"),
            },
        });
    }

    /// Returns whether anything is written.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes what `event` returns. Without a journal it is not even called.
    #[inline]
    pub fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(sheet) = &self.0 {
            // Before the lock, because others wait for it.
            let event = event();
            sheet
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(event);
        }
    }
}

/// Does not show the file, because a configuration may end up in a log.
impl fmt::Debug for Pen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Pen(on)" } else { "Pen(off)" })
    }
}

/// Writes lines into a file until it is full.
struct Sheet {
    file: File,
    line: Vec<u8>,
    left: u64,
    begun: Instant,
    wall_due: Instant,
}

impl Sheet {
    fn new(file: File) -> Self {
        let now = Instant::now();
        Self {
            file,
            line: Vec::with_capacity(512),
            left: LIMIT - CUT_ROOM,
            begun: now,
            wall_due: now,
        }
    }

    fn write(&mut self, event: Event) {
        if self.left == 0 {
            return;
        }
        let mut now = Instant::now();
        let mut w = None;
        if now >= self.wall_due {
            let wall;
            (now, wall) = both_clocks();
            self.wall_due = now + WALL_EVERY;
            w = Some(micros(wall));
        }
        let t = micros(now - self.begun);
        self.format(&Line { t, w, event });
        let size = self.line.len() as u64;
        self.left = if size < self.left {
            self.left - size
        } else {
            self.format(&Line {
                t,
                w: None,
                event: Event::Cut,
            });
            0
        };
        if let Err(error) = self.file.write_all(&self.line) {
            tracing::warn!("the journal ends here, because it cannot be written: {error}");
            self.left = 0;
        }
    }

    fn format(&mut self, line: &Line) {
        self.line.clear();
        // Cannot fail, because a line has text keys only and a `Vec` takes all.
        let _ = serde_json::to_writer(&mut self.line, line);
        self.line.push(b'\n');
    }
}

/// Returns both clocks as they were at the same moment, as nearly as can be. A process may lose the
/// processor between two readings, so that the nearest of some are taken.
fn both_clocks() -> (Instant, Duration) {
    let read = || {
        let before = Instant::now();
        let wall = SystemTime::now();
        (before.elapsed(), before, wall)
    };
    let mut nearest = read();
    for _ in 1..READINGS {
        if nearest.0 <= NEAR {
            break;
        }
        nearest = nearest.min(read());
    }
    let (_, now, wall) = nearest;
    (now, wall.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// One boot of one machine, because its processes share a clock. The first part of the boot's id
/// is enough to tell the machines of a lab apart.
fn machine() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| host(), |id| id.chars().take(8).collect())
}

#[cfg(test)]
mod tests;
