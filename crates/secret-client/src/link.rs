//! Keeping a server reachable: finds it, dials it, notices when it is gone, dials again.
//!
//! One task a server, which does no work itself. It asks the server for its offer, and asks again
//! every [`HEARTBEAT`]: a server answers that however long its queue is, so silence means that it
//! is gone, while a call about a word may rightly take minutes.

use std::sync::Arc;
use std::time::Duration;

use common::net::{self, Backoff, Redial};
use common::secret::{SERVICE, SecretClient, SecretRequest, SecretResponse};
use tarpc::client::RpcError;
use tarpc::context;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use crate::queue::ServerId;

/// The connection to one server.
pub type Connection = Redial<SecretRequest, SecretResponse>;

/// How often a server is asked whether it is still there. With [`ANSWER`], a server that stops
/// without a word (a paused machine, a pulled cable) costs its words three seconds.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long it may take to say so: a round trip takes half a second at worst, the rest is for a
/// machine that is short of processors.
const ANSWER: Duration = Duration::from_secs(2);

/// How long dialling and the first answer may take: the network's own limits, and a little.
const DIAL: Duration = Duration::from_secs(9);

/// Waits between tries to reach a server. One that was restarted is back in a fraction of a
/// second; one that stays away is asked every few seconds.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));

/// How often a name is looked up again: for servers that join late, and for names that lead
/// nowhere yet.
const LOOK_UP: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(1));

/// Waits before a server that was busy is called again.
pub const BUSY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// How long a call may take for each word in it. In a server's full queue 32 calls may be ahead
/// for the same worker, which at 15 s a word is eight minutes. That the server is still there is
/// seen much earlier, by its heartbeats.
const CALL_A_WORD: Duration = Duration::from_secs(10 * 60);

/// How long a call may take however many words are in it: what a server allows.
const CALL_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a call about so many words may take.
pub fn call_limit(words: usize) -> Duration {
    let words = u32::try_from(words).unwrap_or(u32::MAX);
    CALL_A_WORD.saturating_mul(words).min(CALL_MOST)
}

/// What happens to servers. A server is named by its number among those that were found.
#[derive(Debug)]
pub enum News {
    /// An address, which may be known already.
    Found(String),
    /// A name leads nowhere, for now.
    NotFound(net::Error),
    /// It answers, and works on so many calls at once.
    Up(ServerId, usize),
    /// It does not answer.
    Down(ServerId, RpcError),
    /// It may have room again.
    Resume(ServerId),
}

/// Looks `name` up again and again, and tells of every address.
pub async fn find(name: String, news: mpsc::Sender<News>) {
    loop {
        let found = match net::resolve(&name, SERVICE).await {
            Ok(addresses) => addresses
                .iter()
                .map(|a| News::Found(a.to_string()))
                .collect(),
            Err(error) => vec![News::NotFound(error)],
        };
        let missing = matches!(found[..], [News::NotFound(_)]);
        for item in found {
            if news.send(item).await.is_err() {
                return;
            }
        }
        sleep(if missing { LOOK_UP.1 } else { LOOK_UP.0 }).await;
    }
}

/// Keeps `server` reachable over `connection` until nobody wants to know. `suspect` is for who
/// has seen it fail.
pub async fn keep(
    server: ServerId,
    connection: Connection,
    suspect: Arc<Notify>,
    news: mpsc::Sender<News>,
) {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    loop {
        let dial = SecretClient::from(connection.within(DIAL));
        let item = match dial.offer(context::current()).await {
            Ok(offer) => News::Up(server, offer.workers as usize),
            Err(error) => News::Down(server, error),
        };
        let up = matches!(item, News::Up(..));
        if news.send(item).await.is_err() {
            return;
        }
        if !up {
            sleep(backoff.wait(rand::random())).await;
            continue;
        }
        backoff.reset();
        let error = lost(&connection, &suspect).await;
        if news.send(News::Down(server, error)).await.is_err() {
            return;
        }
    }
}

/// Asks for heartbeats until one does not come, or somebody suspects the worst.
pub async fn lost(connection: &Connection, suspect: &Notify) -> RpcError {
    let beat = SecretClient::from(connection.within(ANSWER));
    loop {
        if timeout(HEARTBEAT, suspect.notified()).await.is_ok() {
            return RpcError::Shutdown;
        }
        if let Err(error) = beat.offer(context::current()).await {
            return error;
        }
    }
}
