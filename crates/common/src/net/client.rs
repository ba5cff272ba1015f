//! The client's end of a connection, from its greeting to its end: calls out, answers in, on one
//! task.
//!
//! It carries tarpc's own messages. It replaces tarpc's client channel, because that one pays for a
//! timer, spans and a second queue with every call (`scripts/bench.sh secret` runs a plain tarpc
//! pair beside ours), and may still let a call outlive its deadline. So a caller sets a limit of
//! its own, as [`Redial`](super::Redial) does.
//!
//! A peer may answer another question than the one that was asked. tarpc's generated client panics
//! then, so such an answer is not handed to it: the call ends with [`RpcError::Channel`], and the
//! connection with it, because nothing more that this peer says can be believed.

use std::collections::HashMap;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Sink, Stream};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::client::{RpcError, stub::Stub};
use tarpc::{
    ChannelError, ClientMessage, Request, RequestName, Response, ServerError, context, trace,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::coalesce::Coalesce;
use super::connect::{Dialled, dial};
use super::doctor::{Error, Trouble};
use super::seal::{Protocol, is_refusal};
use super::wire::{Wire, wire};

/// Most calls that wait to be written. Further callers wait for a place, which bounds the memory.
const PENDING_CALLS: usize = 1024;

/// A connection under any tarpc client: `SecretClient::from(channel)`. Dropping its last clone
/// closes it.
///
/// Most callers want a [`Redial`](super::Redial) instead, because a `Channel` does not reconnect. A
/// call ends with the connection at the latest; only the server heeds its deadline. A call that is
/// dropped is cancelled at the server. [`RpcError::Channel`] means that the server answered what
/// was not asked.
pub struct Channel<Req, Resp>(Arc<Shared<Req, Resp>>);

struct Shared<Req, Resp> {
    commands: mpsc::Sender<Command<Req, Resp>>,
    next_id: AtomicU64,
    closed: CancellationToken,
    round_trip: Duration,
    end: Arc<OnceLock<End>>,
}

impl<Req, Resp> Shared<Req, Resp> {
    /// Returns the error of a call that the end of the connection has cut off.
    fn ended(&self) -> RpcError {
        match self.end.get() {
            Some(End::Refused(error)) => RpcError::Send(error.clone()),
            _ => RpcError::Shutdown,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed it, or its process died.
    Closed,
    /// The peer sent what cannot be read, or answered what was not asked. It would do so again.
    Nonsense,
    /// The server has not accepted our key, which it says only after the handshake.
    Refused(Box<Error>),
}

enum Command<Req, Resp> {
    Call(Request<Req>, oneshot::Sender<Result<Resp, RpcError>>),
    Cancel(u64),
}

impl<Req, Resp> Clone for Channel<Req, Resp> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Req, Resp> Channel<Req, Resp> {
    /// Returns when the connection has ended, and how.
    pub async fn broken(&self) -> End {
        self.0.closed.cancelled().await;
        self.0.end.get().cloned().unwrap_or(End::Closed)
    }

    /// Returns how long a message there and one back took when the connection was opened.
    pub fn round_trip(&self) -> Duration {
        self.0.round_trip
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.commands.is_closed()
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<Req, Resp> Channel<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Serialize + Send + 'static,
{
    /// Returns a new connection to `target`, which is `HOST:PORT`, for calls by `protocol`.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(target: &str, protocol: impl Into<Protocol>) -> Result<Self, Error> {
        let protocol = protocol.into();
        let service = protocol.service();
        let Dialled { io, round_trip } = dial(target, protocol).await?;
        Ok(Self::over(io, round_trip, service, target))
    }

    /// Returns the calling end of a connection to `service` at `target`.
    pub(super) fn over<IO>(
        io: IO,
        round_trip: Duration,
        service: &'static str,
        target: &str,
    ) -> Self
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let end = Arc::new(OnceLock::new());
        let (commands, inbox) = mpsc::channel(PENDING_CALLS);
        let calling = Calling {
            transport: Coalesce::new(wire(io), Duration::ZERO),
            inbox,
            callers: HashMap::new(),
        };
        let closed = CancellationToken::new();
        let says_so = closed.clone().drop_guard();
        let (target, to_note) = (target.to_owned(), end.clone());
        tokio::spawn(async move {
            let mut calling = pin!(calling);
            if let Err(error) = calling.as_mut().await {
                tracing::debug!("connection broken: {error}");
                let end = if is_refusal(&error) {
                    End::Refused(Box::new(Error {
                        trouble: Trouble::NotLetIn,
                        service,
                        target,
                        addr: None,
                        own: None,
                    }))
                } else if error.kind() == io::ErrorKind::InvalidData {
                    End::Nonsense
                } else {
                    End::Closed
                };
                // While the callers still wait, so that they find it.
                let _ = to_note.set(end);
            }
            drop(says_so);
        });
        Self(Arc::new(Shared {
            commands,
            next_id: AtomicU64::new(0),
            closed,
            round_trip,
            end,
        }))
    }
}

impl<Req, Resp> Stub for Channel<Req, Resp>
where
    Req: RequestName + Send + 'static,
    Resp: Send + 'static,
{
    type Req = Req;
    type Resp = Resp;

    async fn call(&self, context: context::Context, message: Req) -> Result<Resp, RpcError> {
        let shared = &self.0;
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request {
            context,
            id,
            message,
        };
        let (caller, answer) = oneshot::channel();
        let sent = shared.commands.send(Command::Call(request, caller)).await;
        sent.map_err(|_| shared.ended())?;
        let mut guard = Guard {
            commands: &shared.commands,
            id: Some(id),
        };
        let answer = answer.await;
        guard.id = None;
        answer.unwrap_or_else(|_| Err(shared.ended()))
    }
}

/// Cancels a call that is dropped before its answer.
struct Guard<'a, Req, Resp> {
    commands: &'a mpsc::Sender<Command<Req, Resp>>,
    id: Option<u64>,
}

impl<Req, Resp> Drop for Guard<'_, Req, Resp> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // `try_send`, because `drop` cannot wait. If the queue is full, the server only does
            // some work in vain.
            let _ = self.commands.try_send(Command::Cancel(id));
        }
    }
}

/// Returns the number of an enum's variant. tarpc numbers the requests of a service and their
/// answers alike, so that an answer of another number is not what was asked.
///
/// The number is the first byte in postcard, for up to 128 variants. There is room for this byte
/// only, so that the rest is not encoded.
fn variant(message: &impl Serialize) -> u8 {
    let mut first = [u8::MAX];
    // Always an error, because a message has more than one byte, but for those without content.
    let _ = postcard::to_slice(message, &mut first);
    first[0]
}

/// The task of a [`Channel`]. It ends with the connection, or with the last clone of the channel.
struct Calling<IO, Req, Resp> {
    transport: Coalesce<Wire<IO, Response<Resp>, ClientMessage<Req>>>,
    inbox: mpsc::Receiver<Command<Req, Resp>>,
    callers: HashMap<u64, Caller<Resp>>,
}

struct Caller<Resp> {
    /// the [`variant`] of its request
    asked: u8,
    answer: oneshot::Sender<Result<Resp, RpcError>>,
}

impl<IO, Req, Resp> Calling<IO, Req, Resp>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: Serialize,
    Resp: DeserializeOwned + Serialize,
{
    /// Writes the calls and cancellations that wait; ready when every clone of the channel is gone.
    fn poll_commands(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(Pin::new(&mut self.transport).poll_ready(cx)?);
            match ready!(self.inbox.poll_recv(cx)) {
                Some(Command::Call(request, caller)) => self.call(request, caller),
                Some(Command::Cancel(request_id)) => {
                    if self.callers.remove(&request_id).is_some() {
                        let trace_context = trace::Context::default();
                        self.send(ClientMessage::Cancel {
                            trace_context,
                            request_id,
                        })?;
                    }
                }
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    fn call(&mut self, request: Request<Req>, answer: oneshot::Sender<Result<Resp, RpcError>>) {
        let (id, asked) = (request.id, variant(&request.message));
        match self.send(ClientMessage::Request(request)) {
            Ok(()) => drop(self.callers.insert(id, Caller { asked, answer })),
            // Too large, or cannot be encoded. The connection goes on, because nothing was sent.
            Err(error) => drop(answer.send(Err(RpcError::Send(Box::new(error))))),
        }
    }

    fn send(&mut self, message: ClientMessage<Req>) -> io::Result<()> {
        Pin::new(&mut self.transport).start_send(message)
    }

    /// Hands each answer to its caller; ready when the server has closed the connection, or has
    /// answered what was not asked.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(response) = ready!(Pin::new(&mut self.transport).poll_next(cx)?) {
            let Some(caller) = self.callers.remove(&response.request_id) else {
                continue; // cancelled
            };
            let answer: Result<Resp, ServerError> = response.message;
            if let Ok(answer) = &answer
                && variant(answer) != caller.asked
            {
                let error = || io::Error::new(io::ErrorKind::InvalidData, "not what was asked");
                let told = RpcError::Channel(ChannelError::Read(Arc::new(error())));
                let _ = caller.answer.send(Err(told));
                return Poll::Ready(Err(error()));
            }
            let _ = caller.answer.send(answer.map_err(RpcError::Server));
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO, Req, Resp> Future for Calling<IO, Req, Resp>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: Serialize,
    Resp: DeserializeOwned + Serialize,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.poll_answers(cx)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        let idle = self.poll_commands(cx)?.is_ready();
        ready!(Pin::new(&mut self.transport).poll_flush(cx)?);
        if idle {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}
