//! Servers and pipes for the tests: each test has its own.

use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::net::{self, Limits, Listener};
use common::secret::{Offer, Refusal, Reversed, SERVICE, Secret, Tier};
use secret_client::pace::Fixed;
use secret_client::progress::Progress;
use secret_client::{Options, Report, reverse_list};
use secret_server::{Config, serve};
use tarpc::context::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One worker, as fast as it can.
pub(crate) const QUICK: Config = Config {
    workers: 1,
    delay: Duration::ZERO,
    fast_delay: Duration::ZERO,
    key: None,
    seed: 1,
};

/// An address that outlives the servers behind it.
pub(crate) struct Place {
    listener: Arc<TcpListener>,
    server: Option<JoinHandle<()>>,
}

/// Listens for one server after the other.
struct Shared(Arc<TcpListener>);

impl Listener for Shared {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

impl Place {
    /// With nobody there.
    pub(crate) async fn empty() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self {
            listener: Arc::new(listener),
            server: None,
        }
    }

    /// With a secret server.
    pub(crate) async fn with(config: Config) -> Self {
        let mut place = Self::empty().await;
        place.start(config);
        place
    }

    /// With somebody who only claims to be one.
    pub(crate) async fn with_fake(fake: Fake) -> Self {
        let mut place = Self::empty().await;
        let listener = Shared(place.listener.clone());
        let limits = Limits::default();
        let requests =
            move |connection: net::Connection<TcpStream>| connection.requests(fake.serve());
        let serving = net::serve(listener, SERVICE, limits, pending(), requests);
        place.server = Some(tokio::spawn(serving));
        place
    }

    pub(crate) fn start(&mut self, config: Config) {
        let listener = Shared(self.listener.clone());
        self.server = Some(tokio::spawn(serve(listener, config, pending())));
    }

    /// As if its process were killed: its connections break.
    pub(crate) fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }

    pub(crate) fn addr(&self) -> String {
        self.listener.local_addr().expect("bound").to_string()
    }
}

/// An output that can be looked at while it is written.
#[derive(Clone)]
pub(crate) struct Paper(watch::Sender<Vec<u8>>);

impl Paper {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("text")
    }

    /// Waits until so many lines are written.
    pub(crate) async fn has_lines(&self, number: usize) {
        let enough = |text: &Vec<u8>| text.iter().filter(|b| **b == b'\n').count() >= number;
        self.0
            .subscribe()
            .wait_for(enough)
            .await
            .expect("it exists");
    }
}

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.send_modify(|paper| paper.extend_from_slice(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What to ask of the servers at `places`.
pub(crate) fn options<'a>(places: impl IntoIterator<Item = &'a Place>) -> Options {
    Options {
        servers: places.into_iter().map(Place::addr).collect(),
        tier: Tier::Free,
        fixed: Fixed::default(),
        patience: Duration::from_secs(60),
        progress: Progress::default(),
        has_end: true,
    }
}

/// Reverses `list`, uninterrupted.
pub(crate) async fn run(options: Options, list: &str) -> (String, Report, anyhow::Result<()>) {
    let paper = Paper::new();
    let list = io::Cursor::new(list.to_owned());
    let (report, result) = reverse_list(options, list, paper.clone(), pending()).await;
    (paper.text(), report, result)
}

/// The numbers from 1 as a list, and what should come of it.
pub(crate) fn numbers(most: usize) -> (String, String) {
    let list = (1..=most).map(|n| format!("{n}\n")).collect();
    let line = |n: usize| {
        n.to_string()
            .chars()
            .rev()
            .chain(['\n'])
            .collect::<String>()
    };
    (list, (1..=most).map(line).collect())
}

/// Behaves in an unexpected way.
#[derive(Clone, Copy)]
pub(crate) enum Fake {
    /// answers with a word less than asked
    Forgets,
    /// panics on every chunk
    Panics,
    /// takes chunks and never answers
    Sits,
}

impl Secret for Fake {
    async fn reverse(self, _: Context, _: String) -> Result<String, Refusal> {
        Err(Refusal::Busy)
    }

    async fn fast_reverse(
        self,
        _: Context,
        _: String,
        _: Option<String>,
    ) -> Result<String, Refusal> {
        Err(Refusal::Busy)
    }

    async fn reverse_words(self, _: Context, _: Tier, text: String) -> Result<Reversed, Refusal> {
        match self {
            Self::Forgets => Ok(Reversed {
                text: text
                    .lines()
                    .skip(1)
                    .map(|word| format!("{word}\n"))
                    .collect(),
                waited: Duration::ZERO,
                worked: Duration::ZERO,
            }),
            Self::Panics => panic!("as requested"),
            Self::Sits => pending().await,
        }
    }

    async fn offer(self, _: Context) -> Offer {
        Offer { workers: 2 }
    }
}
