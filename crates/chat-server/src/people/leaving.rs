//! How sessions end: by themselves, silently, or because an operator puts them out. PURE: the
//! caller hands in the time.

use std::time::Duration;

use common::chat::{LEASE, Result, Session};

use super::People;
use crate::bans::{Subnet, Whom};
use crate::names::Nick;
use crate::person::{Notice, Person};
use crate::presence::End;

impl People {
    /// Ends a session. Returns the notices to post.
    pub(crate) fn bye(&mut self, session: Session) -> Vec<Notice> {
        let by = self.company.me;
        self.ends(session, End::Left { by })
    }

    fn ends(&mut self, session: Session, end: End) -> Vec<Notice> {
        let home = self.by_session.get(&session).map(|person| person.home);
        if let Some(home) = home {
            self.is_over(session, home, end);
        }
        self.remove(session)
    }

    /// Removes a session. Returns the notices that tell it.
    pub(super) fn remove(&mut self, session: Session) -> Vec<Notice> {
        let Some(person) = self.by_session.remove(&session) else {
            return Vec::new();
        };
        if person.has_place {
            self.door.leave(person.caller);
        }
        self.by_sender.remove(&person.sender);
        for key in &person.nick.keys {
            self.by_key.remove(key);
        }
        let mut notices = Vec::new();
        for room in person.rooms.keys() {
            if self.public.remove(room, session) {
                notices.push(person.notice(room));
            }
        }
        notices
    }

    /// Ends the sessions whose lease has run out. Returns the notices to post.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<Notice> {
        if !self.is_alone() {
            self.suspects(now);
            return Vec::new();
        }
        let is_gone = |person: &Person| now.saturating_sub(person.seen) > LEASE;
        let gone = self.by_session.iter().filter(|(_, person)| is_gone(person));
        let gone: Vec<Session> = gone.map(|(&session, _)| session).collect();
        gone.into_iter().flat_map(|one| self.bye(one)).collect()
    }

    /// Ends the session that holds `nick` for good. Returns it with the notices to post: one for
    /// each of its public rooms, however big, because a kick is rare.
    pub(crate) fn kick(&mut self, nick: &Nick, why: &str) -> Result<(Session, Vec<Notice>)> {
        let session = self.find(nick)?;
        Ok((session, self.put_out(session, why)))
    }

    fn put_out(&mut self, session: Session, why: &str) -> Vec<Notice> {
        let person = self.by_session.get(&session).into_iter();
        let notices = person
            .flat_map(|person| person.rooms.keys().map(|room| person.notice(room)))
            .collect();
        self.ends(session, End::PutOut(why.to_owned()));
        self.door.kick(session, why);
        notices
    }

    /// Bans the addresses of `whom` until a time or for ever, and ends the sessions that are there,
    /// except those of operators. Returns them, with the notices to post.
    pub(crate) fn ban(
        &mut self,
        whom: &Whom,
        why: &str,
        until: Option<Duration>,
        now: Duration,
    ) -> Result<(Vec<Session>, Vec<Notice>)> {
        let (subnet, nick) = match whom {
            Whom::Addresses(subnet) => (*subnet, ""),
            Whom::Nick(nick) => {
                let session = self.find(nick)?;
                let person = self.person(session)?;
                (Subnet::around(person.caller.ip), nick.text.as_str())
            }
        };
        self.door.bans.add(subnet, nick, why, until, now)?;
        let is_out = |(session, person): &(&Session, &Person)| {
            subnet.contains(person.caller.ip) && !self.door.is_operator(**session)
        };
        let out = self.by_session.iter().filter(is_out);
        let out: Vec<Session> = out.map(|(&session, _)| session).collect();
        let notices = out.iter().flat_map(|&one| self.put_out(one, why));
        Ok((out.clone(), notices.collect()))
    }
}
