//! The servers that are known, and what is known of them.

use std::sync::Arc;

use anyhow::anyhow;
use common::net::{self, Backoff, Redial, Trouble};
use common::secret::SERVICE;
use tarpc::client::RpcError;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::link::{self, BUSY, Connection, News};
use crate::queue::ServerId;

/// News that wait to be heard: there is little of it.
const NEWS: usize = 64;

/// All servers, in the order in which they were found.
pub struct Roster {
    links: Vec<Link>,
    news: mpsc::Sender<News>,
    /// ends with the roster
    tasks: JoinSet<()>,
    /// why the last server that went away did so
    last: Option<anyhow::Error>,
}

struct Link {
    name: String,
    connection: Connection,
    suspect: Arc<Notify>,
    keeper: AbortHandle,
    state: State,
    reached: bool,
    busy: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// not yet reached
    New,
    Up,
    /// and people were told
    Down,
    /// never to be called again
    Retired,
}

impl Roster {
    /// Nobody yet. What happens to servers comes as [`News`].
    pub fn new() -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(NEWS);
        let roster = Self {
            links: Vec::new(),
            news,
            tasks: JoinSet::new(),
            last: None,
        };
        (roster, receiver)
    }

    /// Begins to look for a server by its name.
    pub fn find(&mut self, name: String) {
        self.tasks.spawn(link::find(name, self.news.clone()));
    }

    /// An address was found. Tells whether it is a new one, which is then kept reachable.
    pub fn found(&mut self, name: String) -> bool {
        if self.links.iter().any(|link| link.name == name) {
            return false;
        }
        let server = self.links.len();
        let connection = Redial::new(name.as_str(), SERVICE);
        let suspect = Arc::new(Notify::new());
        let keeping = link::keep(
            server,
            connection.clone(),
            suspect.clone(),
            self.news.clone(),
        );
        self.links.push(Link {
            name,
            connection,
            suspect,
            keeper: self.tasks.spawn(keeping),
            state: State::New,
            reached: false,
            busy: Backoff::new(BUSY.0, BUSY.1),
        });
        true
    }

    /// A name leads nowhere. Returns what to say of it, the first time.
    pub fn not_found(&mut self, error: net::Error) -> Option<String> {
        let first = self.last.is_none();
        let notice = first.then(|| error.to_string());
        self.last = Some(error.into());
        notice
    }

    /// `server` answers. Returns what to say of it, if it had been away.
    pub fn up(&mut self, server: ServerId) -> Option<String> {
        let link = &mut self.links[server];
        let was = std::mem::replace(&mut link.state, State::Up);
        link.reached = true;
        link.busy.reset();
        (was == State::Down).then(|| format!("{} is there", link.name))
    }

    /// `server` does not answer. Returns what to say of it, once an outage.
    pub fn down(&mut self, server: ServerId, error: &RpcError) -> Option<String> {
        let link = &mut self.links[server];
        let (cause, for_good) = match net::explain(error) {
            Some(error) => (error.clone().into(), is_final(&error.trouble)),
            None => (anyhow!("lost {}: {}", link.name, in_short(error)), false),
        };
        let notice = match for_good {
            true => cause.to_string(),
            false => format!("{cause}; trying again"),
        };
        self.last = Some(cause);
        let link = &mut self.links[server];
        let was = std::mem::replace(&mut link.state, State::Down);
        if for_good {
            self.retire(server);
        }
        (was != State::Down).then_some(notice)
    }

    /// A call to `server` failed: have its connection looked into.
    pub fn suspect(&self, server: ServerId) {
        self.links[server].suspect.notify_one();
    }

    /// `server` is of no use, because of `cause`: it is never called again.
    pub fn give_up(&mut self, server: ServerId, cause: anyhow::Error) {
        self.last = Some(cause);
        self.retire(server);
    }

    fn retire(&mut self, server: ServerId) {
        let link = &mut self.links[server];
        link.state = State::Retired;
        link.keeper.abort();
    }

    /// `server` is busy: [`News::Resume`] comes after a while.
    pub fn rest(&mut self, server: ServerId) {
        let wait = self.links[server].busy.wait(rand::random());
        let news = self.news.clone();
        self.tasks.spawn(async move {
            sleep(wait).await;
            // Nobody listens any more when the work is over.
            let _ = news.send(News::Resume(server)).await;
        });
    }

    /// `server` answered: it is not busy.
    pub fn answered(&mut self, server: ServerId) {
        self.links[server].busy.reset();
    }

    /// Whether `server` can be called.
    pub fn is_up(&self, server: ServerId) -> bool {
        self.links[server].state == State::Up
    }

    /// Whether there are servers, and none is ever to be called again.
    pub fn all_retired(&self) -> bool {
        !self.links.is_empty() && self.links.iter().all(|link| link.state == State::Retired)
    }

    /// The numbers of all servers.
    pub fn all(&self) -> std::ops::Range<ServerId> {
        0..self.links.len()
    }

    /// The connection to `server`.
    pub fn connection(&self, server: ServerId) -> &Connection {
        &self.links[server].connection
    }

    /// What people call `server`.
    pub fn name(&self, server: ServerId) -> &str {
        &self.links[server].name
    }

    /// The servers that were ever reached.
    pub fn reached(&self) -> impl Iterator<Item = ServerId> {
        self.all().filter(|server| self.links[*server].reached)
    }

    /// Why there is no server.
    pub fn last_trouble(&mut self) -> anyhow::Error {
        let unknown = || anyhow!("no server was found");
        self.last.take().unwrap_or_else(unknown)
    }
}

/// Trouble that a restart of the same server does not mend.
fn is_final(trouble: &Trouble) -> bool {
    use Trouble::{Address, Service, Stranger, Version};
    matches!(trouble, Address | Service(_) | Stranger(_) | Version(_))
}

fn in_short(error: &RpcError) -> &'static str {
    match error {
        RpcError::DeadlineExceeded => "no answer in time",
        RpcError::Shutdown => "the connection was closed",
        _ => "the connection broke",
    }
}
