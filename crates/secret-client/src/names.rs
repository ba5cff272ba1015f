//! Servers that are given by name: which names are still to be looked up, and how often. PURE.

use std::time::Duration;

/// How often a name is looked up again, because servers may join late.
const AGAIN: Duration = Duration::from_secs(10);

/// How often a name is looked up that leads nowhere yet.
const MISSING: Duration = Duration::from_secs(1);

/// The names, and what came of looking them up.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<(String, State)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first look-up is not over.
    Untried,
    /// It had no address so far, but may have one later.
    Missing,
    /// It had addresses.
    Found,
    /// It can never have any.
    Hopeless,
}

/// What came of looking up a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// It has addresses.
    Found,
    /// It has none for now.
    Missing,
    /// It can never have any.
    Hopeless,
}

impl Names {
    /// Adds a name that is about to be looked up.
    pub(crate) fn add(&mut self, name: String) {
        self.0.push((name, State::Untried));
    }

    /// Notes what came of looking up `name`. Returns whether the person should hear of it, which is
    /// the first time only, and after which time to look again, if ever.
    pub(crate) fn looked_up(&mut self, name: &str, found: LookUp) -> (bool, Option<Duration>) {
        let state = self.0.iter_mut().find(|(known, _)| known == name);
        let Some((_, state)) = state else {
            return (false, None);
        };
        let is_news = *state == State::Untried && found != LookUp::Found;
        let again = match found {
            LookUp::Found => AGAIN,
            LookUp::Missing => MISSING,
            LookUp::Hopeless => {
                *state = State::Hopeless;
                return (is_news, None);
            }
        };
        // A name that had addresses keeps them, because a name server may fail for a while.
        if *state != State::Found {
            *state = match found {
                LookUp::Found => State::Found,
                _ => State::Missing,
            };
        }
        (is_news, Some(again))
    }

    /// Returns the names whose first look-up is not over. Until then it is too early to say that
    /// there is no server.
    pub(crate) fn untried(&self) -> impl Iterator<Item = &str> {
        let untried = self.0.iter().filter(|(_, state)| *state == State::Untried);
        untried.map(|(name, _)| name.as_str())
    }

    /// Returns whether a name without an address may still get one.
    pub(crate) fn may_lead_somewhere(&self) -> bool {
        let may = |state: &State| matches!(state, State::Untried | State::Missing);
        self.0.iter().any(|(_, state)| may(state))
    }
}
