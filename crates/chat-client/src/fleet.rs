//! The dials to the [servers](crate::servers) of one chat: the first that answers is used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::chat::{ChatRequest, ChatResponse, SERVICE};
use common::net::{Channel, Error, Redial, Seal, Trouble, race};
use futures::FutureExt;
use tokio::sync::watch;

use crate::servers::Place;

/// What dials, and what it knows of its last dial. Clones share it.
#[derive(Clone)]
pub(crate) struct Fleet {
    known: Arc<Mutex<Known>>,
    reached: watch::Sender<Option<Place>>,
}

#[derive(Default)]
struct Known {
    order: Vec<String>,
    failures: Vec<Error>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self {
            known: Arc::default(),
            reached: watch::Sender::new(None),
        }
    }

    /// Returns a connection to the server that answers first, dialled when there is a call.
    pub(crate) fn connection(&self, seal: &Seal) -> Redial<ChatRequest, ChatResponse> {
        let (fleet, seal) = (self.clone(), seal.clone());
        Redial::by(move || {
            let (fleet, seal) = (fleet.clone(), seal.clone());
            async move { fleet.dial(&seal).await }.boxed()
        })
    }

    /// The next dials are in this order, which has a server.
    pub(crate) fn aim(&self, order: Vec<String>) {
        self.known().order = order;
    }

    /// Returns where the last dial that has succeeded leads, from now on.
    pub(crate) fn reached(&self) -> watch::Receiver<Option<Place>> {
        self.reached.subscribe()
    }

    /// Returns why the last dial failed, for each server in the order of the dial.
    pub(crate) fn failures(&self) -> Vec<Error> {
        self.known().failures.clone()
    }

    async fn dial(&self, seal: &Seal) -> Result<Channel<ChatRequest, ChatResponse>, Error> {
        let order = self.known().order.clone();
        let dials = order.into_iter().map(|server| async move {
            let reached = Channel::reach(&server, seal.of(SERVICE)).await;
            reached.map(|(channel, peer)| (channel, peer, server))
        });
        match race(dials).await {
            Ok((channel, peer, server)) => {
                tracing::info!("connected to {server} at {}", peer.addr);
                let addr = Some(peer.addr.to_string()).filter(|addr| *addr != server);
                self.reached.send_replace(Some(Place {
                    server,
                    addr,
                    has_others: peer.addresses > 1,
                }));
                Ok(channel)
            }
            Err(failures) => {
                self.known().failures.clone_from(&failures);
                Err(failures.into_iter().next().unwrap_or(Error {
                    trouble: Trouble::Address,
                    service: SERVICE,
                    target: String::new(),
                    addr: None,
                    own: None,
                }))
            }
        }
    }

    /// The lock. It cannot be poisoned, because it is never held over a panic.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
