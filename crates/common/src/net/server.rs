//! The server's end of a connection: requests in, answers out, all on one task.
//!
//! It drives tarpc's generated `serve` with tarpc's own messages. It replaces tarpc's server
//! channel, because that one has no idle timeout, accepts any deadline from a caller (a far one
//! panics its timer), answers nothing when a handler panics, and is slower: `scripts/bench.sh
//! secret` runs a plain tarpc pair beside ours.
//!
//! What a peer can make this task hold and do is bounded:
//!
//! - **Bytes.** Calls go on only while the peer reads: no answer is computed before the last one is
//!   written. So a peer that does not read costs its buffers and its requests in hand, and both are
//!   paid for from the server's budget ([`Limits::bytes`]).
//! - **Turns.** One turn takes at most tokio's cooperative budget of 128 steps, and a call
//!   that never waits is no exception. So no peer can keep a thread of the runtime for itself.
//! - **Time.** A peer that is silent, or does not read, is cut off, and its calls end with it.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures::future::{AbortHandle, BoxFuture, abortable};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Sink, Stream, StreamExt};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, Request, Response, ServerError, context};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::coalesce::Coalesce;
use super::gate::{FREE, Share};
use super::wire::{Wire, wire};
use super::{Limits, MAX_GROWTH};

/// The work of answering one connection's requests: a future that ends with the connection.
pub(super) struct Answering<IO, Req, Resp, H> {
    transport: Coalesce<Wire<IO, ClientMessage<Req>, Response<Resp>>>,
    handler: H,
    limits: Limits,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    /// whether more requests may come
    reading: bool,
    /// when the last whole frame came
    heard: Instant,
    /// when to look next whether the peer is silent or does not read
    look: Pin<Box<Sleep>>,
    /// the flush that was not finished at the last look
    stuck: Option<u64>,
    /// the calls that wait for something
    calls: FuturesUnordered<BoxFuture<'static, Finished<Resp>>>,
    /// each of them by its request id
    in_hand: HashMap<u64, InHand>,
    /// the bytes of their requests
    requests: usize,
    /// the bytes above [`FREE`] that this connection has taken
    share: Share,
}

/// What a handler makes of a call.
pub(super) enum Work<Resp, F> {
    /// The answer, for which nothing had to be waited.
    Done(Resp),
    /// The answer, once it is there.
    Waits(F),
}

struct InHand {
    abort: AbortHandle,
    bytes: usize,
}

/// A call that has ended. Without an answer it was cancelled.
struct Finished<Resp> {
    request_id: u64,
    answer: Option<Result<Resp, ServerError>>,
}

impl<IO, Req, Resp, H, F> Answering<IO, Req, Resp, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: DeserializeOwned,
    Resp: Serialize + Send + 'static,
    H: Fn(context::Context, Req) -> Work<Resp, F>,
    F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
{
    pub(super) fn new(
        io: IO,
        handler: H,
        limits: Limits,
        share: Share,
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
            look: Box::pin(sleep_until(heard + limits.shortest())),
            stuck: None,
            calls: FuturesUnordered::new(),
            in_hand: HashMap::new(),
            requests: 0,
            share,
        }
    }

    /// Does what can be done without waiting; ready when the connection has ended.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reading && self.stop.as_mut().poll(cx).is_ready() {
            self.reading = false;
        }
        loop {
            // Ends this turn after 128 steps, because other connections wait for this thread.
            ready!(coop::poll_proceed(cx)).made_progress();
            if Pin::new(&mut self.transport).poll_ready(cx)?.is_pending() {
                break; // the peer does not read, so that no answer may be computed
            }
            if let Poll::Ready(Some(finished)) = self.calls.poll_next_unpin(cx) {
                self.finish(finished)?;
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
        if !self.pay(self.requests) {
            return Poll::Ready(Err(io::Error::other("the memory for connections is taken")));
        }
        if self.calls.is_empty() {
            self.transport.hurry();
        }
        ready!(Pin::new(&mut self.transport).poll_flush(cx)?);
        if self.reading || !self.calls.is_empty() {
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
                if let Some(call) = self.in_hand.get(&request_id) {
                    call.abort.abort();
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
        if self.in_hand.contains_key(&request_id) {
            let error = "two calls of one number";
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        if self.in_hand.len() >= self.limits.calls {
            let most = self.limits.calls;
            let error = format!("more than {most} calls at once on this connection");
            return self.refuse(request_id, error);
        }
        let bytes = self.transport.inner().received() * MAX_GROWTH;
        if !self.pay(self.requests + bytes) {
            return self.refuse(request_id, "the memory for calls is taken".into());
        }
        let latest = self.heard + self.limits.deadline;
        context.deadline = context.deadline.min(latest.into_std());
        let deadline = context.deadline.into();
        // Nothing of ours is changed while it runs, so that nothing is half done if it panics.
        let work = catch_unwind(AssertUnwindSafe(|| (self.handler)(context, message)));
        let call = match work {
            Ok(Work::Done(answer)) => return self.answer(request_id, Ok(answer)),
            Ok(Work::Waits(call)) => call,
            Err(_) => return self.answer(request_id, Err(panicked())),
        };
        let call = AssertUnwindSafe(call).catch_unwind();
        let mut call = Box::pin(call.map(|answer| answer.unwrap_or_else(|_| Err(panicked()))));
        // A first try at once, because most calls need not wait.
        let mut no_waker = Context::from_waker(Waker::noop());
        if let Poll::Ready(answer) = call.poll_unpin(&mut no_waker) {
            return self.answer(request_id, answer);
        }
        let timed = async move {
            timeout_at(deadline, call).await.unwrap_or_else(|_| {
                let late = "the call's deadline has passed";
                Err(ServerError::new(io::ErrorKind::TimedOut, late.into()))
            })
        };
        let (call, abort) = abortable(timed);
        let call = call.map(move |answer| Finished {
            request_id,
            answer: answer.ok(),
        });
        self.calls.push(call.boxed());
        self.in_hand.insert(request_id, InHand { abort, bytes });
        self.requests += bytes;
        Ok(())
    }

    fn finish(&mut self, finished: Finished<Resp>) -> io::Result<()> {
        if let Some(call) = self.in_hand.remove(&finished.request_id) {
            self.requests -= call.bytes;
        }
        match finished.answer {
            Some(answer) => self.answer(finished.request_id, answer),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, request_id: u64, why: String) -> io::Result<()> {
        self.answer(
            request_id,
            Err(ServerError::new(io::ErrorKind::WouldBlock, why)),
        )
    }

    fn answer(&mut self, request_id: u64, message: Result<Resp, ServerError>) -> io::Result<()> {
        let mut send = |message| {
            Pin::new(&mut self.transport).start_send(Response {
                request_id,
                message,
            })
        };
        send(message).or_else(|error| {
            // An answer above a frame is the error of its call only, because the others on this
            // connection have nothing to do with it.
            send(Err(ServerError::new(error.kind(), error.to_string())))
        })
    }

    /// Takes memory from the server's budget for the buffers and `requests` bytes of requests, or
    /// gives some back. Returns whether the budget has that much.
    fn pay(&mut self, requests: usize) -> bool {
        let above = (requests + self.transport.inner().buffered()).saturating_sub(FREE);
        self.share.set(above).is_ok()
    }

    /// Ready when the peer has been silent or has not read for too long. Single bytes count as
    /// silence, because otherwise a peer could hold a connection for ever with one byte a minute.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let patience = if self.calls.is_empty() {
                self.limits.idle
            } else {
                self.limits.silence
            };
            let unfinished = self.transport.unfinished_flush();
            if self.heard + patience <= now || (unfinished.is_some() && unfinished == self.stuck) {
                return Poll::Ready(());
            }
            self.stuck = unfinished;
            self.look.as_mut().reset(now + self.limits.shortest());
        }
        Poll::Pending
    }
}

/// Returns the answer of a handler that panicked: only a short sentence, because the panic's own
/// message is on stderr by now.
fn panicked() -> ServerError {
    let sorry = "the server failed on this call";
    ServerError::new(io::ErrorKind::Other, sorry.into())
}

impl<IO, Req, Resp, H, F> Future for Answering<IO, Req, Resp, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    Req: DeserializeOwned,
    Resp: Serialize + Send + 'static,
    H: Fn(context::Context, Req) -> Work<Resp, F> + Unpin,
    F: Future<Output = Result<Resp, ServerError>> + Send + 'static,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.advance(cx) {
            Poll::Pending => self.poll_lost(cx).map(Ok),
            ended => ended,
        }
    }
}
