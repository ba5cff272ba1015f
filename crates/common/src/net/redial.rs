//! A client's connection that comes back: dials on first use, and again after any broken call.
//!
//! tarpc never reconnects, may let a call outlive its deadline, and cannot notice a half-open
//! connection. So every call here runs under a time limit, and a connection on which a call timed
//! out is not trusted again. Nothing is retried: only the caller knows whether its call may be
//! repeated, and with what patience.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};
use tarpc::RequestName;
use tarpc::client::{RpcError, stub::Stub};
use tarpc::context::Context;
use tokio::time::timeout;

use super::connect::{Dial, tcp};
use super::doctor::Error;
use super::link::Link;

/// The server's deadline is later than our own limit by this much, so that it is always the caller
/// who gives up first, and one clock decides.
const DEADLINE_SLACK: Duration = Duration::from_secs(1);

/// A connection to one target, for any tarpc client: `SecretClient::from(redial)`. Clones share
/// the connection.
///
/// The deadline in the context of a call is set by [`within`](Redial::within) and ignored
/// otherwise.
pub struct Redial<Req, Resp> {
    shared: Arc<Shared<Req, Resp>>,
    limit: Duration,
}

struct Shared<Req, Resp> {
    dial: Dial,
    link: Mutex<Option<Link<Req, Resp>>>,
    dialling: tokio::sync::Mutex<()>,
}

impl<Req, Resp> Clone for Redial<Req, Resp> {
    fn clone(&self) -> Self {
        self.within(self.limit)
    }
}

impl<Req, Resp> Redial<Req, Resp> {
    /// A connection to `target`, not yet dialled, with ten seconds for a call.
    pub fn new(target: impl Into<Arc<str>>, service: &'static str) -> Self {
        Self::over(tcp(target, service))
    }

    /// The same over connections of another kind.
    pub fn over(dial: Dial) -> Self {
        let shared = Arc::new(Shared {
            dial,
            link: Mutex::new(None),
            dialling: tokio::sync::Mutex::new(()),
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

    /// Returns once the present connection, if there is one, has ended: the peer closed it, or its
    /// process died. Without a connection there is nothing to wait for, and it never returns.
    pub async fn broken(&self) {
        let link = self.shared.slot().clone();
        match link {
            Some(link) => link.broken().await,
            None => pending().await,
        }
    }
}

impl<Req, Resp> Shared<Req, Resp> {
    /// The lock is never held over an await or a panic, hence never poisoned.
    fn slot(&self) -> MutexGuard<'_, Option<Link<Req, Resp>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Option<Link<Req, Resp>> {
        let link = self.slot().clone();
        link.filter(|link| !link.is_broken())
    }

    /// Forgets the connection, unless another has taken its place.
    fn distrust(&self, broken: &Link<Req, Resp>) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|link| link.is(broken)) {
            *slot = None;
        }
    }
}

impl<Req, Resp> Shared<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Send + 'static,
{
    async fn link(&self) -> Result<Link<Req, Resp>, Error> {
        if let Some(link) = self.alive() {
            return Ok(link);
        }
        let _one_at_a_time = self.dialling.lock().await;
        if let Some(link) = self.alive() {
            return Ok(link);
        }
        *self.slot() = None; // if no other can be had, there is none
        let link = Link::open(&self.dial).await?;
        *self.slot() = Some(link.clone());
        Ok(link)
    }
}

impl<Req, Resp> Stub for Redial<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Send + 'static,
{
    type Req = Req;
    type Resp = Resp;

    async fn call(&self, mut context: Context, request: Req) -> Result<Resp, RpcError> {
        context.deadline = Instant::now() + self.limit + DEADLINE_SLACK;
        let mut used = None;
        let call = async {
            let link = self.shared.link().await.map_err(unreached)?;
            used.insert(link).call(context, request).await
        };
        let result = timeout(self.limit, call).await;
        let result = result.unwrap_or(Err(RpcError::DeadlineExceeded));
        let broken = matches!(
            result,
            Err(RpcError::Shutdown | RpcError::Channel(_) | RpcError::DeadlineExceeded)
        );
        if let (true, Some(link)) = (broken, used) {
            self.shared.distrust(&link);
        }
        result
    }
}

/// A failed dial as tarpc's kind of error: nothing was sent. [`explain`] gets it back.
fn unreached(error: Error) -> RpcError {
    RpcError::Send(Box::new(error))
}

/// What a failed call through a [`Redial`] says about the connection: the [`Error`] of a dial that
/// failed, if that was it; otherwise the call may or may not have been carried out.
pub fn explain(error: &RpcError) -> Option<&Error> {
    match error {
        RpcError::Send(cause) => cause.downcast_ref(),
        _ => None,
    }
}
