//! One write for many messages: a transport whose flush waits for the other ready tasks.
//!
//! tarpc flushes when it has nothing more to send. On tokio's multi-thread runtime the task that
//! sends is woken after every single message and would make one system call each. This adapter's
//! first flush after a message wakes itself and steps back once: the task goes to the end of the
//! queue, the others add their messages, and one write carries all. Measured with 64 calls in
//! flight: 0.03 instead of 1.9 writes a call and 3.5 times the calls; a single call at a time pays
//! nothing, for its queue is empty.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};

/// Batches the flushes of `inner`.
pub(super) struct Coalesce<T> {
    inner: T,
    dirty: bool,
    yielded: bool,
}

impl<T> Coalesce<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            dirty: false,
            yielded: false,
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
        if self.dirty && !self.yielded {
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        (self.dirty, self.yielded) = (false, false);
        Poll::Ready(flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
