//! The servers that are known, and what is known of them.

use anyhow::anyhow;
use common::net::{self, Backoff, Trouble};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::keeper::{self, BUSY, Client, Event, Lost};
use crate::queue::ServerId;

/// Event that wait to be heard: there is little of it.
const NEWS: usize = 64;

/// All servers, in the order in which they were found.
pub struct Servers {
    members: Vec<Member>,
    news: mpsc::Sender<Event>,
    /// ends with the roster
    tasks: JoinSet<()>,
    /// why the last server that went away did so
    last: Option<anyhow::Error>,
}

struct Member {
    name: String,
    keeper: AbortHandle,
    state: State,
    reached: bool,
    busy: Backoff,
}

enum State {
    /// not yet reached
    New,
    Up(Client),
    /// and people were told
    Down,
    /// never to be called again
    Retired,
}

impl Servers {
    /// Nobody yet. What happens to servers comes as [`Event`].
    pub fn new() -> (Self, mpsc::Receiver<Event>) {
        let (news, receiver) = mpsc::channel(NEWS);
        let roster = Self {
            members: Vec::new(),
            news,
            tasks: JoinSet::new(),
            last: None,
        };
        (roster, receiver)
    }

    /// Begins to look for a server by its name.
    pub fn find(&mut self, name: String) {
        self.tasks.spawn(keeper::find(name, self.news.clone()));
    }

    /// An address was found. Tells whether it is a new one, which is then kept reachable.
    pub fn found(&mut self, name: String) -> bool {
        if self.members.iter().any(|member| member.name == name) {
            return false;
        }
        let server = self.members.len();
        let keeping = keeper::keep(server, name.clone(), self.news.clone());
        self.members.push(Member {
            name,
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
    pub fn up(&mut self, server: ServerId, client: Client) -> Option<String> {
        let member = &mut self.members[server];
        let was = std::mem::replace(&mut member.state, State::Up(client));
        member.reached = true;
        member.busy.reset();
        matches!(was, State::Down).then(|| format!("{} is there", member.name))
    }

    /// `server` does not answer. Returns what to say of it, once an outage.
    pub fn down(&mut self, server: ServerId, lost: Lost) -> Option<String> {
        let member = &mut self.members[server];
        let name = &member.name;
        let (cause, for_good) = match lost {
            Lost::Silent => (anyhow!("lost {name}: it does not answer"), false),
            Lost::Closed => (anyhow!("lost {name}: the connection was closed"), false),
            Lost::Unreached(error) => {
                let for_good = is_final(&error.trouble);
                (error.into(), for_good)
            }
        };
        let was = std::mem::replace(&mut member.state, State::Down);
        let notice = match for_good {
            true => cause.to_string(),
            false => format!("{cause}; trying again"),
        };
        self.last = Some(cause);
        if for_good {
            self.retire(server);
        }
        (!matches!(was, State::Down)).then_some(notice)
    }

    /// `server` is of no use, because of `cause`: it is never called again.
    pub fn give_up(&mut self, server: ServerId, cause: anyhow::Error) {
        self.last = Some(cause);
        self.retire(server);
    }

    fn retire(&mut self, server: ServerId) {
        let member = &mut self.members[server];
        member.state = State::Retired;
        member.keeper.abort();
    }

    /// `server` is busy: [`Event::Resume`] comes after a while.
    pub fn rest(&mut self, server: ServerId) {
        let wait = self.members[server].busy.wait(rand::random());
        let news = self.news.clone();
        self.tasks.spawn(async move {
            sleep(wait).await;
            // Nobody listens any more when the work is over.
            let _ = news.send(Event::Resume(server)).await;
        });
    }

    /// `server` answered: it is not busy.
    pub fn answered(&mut self, server: ServerId) {
        self.members[server].busy.reset();
    }

    /// Whether there are servers, and none is ever to be called again.
    pub fn all_retired(&self) -> bool {
        !self.members.is_empty()
            && self
                .members
                .iter()
                .all(|member| matches!(member.state, State::Retired))
    }

    /// Whether it is too early to say that no server can be reached: one is still being tried for
    /// the first time, or looked for.
    pub fn is_untried(&self) -> bool {
        let untried = |member: &Member| matches!(member.state, State::New);
        let nothing_yet = self.members.is_empty() && self.last.is_none();
        nothing_yet || self.members.iter().any(untried)
    }

    /// The numbers of all servers.
    pub fn all(&self) -> std::ops::Range<ServerId> {
        0..self.members.len()
    }

    /// The way to call `server`, while it is up.
    pub fn client(&self, server: ServerId) -> Option<&Client> {
        match &self.members[server].state {
            State::Up(client) => Some(client),
            _ => None,
        }
    }

    /// What people call `server`.
    pub fn name(&self, server: ServerId) -> &str {
        &self.members[server].name
    }

    /// The servers that were ever reached.
    pub fn reached(&self) -> impl Iterator<Item = ServerId> {
        self.all().filter(|server| self.members[*server].reached)
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
