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
use std::task::{Context, Poll, ready};

use futures::future::{AbortHandle, abortable};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Sink, Stream, StreamExt};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, Request, Response, ServerError, context};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::coalesce::Coalesce;
use super::gate::{FREE, Share};
use super::wire::{Wire, wire};
use super::{Limits, MAX_GROWTH};

mod work;

use work::{Call, Finished, Waiting};
pub(super) use work::{Never, Work};

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
    look_at: Instant,
    /// sleeps until then, or until the first deadline of a call
    look: Pin<Box<Sleep>>,
    /// the flush that was not finished at the last look
    stuck: Option<u64>,
    /// the call that waits for something, and that this task polls itself: most peers have one
    lone: Option<(u64, Call<Resp>)>,
    /// the others
    calls: FuturesUnordered<Waiting<Resp>>,
    /// each of them all by its request id
    in_hand: HashMap<u64, InHand>,
    /// the bytes of their requests
    requests: usize,
    /// the bytes above [`FREE`] that this connection has taken
    share: Share,
}

struct InHand {
    /// none for the lone call
    abort: Option<AbortHandle>,
    bytes: usize,
    deadline: Instant,
    is_late: bool,
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
        let look_at = heard + limits.shortest();
        Self {
            transport: Coalesce::new(wire(io), limits.flush_delay),
            handler,
            limits,
            stop: Box::pin(stop),
            reading: true,
            heard,
            look_at,
            look: Box::pin(sleep_until(look_at)),
            stuck: None,
            lone: None,
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
        let mut asks_lone = true; // only once in a turn, because what it waits for wakes this task
        loop {
            // Ends this turn after 128 steps, because other connections wait for this thread.
            ready!(coop::poll_proceed(cx)).made_progress();
            if Pin::new(&mut self.transport).poll_ready(cx)?.is_pending() {
                break; // the peer does not read, so that no answer may be computed
            }
            if let Poll::Ready(finished) = self.poll_calls(cx, &mut asks_lone) {
                self.finish(finished)?;
            } else if !self.reading {
                break;
            } else {
                match self.poll_message(cx)? {
                    Poll::Ready(Some(message)) => self.hear(message, cx)?,
                    Poll::Ready(None) => self.reading = false,
                    Poll::Pending => break,
                }
            }
        }
        if !self.pay(self.requests) {
            return Poll::Ready(Err(io::Error::other("the memory for connections is taken")));
        }
        if self.in_hand.len() <= 1 {
            self.transport.hurry(); // because one more answer is not worth waiting for
        }
        ready!(Pin::new(&mut self.transport).poll_flush(cx)?);
        if self.reading || !self.in_hand.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    /// Receives a message. Not a part of its caller, and [`hear`](Self::hear) neither, so that the
    /// stack of the one is that of the other as well.
    #[inline(never)]
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<ClientMessage<Req>>>> {
        Pin::new(&mut self.transport).poll_next(cx)
    }

    /// Returns a call that has ended.
    fn poll_calls(&mut self, cx: &mut Context<'_>, asks_lone: &mut bool) -> Poll<Finished<Resp>> {
        if std::mem::take(asks_lone)
            && let Some((request_id, call)) = &mut self.lone
            && let Poll::Ready(answer) = call.poll_unpin(cx)
        {
            let (request_id, answer) = (*request_id, Some(answer));
            self.lone = None;
            return Poll::Ready(Finished { request_id, answer });
        }
        if self.calls.is_empty() {
            return Poll::Pending;
        }
        match self.calls.poll_next_unpin(cx) {
            Poll::Ready(Some(finished)) => Poll::Ready(finished),
            _ => Poll::Pending,
        }
    }

    #[inline(never)]
    fn hear(&mut self, message: ClientMessage<Req>, cx: &mut Context<'_>) -> io::Result<()> {
        self.heard = Instant::now();
        match message {
            ClientMessage::Request(request) => self.start(request, cx),
            ClientMessage::Cancel { request_id, .. } => self.end(request_id),
            _ => Ok(()),
        }
    }

    /// Ends a call before it has an answer.
    fn end(&mut self, request_id: u64) -> io::Result<()> {
        if let Some(abort) = self
            .in_hand
            .get(&request_id)
            .and_then(|call| call.abort.as_ref())
        {
            abort.abort();
            return Ok(());
        }
        if self.lone.take_if(|(lone, _)| *lone == request_id).is_none() {
            return Ok(());
        }
        self.finish(Finished {
            request_id,
            answer: None,
        })
    }

    fn start(&mut self, request: Request<Req>, cx: &mut Context<'_>) -> io::Result<()> {
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
        let deadline = Instant::from_std(context.deadline);
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
        if let Poll::Ready(answer) = call.poll_unpin(cx) {
            return self.answer(request_id, answer);
        }
        let abort = if self.lone.is_none() {
            self.lone = Some((request_id, call));
            None
        } else {
            let (call, abort) = abortable(call as Call<Resp>);
            self.calls.push(Waiting { request_id, call });
            Some(abort)
        };
        let in_hand = InHand {
            abort,
            bytes,
            deadline,
            is_late: false,
        };
        self.in_hand.insert(request_id, in_hand);
        self.requests += bytes;
        if deadline < self.look.deadline() {
            self.look.as_mut().reset(deadline);
        }
        Ok(())
    }

    fn finish(&mut self, finished: Finished<Resp>) -> io::Result<()> {
        let Finished { request_id, answer } = finished;
        let call = self.in_hand.remove(&request_id);
        self.requests -= call.as_ref().map_or(0, |call| call.bytes);
        match answer {
            Some(answer) => self.answer(request_id, answer),
            None if call.is_some_and(|call| call.is_late) => {
                let late = "the call's deadline has passed";
                let error = ServerError::new(io::ErrorKind::TimedOut, late.into());
                self.answer(request_id, Err(error))
            }
            None => Ok(()),
        }
    }

    /// Ends the calls whose deadline has passed. Returns the next deadline.
    fn end_late(&mut self, now: Instant) -> io::Result<Option<Instant>> {
        let calls = self.in_hand.iter_mut();
        let late = calls.filter(|(_, call)| call.deadline <= now && !call.is_late);
        let late: Vec<u64> = late
            .map(|(&request_id, call)| {
                call.is_late = true;
                request_id
            })
            .collect();
        late.into_iter()
            .try_for_each(|request_id| self.end(request_id))?;
        let waiting = self.in_hand.values().filter(|call| !call.is_late);
        Ok(waiting.map(|call| call.deadline).min())
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
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let deadline = self.end_late(now)?;
            if self.look_at <= now {
                if self.is_lost(now) {
                    return Poll::Ready(Ok(()));
                }
                self.look_at = now + self.limits.shortest();
            }
            let next = deadline.map_or(self.look_at, |deadline| deadline.min(self.look_at));
            self.look.as_mut().reset(next);
            cx.waker().wake_by_ref(); // because of the answers to late calls
        }
        Poll::Pending
    }

    fn is_lost(&mut self, now: Instant) -> bool {
        let patience = if self.in_hand.is_empty() {
            self.limits.idle
        } else {
            self.limits.silence
        };
        let unfinished = self.transport.unfinished_flush();
        let is_stuck = unfinished.is_some() && unfinished == self.stuck;
        self.stuck = unfinished;
        self.heard + patience <= now || is_stuck
    }
}

/// Returns the answer of a handler that panicked: only a short sentence, because the panic's own
/// message is on stderr by now.
pub(crate) fn panicked() -> ServerError {
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
            Poll::Pending => self.poll_lost(cx),
            ended => ended,
        }
    }
}
