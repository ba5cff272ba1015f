//! A simulated network with a buddy on each host: the real shell, on turmoil's sockets and clock.

use std::cell::Cell;
use std::future::pending;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use buddy::{Config, Dialler, LineWriter, run_on};
use common::buddy::SERVICE;
use common::net::{BoxIo, CONNECT_LIMIT, Dial, Error, Listener, Trouble, greeted};
use futures::FutureExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::timeout;
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

/// Simulated time after which a song that has not ended never will: the longest takes half of it.
const FOR_EVER: Duration = Duration::from_secs(180);

const PORT: u16 = 8030;

/// Everything said, with the simulated time and the number of the buddy (0 for what was done to
/// them).
type Log = Arc<Mutex<Vec<(Duration, usize, String)>>>;

/// A ring of buddies and what happens to it.
pub(crate) struct World {
    sim: Sim<'static>,
    hosts: usize,
    log: Log,
    pub(crate) dice: SmallRng,
}

/// What everybody is told, but for the place in the ring.
#[derive(Clone, Copy)]
pub(crate) struct Song {
    pub(crate) seed: u64,
    pub(crate) size: usize,
    pub(crate) bottles: u64,
    pub(crate) tempo: Duration,
    /// Of a message at most; 1 ms at least.
    pub(crate) latency: Duration,
}

impl World {
    /// A ring with every buddy on a host of its own; Buddy 1 starts.
    pub(crate) fn of(song: Song) -> Self {
        let mut world = Self::empty(song, song.size);
        for n in 1..=song.size {
            let log = world.log.clone();
            let life = Cell::new(0);
            world.sim.host(host(n), move || {
                life.set(life.get() + 1);
                let next = format!("{}:{PORT}", host(n % song.size + 1));
                sing(song, n, life.get(), PORT, next, log.clone())
            });
        }
        world
    }

    /// A large ring: neighbours are on different hosts, but there are only `hosts`.
    pub(crate) fn crowded(song: Song, hosts: usize) -> Self {
        let mut world = Self::empty(song, hosts);
        let port = move |n: usize| PORT + u16::try_from((n - 1) / hosts).expect("a few");
        for h in 1..=hosts {
            let log = world.log.clone();
            world.sim.host(host(h), move || {
                let log = log.clone();
                let buddies = (h..=song.size).step_by(hosts).map(move |n| {
                    let next = n % song.size + 1;
                    let next = format!("{}:{}", host((next - 1) % hosts + 1), port(next));
                    sing(song, n, 1, port(n), next, log.clone())
                });
                async { futures::future::try_join_all(buddies).await.map(|_| ()) }
            });
        }
        world
    }

    fn empty(song: Song, hosts: usize) -> Self {
        let sim = Builder::new()
            .simulation_duration(FOR_EVER)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(song.latency)
            .tcp_capacity(1024)
            .rng_seed(song.seed)
            .build();
        Self {
            sim,
            hosts,
            log: Log::default(),
            dice: SmallRng::seed_from_u64(song.seed),
        }
    }

    /// What was said and done, without the times.
    pub(crate) fn lines(&self) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(|(.., line)| line.clone()).collect()
    }

    /// The whole log, to be compared and to be read.
    pub(crate) fn story(&self) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let show = |(at, n, line): &(Duration, usize, String)| format!("{at:?} [{n}] {line}");
        log.iter().map(show).collect()
    }

    fn note(&self, text: String) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push((self.sim.elapsed(), 0, text));
    }

    /// Lets time pass until `done` says so of what was said and done.
    pub(crate) fn until(&mut self, done: impl Fn(&[String]) -> bool) {
        let mut lines = self.lines();
        while !done(&lines) {
            assert!(self.is_anybody_up(), "{}", self.story().join("\n"));
            self.step();
            if self.said() > lines.len() {
                lines = self.lines();
            }
        }
    }

    fn said(&self) -> usize {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn is_anybody_up(&mut self) -> bool {
        (1..=self.hosts).any(|n| self.sim.is_host_running(host(n)))
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step();
        }
    }

    /// Lets the song go on to a random verse of the next `verses`, and a random moment of it.
    pub(crate) fn moment(&mut self, verses: usize) {
        let sung = |lines: &[String]| lines.iter().filter(|line| is_sung(line)).count();
        let count = sung(&self.lines()) + self.dice.random_range(1..=verses);
        self.until(|lines| sung(lines) >= count);
        let moment = self.dice.random_range(0..30);
        self.pass(Duration::from_millis(moment));
    }

    /// Waits until everybody who runs has gone home, as they should.
    pub(crate) fn all_home(&mut self) -> Vec<String> {
        while self.is_anybody_up() {
            self.step();
        }
        self.lines()
    }

    fn step(&mut self) {
        let stepped = self.sim.step();
        if let Err(error) = stepped {
            panic!("{error}\n{}", self.story().join("\n"));
        }
        assert!(self.sim.elapsed() < FOR_EVER, "{}", self.story().join("\n"));
    }

    pub(crate) fn crash(&mut self, n: usize) {
        self.sim.crash(host(n));
        self.note(format!("# killed Buddy {n}"));
    }

    pub(crate) fn restart(&mut self, n: usize) {
        self.sim.bounce(host(n));
        self.note(format!("# restarted Buddy {n}"));
    }

    /// Cuts every wire between `some` and the others.
    pub(crate) fn cut(&mut self, some: &[usize]) {
        self.between(some, |sim, a, b| sim.partition(a, b));
        self.note(format!("# cut off {some:?}"));
    }

    pub(crate) fn heal(&mut self, some: &[usize]) {
        self.between(some, |sim, a, b| sim.repair(a, b));
        self.note(format!("# healed {some:?}"));
    }

    /// Holds back whatever `some` and the others say to each other.
    pub(crate) fn hold(&mut self, some: &[usize]) {
        self.between(some, |sim, a, b| sim.hold(a, b));
        self.note(format!("# hold {some:?}"));
    }

    /// Lets it through, late but in order.
    pub(crate) fn release(&mut self, some: &[usize]) {
        self.between(some, |sim, a, b| sim.release(a, b));
        self.note(format!("# release {some:?}"));
    }

    fn between(&self, some: &[usize], act: impl Fn(&Sim<'static>, String, String)) {
        for &a in some {
            for b in (1..=self.hosts).filter(|b| !some.contains(b)) {
                act(&self.sim, host(a), host(b));
            }
        }
    }
}

pub(crate) fn is_sung(line: &str) -> bool {
    line.starts_with("Buddy ")
}

fn host(n: usize) -> String {
    format!("host{n}")
}

async fn sing(
    song: Song,
    n: usize,
    life: u64,
    port: u16,
    next: String,
    log: Log,
) -> turmoil::Result {
    let listener = Simulated(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?);
    let pen = || {
        Box::new(Scribe {
            n,
            log: log.clone(),
            line: Vec::new(),
        })
    };
    let stage = (LineWriter::new(pen()), LineWriter::new(pen()));
    let config = Config {
        next,
        bottles: (n == 1).then_some(song.bottles),
        name: None,
        tempo: song.tempo,
        patience: Duration::from_secs(1),
        wait: None,
        incarnation: (song.seed << 32) + n as u64 * 1000 + life,
    };
    let dial: Dialler = Arc::new(dial);

    Ok(run_on(listener, dial, stage, config, pending()).await?)
}

struct Simulated(TcpListener);

impl Listener for Simulated {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

/// As [`common::net::dial`] does it, but for the sockets.
fn dial(to: &str) -> Dial {
    let target = to.to_owned();
    Arc::new(move || {
        let target = target.clone();
        async move {
            let connected = timeout(CONNECT_LIMIT, TcpStream::connect(target.as_str())).await;
            let greeted = match connected {
                Ok(Ok(io)) => greeted(io, SERVICE).await,
                Ok(Err(error)) => Err(Trouble::connecting(&error)),
                Err(_) => Err(Trouble::NoAnswer),
            };
            greeted
                .map(|io| Box::new(io) as BoxIo)
                .map_err(|trouble| Error {
                    trouble,
                    service: SERVICE,
                    target,
                    addr: None,
                    own: None,
                })
        }
        .boxed()
    })
}

struct Scribe {
    n: usize,
    log: Log,
    line: Vec<u8>,
}

impl Write for Scribe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.line.drain(..=end).collect();
            let line = String::from_utf8_lossy(&whole[..end]).into_owned();
            let at = turmoil::sim_elapsed().unwrap_or_default();
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push((at, self.n, line));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
