//! The processes that are measured, and how they are timed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::program::{Program, signal};

/// A server's process. Dropping this value ends it.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) addr: String,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut program = Program::start(command);
        let addr = program.ready();
        Self { program, addr }
    }

    /// Ends it in order, and returns the seconds that it reports as its work.
    pub(crate) fn finish(self) -> anyhow::Result<f64> {
        signal(&self.program.child, "TERM");
        let said = self.program.end().stderr;
        let line = said.lines().find(|line| line.contains(" words for "));
        let seconds = line.and_then(|line| line.rsplit(' ').next());
        let seconds = seconds.context("no report of its work")?;
        Ok(seconds.trim_end_matches('s').parse()?)
    }
}

pub(crate) struct Bench {
    bin: PathBuf,
    pub(crate) dir: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let examples = std::env::current_exe()?;
        let bin = examples
            .ancestors()
            .nth(2)
            .context("target/release/examples/bench")?;
        let dir = bin.join("bench-secret");
        fs::create_dir_all(&dir)?;
        Ok(Self {
            bin: bin.to_owned(),
            dir,
        })
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }

    pub(crate) fn server(&self, flags: &[&str]) -> Server {
        let mut command = self.command("secret-server");
        Server::start(command.args(["-v", "--listen", "127.0.0.1:0"]).args(flags))
    }

    pub(crate) fn client(&self, addr: &str, flags: &[&str]) -> Command {
        let mut command = self.command("secret-client");
        command
            .args(["--server", addr])
            .args(flags)
            .stderr(Stdio::null());
        command
    }

    /// Writes a list of random words of 2 to 13 letters, and returns its path.
    pub(crate) fn list(&self, words: usize) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(format!("{words}-words"));
        let mut dice = 1_u64;
        let mut letters = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice >> 33
        };
        let mut text = String::new();
        for _ in 0..words {
            let length = 2 + letters() % 12;
            text.extend((0..length).map(|_| char::from(b'a' + (letters() % 26) as u8)));
            text.push('\n');
        }
        fs::write(&path, text)?;
        Ok(path)
    }
}

pub(crate) fn timed(command: &mut Command) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let status = command.status()?;
    let took = begun.elapsed();
    ensure!(status.success(), "{command:?} failed");
    Ok(took)
}

/// Returns the peak resident memory of a running process in MiB, on Linux.
pub(crate) fn peak_memory(process: u32) -> Option<f64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
