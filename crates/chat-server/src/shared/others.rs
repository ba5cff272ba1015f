//! What a server does with others over the same log. Alone it does nothing of it.

use common::chat::{PublicKey, Result, Session};
use futures::future::pending;

use super::Shared;
use crate::company::Company;
use crate::names::Nick;
use crate::presence::Side;

#[cfg(feature = "nats")]
mod together;

impl Shared {
    /// Asks the other servers for the nick that a session has taken here.
    ///
    /// # Errors
    /// If a session of another server was first, or nobody can be asked. Then it has not got it.
    pub(crate) async fn claim(&self, session: Session, nick: &Nick) -> Result<()> {
        match &self.company {
            Company::Alone => {
                let _ = (session, nick);
                Ok(())
            }
            #[cfg(feature = "nats")]
            Company::Together(others) => together::claim(self, others, session, nick).await,
        }
    }

    /// Makes a text what all servers have. Returns whether there are others.
    ///
    /// # Errors
    /// If they cannot be told.
    pub(super) async fn share(&self, side: Side) -> Result<bool> {
        match &self.company {
            Company::Alone => {
                let _ = side;
                Ok(false)
            }
            #[cfg(feature = "nats")]
            Company::Together(others) => together::share(self, others, side).await,
        }
    }

    /// Refuses a registration that another server has made for another key just before.
    pub(crate) fn owns(&self, nick: &Nick, public: PublicKey) -> Result<()> {
        match &self.company {
            Company::Alone => {
                let _ = (nick, public);
                Ok(())
            }
            #[cfg(feature = "nats")]
            Company::Together(others) => {
                let owners = others.sides().owners;
                owners.check(nick, Some(public), self.now())
            }
        }
    }

    /// Returns when this server knows who is at the others.
    pub(crate) async fn is_ready(&self) {
        match &self.company {
            Company::Alone => {}
            #[cfg(feature = "nats")]
            Company::Together(others) => others.is_ready().await,
        }
    }

    /// Returns when NATS has what is new here, or cannot take it now. To be called before an end is
    /// acknowledged, because otherwise the nick would be taken for a lease if this server died now.
    pub(crate) async fn tell(&self) {
        match &self.company {
            Company::Alone => {}
            #[cfg(feature = "nats")]
            Company::Together(others) => together::tell(self, others, false).await,
        }
    }

    /// Hears the other servers and speaks to them, for ever.
    pub(crate) async fn listen(&self) {
        match &self.company {
            Company::Alone => pending().await,
            #[cfg(feature = "nats")]
            Company::Together(others) => together::listen(self, others).await,
        }
    }
}
