//! The client's end of a connection, from its greeting to its end.
//!
//! It carries tarpc's own messages. It replaces tarpc's client channel, because that one pays for a
//! timer, spans and a second queue with every call (`scripts/bench.sh secret` runs a plain tarpc
//! pair beside ours), and may still let a call outlive its deadline. So a caller sets a limit of
//! its own, as [`Redial`](super::Redial) does.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tarpc::client::{RpcError, stub::Stub};
use tarpc::{Request, RequestName, context};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::calling::{self, Call, Calling, Command};
use super::connect::{Dialled, Peer, dial};
use super::doctor::{Error, Trouble};
use super::post::Posts;
use super::seal::{Protocol, is_refusal};

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

/// Writes a call if that can be done at once, or gives it back.
type AtOnce<Req, Resp> = dyn Fn(Call<Req, Resp>) -> Result<(), Call<Req, Resp>> + Send + Sync;

struct Shared<Req, Resp> {
    commands: mpsc::Sender<Command<Req, Resp>>,
    /// writes a request as a post, and returns whether it could
    post: Box<dyn Fn(Request<Req>) -> bool + Send + Sync>,
    /// writes a call, or gives it back for the task
    call: Box<AtOnce<Req, Resp>>,
    posts: Arc<Posts<Resp>>,
    next_id: AtomicU64,
    closed: CancellationToken,
    task: AbortHandle,
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

    /// Closes the connection. The calls that are out end at once, as with a peer that died.
    pub(super) fn close(&self) {
        self.0.task.abort();
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.commands.is_closed()
    }

    /// Writes a call before it returns, for an answer that only matters if no newer post follows.
    /// `None` if the connection has ended or has no room.
    pub(super) fn post(
        &self,
        at: Instant,
        context: context::Context,
        message: Req,
    ) -> Option<Post<Req, Resp>> {
        let shared = &self.0;
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request {
            context,
            id,
            message,
        };
        (shared.post)(request).then(|| Post {
            channel: self.clone(),
            number: id,
            at,
        })
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
        let (channel, _) = Self::reach(target, protocol).await?;
        Ok(channel)
    }

    /// Returns a new connection as [`open`](Channel::open) does, and where it leads.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn reach(target: &str, protocol: impl Into<Protocol>) -> Result<(Self, Peer), Error> {
        let protocol = protocol.into();
        let service = protocol.service();
        let dialled = dial(target, protocol).await?;
        let Dialled {
            io,
            round_trip,
            peer,
        } = dialled;
        Ok((Self::over(io, round_trip, service, target), peer))
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
        let posts = Arc::new(Posts::new());
        let calling = calling::Shared::new(Calling::new(io, inbox, posts.clone()));
        let task = calling.task();
        let calls = calling.clone();
        let closed = CancellationToken::new();
        let says_so = closed.clone().drop_guard();
        let (target, to_note) = (target.to_owned(), end.clone());
        let spawned = tokio::spawn(async move {
            let mut task = pin!(task);
            if let Err(error) = task.as_mut().await {
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
            post: Box::new(move |request| calling.post(request)),
            call: Box::new(move |call| calls.call_at_once(call)),
            posts,
            next_id: AtomicU64::new(0),
            closed,
            task: spawned.abort_handle(),
            round_trip,
            end,
        }))
    }
}

/// A call that was written when it was made, by [`Redial::post`](super::Redial::post).
pub struct Post<Req, Resp> {
    pub(super) channel: Channel<Req, Resp>,
    number: u64,
    pub(super) at: Instant,
}

impl<Req, Resp> Post<Req, Resp> {
    /// Returns when the call was made.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Returns the answer, or why there is none any more; or `None` if a newer post on this
    /// connection has taken its place. One task may wait.
    pub(super) async fn answer(&self) -> Option<Result<Resp, RpcError>> {
        let shared = &self.channel.0;
        tokio::select! {
            biased; // because a peer may answer and close
            answer = shared.posts.heard(self.number) => answer,
            () = shared.closed.cancelled() => Some(Err(shared.ended())),
        }
    }

    /// Returns whether it is the newest of its connection.
    pub(super) fn is_newest(&self) -> bool {
        self.channel.0.posts.asked(self.number).is_some()
    }
}

impl<Req, Resp> Clone for Post<Req, Resp> {
    fn clone(&self) -> Self {
        Self {
            channel: self.channel.clone(),
            ..*self
        }
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
        let call = Call {
            request,
            answer: caller,
        };
        if let Err(call) = (shared.call)(call) {
            let sent = shared.commands.send(Command::Call(call)).await;
            sent.map_err(|_| shared.ended())?;
        }
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
