//! Servers that are given by name: which names are still to be looked up, and how often. PURE.

use std::time::Duration;

/// How often a name is looked up again, because servers may join late.
const AGAIN: Duration = Duration::from_secs(10);

/// How often a name is looked up that leads nowhere yet.
const MISSING: Duration = Duration::from_secs(1);

/// The names, each with what came of looking it up.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<(String, Known)>);

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing yet: its first look-up is not over.
    Nothing,
    /// It has no address so far, but may get one.
    Missing,
    /// It has addresses.
    Found,
    /// It can never have any.
    Hopeless,
}

impl Names {
    /// Adds a name that is about to be looked up.
    pub(crate) fn add(&mut self, name: String) {
        self.0.push((name, Known::Nothing));
    }

    /// Notes what came of looking up `name`. Returns whether the person should hear of it, which is
    /// the first time only, and after which time to look it up again, if ever.
    pub(crate) fn looked_up(&mut self, name: &str, outcome: Known) -> (bool, Option<Duration>) {
        let known = self.0.iter_mut().find(|(known, _)| known == name);
        let Some((_, known)) = known else {
            return (false, None);
        };
        let is_news = *known == Known::Nothing && outcome != Known::Found;
        // Addresses stay known, because a name server may fail for a while.
        if *known != Known::Found {
            *known = outcome;
        }
        let again = match outcome {
            Known::Found => Some(AGAIN),
            Known::Nothing | Known::Missing => Some(MISSING),
            Known::Hopeless => None,
        };
        (is_news, again)
    }

    /// Returns the names whose first look-up is not over. Until then it is too early to say that
    /// there is no server.
    pub(crate) fn untried(&self) -> impl Iterator<Item = &str> {
        let untried = self.0.iter().filter(|(_, known)| *known == Known::Nothing);
        untried.map(|(name, _)| name.as_str())
    }

    /// Returns whether a name that led nowhere so far may still lead to a server.
    pub(crate) fn may_lead_somewhere(&self) -> bool {
        let may = |known: &Known| matches!(known, Known::Nothing | Known::Missing);
        self.0.iter().any(|(_, known)| may(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_fails_later_opens_no_hope_of_other_servers() {
        let mut names = Names::default();
        names.add("a:1".into());
        assert!(names.may_lead_somewhere());
        let looked_up = names.looked_up("a:1", Known::Found);
        assert_eq!(looked_up, (false, Some(AGAIN)));
        let looked_up = names.looked_up("a:1", Known::Missing);
        assert_eq!(looked_up, (false, Some(MISSING)), "not worth a word");
        assert!(!names.may_lead_somewhere(), "its servers are known");
    }
}
