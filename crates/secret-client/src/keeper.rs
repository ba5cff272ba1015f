//! Keeping servers reachable: looks names up, dials, notices when a server is gone, dials again.
//!
//! Each server has a task of its own, which does no work. It asks the server for its offer, and
//! asks again at every heartbeat. A server answers that however long its queue is, so silence means
//! that it is gone, while a call about a word may rightly take minutes.

use std::net::SocketAddr;
use std::time::Duration;

use common::net::{self, Backoff};
use common::secret::{SERVICE, SecretClient, SecretRequest, SecretResponse};
use tarpc::context;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::cause::Cause;
use crate::server::ServerId;

/// How often a server is asked whether it is still there. With [`ANSWER_LIMIT`], a server that
/// stops without a word (a paused machine, a pulled cable) costs its words three seconds.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a server may take to say that it is there. A round trip takes half a second at worst;
/// the rest is for a machine that is short of processors.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Waits between tries to reach a server. One that was restarted is back in a fraction of a
/// second; one that stays away is tried every few seconds.
const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));

/// How often a name is looked up again, because servers may join late.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(10);

/// How often a name is looked up that leads nowhere yet.
const LOOK_UP_MISSING: Duration = Duration::from_secs(1);

/// The tarpc client of a connection. Its calls end when the connection does.
pub(crate) type Client = SecretClient<Channel>;

type Channel = net::Channel<SecretRequest, SecretResponse>;

/// What happens to servers.
pub(crate) enum Event {
    /// The addresses of a name, which may be known already, or why it has none for now.
    LookedUp(Result<Vec<SocketAddr>, net::Error>),
    /// The server answers, over this connection, and works on this number of calls at once.
    Up(ServerId, Client, usize),
    /// The server does not answer, or not any more.
    Down(ServerId, Cause),
    /// The server may have room again.
    Resume(ServerId),
}

/// Looks `name` up again and again, and reports what is found.
pub(crate) async fn look_up(name: String, events: mpsc::Sender<Event>) {
    loop {
        let found = net::resolve(&name, SERVICE).await;
        let wait = if found.is_ok() {
            LOOK_UP_AGAIN
        } else {
            LOOK_UP_MISSING
        };
        if events.send(Event::LookedUp(found)).await.is_err() {
            return;
        }
        sleep(wait).await;
    }
}

/// Keeps the server at `address` reachable, and reports to `events`.
pub(crate) struct Keeper {
    pub(crate) server: ServerId,
    pub(crate) address: String,
    pub(crate) events: mpsc::Sender<Event>,
}

impl Keeper {
    /// Runs until the receiver of the events is dropped.
    pub(crate) async fn run(self) {
        let mut retry = RETRY;
        loop {
            let cause = match Channel::open(&self.address, SERVICE).await {
                Ok(channel) => self.stay(&channel, &mut retry).await,
                Err(error) => Some(Cause::Unreached(Box::new(error))),
            };
            let Some(cause) = cause else { return };
            let down = Event::Down(self.server, cause);
            if self.events.send(down).await.is_err() {
                return;
            }
            sleep(retry.wait(rand::random())).await;
        }
    }

    /// Reports that the server is up, and returns why it no longer is. `None` means that the
    /// receiver of the events was dropped.
    async fn stay(&self, channel: &Channel, retry: &mut Backoff) -> Option<Cause> {
        let client = Client::from(channel.clone());
        let Ok(Ok(offer)) = timeout(ANSWER_LIMIT, client.offer(context::current())).await else {
            return Some(Cause::Silent(self.address.clone()));
        };
        retry.reset();
        let up = Event::Up(self.server, client, offer.workers as usize);
        self.events.send(up).await.ok()?;
        Some(lost(channel, &self.address).await)
    }
}

/// Asks the server at `address` for heartbeats until one does not come. Returns why.
pub(crate) async fn lost(channel: &Channel, address: &str) -> Cause {
    let client = Client::from(channel.clone());
    let silent = async {
        loop {
            sleep(HEARTBEAT).await;
            let beat = timeout(ANSWER_LIMIT, client.offer(context::current()));
            if !matches!(beat.await, Ok(Ok(_))) {
                return Cause::Silent(address.to_owned());
            }
        }
    };
    tokio::select! {
        biased;
        () = channel.broken() => Cause::Closed(address.to_owned()),
        cause = silent => cause,
    }
}
