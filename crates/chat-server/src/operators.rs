//! What operators command, and what comes of it. PURE: the caller hands in the time, and does what
//! is returned.

use std::iter::empty;
use std::time::Duration;

use common::chat::{Admin, Ban, Listed, Refusal, Result, Session};

use crate::bans::Whom;
use crate::names::Nick;
use crate::people::People;
use crate::person::Notice;
use crate::posts;

/// What is to be done after a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// the sessions that were put out, whose polls end
    pub(crate) out: Vec<Session>,
    /// what to post about them, with this text
    pub(crate) notices: Vec<Notice>,
    pub(crate) body: String,
    /// whether the bans have to be written into their file
    pub(crate) has_changed_bans: bool,
    /// the answer
    pub(crate) bans: Listed<Ban>,
}

impl Outcome {
    fn nothing() -> Self {
        Self {
            out: Vec::new(),
            notices: Vec::new(),
            body: String::new(),
            has_changed_bans: false,
            bans: Listed::first(empty()),
        }
    }

    fn out(out: Vec<Session>, notices: Vec<Notice>, done: &str, why: &str) -> Self {
        let colon = if why.is_empty() { "" } else { ": " };
        Self {
            out,
            notices,
            body: format!("was {done} by an operator{colon}{why}"),
            ..Self::nothing()
        }
    }
}

impl People {
    /// Carries out a command of an operator.
    ///
    /// # Errors
    /// If it makes no sense, or nobody is meant. Then nothing was done.
    pub(crate) fn obey(&mut self, command: Admin, now: Duration) -> Result<Outcome> {
        Ok(match command {
            Admin::Kick { nick, why } => {
                let nick = Nick::new(&nick).map_err(Refusal::Unfit)?;
                let why = posts::reason(why)?;
                let (session, notices) = self.kick(&nick, &why)?;
                Outcome::out(vec![session], notices, "put out", &why)
            }
            Admin::Ban { whom, minutes, why } => {
                let (whom, why) = (Whom::new(&whom)?, posts::reason(why)?);
                let length = Duration::from_secs(60 * u64::from(minutes));
                let until = (minutes > 0).then(|| now.saturating_add(length));
                let (out, notices) = self.ban(&whom, &why, until, now)?;
                Outcome {
                    has_changed_bans: true,
                    ..Outcome::out(out, notices, "banned", &why)
                }
            }
            Admin::Unban { whom } => {
                self.door.bans.lift(&Whom::new(&whom)?)?;
                Outcome {
                    has_changed_bans: true,
                    ..Outcome::nothing()
                }
            }
            Admin::Bans { after } => Outcome {
                bans: self.door.bans.list(&after, now),
                ..Outcome::nothing()
            },
            Admin::Release { nick } => {
                let nick = Nick::new(&nick).map_err(Refusal::Unfit)?;
                if !self.door.owners.release(&nick) {
                    let why = format!("{} is not registered", nick.text);
                    return Err(Refusal::Unfit(why));
                }
                Outcome::nothing()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bans::Bans;
    use crate::door::{Caller, Shares};

    const ANN: Session = Session(1);

    fn with_ann() -> People {
        let shares = Shares {
            rate: 0,
            sessions: 9,
            frees_loopback: false,
        };
        let mut people = People::new(shares, Bans::default());
        let caller = Caller {
            ip: [10, 0, 0, 1].into(),
            connection: 1,
        };
        let nick = Nick::new("ann").expect("a nick");
        let now = Duration::ZERO;
        people.enter(ANN, &nick, caller, now).expect("free");
        let joined = people.join(ANN, "lobby", false, now, || Ok(0));
        joined.expect("a room");
        people
    }

    fn obeyed(people: &mut People, command: Admin) -> (Vec<Session>, usize, String, bool) {
        let outcome = people.obey(command, Duration::ZERO).expect("sensible");
        let Outcome {
            out,
            notices,
            body,
            has_changed_bans,
            ..
        } = outcome;
        (out, notices.len(), body, has_changed_bans)
    }

    #[test]
    fn those_who_are_put_out_are_announced_with_the_reason() {
        let (nick, whom) = (|| "ann".to_owned(), || "ann".to_owned());
        let kick = |why: &str| Admin::Kick {
            nick: nick(),
            why: why.into(),
        };
        let kicked = obeyed(&mut with_ann(), kick("too loud"));
        let body = "was put out by an operator: too loud".to_owned();
        assert_eq!(kicked, (vec![ANN], 1, body, false));
        let banned = obeyed(
            &mut with_ann(),
            Admin::Ban {
                whom: whom(),
                minutes: 5,
                why: String::new(),
            },
        );
        let body = "was banned by an operator".to_owned();
        assert_eq!(banned, (vec![ANN], 1, body, true));
        let mut people = with_ann();
        let nobody = Admin::Kick {
            nick: "bob".into(),
            why: String::new(),
        };
        assert_eq!(people.obey(nobody, Duration::ZERO), Err(Refusal::Nobody));
        assert!(people.is_here(ANN));
    }

    #[test]
    fn bans_are_listed_and_lifted() {
        let mut people = with_ann();
        for n in 1..=3 {
            let whom = format!("10.1.0.{n}");
            let (minutes, why) = (0, String::new());
            obeyed(&mut people, Admin::Ban { whom, minutes, why });
        }
        let mut list = |after: &str| {
            let after = after.to_owned();
            let outcome = people.obey(Admin::Bans { after }, Duration::ZERO);
            let bans = outcome.expect("sensible").bans.part;
            bans.into_iter().map(|ban| ban.network).collect::<Vec<_>>()
        };
        assert_eq!(list(""), ["10.1.0.1/32", "10.1.0.2/32", "10.1.0.3/32"]);
        assert_eq!(list("10.1.0.2/32"), ["10.1.0.3/32"]);
        let whom = "10.1.0.2".to_owned();
        let lifted = obeyed(&mut people, Admin::Unban { whom });
        assert_eq!(lifted, (vec![], 0, String::new(), true));
    }
}
