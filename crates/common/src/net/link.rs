//! One connection of a client, from its greeting to its end.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use tarpc::client::{self, Channel};
use tarpc::{ClientMessage, RequestName, Response};
use tokio_util::sync::CancellationToken;

use super::coalesce::Coalesce;
use super::connect::{BoxIo, Dial};
use super::doctor::Error;
use super::wire::wire;

/// Calls that may wait for their turn to be written. tarpc's default of 100 would make a client
/// with a window of 1024 calls wake twice a call.
const PENDING_CALLS: usize = 1024;

/// A connection under tarpc. It is closed when the last clone of it and of its channel is dropped.
///
/// Most callers want a [`Redial`](super::Redial) instead. This is for a caller that looks after
/// the connection itself and makes so many calls that a time limit for each would be felt.
pub struct Link<Req, Resp> {
    channel: Channel<Req, Resp>,
    /// says that the connection has ended, and tells one link from another
    closed: Arc<CancellationToken>,
}

impl<Req, Resp> Clone for Link<Req, Resp> {
    fn clone(&self) -> Self {
        Self {
            channel: self.channel.clone(),
            closed: self.closed.clone(),
        }
    }
}

impl<Req, Resp> Link<Req, Resp> {
    /// What a tarpc client calls through. A call ends with the connection at the latest; its
    /// deadline counts only from when it is sent.
    pub fn channel(&self) -> &Channel<Req, Resp> {
        &self.channel
    }

    /// Returns once the connection has ended: the peer closed it, or its process died.
    pub async fn broken(&self) {
        self.closed.cancelled().await;
    }

    pub(super) fn is_broken(&self) -> bool {
        self.closed.is_cancelled()
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.closed, &other.closed)
    }
}

impl<Req, Resp> Link<Req, Resp>
where
    Req: RequestName + Serialize + Send + 'static,
    Resp: DeserializeOwned + Send + 'static,
{
    /// Dials, and puts tarpc on the fresh connection.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(dial: &Dial) -> Result<Self, Error> {
        let io = dial().await?;
        let transport = wire::<BoxIo, Response<Resp>, ClientMessage<Req>>(io);
        let mut config = client::Config::default();
        config.max_in_flight_requests = PENDING_CALLS;
        config.pending_request_buffer = PENDING_CALLS;
        let client::NewClient {
            client: channel,
            dispatch,
        } = client::new(config, Coalesce::new(transport));
        let closed = Arc::new(CancellationToken::new());
        let says_so = CancellationToken::clone(&closed).drop_guard();
        tokio::spawn(async move {
            if let Err(error) = dispatch.await {
                tracing::debug!("connection broken: {error}");
            }
            drop(says_so);
        });
        Ok(Self { channel, closed })
    }
}
