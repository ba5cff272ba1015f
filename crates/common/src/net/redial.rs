//! A client's connection that comes back: it dials on first use, and again after a broken call.
//!
//! tarpc never reconnects, may let a call outlive its deadline, and cannot notice a half-open
//! connection. So every call here has a time limit, and a connection on which a call timed out is
//! not used again. No call is retried, because only the caller knows whether it may be repeated.
//!
//! A dial outlasts the call that began it. A call may have less time than a look-up, a connect and
//! a greeting need over a long way, and a caller that tries again finds the connection half made
//! instead of beginning from nothing.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, RemoteHandle};
use serde::{Serialize, de::DeserializeOwned};
use tarpc::RequestName;
use tarpc::client::{RpcError, stub::Stub};
use tarpc::context::{self, Context};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Channel, Post};
use super::doctor::Error;
use super::seal::Protocol;

/// How much later the server's deadline is than our own limit. The caller must always give up
/// first, so that one clock decides.
const DEADLINE_SLACK: Duration = Duration::from_secs(1);

/// A connection to one target, under any tarpc client: `SecretClient::from(redial)`. Clones share
/// the connection.
///
/// The time limit of a call is that of [`within`](Redial::within). The deadline in the context of a
/// call is overwritten, because a caller sets its limit in one place.
pub struct Redial<Req, Resp> {
    shared: Arc<Shared<Req, Resp>>,
    limit: Duration,
}

struct Shared<Req, Resp> {
    open: Box<dyn Fn() -> Opening<Req, Resp> + Send + Sync>,
    channel: Mutex<Option<Channel<Req, Resp>>>,
    /// that of every post, because to look up the present one costs as much as to encode a call
    context: Context,
    /// the dial that goes on, if one does
    dial: tokio::sync::Mutex<Option<RemoteHandle<Opened<Req, Resp>>>>,
}

type Opened<Req, Resp> = Result<Channel<Req, Resp>, Error>;
type Opening<Req, Resp> = BoxFuture<'static, Opened<Req, Resp>>;

impl<Req, Resp> Clone for Redial<Req, Resp> {
    fn clone(&self) -> Self {
        self.within(self.limit)
    }
}

impl<Req, Resp> Redial<Req, Resp> {
    /// A connection that `open` makes whenever there is none, not yet made, with a limit of ten
    /// seconds for a call. `open` must end by itself.
    pub fn by(open: impl Fn() -> Opening<Req, Resp> + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            open: Box::new(open),
            channel: Mutex::new(None),
            context: context::current(),
            dial: tokio::sync::Mutex::new(None),
        });
        Self {
            shared,
            limit: Duration::from_secs(10),
        }
    }

    /// The same connection with `limit` for a whole call: dialling, waiting, answer.
    pub fn within(&self, limit: Duration) -> Self {
        Self {
            shared: self.shared.clone(),
            limit,
        }
    }

    /// Takes over the present connection of `other`, if it has one.
    pub fn take_over(&self, other: &Self) {
        let channel = other.shared.slot().take();
        *self.shared.slot() = channel;
    }

    /// Closes the present connection, if there is one. The calls that are out on it fail at once,
    /// and the next call dials anew.
    pub fn hang_up(&self) {
        let channel = self.shared.slot().take();
        channel.inspect(Channel::close);
    }

    /// Returns when the present connection has ended: the peer closed it, or its process died.
    /// Without a connection this never returns, because there is nothing to wait for.
    pub async fn broken(&self) {
        let channel = self.shared.slot().clone();
        match channel {
            Some(channel) => drop(channel.broken().await),
            None => pending().await,
        }
    }
}

impl<Req, Resp> Shared<Req, Resp> {
    /// The lock of the connection. It cannot be poisoned, because it is never held over a panic.
    fn slot(&self) -> MutexGuard<'_, Option<Channel<Req, Resp>>> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Option<Channel<Req, Resp>> {
        let channel = self.slot().clone();
        channel.filter(|channel| !channel.is_broken())
    }

    /// Forgets the connection, unless another one has taken its place.
    fn distrust(&self, broken: &Channel<Req, Resp>) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|channel| channel.is(broken)) {
            *slot = None;
        }
    }
}

impl<Req, Resp> Redial<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Serialize + Send + 'static,
{
    /// A connection to `target`, not yet dialled, with a limit of ten seconds for a call.
    pub fn new(target: impl Into<Arc<str>>, protocol: impl Into<Protocol>) -> Self {
        let (target, protocol) = (target.into(), protocol.into());
        Self::by(move || {
            let (target, protocol) = (target.clone(), protocol.clone());
            async move { Channel::open(&target, protocol).await }.boxed()
        })
    }

    /// Returns how far away the other end is, and dials it first if there is no connection.
    ///
    /// # Errors
    /// Why there is no connection, or that there was none within the limit.
    pub async fn round_trip(&self) -> Result<Duration, RpcError> {
        let opened = timeout(self.limit, self.shared.channel()).await;
        let opened = opened.map_err(|_| RpcError::DeadlineExceeded)?;
        Ok(opened.map_err(unreached)?.round_trip())
    }
}

impl<Req, Resp> Shared<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Serialize + Send + 'static,
{
    async fn channel(&self) -> Opened<Req, Resp> {
        if let Some(channel) = self.alive() {
            return Ok(channel);
        }
        let mut dial = self.dial.lock().await;
        if let Some(channel) = self.alive() {
            return Ok(channel);
        }
        *self.slot() = None; // because the dial may fail, and then there is no connection
        let earlier = dial.as_mut().and_then(|dial| dial.now_or_never());
        let opened = match earlier {
            Some(Ok(channel)) if !channel.is_broken() => Ok(channel),
            // An old failure says nothing about now.
            Some(_) => self.begin(&mut dial).await,
            None => match dial.as_mut() {
                Some(going_on) => going_on.await,
                None => self.begin(&mut dial).await,
            },
        };
        *dial = None;
        let channel = opened?;
        *self.slot() = Some(channel.clone());
        Ok(channel)
    }

    /// Begins to dial, in a task that goes on if the caller of this is dropped.
    fn begin<'a>(
        &self,
        dial: &'a mut Option<RemoteHandle<Opened<Req, Resp>>>,
    ) -> &'a mut RemoteHandle<Opened<Req, Resp>> {
        let (task, handle) = (self.open)().remote_handle();
        tokio::spawn(task);
        dial.insert(handle)
    }
}

impl<Req, Resp> Stub for Redial<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Serialize + Send + 'static,
{
    type Req = Req;
    type Resp = Resp;

    async fn call(&self, mut context: Context, request: Req) -> Result<Resp, RpcError> {
        context.deadline = (Instant::now() + self.limit + DEADLINE_SLACK).into_std();
        let mut used = None;
        let call = async {
            let channel = self.shared.channel().await.map_err(unreached)?;
            used.insert(channel).call(context, request).await
        };
        let result = timeout(self.limit, call).await;
        let result = result.unwrap_or(Err(RpcError::DeadlineExceeded));
        if let (true, Some(channel)) = (is_broken(&result), used) {
            self.shared.distrust(&channel);
        }
        result
    }
}

impl<Req, Resp> Redial<Req, Resp> {
    /// Writes a call on the present connection before it returns. For a caller that makes the next
    /// call before this one was answered; [`answer`](Self::answer) is for the last of them. `None`
    /// if there is no connection, or no room in it.
    pub fn post(&self, request: Req) -> Option<Post<Req, Resp>> {
        let at = Instant::now();
        let mut context = self.shared.context;
        context.deadline = (at + self.limit + DEADLINE_SLACK).into_std();
        let channel = self.shared.slot();
        channel.as_ref()?.post(at, context, request)
    }

    /// Returns what came of `post`, as of any call, within the limit from when it was made. `None`
    /// if a newer post on its connection has taken its place. One task may wait.
    pub async fn answer(&self, post: &Post<Req, Resp>) -> Option<Result<Resp, RpcError>> {
        let until = post.at() + self.limit;
        let result = match timeout_at(until, post.answer()).await {
            Ok(answer) => answer?,
            Err(_) if post.is_newest() => Err(RpcError::DeadlineExceeded),
            Err(_) => return None,
        };
        if is_broken(&result) {
            self.shared.distrust(&post.channel);
        }
        Some(result)
    }
}

/// Returns whether a connection on which this came of a call is not to be used again.
fn is_broken<Resp>(result: &Result<Resp, RpcError>) -> bool {
    matches!(
        result,
        Err(RpcError::Shutdown | RpcError::Channel(_) | RpcError::DeadlineExceeded)
    )
}

/// Returns a failed dial as tarpc's kind of error. [`explain`] gets it back.
fn unreached(error: Error) -> RpcError {
    RpcError::Send(Box::new(error))
}

/// Returns why the connection could not be made, if that is why a call through a [`Redial`] failed.
///
/// `None` means that the call was sent: the server may or may not have carried it out.
pub fn explain(error: &RpcError) -> Option<&Error> {
    match error {
        RpcError::Send(cause) => cause.downcast_ref(),
        _ => None,
    }
}

/// Returns why a call failed, in words for people. tarpc's own are for those who write programs.
pub fn words(error: &RpcError) -> String {
    match error {
        RpcError::Shutdown => "the connection broke".to_owned(),
        RpcError::DeadlineExceeded => "no answer".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
