//! Serving: accepts connections, greets them, hands each to a task, and drains at the end.
//!
//! A server stops in this order: it accepts no new connection, reads no new request, and answers
//! the requests in hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use tarpc::context::Context;
use tarpc::{RequestName, ServerError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connect::prepare;
use super::doctor::{Error, Trouble};
use super::gate::{Gate, Share, SharedQuota};
use super::greeting;
use super::knocks::Knocks;
use super::pipe::Pipe;
use super::seal::Protocol;
use super::server::{Answering, Never, Work};

/// Pause after a failed accept. Without it the loop would take a whole core, because an accept that
/// failed (out of descriptors, say) would fail again at once. A waiting caller does not notice it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Most callers that are told at once that there is no place for them. Further ones are hung up on,
/// because telling takes a descriptor and up to three seconds.
const REFUSALS: usize = 64;

/// Returns a listener on `addr` for `service`.
///
/// # Errors
/// [`Error`], with advice, if the port is taken or privileged, or the address is another machine's.
pub async fn bind(addr: SocketAddr, service: &'static str) -> Result<TcpListener, Error> {
    TcpListener::bind(addr).await.map_err(|error| Error {
        trouble: Trouble::listening(&error),
        service,
        target: addr.to_string(),
        addr: Some(addr),
        own: None,
    })
}

/// Accepts connections until `shutdown`, and runs `each` of them on a task of its own. A connection
/// for which `places` has none is handed to `refuse`. Returns the tasks that still run.
pub async fn accept<F, R>(
    listener: TcpListener,
    places: SharedQuota,
    shutdown: impl Future,
    each: impl Fn(TcpStream, SocketAddr) -> F,
    refuse: impl Fn(TcpStream) -> R,
) -> JoinSet<()>
where
    F: Future<Output = ()> + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut refusals = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            _ = &mut shutdown => return tasks,
            Some(_) = tasks.join_next() => continue,
            Some(_) = refusals.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, peer)) => match places.take(peer.ip()) {
                Ok(place) => {
                    prepare(&io);
                    let task = each(io, peer);
                    tasks.spawn(async move {
                        let _place = place;
                        task.await;
                    });
                }
                Err(exceeded) => {
                    tracing::debug!("no place for {peer}: {exceeded:?}");
                    if refusals.len() < REFUSALS {
                        refusals.spawn(refuse(io));
                    }
                }
            },
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection after its greeting, ready to be served.
pub struct Connection {
    /// The address of the caller, as accepted.
    pub peer: SocketAddr,
    io: Pipe,
    gate: Gate,
    stop: CancellationToken,
}

impl Connection {
    /// Answers the requests that come in, until the connection ends.
    ///
    /// `handler` is the service's `serve`. It must be written as a closure, `|context, request|
    /// server.clone().serve(context, request)`, because only there the compiler knows that the
    /// answer may move between threads.
    pub fn answer<'a, Req, Resp, F>(
        self,
        handler: impl Fn(Context, Req) -> F + Unpin + Send + 'a,
    ) -> BoxFuture<'a, ()>
    where
        Req: RequestName + DeserializeOwned + Send + 'a,
        Resp: Serialize + Send + 'static,
        F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
    {
        self.work(move |context, request| Work::Waits(handler(context, request)))
    }

    /// Does the same with a `handler` that never waits: a call costs no future and no allocation.
    pub fn answer_at_once<'a, Req, Resp>(
        self,
        handler: impl Fn(Req) -> Resp + Unpin + Send + 'a,
    ) -> BoxFuture<'a, ()>
    where
        Req: RequestName + DeserializeOwned + Send + 'a,
        Resp: Serialize + Send + 'static,
    {
        self.work(move |_, request| Work::<_, Never<_>>::Done(handler(request)))
    }

    /// In a box, because a frame that comes would otherwise touch ten lines more of the stack and
    /// of the task: all that opening a connection needs would lie between. Not an `async` block,
    /// because that would keep room for the work twice.
    #[inline(never)]
    fn work<'a, Req, Resp, F>(
        self,
        handler: impl Fn(Context, Req) -> Work<Resp, F> + Unpin + Send + 'a,
    ) -> BoxFuture<'a, ()>
    where
        Req: RequestName + DeserializeOwned + Send + 'a,
        Resp: Serialize + Send + 'static,
        F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
    {
        let stop = self.stop.cancelled_owned();
        let share = Share::new(self.gate.bytes, self.peer.ip());
        let answering = Answering::new(self.io, handler, self.gate.limits, share, stop);
        let ended = answering.map(move |ended| {
            if let Err(error) = ended {
                tracing::info!("the connection from {} broke: {error}", self.peer);
            }
        });
        ended.boxed()
    }
}

/// Serves `listener` by `protocol` until `shutdown`, then drains. `gate` says what each peer may
/// take. `answer` serves one connection, most simply by [`Connection::answer`].
pub async fn serve<F>(
    listener: TcpListener,
    protocol: impl Into<Protocol>,
    gate: Gate,
    shutdown: impl Future,
    answer: impl Fn(Connection) -> F + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (answer, protocol) = (Arc::new(answer), protocol.into());
    let service = protocol.service();
    let stop = CancellationToken::new();
    let knocks = Arc::new(Knocks::default());
    let refuse = |mut io| async move { greeting::refuse(&mut io, service).await };
    let each = |io, peer: SocketAddr| {
        let (answer, gate, stop) = (answer.clone(), gate.clone(), stop.clone());
        let (protocol, knocks) = (protocol.clone(), knocks.clone());
        // Before the task runs, because a flood may be accepted in one turn.
        let stay = gate.lobby(peer.ip());
        let greeted = async move {
            if protocol.is_sealed() && !knocks.may_try(peer.ip()) {
                return None;
            }
            match stay.during(protocol.answer(io)).await {
                Some(Ok(io)) => {
                    let connection = Connection {
                        peer,
                        io,
                        gate,
                        stop,
                    };
                    return Some(answer(connection));
                }
                Some(Err(trouble)) => knocks.note(peer.ip(), &trouble),
                None => tracing::debug!("{peer} was silent, and others wait"),
            }
            None
        };
        // In a box, because the task would otherwise keep room for a handshake until its end, and
        // each frame that comes would begin its stack below that room.
        let greeted = greeted.boxed();
        async move {
            if let Some(work) = greeted.await {
                work.await;
            }
        }
    };
    let mut connections = accept(listener, gate.places.clone(), shutdown, each, refuse).await;
    stop.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(gate.limits.grace, drained).await.is_err() {
        tracing::warn!("{} connections were cut off at shutdown", connections.len());
        connections.shutdown().await;
    }
}
