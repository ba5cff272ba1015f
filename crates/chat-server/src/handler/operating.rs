//! The call of operators.

use common::chat::{Admin, Ban, Kind, Listed, Result, Session};

use super::Handler;
use crate::operators::Outcome;

impl Handler {
    /// Carries out a command, if `token` is the admin token.
    pub(super) async fn obey(
        &self,
        session: Session,
        token: &str,
        command: Admin,
    ) -> Result<Listed<Ban>> {
        let (ip, now) = (self.caller.ip, self.shared.now());
        let outcome = {
            let mut people = self.shared.people();
            let fits = || self.shared.is_admin(token);
            people.door.operate(session, ip, fits, now)?;
            tracing::info!("{ip}: an operator: {command:?}");
            people.obey(command, now)?
        };
        let Outcome {
            out,
            notices,
            body,
            has_changed_bans,
            bans,
        } = outcome;
        for session in out {
            self.shared.polls().end(session);
        }
        self.shared.announce(notices, Kind::Left, &body).await;
        self.shared.tell().await;
        if has_changed_bans {
            self.shared.save_bans().await?;
        }
        self.shared.save_owners().await?;
        Ok(bans)
    }
}
