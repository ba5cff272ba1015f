//! The calls that are about who owns a nick.

use common::chat::{Owner, PublicKey, Refusal, Result, Session};

use super::Handler;
use crate::door::cost;
use crate::names::Nick;

impl Handler {
    /// Returns whose proof it is, if the nick is registered and the proof is good. The proof is not
    /// looked at otherwise, because that takes longer than the rest of the call.
    pub(super) fn shown(
        &self,
        session: Session,
        text: &str,
        nick: &Nick,
        owner: Option<Owner>,
    ) -> Option<PublicKey> {
        let owner = owner?;
        let is_asked = {
            let people = self.shared.people();
            people.door.owners.holds(nick, self.shared.now())
        };
        let host = self.shared.host().filter(|_| is_asked)?;
        owner.proves(host, session, text).then_some(owner.public)
    }

    /// Registers the nick of a session. It is acknowledged only after it is in the file.
    pub(super) async fn try_register(&self, session: Session, owner: Owner) -> Result<String> {
        let host = self.shared.host().ok_or_else(|| {
            Refusal::Unfit("names are registered on a server with a key only (--key FILE)".into())
        })?;
        let nick = self
            .admit(session, cost::ENTER)?
            .nick_of(session, self.shared.now())?;
        if !owner.proves(host, session, &nick.text) {
            let why = format!("this is no proof for {}", nick.text);
            return Err(Refusal::Unfit(why));
        }
        {
            let mut people = self.shared.people();
            let now = self.shared.now();
            if people.nick_of(session, now)? != nick {
                let why = "the name was changed meanwhile".to_owned();
                return Err(Refusal::Unfit(why));
            }
            people.register(&nick, owner.public, self.caller, now)?;
        }
        self.shared.save_owners().await?;
        self.shared.owns(&nick, owner.public)?;
        Ok(nick.text)
    }
}
