//! The task of a client's connection: calls and posts out, answers in.
//!
//! A peer may answer another question than the one that was asked. tarpc's generated client panics
//! then, so such an answer is not handed to it: the call ends with [`RpcError::Channel`], and the
//! connection with it, because nothing more that this peer says can be believed.
//!
//! A [post](Calling::post) is written by the caller itself, between two turns of the task. So is a
//! [call](Calling::call_at_once) while no other is out.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::{Sink, Stream};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::client::RpcError;
use tarpc::{ChannelError, ClientMessage, Request, Response, ServerError, trace};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use super::coalesce::Coalesce;
use super::post::Posts;
use super::wire::{Wire, wire};

/// What a caller tells the task.
pub(super) enum Command<Req, Resp> {
    Call(Call<Req, Resp>),
    Cancel(u64),
}

/// A call, and where its answer goes.
pub(super) struct Call<Req, Resp> {
    pub(super) request: Request<Req>,
    pub(super) answer: oneshot::Sender<Result<Resp, RpcError>>,
}

/// The calling end of a connection.
pub(super) struct Calling<IO, Req, Resp> {
    transport: Coalesce<Wire<IO, Response<Resp>, ClientMessage<Req>>>,
    inbox: mpsc::Receiver<Command<Req, Resp>>,
    callers: HashMap<u64, Caller<Resp>>,
    posts: Arc<Posts<Resp>>,
    /// wakes the task
    task: Waker,
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
    pub(super) fn new(
        io: IO,
        inbox: mpsc::Receiver<Command<Req, Resp>>,
        posts: Arc<Posts<Resp>>,
    ) -> Self {
        Self {
            transport: Coalesce::new(wire(io), Duration::ZERO),
            inbox,
            callers: HashMap::new(),
            posts,
            task: Waker::noop().clone(),
        }
    }

    /// Writes a request at once, as a post. Returns whether it is written, or at least on its way:
    /// what the socket does not take now is for the task. A peer that does not read takes none.
    pub(super) fn post(&mut self, request: Request<Req>) -> bool {
        // As if the task did it, so that the task is woken when there is room again.
        let task = self.task.clone();
        let mut cx = Context::from_waker(&task);
        let ready = Pin::new(&mut self.transport).poll_ready(&mut cx);
        let (number, asked) = (request.id, variant(&request.message));
        if !matches!(ready, Poll::Ready(Ok(())))
            || self.send(ClientMessage::Request(request)).is_err()
        {
            return false;
        }
        self.posts.begin(number, asked);
        self.flush_at_once(&mut cx);
        true
    }

    /// Writes a call at once, as a [post](Self::post), and so spares the task a turn. Gives it back
    /// if the task has to write it: if others are out, because then one write may carry several.
    pub(super) fn call_at_once(&mut self, call: Call<Req, Resp>) -> Result<(), Call<Req, Resp>> {
        let task = self.task.clone();
        let mut cx = Context::from_waker(&task);
        let ready = Pin::new(&mut self.transport).poll_ready(&mut cx);
        if !self.callers.is_empty() || !matches!(ready, Poll::Ready(Ok(()))) {
            return Err(call);
        }
        self.call(call);
        self.transport.hurry();
        self.flush_at_once(&mut cx);
        Ok(())
    }

    fn flush_at_once(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.transport).poll_flush(cx) {
            // The task finds out when it reads, because a socket that fails is readable.
            tracing::debug!("not written: {error}");
        }
    }

    /// Writes the calls and cancellations that wait; ready when every clone of the channel is gone.
    fn poll_commands(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(Pin::new(&mut self.transport).poll_ready(cx)?);
            match ready!(self.inbox.poll_recv(cx)) {
                Some(Command::Call(call)) => self.call(call),
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

    fn call(&mut self, call: Call<Req, Resp>) {
        let Call { request, answer } = call;
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
            self.hear(response)?;
        }
        Poll::Ready(Ok(()))
    }

    fn hear(&mut self, response: Response<Resp>) -> io::Result<()> {
        let number = response.request_id;
        let caller = self.callers.remove(&number);
        let asked = caller.as_ref().map(|caller| caller.asked);
        let Some(asked) = asked.or_else(|| self.posts.asked(number)) else {
            return Ok(()); // cancelled, or an older post
        };
        let error = || io::Error::new(io::ErrorKind::InvalidData, "not what was asked");
        let answer: Result<Resp, ServerError> = response.message;
        let is_other = matches!(&answer, Ok(answer) if variant(answer) != asked);
        let answer = if is_other {
            Err(RpcError::Channel(ChannelError::Read(Arc::new(error()))))
        } else {
            answer.map_err(RpcError::Server)
        };
        match caller {
            Some(caller) => drop(caller.answer.send(answer)),
            None => self.posts.answer(number, answer),
        }
        if is_other { Err(error()) } else { Ok(()) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.task.clone_from(cx.waker());
        if self.poll_answers(cx)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        let idle = self.poll_commands(cx)?.is_ready();
        if self.callers.len() <= 1 {
            self.transport.hurry(); // because who makes one call at a time makes no other now
        }
        ready!(Pin::new(&mut self.transport).poll_flush(cx)?);
        if idle {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
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

/// A [`Calling`] that its task and those who post take turns with. It is none once the connection
/// has ended.
pub(super) struct Shared<IO, Req, Resp>(Arc<Mutex<Option<Calling<IO, Req, Resp>>>>);

impl<IO, Req, Resp> Clone for Shared<IO, Req, Resp> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<IO, Req, Resp> Shared<IO, Req, Resp> {
    pub(super) fn new(calling: Calling<IO, Req, Resp>) -> Self {
        Self(Arc::new(Mutex::new(Some(calling))))
    }

    /// Returns the task.
    pub(super) fn task(&self) -> Task<IO, Req, Resp> {
        Task(self.clone())
    }

    /// Poisoned only if decoding panics, and then the task ends and leaves nothing here.
    fn lock(&self) -> MutexGuard<'_, Option<Calling<IO, Req, Resp>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<IO, Req, Resp> Shared<IO, Req, Resp>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: Serialize,
    Resp: DeserializeOwned + Serialize,
{
    /// Does [`Calling::post`], unless the connection has ended.
    pub(super) fn post(&self, request: Request<Req>) -> bool {
        let mut calling = self.lock();
        calling
            .as_mut()
            .is_some_and(|calling| calling.post(request))
    }

    /// Does [`Calling::call_at_once`], unless the connection has ended.
    pub(super) fn call_at_once(&self, call: Call<Req, Resp>) -> Result<(), Call<Req, Resp>> {
        match &mut *self.lock() {
            Some(calling) => calling.call_at_once(call),
            None => Err(call),
        }
    }
}

/// The task of a connection: a future that ends with it. Dropping it ends the connection, and all
/// calls on it.
pub(super) struct Task<IO, Req, Resp>(Shared<IO, Req, Resp>);

impl<IO, Req, Resp> Future for Task<IO, Req, Resp>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: Serialize,
    Resp: DeserializeOwned + Serialize,
{
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.lock() {
            Some(calling) => calling.poll(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<IO, Req, Resp> Drop for Task<IO, Req, Resp> {
    fn drop(&mut self) {
        self.0.lock().take();
    }
}
