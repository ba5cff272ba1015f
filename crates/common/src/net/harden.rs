//! What stands between a hostile or unlucky peer and a handler.
//!
//! tarpc has no idle timeout, lets a caller set any deadline (a far one panics its timer), and
//! answers nothing when a handler panics. Three small adapters mend that.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{FutureExt, Sink, Stream};
use tarpc::server::Serve;
use tarpc::{ClientMessage, ServerError, context};
use tokio::time::{Sleep, sleep};

/// Ends the reading of a connection on which no whole frame has arrived for a time. Calls in
/// flight are still answered. Byte-trickling peers end too, since only whole frames count.
pub(super) struct Idle<T> {
    inner: T,
    limit: Duration,
    silence: Pin<Box<Sleep>>,
}

impl<T> Idle<T> {
    pub(super) fn new(inner: T, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            silence: Box::pin(sleep(limit)),
        }
    }
}

impl<T: Stream + Unpin> Stream for Idle<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_next(cx) {
            let until = tokio::time::Instant::now() + self.limit;
            self.silence.as_mut().reset(until);
            return Poll::Ready(frame);
        }
        self.silence.as_mut().poll(cx).map(|()| None)
    }
}

impl<M, T: Sink<M> + Unpin> Sink<M> for Idle<T> {
    type Error = T::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), T::Error> {
        Pin::new(&mut self.inner).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// Brings a caller's deadline down to `most` from now.
pub(super) fn clamp<Req>(mut message: ClientMessage<Req>, most: Duration) -> ClientMessage<Req> {
    if let ClientMessage::Request(request) = &mut message {
        let latest = Instant::now() + most;
        request.context.deadline = request.context.deadline.min(latest);
    }
    message
}

/// Answers a call whose handler panicked with an error, where tarpc would leave the caller waiting
/// for its deadline. The panic's own message has gone to stderr by then.
#[derive(Clone)]
pub(super) struct CatchPanic<S>(pub(super) S);

impl<S: Serve> Serve for CatchPanic<S> {
    type Req = S::Req;
    type Resp = S::Resp;

    async fn serve(
        self,
        context: context::Context,
        request: S::Req,
    ) -> Result<S::Resp, ServerError> {
        AssertUnwindSafe(self.0.serve(context, request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let sorry = "the server failed on this call";
                Err(ServerError::new(io::ErrorKind::Other, sorry.into()))
            })
    }
}
