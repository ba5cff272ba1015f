//! One connection to a server, from the dial to the heartbeat that does not come; and looking a
//! name up.
//!
//! Each connection has a task of its own, which does no work. It asks the server for its offer, and
//! asks again at every heartbeat. A server answers that however long its queue is, so silence means
//! that it is gone, while a call about a word may rightly take minutes.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use common::net::{self, End, Protocol, Trouble};
use common::secret::{Offer, SERVICE, SecretClient, SecretRequest, SecretResponse};
use futures::FutureExt;
use tarpc::client::RpcError;
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

/// The tarpc client of a connection. Its calls end when the connection does.
pub(crate) type Client = SecretClient<Channel>;

type Channel = net::Channel<SecretRequest, SecretResponse>;

/// What happens to servers.
pub(crate) enum Event {
    /// The addresses of this name, which may be known already, or why it has none for now.
    LookedUp(String, Result<Vec<SocketAddr>, net::Error>),
    /// The server answers, over this connection, and works on this number of calls at once.
    Up(ServerId, Client, usize),
    /// The server does not answer, or not any more.
    Down(ServerId, Cause),
    /// The server may have room again.
    Resume(ServerId),
}

/// Waits, if there is something to wait for, because tokio's shortest sleep takes a millisecond: as
/// long as a short list.
async fn pause(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}

/// Looks `name` up after `wait`, and reports what is found.
pub(crate) async fn look_up(name: String, wait: Duration, events: mpsc::Sender<Event>) {
    pause(wait).await;
    let found = match guarded(net::resolve(&name, SERVICE)).await {
        Some(found) => found,
        None => Err(net::Error {
            trouble: Trouble::Name("looking it up failed in this program".into()),
            service: SERVICE,
            target: name.clone(),
            addr: None,
            own: None,
        }),
    };
    // It fails only when the work is over, which ends this task anyway.
    let _ = events.send(Event::LookedUp(name, found)).await;
}

/// Connects to the server at `address` after `wait`, and reports to `events` when it is up, and
/// last of all why it is not, or no longer.
pub(crate) async fn keep(
    server: ServerId,
    address: String,
    protocol: Protocol,
    wait: Duration,
    events: mpsc::Sender<Event>,
) {
    pause(wait).await;
    let cause = guarded(stay(server, &address, protocol, &events)).await;
    // A server whose task failed is lost like any other, because nothing else would ever say so.
    let cause = cause.unwrap_or(Cause::Closed(address));
    // As above.
    let _ = events.send(Event::Down(server, cause)).await;
}

/// Returns what `task` returns, or `None` if it panics.
async fn guarded<T>(task: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(task).catch_unwind().await.ok()
}

/// Reports that the server is up, and returns why it is not, or no longer.
async fn stay(
    server: ServerId,
    address: &str,
    protocol: Protocol,
    events: &mpsc::Sender<Event>,
) -> Cause {
    let channel = match Channel::open(address, protocol).await {
        Ok(channel) => channel,
        Err(error) => return Cause::Unreached(Box::new(error)),
    };
    let client = Client::from(channel.clone());
    let offer = match offer(&client, &channel, address).await {
        Ok(offer) => offer,
        Err(cause) => return cause,
    };
    let up = Event::Up(server, client.clone(), offer.workers as usize);
    // It fails only when the work is over, which ends this task anyway.
    let _ = events.send(up).await;
    let silent = async {
        loop {
            sleep(HEARTBEAT).await;
            if let Err(cause) = self::offer(&client, &channel, address).await {
                return cause;
            }
        }
    };
    tokio::select! {
        cause = silent => cause,
        end = channel.broken() => ended(end, address),
    }
}

/// Returns the offer of the server.
///
/// # Errors
/// Why there is none.
async fn offer(client: &Client, channel: &Channel, address: &str) -> Result<Offer, Cause> {
    match timeout(ANSWER_LIMIT, client.offer(context::current())).await {
        Ok(Ok(offer)) => Ok(offer),
        Err(_) | Ok(Err(RpcError::Server(_))) => Err(Cause::Silent(address.to_owned())),
        Ok(Err(_)) => Err(ended(channel.broken().await, address)),
    }
}

fn ended(end: End, address: &str) -> Cause {
    match end {
        End::Closed => Cause::Closed(address.to_owned()),
        End::Nonsense => Cause::Unasked(address.to_owned()),
        End::Refused(error) => Cause::Unreached(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_noticed() {
        assert_eq!(guarded(async { 7 }).await, Some(7));
        let panics = async { panic!("as requested") };
        assert_eq!(guarded::<()>(panics).await, None);
    }
}
