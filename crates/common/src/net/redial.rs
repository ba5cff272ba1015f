//! A client's connection that comes back: dials on first use, and again after any broken call.
//!
//! tarpc never reconnects, may let a call outlive its deadline, and cannot notice a half-open
//! connection. So every call here runs under a time limit, and a connection on which a call timed
//! out is not trusted again. Nothing is retried: only the caller knows whether its call may be
//! repeated, and with what patience.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::TryFutureExt;
use serde::{Serialize, de::DeserializeOwned};
use tarpc::client::{self, Channel, RpcError, stub::Stub};
use tarpc::context::Context;
use tarpc::{ClientMessage, RequestName, Response};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::coalesce::Coalesce;
use super::connect::{BoxIo, Dial, tcp};
use super::doctor::Error;
use super::wire::wire;

/// The server's deadline is later than our own limit by this much, so that it is always the caller
/// who gives up first, and one clock decides.
const DEADLINE_SLACK: Duration = Duration::from_secs(1);

/// Calls that may wait for their turn to be written. tarpc's default of 100 would make a client
/// with a window of 1024 calls wake twice a call.
const PENDING_CALLS: usize = 1024;

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

struct Link<Req, Resp> {
    channel: Channel<Req, Resp>,
    /// tells when the connection's task has ended, and one link from another
    dispatch: AbortHandle,
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

    /// Drops the connection; the next call dials.
    pub fn hang_up(&self) {
        *self
            .shared
            .link
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl<Req, Resp> Shared<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Send + 'static,
{
    fn alive(&self) -> Option<(Channel<Req, Resp>, AbortHandle)> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let link = link.as_ref().filter(|link| !link.dispatch.is_finished())?;
        Some((link.channel.clone(), link.dispatch.clone()))
    }

    async fn channel(&self) -> Result<(Channel<Req, Resp>, AbortHandle), Error> {
        if let Some(link) = self.alive() {
            return Ok(link);
        }
        let _one_at_a_time = self.dialling.lock().await;
        if let Some(link) = self.alive() {
            return Ok(link);
        }
        let io = (self.dial)().await?;
        let transport = wire::<BoxIo, Response<Resp>, ClientMessage<Req>>(io);
        let mut config = client::Config::default();
        config.max_in_flight_requests = PENDING_CALLS;
        config.pending_request_buffer = PENDING_CALLS;
        let client::NewClient {
            client: channel,
            dispatch,
        } = client::new(config, Coalesce::new(transport));
        let dispatch = dispatch.unwrap_or_else(|e| tracing::debug!("connection broken: {e}"));
        let dispatch = tokio::spawn(dispatch).abort_handle();
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(Link {
            channel: channel.clone(),
            dispatch: dispatch.clone(),
        });
        Ok((channel, dispatch))
    }

    /// Forgets the connection, unless another has taken its place.
    fn distrust(&self, broken: &AbortHandle) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link
            .as_ref()
            .is_some_and(|link| link.dispatch.id() == broken.id())
        {
            *link = None;
        }
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
            let (channel, link) = self.shared.channel().await.map_err(unreached)?;
            used = Some(link);
            channel.call(context, request).await
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
