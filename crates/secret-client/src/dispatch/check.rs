//! Whether the work can go on, what it waits for, and when to look again. PURE.

use std::time::Duration;

use super::Dispatcher;
use crate::cause::Cause;
use crate::queue::{Conflict, Head};
use crate::server::{Server, ServerId, State};

impl Dispatcher {
    /// Returns when to look again unless something happens before, as a time since the beginning.
    /// `None` means that there is nothing to wait for but events. `now` is the time since the
    /// beginning.
    ///
    /// # Errors
    /// Why there is no point in going on.
    pub(crate) fn check(&mut self, now: Duration) -> Result<Option<Duration>, Cause> {
        if let Some(cause) = self.end_of_work() {
            return Err(cause);
        }
        let since = self.give_up_at;
        self.give_up_at = self
            .too_few_answer()
            .then(|| since.unwrap_or_else(|| now.saturating_add(self.give_up_after)));
        if self.give_up_at.is_some_and(|at| at <= now) {
            return Err(self.give_up());
        }
        let times = [self.give_up_at, self.hedge_at(), self.watch(now)];
        Ok(times.into_iter().flatten().min())
    }

    /// Returns why the work cannot be done, however long it goes on.
    fn end_of_work(&self) -> Option<Cause> {
        let line = |line: Option<u64>| line.map(|line| line + 1);
        if let Some(hopeless) = self.queue.hopeless {
            let cause = self.failure.clone().or_else(|| self.last.clone());
            return Some(Cause::Hopeless(line(hopeless.line), cause.map(Box::new)));
        }
        if let Some(conflict) = &self.queue.conflict {
            let Conflict { first, second, .. } = conflict.clone();
            let named = |(id, answer): (ServerId, _)| (self.servers[id].name.clone(), answer);
            return Some(Cause::Differ(
                line(conflict.line),
                [first, second].map(named),
            ));
        }
        if !self.is_over() {
            return None;
        }
        let left = self.servers.iter().find(|server| !server.is_retired());
        Some(match left {
            Some(server) => Cause::Alone(server.name.clone()),
            None => self.give_up(),
        })
    }

    /// Returns whether too few servers are left, and no name may lead to others.
    pub(super) fn is_over(&self) -> bool {
        let left = self.servers.iter().filter(|server| !server.is_retired());
        left.count() < self.needed && !self.names.may_lead_somewhere()
    }

    /// Returns why no server can be reached.
    fn give_up(&self) -> Cause {
        self.last.clone().unwrap_or(Cause::NoServer)
    }

    /// Returns whether every server was tried and too few are up. While one is still being tried
    /// for the first time, or looked up, it is too early to say.
    fn too_few_answer(&self) -> bool {
        let is_open = |server: &&Server| matches!(server.state, State::New | State::Up(_));
        let open = self.servers.iter().filter(is_open).count();
        open < self.needed && self.names.untried().next().is_none()
    }

    /// Returns when a server with room may copy what others are late with.
    pub(super) fn hedge_at(&self) -> Option<Duration> {
        let servers = self.servers.iter().enumerate();
        let hedge_at = servers.filter_map(|(id, server)| self.queue.hedge_at(id, server.room()?));
        hedge_at.min()
    }

    /// Tells what is waited for, if the next line of the output is waited for long enough. Returns
    /// when to look again.
    fn watch(&mut self, now: Duration) -> Option<Duration> {
        let line = self.queue.head().map(|(line, _)| line);
        let notice_at = self.stall.notice_at(line, now)?;
        if notice_at > now {
            return Some(notice_at);
        }
        let awaited = self.awaited();
        if let Some(what) = self.stall.tell(awaited, now) {
            self.say(format!("waiting for {what}"));
        }
        self.stall.notice_at(line, now)
    }

    /// Returns what the next line of the output waits for, unless the person was told already,
    /// because a server is down.
    fn awaited(&self) -> Option<String> {
        let named = |which: &dyn Fn(&Server) -> bool| {
            let servers = self.servers.iter().filter(|server| which(server));
            servers
                .map(|server| server.name.as_str())
                .collect::<Vec<_>>()
        };
        let (_, head) = self.queue.head()?;
        if let Head::Assigned(holders) = head
            && holders.iter().any(|id| !self.servers[*id].is_busy)
        {
            let names = holders.iter().map(|id| self.servers[*id].name.as_str());
            let names: Vec<_> = names.collect();
            return Some(format!("an answer of {}", names.join(" or ")));
        }
        let up = named(&Server::is_up);
        if up.len() >= self.needed {
            let busy = named(&|server| server.is_up() && server.is_busy);
            let all = busy.len() == up.len();
            return all.then(|| format!("a free place at {}", busy.join(" or ")));
        }
        let looked_up = self
            .names
            .untried()
            .map(|name| format!("the address of {name}"));
        let connecting = named(&|server| matches!(server.state, State::New));
        let connecting = connecting
            .iter()
            .map(|name| format!("a connection to {name}"));
        let what: Vec<_> = looked_up.chain(connecting).collect();
        if let (true, Head::Claimed) = (what.is_empty(), head) {
            return Some(format!(
                "a second server to verify what {} answers",
                up.join(" and ")
            ));
        }
        (!what.is_empty()).then(|| what.join(" and "))
    }
}
