//! The server's end of a connection: requests in, answers out, all on one task.
//!
//! It drives tarpc's generated `serve` with tarpc's own messages. It replaces tarpc's server
//! channel, because that one has no idle timeout, accepts any deadline from a caller (a far one
//! panics its timer), answers nothing when a handler panics, and is slower: `scripts/bench.sh
//! secret` runs a plain tarpc pair beside ours.
//!
//! A request that needs no waiting is answered at once. Any other gets a task of its own, so that
//! it does not hold up the rest. A peer that does not read its answers is not read from either, so
//! that it can make the server hold only one write buffer and its calls in hand.

use std::collections::HashMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures::{FutureExt, Sink, Stream};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, Request, Response, ServerError, context};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinSet, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Limits;
use super::coalesce::Coalesce;
use super::wire::{Wire, wire};

/// The work of answering one connection's requests: a future that ends with the connection.
pub(super) struct Answering<IO, Req, Resp, H> {
    transport: Coalesce<Wire<IO, ClientMessage<Req>, Response<Resp>>>,
    handler: H,
    limits: Limits,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    /// whether more requests may come
    reading: bool,
    /// when the last whole frame came, or when it was last checked that the peer reads
    heard: Instant,
    silence: Pin<Box<Sleep>>,
    /// the calls that wait for something
    waiting: JoinSet<Response<Resp>>,
    /// how to cancel each of them, by its request id
    handles: HashMap<u64, AbortHandle>,
}

impl<IO, Req, Resp, H, F> Answering<IO, Req, Resp, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: DeserializeOwned,
    Resp: Serialize + Send + 'static,
    H: Fn(context::Context, Req) -> F,
    F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
{
    pub(super) fn new(
        io: IO,
        handler: H,
        limits: Limits,
        stop: WaitForCancellationFutureOwned,
    ) -> Self {
        let heard = Instant::now();
        Self {
            transport: Coalesce::new(wire(io), limits.flush_delay),
            handler,
            limits,
            stop: Box::pin(stop),
            reading: true,
            heard,
            silence: Box::pin(sleep_until(heard + limits.idle)),
            waiting: JoinSet::new(),
            handles: HashMap::new(),
        }
    }

    /// Does what can be done without waiting; ready when the connection has ended.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reading && self.stop.as_mut().poll(cx).is_ready() {
            self.reading = false;
        }
        while Pin::new(&mut self.transport).poll_ready(cx)?.is_ready() {
            if let Poll::Ready(Some(ended)) = self.waiting.poll_join_next(cx) {
                // An error only means that the call was cancelled, so there is nobody to answer.
                if let Ok(response) = ended {
                    self.handles.remove(&response.request_id);
                    self.send(response)?;
                }
            } else if !self.reading {
                break;
            } else {
                match Pin::new(&mut self.transport).poll_next(cx)? {
                    Poll::Ready(Some(message)) => self.hear(message)?,
                    Poll::Ready(None) => self.reading = false,
                    Poll::Pending => break,
                }
            }
        }
        ready!(Pin::new(&mut self.transport).poll_flush(cx)?);
        if self.reading || !self.waiting.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn hear(&mut self, message: ClientMessage<Req>) -> io::Result<()> {
        self.heard = Instant::now();
        match message {
            ClientMessage::Request(request) => self.start(request),
            ClientMessage::Cancel { request_id, .. } => {
                if let Some(handle) = self.handles.remove(&request_id) {
                    handle.abort();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, request: Request<Req>) -> io::Result<()> {
        let Request {
            mut context,
            id: request_id,
            message,
        } = request;
        if self.handles.contains_key(&request_id) {
            let error = "two calls of one number";
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        if self.handles.len() >= self.limits.calls {
            let most = self.limits.calls;
            let error = format!("more than {most} calls at once on this connection");
            return self.send(Response {
                request_id,
                message: Err(ServerError::new(io::ErrorKind::WouldBlock, error)),
            });
        }
        let latest = self.heard + self.limits.deadline;
        context.deadline = context.deadline.min(latest.into_std());
        let deadline = context.deadline.into();
        let call = (self.handler)(context, message);
        let mut call = Box::pin(AssertUnwindSafe(call).catch_unwind().map(move |answer| {
            Response {
                request_id,
                message: answer.unwrap_or_else(|_| {
                    // Only a short sentence, because the panic's own message is on stderr by now.
                    let sorry = "the server failed on this call";
                    Err(ServerError::new(io::ErrorKind::Other, sorry.into()))
                }),
            }
        }));
        // `unconstrained`, because tokio's cooperative budget would otherwise make about every
        // thirtieth call return `Pending` although it has nothing to wait for.
        let mut nobody = Context::from_waker(Waker::noop());
        if let Poll::Ready(response) = unconstrained(call.as_mut()).poll_unpin(&mut nobody) {
            return self.send(response);
        }
        let handle = self.waiting.spawn(async move {
            timeout_at(deadline, call).await.unwrap_or_else(|_| {
                let late = "the call's deadline has passed";
                Response {
                    request_id,
                    message: Err(ServerError::new(io::ErrorKind::TimedOut, late.into())),
                }
            })
        });
        self.handles.insert(request_id, handle);
        Ok(())
    }

    fn send(&mut self, response: Response<Resp>) -> io::Result<()> {
        Pin::new(&mut self.transport).start_send(response)
    }

    /// Ready when the peer has been silent for too long. Single bytes count as silence, because
    /// otherwise a peer could hold a connection for ever with one byte a minute.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.silence.as_mut().poll(cx).is_ready() {
            let until = self.heard + self.limits.idle;
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            self.silence.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl<IO, Req, Resp, H, F> Future for Answering<IO, Req, Resp, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: DeserializeOwned,
    Resp: Serialize + Send + 'static,
    H: Fn(context::Context, Req) -> F + Unpin,
    F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(ended) = self.advance(cx) {
            return Poll::Ready(ended);
        }
        while self.poll_silence(cx).is_ready() {
            // Calls in hand are still answered, unless the peer does not read its answers.
            if self.transport.is_dirty() || self.waiting.is_empty() {
                return Poll::Ready(Ok(()));
            }
            (self.reading, self.heard) = (false, Instant::now());
        }
        Poll::Pending
    }
}
