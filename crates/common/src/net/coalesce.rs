//! One write for many messages: a transport whose flush waits for the other ready tasks.
//!
//! tarpc flushes when it has nothing more to send. On tokio's multi-thread runtime the task that
//! sends is woken after every single message and would make one system call each. This adapter's
//! first flush after a message steps back once, behind all other ready tasks; they add their
//! messages, and one write carries all. Measured with 64 calls in flight: 0.03 instead of 1.9
//! writes a call and 3.5 times the calls; a single call at a time pays nothing, for its queue is
//! empty.
//!
//! It steps back by [`yield_now`], not by waking itself: tokio answers the latter by waking another
//! worker thread as well, to share a burden that is none.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use tokio::task::yield_now;

/// Batches the flushes of `inner`.
pub(super) struct Coalesce<T> {
    inner: T,
    /// messages were sent that are not flushed
    dirty: bool,
    /// the stepping back before the flush, while it lasts
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    paused: bool,
}

impl<T> Coalesce<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            dirty: false,
            pause: None,
            paused: false,
        }
    }
}

impl<T: Stream + Unpin> Stream for Coalesce<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

impl<M, T: Sink<M> + Unpin> Sink<M> for Coalesce<T> {
    type Error = T::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), T::Error> {
        self.dirty = true;
        Pin::new(&mut self.inner).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        if self.dirty && !self.paused {
            let pause = self.pause.get_or_insert_with(|| Box::pin(yield_now()));
            ready!(pause.as_mut().poll(cx));
            (self.pause, self.paused) = (None, true);
        }
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        (self.dirty, self.paused) = (false, false);
        Poll::Ready(flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
