//! A thread that does one job after the other, for callers that wait without blocking theirs.

use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

use crate::log::{LogError, Reply};

/// What a thread is told.
enum Order<T> {
    Job(Box<dyn FnOnce(&T) + Send>),
    /// Put the tool away, and say so.
    End(oneshot::Sender<()>),
}

/// A thread with its tool, such as a connection to a file. It ends when the worker is closed or
/// dropped and its last job is done.
pub(crate) struct Worker<T>(mpsc::Sender<Order<T>>);

impl<T: Send + 'static> Worker<T> {
    /// Starts a thread with this tool. At most `most` jobs wait for it.
    pub(crate) fn start(tool: T, most: usize) -> Self {
        let (orders, mut to_do) = mpsc::channel(most);
        thread::spawn(move || {
            let ended = loop {
                match to_do.blocking_recv() {
                    Some(Order::Job(job)) => job(&tool),
                    Some(Order::End(ended)) => break Some(ended),
                    None => break None,
                }
            };
            drop(tool);
            ended.map(|ended| ended.send(()))
        });
        Self(orders)
    }

    /// Ends the thread after the jobs that wait, and returns when its tool is put away. Later jobs
    /// are refused.
    pub(crate) fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        let orders = self.0.clone();
        async move {
            let (ended, end) = oneshot::channel();
            if orders.send(Order::End(ended)).await.is_ok() {
                let _ = end.await; // fails if another one has closed it just now
            }
        }
    }

    /// Has a job done, or returns `busy` if too many wait. A job whose caller has gone is not
    /// begun; it can ask its [`Caller`] whether to go on.
    pub(crate) fn ask<R: Send + 'static>(
        &self,
        busy: LogError,
        job: impl FnOnce(&T, &Caller<R>) -> Result<R, LogError> + Send + 'static,
    ) -> Reply<R> {
        let (sender, reply) = oneshot::channel();
        let caller = Caller { sender };
        let sent = self.0.try_send(Order::Job(Box::new(move |tool| {
            if !caller.sender.is_closed() {
                let result = job(tool, &caller);
                let _ = caller.sender.send(result);
            }
        })));
        async move {
            sent.map_err(|_| busy)?;
            reply.await.map_err(|_| LogError::stopped())?
        }
        .boxed()
    }
}

/// The caller that waits for a job.
pub(crate) struct Caller<R> {
    sender: oneshot::Sender<Result<R, LogError>>,
}

impl<R> Caller<R> {
    /// Returns a check that is true until `limit` is over or the caller has gone.
    pub(crate) fn waits_within(&self, limit: Duration) -> impl Fn() -> bool {
        let until = Instant::now() + limit;
        move || Instant::now() < until && !self.sender.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[tokio::test]
    async fn nothing_is_done_for_callers_that_have_gone() {
        let worker = Worker::start(AtomicUsize::new(0), 4);
        let count = |counter: &AtomicUsize, _: &Caller<usize>| Ok(counter.fetch_add(1, Relaxed));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (begin, began) = oneshot::channel();
        let first = worker.ask(LogError::Busy, move |_, caller| {
            let goes_on = caller.waits_within(Duration::from_secs(3600));
            let _ = begin.send(goes_on());
            let _ = wait.recv();
            assert!(!goes_on(), "its caller has gone meanwhile");
            Ok(())
        });
        assert_eq!(began.await, Ok(true));
        let waiting: Vec<_> = (0..4).map(|_| worker.ask(LogError::Busy, count)).collect();
        let one_more = worker.ask(LogError::Busy, count);
        assert_eq!(one_more.await, Err(LogError::Busy), "four wait");
        drop((first, waiting));
        go.send(()).expect("it waits");
        let last = loop {
            match worker.ask(LogError::Busy, count).await {
                Err(LogError::Busy) => thread::yield_now(), // until the four are thrown away
                counted => break counted,
            }
        };
        assert_eq!(last, Ok(0), "none of the four was done");
    }

    #[tokio::test]
    async fn a_closed_worker_has_put_its_tool_away() {
        let tool = Arc::new(());
        let worker = Worker::start(tool.clone(), 4);
        let done = worker.ask(LogError::Busy, |_, _: &Caller<()>| Ok(()));
        worker.close().await;
        assert_eq!(Arc::strong_count(&tool), 1);
        assert_eq!(done.await, Ok(()), "what was asked before is done");
        let late = worker.ask(LogError::Busy, |_, _: &Caller<()>| Ok(()));
        assert!(late.await.is_err());
        worker.close().await;
    }

    #[tokio::test]
    async fn time_is_limited() {
        let worker = Worker::start((), 1);
        let goes_on = |limit| {
            worker.ask(LogError::Busy, move |(), caller: &Caller<bool>| {
                Ok(caller.waits_within(limit)())
            })
        };
        assert_eq!(goes_on(Duration::from_secs(3600)).await, Ok(true));
        assert_eq!(goes_on(Duration::ZERO).await, Ok(false));
    }
}
