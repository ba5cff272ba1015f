//! Servers for the tests: each test has its own.

use std::future::pending;
use std::time::Duration;

use common::net::Seal;
use common::pen::Pen;
use secret_server::{Config, run};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One worker, as fast as it can.
pub(crate) const QUICK: Config = Config {
    workers: 1,
    delay: Duration::ZERO,
    fast_delay: Duration::ZERO,
    seal: Seal::none(),
    premium_key: None,
    per_address: 16,
    seed: 1,
    journal: Pen::none(),
};

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Place::kill, numbers);
};

/// An address that outlives the servers behind it.
pub(crate) struct Place {
    listener: std::net::TcpListener,
    server: Option<JoinHandle<()>>,
}

impl From<TcpListener> for Place {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener: listener.into_std().expect("a listener"),
            server: None,
        }
    }
}

impl Place {
    /// An address without a server.
    pub(crate) async fn empty() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        listener.expect("a free port").into()
    }

    /// An address with a secret server.
    pub(crate) async fn with(config: Config) -> Self {
        let mut place = Self::empty().await;
        place.start(config);
        place
    }

    /// Starts a secret server.
    pub(crate) fn start(&mut self, config: Config) {
        self.host(|listener| tokio::spawn(run(listener, config, pending())));
    }

    /// Starts the server that `start` makes, on a copy of the listener.
    pub(crate) fn host(&mut self, start: impl FnOnce(TcpListener) -> JoinHandle<()>) {
        let copy = self.listener.try_clone().expect("a descriptor");
        let listener = TcpListener::from_std(copy).expect("a runtime");
        self.server = Some(start(listener));
    }

    /// Ends the server as if its process were killed, so that its connections break.
    pub(crate) async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // Always an error, because it was aborted.
            let _ = server.await;
        }
    }

    pub(crate) fn addr(&self) -> String {
        self.listener.local_addr().expect("bound").to_string()
    }
}

/// Returns the numbers from 1 as a list, and that list reversed word by word.
pub(crate) fn numbers(most: usize) -> (String, String) {
    let list = (1..=most).map(|n| format!("{n}\n")).collect();
    let line = |n: usize| {
        let digits = n.to_string();
        digits.chars().rev().chain(['\n']).collect::<String>()
    };
    (list, (1..=most).map(line).collect())
}
