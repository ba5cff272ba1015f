//! The work of the calls on a server's connection, done or still going on.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{Abortable, BoxFuture};
use tarpc::ServerError;

/// What a handler makes of a call.
pub(in crate::net) enum Work<Resp, F> {
    /// The answer, for which nothing had to be waited.
    Done(Resp),
    /// The answer, once it is there.
    Waits(F),
}

/// The future of a handler that never waits. There is none.
pub(in crate::net) struct Never<Resp>(Infallible, PhantomData<Resp>);

impl<Resp> Future for Never<Resp> {
    type Output = Result<Resp, ServerError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0 {}
    }
}

/// The work of one call.
pub(super) type Call<Resp> = BoxFuture<'static, Result<Resp, ServerError>>;

/// One of several calls that wait.
pub(super) struct Waiting<Resp> {
    pub(super) request_id: u64,
    pub(super) call: Abortable<Call<Resp>>,
}

/// A call that has ended. Without an answer it was cancelled, or is late.
pub(super) struct Finished<Resp> {
    pub(super) request_id: u64,
    pub(super) answer: Option<Result<Resp, ServerError>>,
}

impl<Resp> Future for Waiting<Resp> {
    type Output = Finished<Resp>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished<Resp>> {
        let request_id = self.request_id;
        self.call.poll_unpin(cx).map(|answer| Finished {
            request_id,
            answer: answer.ok(),
        })
    }
}
