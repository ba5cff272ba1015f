//! A thread that does one job after the other, for callers that wait without blocking theirs.

use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

use crate::log::{LogError, Reply};

type Job<T> = Box<dyn FnOnce(&T) + Send>;

/// A thread with its tool, such as a connection to a file. It ends when the worker is dropped and
/// its last job is done.
pub(crate) struct Worker<T>(mpsc::Sender<Job<T>>);

impl<T: Send + 'static> Worker<T> {
    /// Starts a thread with this tool. At most `most` jobs wait for it.
    pub(crate) fn start(tool: T, most: usize) -> Self {
        let (jobs, mut to_do) = mpsc::channel::<Job<T>>(most);
        thread::spawn(move || {
            while let Some(job) = to_do.blocking_recv() {
                job(&tool);
            }
        });
        Self(jobs)
    }

    /// Has a job done, or returns `busy` if too many wait. A job whose caller has gone is not begun;
    /// it can ask its [`Caller`] whether to go on.
    pub(crate) fn ask<R: Send + 'static>(
        &self,
        busy: LogError,
        job: impl FnOnce(&T, &Caller<R>) -> Result<R, LogError> + Send + 'static,
    ) -> Reply<R> {
        let (sender, reply) = oneshot::channel();
        let caller = Caller { sender };
        let sent = self.0.try_send(Box::new(move |tool| {
            if !caller.sender.is_closed() {
                let result = job(tool, &caller);
                let _ = caller.sender.send(result);
            }
        }));
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
