//! Keeping a server reachable: finds it, dials it, notices when it is gone, dials again.
//!
//! One task a server, which does no work itself. It asks the server for its offer, and asks again
//! every `HEARTBEAT`: a server answers that however long its queue is, so silence means that it
//! is gone, while a call about a word may rightly take minutes.

use std::time::Duration;

use common::net::{self, Backoff};
use common::secret::{SERVICE, SecretClient, SecretRequest, SecretResponse};
use tarpc::context;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::queue::ServerId;

/// How often a server is asked whether it is still there. With [`ANSWER`], a server that stops
/// without a word (a paused machine, a pulled cable) costs its words three seconds.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long it may take to say so: a round trip takes half a second at worst, the rest is for a
/// machine that is short of processors.
const ANSWER: Duration = Duration::from_secs(2);

/// Waits between tries to reach a server. One that was restarted is back in a fraction of a
/// second; one that stays away is asked every few seconds.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));

/// How often a name is looked up again: for servers that join late, and for names that lead
/// nowhere yet.
const LOOK_UP: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(1));

/// Waits before a server that was busy is called again.
pub const BUSY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// How long a call may take for each word in it. In a server's full queue 32 calls may be ahead
/// for the same worker, which at 15 s a word is eight minutes. If the server goes away, its
/// heartbeats tell much earlier.
const CALL_A_WORD: Duration = Duration::from_secs(10 * 60);

/// How long a call may take however many words are in it: what a server allows.
const CALL_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a call about so many words may take.
pub fn call_limit(words: usize) -> Duration {
    let words = u32::try_from(words).unwrap_or(u32::MAX);
    CALL_A_WORD.saturating_mul(words).min(CALL_MOST)
}

/// A connection for calls. They end when it does.
pub type Client = SecretClient<Link>;

type Link = net::Channel<SecretRequest, SecretResponse>;

/// Why a server does not answer.
#[derive(Debug)]
pub enum Lost {
    /// It could not be reached.
    Unreached(net::Error),
    /// It could, and then was silent.
    Silent,
    /// It could, and then the connection ended.
    Closed,
}

/// What happens to servers. A server is named by its number among those that were found.
pub enum Event {
    /// An address, which may be known already.
    Found(String),
    /// A name leads nowhere, for now.
    NotFound(net::Error),
    /// It answers, over this connection, and works on so many calls at once.
    Up(ServerId, Client, usize),
    /// It does not answer, or not any more.
    Down(ServerId, Lost),
    /// It may have room again.
    Resume(ServerId),
}

/// Looks `name` up again and again, and tells of every address.
pub async fn find(name: String, news: mpsc::Sender<Event>) {
    loop {
        let found = match net::resolve(&name, SERVICE).await {
            Ok(addresses) => addresses
                .iter()
                .map(|a| Event::Found(a.to_string()))
                .collect(),
            Err(error) => vec![Event::NotFound(error)],
        };
        let missing = matches!(found[..], [Event::NotFound(_)]);
        for item in found {
            if news.send(item).await.is_err() {
                return;
            }
        }
        sleep(if missing { LOOK_UP.1 } else { LOOK_UP.0 }).await;
    }
}

/// Keeps `server` reachable at `address` until nobody wants to know.
pub async fn keep(server: ServerId, address: String, news: mpsc::Sender<Event>) {
    let dial = net::tcp(address, SERVICE);
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    loop {
        let lost = match Link::open(&dial).await {
            Ok(link) => stay(server, &link, &news, &mut backoff).await,
            Err(error) => Some(Lost::Unreached(error)),
        };
        let Some(lost) = lost else { return };
        if news.send(Event::Down(server, lost)).await.is_err() {
            return;
        }
        sleep(backoff.wait(rand::random())).await;
    }
}

/// Tells that `server` is up, and returns why it no longer is; none if nobody wants to know.
async fn stay(
    server: ServerId,
    link: &Link,
    news: &mpsc::Sender<Event>,
    backoff: &mut Backoff,
) -> Option<Lost> {
    let client = Client::from(link.clone());
    let Ok(Ok(offer)) = timeout(ANSWER, client.offer(context::current())).await else {
        return Some(Lost::Silent);
    };
    backoff.reset();
    let up = Event::Up(server, client.clone(), offer.workers as usize);
    news.send(up).await.ok()?;
    Some(lost(link).await)
}

/// Asks for heartbeats until one does not come.
pub async fn lost(link: &Link) -> Lost {
    let client = Client::from(link.clone());
    let silent = async {
        loop {
            sleep(HEARTBEAT).await;
            let beat = timeout(ANSWER, client.offer(context::current()));
            if !matches!(beat.await, Ok(Ok(_))) {
                return Lost::Silent;
            }
        }
    };
    tokio::select! {
        biased;
        () = link.broken() => Lost::Closed,
        lost = silent => lost,
    }
}
