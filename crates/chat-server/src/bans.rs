//! Who is kept out: kicked sessions and banned addresses. PURE.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use common::chat::{Refusal, Result, Session};

/// Most kicked sessions and most banned addresses that are remembered. The oldest kick is
/// forgotten first. A kicked client learns of it with its next call and ends, so only the last
/// few kicks matter.
const MAX_KEPT: usize = 1000;

/// What operators have decided since the server began.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    /// kicked sessions, oldest first, each with the reason
    kicked: VecDeque<(Session, String)>,
    /// banned addresses, each with the skeleton of the nick it was banned for
    banned: BTreeMap<IpAddr, String>,
}

impl Bans {
    /// Refuses a session that was kicked, and a new one that comes `from` a banned address.
    pub(crate) fn check(&self, session: Session, from: Option<IpAddr>) -> Result<()> {
        if let Some((_, why)) = self.kicked.iter().find(|(kicked, _)| *kicked == session) {
            return Err(Refusal::Kicked(why.clone()));
        }
        if from.is_some_and(|address| self.banned.contains_key(&address)) {
            return Err(Refusal::Banned);
        }
        Ok(())
    }

    /// Remembers that `session` was kicked.
    pub(crate) fn kick(&mut self, session: Session, why: &str) {
        self.kicked.push_back((session, why.to_owned()));
        if self.kicked.len() > MAX_KEPT {
            self.kicked.pop_front();
        }
    }

    /// Bans `address` under the `skeleton` of a nick, by which the ban can be lifted.
    pub(crate) fn ban(&mut self, address: IpAddr, skeleton: String) -> Result<()> {
        if self.banned.len() >= MAX_KEPT {
            return Err(Refusal::Full);
        }
        self.banned.insert(address, skeleton);
        Ok(())
    }

    /// Lifts every ban under `skeleton`.
    pub(crate) fn lift(&mut self, skeleton: &str) -> Result<()> {
        let before = self.banned.len();
        self.banned.retain(|_, banned| banned != skeleton);
        if self.banned.len() == before {
            return Err(Refusal::Nobody);
        }
        Ok(())
    }
}
