//! Listening: the accept loop of every server.
//!
//! One task per connection, so that no peer can stop another; a cap on connections; a pause after
//! a failed accept; a greeting before anything else; and on shutdown a drain: no new connection,
//! no new request, the requests in hand are answered.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tarpc::context::Context;
use tarpc::{RequestName, ServerError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::doctor::{Error, Trouble};
use super::greeting;
use super::server::Answering;

/// What a server allows its peers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; further ones wait in the listen backlog. 2048 idle ones cost about
    /// 50 MB, and stay below the file limits that `chat-server`'s unit file sets.
    pub connections: usize,
    /// Calls at once on one connection; the excess is answered with an error. Bounds what one peer
    /// can make a server hold: 1024 sleeping calls of a few words are about 1.2 MB, and of
    /// whole frames 256 MiB.
    pub calls: usize,
    /// A connection without a whole frame for this long is closed. Well above a long poll's wait.
    pub idle: Duration,
    /// The furthest deadline a caller may set.
    pub deadline: Duration,
    /// How long an answer may wait for others to be written with it: zero, unless nobody waits for
    /// the answers.
    pub linger: Duration,
    /// How long the calls in hand may take after shutdown has begun.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            calls: 1024,
            idle: Duration::from_secs(120),
            deadline: Duration::from_secs(120),
            linger: Duration::ZERO,
            grace: Duration::from_secs(5),
        }
    }
}

/// A failed accept (out of descriptors, say) would fail again at once: without a pause the loop
/// would take a whole core. A tenth of a second is not felt by whoever waits in the backlog.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Somebody accepts connections: TCP, or a simulated network in tests.
pub trait Listener: Send + 'static {
    /// The connection's byte stream.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and who it is from.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (io, peer) = Self::accept(self).await?;
        // Small answers must not wait for the acknowledgement of earlier ones. It fails only on a
        // connection that is gone already, which the first read will tell.
        let _ = io.set_nodelay(true);
        Ok((io, peer))
    }
}

/// Binds `addr` for `service`.
///
/// # Errors
/// [`Error`], with advice, if the port is taken, privileged, or the address is another machine's.
pub async fn bind(addr: SocketAddr, service: &'static str) -> Result<TcpListener, Error> {
    TcpListener::bind(addr).await.map_err(|error| Error {
        trouble: Trouble::listening(&error),
        service,
        target: addr.to_string(),
        addr: Some(addr),
        own: None,
    })
}

/// A greeted connection, ready to be served.
pub struct Connection<IO> {
    /// Who called, as accepted.
    pub peer: SocketAddr,
    io: IO,
    limits: Limits,
    stop: CancellationToken,
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<IO> {
    /// Answers the requests that come in, until the connection ends. `handler` is the service's
    /// `serve`; it has to come as a closure, `|context, request| server.clone().serve(context,
    /// request)`, since only there is it known that the answer may move between threads.
    pub async fn answer<Req, Resp, F>(self, handler: impl Fn(Context, Req) -> F + Unpin)
    where
        Req: RequestName + DeserializeOwned,
        Resp: Serialize + Send + 'static,
        F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
    {
        let stop = self.stop.cancelled_owned();
        if let Err(error) = Answering::new(self.io, handler, self.limits, stop).await {
            tracing::info!("the connection from {} broke: {error}", self.peer);
        }
    }
}

/// Serves `listener` as `service` until `shutdown`, then drains. `answer` says who answers on a
/// connection, most simply [`Connection::answer`].
pub async fn serve<L, F>(
    mut listener: L,
    service: &'static str,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
    answer: impl Fn(Connection<L::Io>) -> F + Send + Sync + 'static,
) where
    L: Listener,
    F: Future<Output = ()> + Send,
{
    let answer = Arc::new(answer);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let stop = CancellationToken::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            biased; // under simulation the order of events is the seed's, not the runtime's
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        let (mut io, peer) = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (answer, stop) = (answer.clone(), stop.clone());
        connections.spawn(async move {
            let _slot = slot;
            if let Err(trouble) = greeting::exchange(&mut io, service).await {
                tracing::debug!("{peer} is no caller of ours: {trouble}");
                return;
            }
            let connection = Connection {
                peer,
                io,
                limits,
                stop,
            };
            answer(connection).await;
        });
    }
    drop(listener);
    stop.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.grace, drained).await.is_err() {
        tracing::warn!("{} connections were cut off at shutdown", connections.len());
        connections.shutdown().await;
    }
}
