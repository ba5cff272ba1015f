//! The calls to the server, each with its time limit.

use std::time::Duration;

use common::chat::{
    Admin, Ban, Bounded, ChatClient, ChatRequest, ChatResponse, Listed, POLL_WAIT, Refusal, Session,
};
use common::credential::Credential;
use common::net::{self, Redial};
use tarpc::client::RpcError;
use tarpc::context;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::command::Question;
use crate::config::Config;
use crate::effect::{Call, CallError, Input, Reply};
use crate::fleet::Fleet;
use crate::servers::Place;

/// Longest a call may take that the server answers at once: a slow line and a busy disk.
const CALL: Duration = Duration::from_secs(8);

/// How long a poll waits, in milliseconds.
const WAIT_MS: u32 = POLL_WAIT.as_secs() as u32 * 1000;

/// How much longer than its wait a poll may take before the connection counts as lost.
const OVERDUE: Duration = Duration::from_secs(5);

/// How long leaving may take: as long as a person waits for a program to end.
const GOODBYE: Duration = Duration::from_secs(1);

/// Most messages that a search finds: a screenful.
const FOUND: u32 = 20;

type Client = ChatClient<Redial<ChatRequest, ChatResponse>>;

/// The server, as one session calls it.
#[derive(Clone)]
pub(crate) struct Api {
    config: Config,
    session: Session,
    fleet: Fleet,
    connection: Redial<ChatRequest, ChatResponse>,
    quick: Client,
    waiting: Client,
}

impl Api {
    pub(crate) fn new(config: Config, session: Session) -> Self {
        let fleet = Fleet::new();
        let connection = fleet.connection(&config.seal);
        Self {
            config,
            session,
            fleet,
            quick: connection.within(CALL).into(),
            waiting: connection.within(POLL_WAIT + OVERDUE).into(),
            connection,
        }
    }

    /// Makes a call. Returns what came of it.
    pub(crate) async fn call(self, call: Call) -> Input {
        let (api, now, me) = (&self.quick, context::current(), self.session);
        match call {
            Call::Enter(nick, order) => {
                self.fleet.aim(order);
                let entered = self.enter(nick).await;
                Input::Entered(entered.map_err(|error| self.explained(error)))
            }
            Call::Vouch => {
                let after = String::new();
                // Attempting to enter tells more than its outcome.
                let _ = self.admin(Admin::Bans { after }).await;
                Input::Vouched
            }
            Call::Join(room, last) => Input::Joined(flat(api.join(now, me, room, last).await)),
            Call::Poll(number, cursors) => {
                let pages = self.waiting.poll(now, me, cursors.into(), WAIT_MS).await;
                Input::Polled(number, flat(pages).map(Bounded::into_inner))
            }
            Call::Follow(number) => {
                let pages = self.waiting.follow(now, me, WAIT_MS).await;
                Input::Polled(number, flat(pages).map(Bounded::into_inner))
            }
            Call::LastPoll(cursors) => {
                let pages = self.waiting.poll(now, me, cursors.into(), 0).await;
                Input::PolledLast(flat(pages).map(Bounded::into_inner))
            }
            Call::Send(room, posts) => {
                let numbers = flat(api.send(now, me, room.clone(), posts.into()).await);
                Input::Sent(room, numbers.map(Bounded::into_inner))
            }
            Call::Ask(room, question) => Input::Replied(self.ask(room, question).await),
        }
    }

    async fn ask(&self, room: String, question: Question) -> Result<Reply, CallError> {
        let (api, now, me) = (&self.quick, context::current(), self.session);
        let history = self.config.history;
        Ok(match question {
            Question::Private(nick, text) => {
                Reply::Private(flat(api.private(now, me, nick).await)?, text)
            }
            Question::Reply(room, _, text) => {
                Reply::Private(flat(api.private(now, me, room).await)?, text)
            }
            Question::Join(room) => Reply::Joined(flat(api.join(now, me, room, history).await)?),
            Question::Leave(room) => Reply::Left(flat(api.leave(now, me, room).await)?),
            Question::Rename(nick) => Reply::Renamed(self.enter(nick).await?),
            Question::Register(nick) => {
                let file = self.config.identity.make().map_err(unfit)?;
                Reply::Registered(self.register(&nick).await?, file)
            }
            Question::Who(after) => {
                let nicks = flat(api.who(now, me, room.clone(), after).await)?;
                Reply::People(room, nicks)
            }
            Question::Rooms(after) => Reply::Rooms(flat(api.rooms(now, me, after).await)?),
            Question::History(limit) => {
                Reply::Found(flat(api.history(now, me, room, u64::MAX, limit).await)?)
            }
            Question::Search(text) => {
                Reply::Found(flat(api.search(now, me, room, text, FOUND).await)?)
            }
            Question::Admin(order) => match (self.admin(order.clone()).await?, order) {
                (bans, Admin::Bans { .. }) => Reply::Bans(bans),
                (_, order) => Reply::Obeyed(order),
            },
        })
    }

    /// Enters under `nick`, with the proof that it is this person's if there is an identity.
    async fn enter(&self, nick: String) -> Result<String, CallError> {
        let owner = self.config.identity.sign(self.session, &nick);
        let now = context::current();
        let entered = self.quick.enter(now, self.session, nick, owner);
        flat(entered.await).map(|entered| entered.nick)
    }

    async fn register(&self, nick: &str) -> Result<String, CallError> {
        let no_proof = || unfit("there is no sealed connection".into());
        let owner = self.config.identity.sign(self.session, nick);
        let owner = owner.ok_or_else(no_proof)?;
        let now = context::current();
        flat(self.quick.register(now, self.session, owner).await)
    }

    async fn admin(&self, order: Admin) -> Result<Listed<Ban>, CallError> {
        // The token leaves this program only here, so only to a server that let us in or that has
        // banned our address.
        let token = self.config.admin.as_ref().map_or("", Credential::reveal);
        let (now, me) = (context::current(), self.session);
        flat(self.quick.admin(now, me, token.into(), order).await)
    }

    /// Returns where each new connection leads.
    pub(crate) fn reached(&self) -> watch::Receiver<Option<Place>> {
        self.fleet.reached()
    }

    /// Closes the connection, so that the calls that are out fail at once.
    pub(crate) fn hang_up(&self) {
        self.connection.hang_up();
    }

    /// Returns the same error; one of a dial with the failures of all servers.
    fn explained(&self, error: CallError) -> CallError {
        match error {
            CallError::Lost(why, dial) if !dial.is_empty() => {
                CallError::Lost(why, self.fleet.failures())
            }
            error => error,
        }
    }

    /// Ends the session, if the server answers soon. Otherwise its lease ends it.
    pub(crate) async fn goodbye(&self) {
        let goodbye = self.quick.bye(context::current(), self.session);
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// Returns the error of what cannot be asked for, because of something on this machine.
fn unfit(why: String) -> CallError {
    CallError::Refused(Refusal::Unfit(why))
}

fn flat<T>(answer: Result<Result<T, Refusal>, RpcError>) -> Result<T, CallError> {
    let lost = |error: RpcError| {
        let dial = net::explain(&error).cloned();
        CallError::Lost(net::words(&error), dial.into_iter().collect())
    };
    answer.map_err(lost)?.map_err(CallError::Refused)
}
