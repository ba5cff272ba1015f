//! Buddies in one process, over loopback, and a paper on which all that they print is written.

use std::future::pending;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buddy::{Config, LineWriter, run_on};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What was printed, in order. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("no test panics here");
        let text = String::from_utf8_lossy(&bytes);
        text.lines().map(str::to_owned).collect()
    }

    fn writer(&self) -> LineWriter {
        LineWriter::new(self.clone())
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics here").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Buddies wired in a ring. Their listeners are bound, but none is up yet.
pub(crate) struct Choir {
    listeners: Vec<Option<TcpListener>>,
    addresses: Vec<String>,
    pub(crate) song: Paper,
    pub(crate) notices: Paper,
}

pub(crate) type Buddy = JoinHandle<anyhow::Result<()>>;

impl Choir {
    pub(crate) async fn of(size: usize) -> Self {
        let mut choir = Self {
            listeners: Vec::new(),
            addresses: Vec::new(),
            song: Paper::default(),
            notices: Paper::default(),
        };
        for _ in 0..size {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound").to_string();
            choir.addresses.push(address);
            choir.listeners.push(Some(listener));
        }
        choir
    }

    pub(crate) fn address(&self, n: usize) -> &str {
        &self.addresses[n]
    }

    /// Returns the listener of number `n`, which is not up yet.
    pub(crate) fn listener(&self, n: usize) -> &TcpListener {
        self.listeners[n].as_ref().expect("not started yet")
    }

    /// Returns the settings of number `n`, which starts the song if there are `bottles`.
    pub(crate) fn config(&self, n: usize, bottles: Option<u64>) -> Config {
        Config {
            next: self.addresses[(n + 1) % self.addresses.len()].clone(),
            bottles,
            name: None,
            tempo: Duration::ZERO,
            patience: Duration::from_secs(3),
            wait: None,
            incarnation: n as u64 + 1,
        }
    }

    /// Starts number `n`.
    pub(crate) fn start(&mut self, n: usize, config: Config) -> Buddy {
        let listener = self.listeners[n].take().expect("not started yet");
        let output = (self.song.writer(), self.notices.writer());
        tokio::spawn(run_on(listener, output, config, pending()))
    }

    /// Starts all, number 0 last and with `bottles`.
    pub(crate) fn start_all(&mut self, bottles: u64) -> Vec<Buddy> {
        let size = self.addresses.len();
        (1..=size)
            .map(|n| {
                let bottles = (n == size).then_some(bottles);
                self.start(n % size, self.config(n % size, bottles))
            })
            .collect()
    }
}

/// Waits until all have gone home.
pub(crate) async fn all_home(buddies: Vec<Buddy>) {
    for buddy in buddies {
        let result = buddy.await.expect("no panic");
        result.expect("home");
    }
}

/// Returns the lines of a song without faults.
pub(crate) fn song(size: u64, bottles: u64) -> Vec<String> {
    let line = |hop: u64| {
        let verse = buddy::song::verse(bottles - hop, bottles);
        format!("Buddy {}: {verse}", hop % size + 1)
    };
    (0..=bottles).map(line).collect()
}
