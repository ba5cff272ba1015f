//! Registered nicks among the people who are here. PURE: the caller hands in the time.

use std::time::Duration;

use common::chat::{Listed, Present, PublicKey, Result, Session};

use super::People;
use crate::door::Caller;
use crate::names::Nick;
use crate::person::Notice;

impl People {
    /// Does what [`enter`](Self::enter) does, if the nick is not registered, or `shown` is the
    /// public key of its owner, or the session has this nick already.
    pub(crate) fn enter_as(
        &mut self,
        session: Session,
        nick: &Nick,
        shown: Option<PublicKey>,
        caller: Caller,
        now: Duration,
    ) -> Result<Vec<Notice>> {
        let person = self.by_session.get(&session);
        if person.is_none_or(|person| person.nick != *nick) {
            self.door.owners.check(nick, shown, now)?;
        }
        let notices = self.enter(session, nick, caller, now)?;
        if let Some(owner) = shown {
            self.door.owners.sees(nick, owner, now);
        }
        Ok(notices)
    }

    /// Returns the nick of a session.
    pub(crate) fn nick_of(&mut self, session: Session, now: Duration) -> Result<Nick> {
        let person = self.person(session)?;
        person.seen = now;
        Ok(person.nick.clone())
    }

    /// Registers `nick`, which a session of `caller` has, for the holder of this public key.
    pub(crate) fn register(
        &mut self,
        nick: &Nick,
        public: PublicKey,
        caller: Caller,
        now: Duration,
    ) -> Result<()> {
        let is_free = self.door.is_free(caller.ip);
        let owners = &mut self.door.owners;
        owners.add(nick, public, caller.ip, is_free, now)
    }

    /// Returns these nicks, each with whether it is registered.
    pub(crate) fn present(&self, nicks: Listed<String>, now: Duration) -> Listed<Present> {
        let present = |nick: String| Present {
            is_registered: self.door.owners.is_registered(&nick, now),
            nick,
        };
        let part = nicks.part.into_iter().map(present).collect();
        let more = nicks.more;
        Listed { part, more }
    }

    /// Returns whether nobody has registered a nick.
    pub(super) fn is_unowned(&self, nick: &Nick, now: Duration) -> bool {
        !self.door.owners.holds(nick, now)
    }
}
