//! Rings of real processes: started, killed, stopped, restarted, and heard to the end.
//!
//! All write to one file, which is opened for appending, so that its lines are in the order in
//! which they were written. What is done to the processes is noted among them. A line that begins
//! with `Buddy` is sung, one that begins with `#` is ours, and the others are notices.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{closed, signal};

/// How long a test waits before it looks again.
const GLANCE: Duration = Duration::from_millis(2);

/// The longest wait: far above what the slowest machine needs.
const FOR_EVER: Duration = Duration::from_secs(120);

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Ring::start_all, Ring::sung, Ring::signal, Ring::read_pipe);
    let _ = is_sung;
    let _ = |ring: &Ring| (ring.journals.clone(), ring.key);
};

/// Buddies in a ring. Numbers count from 1, as in the song.
pub(crate) struct Ring {
    addresses: Vec<String>,
    flags: Vec<String>,
    lives: Vec<Option<Child>>,
    path: PathBuf,
    /// where the buddies keep journals
    pub(crate) journals: PathBuf,
    file: File,
    /// writes its verses to a pipe instead
    pub(crate) piped: Option<usize>,
    /// the lab's key of all that are started without one of their own
    pub(crate) key: Option<&'static str>,
}

impl Ring {
    /// `size` buddies in a ring, with `flags` for each. None is up yet.
    pub(crate) fn of(size: usize, flags: &[&str]) -> Self {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let count = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("buddies-{}-{count}", id()));
        let mut options = OpenOptions::new();
        let file = options.create_new(true).append(true).open(&path);
        Self {
            addresses: (0..size).map(|_| closed()).collect(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            lives: (0..size).map(|_| None).collect(),
            journals: path.with_extension("journals"),
            path,
            file: file.expect("a file of our own"),
            piped: None,
            key: None,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.addresses.len()
    }

    pub(crate) fn address(&self, n: usize) -> &str {
        &self.addresses[n - 1]
    }

    /// Starts Buddy `n` with more flags, such as `--bottles`, and waits until it listens.
    pub(crate) fn start(&mut self, n: usize, flags: &[&str]) {
        let ready = format!("listening on {}", self.address(n));
        let count = |lines: &[String]| lines.iter().filter(|line| **line == ready).count();
        let before = count(&self.lines());
        self.lives[n - 1] = Some(self.spawn(n, flags));
        let is_up = self.until(|lines| count(lines) > before);
        assert!(is_up, "{}", self.story());
    }

    fn spawn(&self, n: usize, flags: &[&str]) -> Child {
        let output = || Stdio::from(self.file.try_clone().expect("a descriptor"));
        let stdout = if self.piped == Some(n) {
            Stdio::piped()
        } else {
            output()
        };
        Command::new(env!("CARGO_BIN_EXE_buddy"))
            .args(["--listen", self.address(n)])
            .args(["--next", self.address(n % self.size() + 1)])
            .args(&self.flags)
            .args(flags)
            .env_remove("LAB_KEY")
            .envs(self.key.map(|key| ("LAB_KEY", key)))
            .env("LAB_JOURNAL", &self.journals)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(output())
            .spawn()
            .expect("it starts")
    }

    fn is_alive(&mut self, n: usize) -> bool {
        let life = self.lives[n - 1].as_mut();
        life.is_some_and(|life| matches!(life.try_wait(), Ok(None)))
    }

    /// Starts all, Buddy 1 last, which starts the song.
    pub(crate) fn start_all(&mut self, bottles: u64) {
        for n in (2..=self.size()).rev() {
            self.start(n, &[]);
        }
        self.start(1, &["--bottles", &bottles.to_string()]);
    }

    /// Returns what happened so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = fs::read(&self.path).expect("our own file");
        let text = String::from_utf8_lossy(&text);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(str::to_owned).collect()
    }

    /// Waits until `done` says so of the lines so far. Returns false if all ended before.
    pub(crate) fn until(&mut self, done: impl Fn(&[String]) -> bool) -> bool {
        let began = Instant::now();
        loop {
            let is_one_up = (1..=self.size()).any(|n| self.is_alive(n));
            if done(&self.lines()) {
                return true;
            }
            if !is_one_up {
                return false;
            }
            assert!(began.elapsed() < FOR_EVER, "{}", self.story());
            sleep(GLANCE);
        }
    }

    /// Waits until a line has `text` in it.
    pub(crate) fn says(&mut self, text: &str) {
        let said = self.until(|lines| lines.iter().any(|line| line.contains(text)));
        assert!(said, "no buddy says {text}:\n{}", self.story());
    }

    /// Waits until `count` lines were sung, or all have left.
    pub(crate) fn sung(&mut self, count: usize) {
        self.until(|lines| lines.iter().filter(|line| is_sung(line)).count() >= count);
    }

    /// Sends Buddy `n` a signal by name, and notes it. Returns whether it was alive.
    pub(crate) fn signal(&mut self, n: usize, name: &str) -> bool {
        if !self.is_alive(n) {
            return false;
        }
        signal(self.lives[n - 1].as_ref().expect("it is alive"), name);
        self.note(&format!("{name} to Buddy {n}"));
        true
    }

    /// Kills Buddy `n` with -9, and notes it once it is dead. Returns whether it was alive.
    pub(crate) fn kill(&mut self, n: usize) -> bool {
        if !self.is_alive(n) {
            return false;
        }
        if let Some(mut life) = self.lives[n - 1].take() {
            life.kill().expect("it is ours");
            life.wait().expect("it is ours");
        }
        self.note(&format!("killed Buddy {n}"));
        true
    }

    fn note(&mut self, text: &str) {
        let line = format!("# {text}\n");
        self.file.write_all(line.as_bytes()).expect("writable");
    }

    /// Waits until Buddy `n` ends.
    pub(crate) fn ends(&mut self, n: usize) -> ExitStatus {
        let began = Instant::now();
        loop {
            let life = self.lives[n - 1].as_mut().expect("it was started");
            if let Some(status) = life.try_wait().expect("it is ours") {
                return status;
            }
            assert!(began.elapsed() < FOR_EVER, "{}", self.story());
            sleep(GLANCE);
        }
    }

    /// Waits until all that were not killed have gone home. Returns what happened.
    pub(crate) fn all_home(&mut self) -> Vec<String> {
        for n in 1..=self.size() {
            if self.lives[n - 1].is_some() {
                let status = self.ends(n);
                assert!(
                    status.success(),
                    "Buddy {n} ended with {status}:\n{}",
                    self.story()
                );
            }
        }
        self.lines()
    }

    /// Reads what the one with the pipe prints, until it ends.
    pub(crate) fn read_pipe(&mut self) -> String {
        let n = self.piped.expect("one has a pipe");
        let life = self.lives[n - 1].as_mut().expect("it was started");
        let stdout = life.stdout.take().expect("piped");
        std::io::read_to_string(stdout).expect("text")
    }

    /// Returns what happened, to be shown when something went wrong.
    pub(crate) fn story(&self) -> String {
        self.lines().join("\n")
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for life in self.lives.iter_mut().flatten() {
            // Fails if it has ended by itself, which it may.
            let _ = life.kill();
            let _ = life.wait();
        }
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir_all(&self.journals);
    }
}

pub(crate) fn is_sung(line: &str) -> bool {
    line.starts_with("Buddy ")
}
