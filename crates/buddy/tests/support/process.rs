//! Rings of real processes: started, killed, stopped, restarted, and heard to the end.
//!
//! All write to one file, opened for appending, so its lines are in the order in which they were
//! written, whoever wrote them; what is done to the processes is noted among them. A line that
//! begins with `Buddy` is sung, one with `#` is ours, the others are notices.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{closed, signal};

/// How often a test looks whether what it waits for has happened.
const GLANCE: Duration = Duration::from_millis(2);

/// After this long a test that waits has failed: far above what the slowest machine needs.
const FOR_EVER: Duration = Duration::from_secs(120);

/// Buddies that are wired somehow; numbers count from 1, as in the song.
pub(crate) struct Ring {
    addresses: Vec<String>,
    next: Vec<usize>,
    flags: Vec<String>,
    lives: Vec<Option<Child>>,
    record: PathBuf,
    pen: File,
    /// writes its verses to a pipe instead
    pub(crate) piped: Option<usize>,
}

impl Ring {
    /// `size` buddies in a ring, with `flags` for each; nobody is up yet.
    pub(crate) fn of(size: usize, flags: &[&str]) -> Self {
        let next: Vec<usize> = (1..=size).map(|n| n % size + 1).collect();
        Self::wired(&next, flags)
    }

    /// Buddies of which the n-th has `next[n]` after it; more than there are is nobody.
    pub(crate) fn wired(next: &[usize], flags: &[&str]) -> Self {
        static RECORDS: AtomicU32 = AtomicU32::new(0);
        let most = next.iter().copied().max().unwrap_or_default();
        let record = std::env::temp_dir().join(format!(
            "buddies-{}-{}",
            id(),
            RECORDS.fetch_add(1, Ordering::Relaxed)
        ));
        let pen = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&record)
            .expect("a file of our own");
        Self {
            addresses: (0..most.max(next.len())).map(|_| closed()).collect(),
            next: next.to_vec(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            lives: next.iter().map(|_| None).collect(),
            record,
            pen,
            piped: None,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.next.len()
    }

    pub(crate) fn address(&self, n: usize) -> &str {
        &self.addresses[n - 1]
    }

    /// Starts Buddy `n` with more flags, such as `--bottles`; it listens when this returns. If
    /// somebody has its port this moment, as an outgoing connection may, tries until it is free.
    pub(crate) fn start(&mut self, n: usize, flags: &[&str]) {
        let ready = format!("listening on {}", self.address(n));
        let count = |lines: &[String]| lines.iter().filter(|line| **line == ready).count();
        let before = count(&self.lines());
        let began = Instant::now();
        loop {
            self.lives[n - 1] = Some(self.spawn(n, flags));
            while count(&self.lines()) == before && self.is_alive(n) {
                sleep(GLANCE);
            }
            if count(&self.lines()) > before {
                return;
            }
            assert!(began.elapsed() < FOR_EVER, "{}", self.story());
        }
    }

    fn spawn(&self, n: usize, flags: &[&str]) -> Child {
        let ear = || Stdio::from(self.pen.try_clone().expect("a descriptor"));
        let stdout = match self.piped == Some(n) {
            true => Stdio::piped(),
            false => ear(),
        };
        Command::new(env!("CARGO_BIN_EXE_buddy"))
            .args(["--listen", self.address(n)])
            .args(["--next", self.address(self.next[n - 1])])
            .args(&self.flags)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(ear())
            .spawn()
            .expect("it starts")
    }

    fn is_alive(&mut self, n: usize) -> bool {
        let life = self.lives[n - 1].as_mut();
        life.is_some_and(|life| matches!(life.try_wait(), Ok(None)))
    }

    /// Starts everybody, Buddy 1 last, who starts the song.
    pub(crate) fn start_all(&mut self, bottles: u64) {
        for n in (2..=self.size()).rev() {
            self.start(n, &[]);
        }
        self.start(1, &["--bottles", &bottles.to_string()]);
    }

    /// What happened so far, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = fs::read(&self.record).expect("our own file");
        let text = String::from_utf8_lossy(&text);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(str::to_owned).collect()
    }

    /// Waits until `done` says so of what happened so far; returns false if everybody ended before.
    pub(crate) fn until(&mut self, done: impl Fn(&[String]) -> bool) -> bool {
        let began = Instant::now();
        loop {
            let somebody_is_up = (1..=self.size()).any(|n| self.is_alive(n));
            if done(&self.lines()) {
                return true;
            }
            if !somebody_is_up {
                return false;
            }
            assert!(began.elapsed() < FOR_EVER, "{}", self.story());
            sleep(GLANCE);
        }
    }

    /// Waits until a line has `text` in it.
    pub(crate) fn says(&mut self, text: &str) {
        let said = self.until(|lines| lines.iter().any(|line| line.contains(text)));
        assert!(said, "nobody says {text}:\n{}", self.story());
    }

    /// Waits until `count` lines were sung, or everybody has left.
    pub(crate) fn sung(&mut self, count: usize) {
        self.until(|lines| lines.iter().filter(|line| is_sung(line)).count() >= count);
    }

    /// Sends Buddy `n` a signal by name, and notes it; returns whether it was there to hear it.
    pub(crate) fn signal(&mut self, n: usize, name: &str) -> bool {
        if !self.is_alive(n) {
            return false;
        }
        signal(self.lives[n - 1].as_ref().expect("it is alive"), name);
        self.note(&format!("{name} to Buddy {n}"));
        true
    }

    /// Kills Buddy `n` with -9 and notes it, once it is dead; returns whether it was alive.
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
        self.pen.write_all(line.as_bytes()).expect("writable");
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

    /// Waits until everybody who was not killed has left; all as they should. What happened.
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

    /// Reads at last what the one with the pipe has to say, until it ends.
    pub(crate) fn read_pipe(&mut self) -> String {
        let n = self.piped.expect("somebody has a pipe");
        let life = self.lives[n - 1].as_mut().expect("it was started");
        let stdout = life.stdout.take().expect("piped");
        std::io::read_to_string(stdout).expect("text")
    }

    /// What happened, to be shown when something went wrong.
    pub(crate) fn story(&self) -> String {
        self.lines().join("\n")
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for life in self.lives.iter_mut().flatten() {
            // Fails if it has ended by itself.
            let _ = life.kill();
            let _ = life.wait();
        }
        let _ = fs::remove_file(&self.record);
    }
}

pub(crate) fn is_sung(line: &str) -> bool {
    line.starts_with("Buddy ")
}
