//! The connections to the servers, the tasks that keep them, and the calls in flight over them.

use std::collections::HashMap;
use std::time::Duration;

use common::net::Protocol;
use common::secret::Tier;
use futures::future::{AbortHandle, Abortable};
use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};
use tokio::time::sleep;

use crate::call::{Answer, call};
use crate::keeper::{self, Client, Event};
use crate::queue::Assigned;
use crate::server::ServerId;

/// Events that wait to be handled. A few are enough, because they are rare.
const EVENTS: usize = 64;

/// The connections to all servers.
pub(crate) struct Connections {
    /// by the server's number; a server is added when it is first connected
    servers: Vec<Connection>,
    protocol: Protocol,
    events: mpsc::Sender<Event>,
    /// ends with this value
    tasks: JoinSet<()>,
}

struct Connection {
    keeper: task::AbortHandle,
    /// none while the server cannot be called
    client: Option<Client>,
    /// by the first line of the chunk
    in_flight: HashMap<u64, AbortHandle>,
}

impl Connections {
    /// No connections yet, and where to receive what happens to servers.
    pub(crate) fn new(protocol: Protocol) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let connections = Self {
            servers: Vec::new(),
            protocol,
            events,
            tasks: JoinSet::new(),
        };
        (connections, receiver)
    }

    /// Looks `name` up after `wait`.
    pub(crate) fn look_up(&mut self, name: String, wait: Duration) {
        let events = self.events.clone();
        self.spawn(keeper::look_up(name, wait, events));
    }

    /// Connects to `server`, which is at `address`, after `wait`.
    pub(crate) fn connect(&mut self, server: ServerId, address: String, wait: Duration) {
        let (protocol, events) = (self.protocol.clone(), self.events.clone());
        let keep = keeper::keep(server, address, protocol, wait, events);
        let keeper = self.spawn(keep);
        match self.servers.get_mut(server) {
            Some(connection) => connection.keeper = keeper,
            None => self.servers.push(Connection {
                keeper,
                client: None,
                in_flight: HashMap::new(),
            }),
        }
    }

    /// Takes over the connection that the keeper of `server` has made.
    pub(crate) fn up(&mut self, server: ServerId, client: Client) {
        self.servers[server].client = Some(client);
    }

    /// Drops the connection to `server` and the calls over it.
    pub(crate) fn close(&mut self, server: ServerId) {
        let connection = &mut self.servers[server];
        connection.client = None;
        let calls = connection.in_flight.drain();
        calls.for_each(|(_, call)| call.abort());
    }

    /// Drops the connection to `server` and the calls over it, and makes no other.
    pub(crate) fn abandon(&mut self, server: ServerId) {
        self.close(server);
        self.servers[server].keeper.abort();
    }

    /// Reports after `wait` that `server` may have room again.
    pub(crate) fn resume_after(&mut self, server: ServerId, wait: Duration) {
        let events = self.events.clone();
        self.spawn(async move {
            sleep(wait).await;
            // It fails only when the work is over, which ends this task anyway.
            let _ = events.send(Event::Resume(server)).await;
        });
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) -> task::AbortHandle {
        // Forgets those that have ended, because a long list may have very many of them.
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task)
    }

    /// Starts a call, if its server is up. A call that is aborted is dropped at once, which also
    /// cancels it at its server.
    pub(crate) fn start(
        &mut self,
        tier: &Tier,
        assigned: Assigned,
    ) -> Option<Abortable<impl Future<Output = Answer> + use<>>> {
        let connection = &mut self.servers[assigned.server];
        let client = connection.client.clone()?;
        let (handle, registration) = AbortHandle::new_pair();
        connection.in_flight.insert(assigned.chunk.first, handle);
        let call = call(client, tier.clone(), assigned);
        Some(Abortable::new(call, registration))
    }

    /// Forgets the call to `server` about line `first`, because it has ended.
    pub(crate) fn ended(&mut self, server: ServerId, first: u64) {
        self.servers[server].in_flight.remove(&first);
    }

    /// Drops the call to `server` about line `first`.
    pub(crate) fn cancel(&mut self, server: ServerId, first: u64) {
        if let Some(call) = self.servers[server].in_flight.remove(&first) {
            call.abort();
        }
    }
}
