//! Servers for the tests: each test has its own.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::net::Listener;
use secret_server::{Config, serve};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
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
pub(crate) struct Shared(Arc<TcpListener>);

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

    /// Starts a secret server.
    pub(crate) fn start(&mut self, config: Config) {
        self.host(|listener| tokio::spawn(serve(listener, config, pending())));
    }

    /// Starts whatever server.
    pub(crate) fn host(&mut self, start: impl FnOnce(Shared) -> JoinHandle<()>) {
        self.server = Some(start(Shared(self.listener.clone())));
    }

    /// As if its process were killed: its connections break.
    pub(crate) async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // What it returns is that it was aborted.
            let _ = server.await;
        }
    }

    /// Kills the server and takes its address away, for as long as the socket is kept.
    pub(crate) async fn close(mut self) -> TcpSocket {
        let addr = self.listener.local_addr().expect("bound");
        self.kill().await;
        drop(self);
        closed(addr)
    }

    pub(crate) fn addr(&self) -> String {
        self.listener.local_addr().expect("bound").to_string()
    }
}

/// Keeps `addr` from being anybody's: connections are refused for as long as the socket is kept,
/// since it is bound and does not listen.
pub(crate) fn closed(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a TCP socket");
    socket.bind(addr).expect("a free port");
    socket
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
