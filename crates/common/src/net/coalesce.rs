//! One write for many messages: a transport whose flush waits for the other ready tasks.
//!
//! A connection flushes when it has nothing more to send. On tokio's multi-thread runtime the task
//! that sends is woken after every single message, and would make one system call for each. So the
//! first flush after a message lets all other ready tasks run first. They add their messages, and
//! one write carries all. On a runtime of one thread the ready tasks run first anyway.
//!
//! The flush waits by [`yield_now`]. It does not wake its own task, because tokio would then wake
//! another worker thread as well, which would find nothing to do.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Sink, Stream};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;
use tokio::time::sleep;

/// Batches the flushes of `inner`.
pub(super) struct Coalesce<T> {
    inner: T,
    wait: Wait,
    dirty: bool,
    /// how many flushes were finished
    flushes: u64,
    /// the wait before the flush, while it lasts
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    paused: bool,
}

/// What a flush waits for.
enum Wait {
    Nothing,
    ReadyTasks,
    Time(Duration),
}

impl<T> Coalesce<T> {
    /// `inner` with flushes that wait for the other ready tasks, or for `flush_delay` if that is
    /// not zero.
    pub(super) fn new(inner: T, flush_delay: Duration) -> Self {
        let wait = match Handle::current().runtime_flavor() {
            _ if !flush_delay.is_zero() => Wait::Time(flush_delay),
            RuntimeFlavor::CurrentThread => Wait::Nothing,
            _ => Wait::ReadyTasks,
        };
        Self {
            inner,
            wait,
            dirty: false,
            flushes: 0,
            pause: None,
            paused: false,
        }
    }

    /// Returns the number of the flush that is not finished, if messages wait for one.
    pub(super) fn unfinished_flush(&self) -> Option<u64> {
        self.dirty.then_some(self.flushes)
    }

    /// Lets the next flush go without other ready tasks, because none of them has a message for it.
    pub(super) fn hurry(&mut self) {
        if self.dirty && matches!(self.wait, Wait::ReadyTasks) {
            (self.pause, self.paused) = (None, true);
        }
    }

    pub(super) fn inner(&self) -> &T {
        &self.inner
    }

    fn pause(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        match self.wait {
            Wait::Nothing => None,
            Wait::ReadyTasks => Some(Box::pin(yield_now())),
            Wait::Time(flush_delay) => Some(Box::pin(sleep(flush_delay))),
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
        if !self.dirty {
            return Poll::Ready(Ok(()));
        }
        if !self.paused {
            if self.pause.is_none() {
                self.pause = self.pause();
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
            }
            (self.pause, self.paused) = (None, true);
        }
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        (self.dirty, self.paused) = (false, false);
        self.flushes += 1;
        Poll::Ready(flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
