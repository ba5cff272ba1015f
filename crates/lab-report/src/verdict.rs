//! What can be said of a run: a value for each promise, with reasons. PURE.

use std::fmt;

/// Most reasons that are printed of a check: a screen holds a song's checks with them.
const MAX_REASONS: usize = 8;

/// Whether something was as promised. The greatest of several is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It was.
    Yes,
    /// It cannot be known from these journals.
    Unknown,
    /// It was not.
    No,
}

impl Verdict {
    /// Returns the exit code of a program that prints this.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Unknown => 3,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::No => "NO",
        })
    }
}

/// One promise, and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The promise, as a sentence.
    pub promise: &'static str,
    /// Whether it was kept.
    pub verdict: Verdict,
    /// What was found, as sentences: the reasons of a bad verdict first.
    pub reasons: Vec<String>,
}

impl Check {
    /// Begins a check that has found nothing yet.
    #[must_use]
    pub fn new(promise: &'static str) -> Self {
        Self {
            promise,
            verdict: Verdict::Yes,
            reasons: Vec::new(),
        }
    }

    /// Returns the check that nothing is missing. With a gap it cannot be known whether all was as
    /// promised, because what is missing may show that it was not.
    #[must_use]
    pub fn whole(gaps: &[String]) -> Self {
        let mut check = Self::new("the journals are whole");
        for gap in gaps {
            check.find(Verdict::Unknown, gap.clone());
        }
        check
    }

    /// Takes a finding. The worst so far is the verdict, and its reasons go before the others.
    pub fn find(&mut self, verdict: Verdict, reason: String) {
        if verdict > self.verdict {
            self.reasons.insert(0, reason);
        } else {
            self.reasons.push(reason);
        }
        self.verdict = self.verdict.max(verdict);
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:8} {}", self.verdict, self.promise)?;
        for reason in self.reasons.iter().take(MAX_REASONS) {
            writeln!(f, "             {reason}")?;
        }
        match self.reasons.len().checked_sub(MAX_REASONS) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "             and {more} more"),
        }
    }
}

/// All checks of one song, one chat room, or one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What was judged: "99 bottles, 3 buddies".
    pub subject: String,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Judgement {
    /// Returns the worst verdict of all checks.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.checks.iter().map(|check| check.verdict);
        verdicts.max().unwrap_or(Verdict::Unknown)
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.subject)?;
        self.checks
            .iter()
            .try_for_each(|check| write!(f, "{check}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_counts_and_comes_first() {
        let mut check = Check::new("all went well");
        check.find(Verdict::Yes, "a detail".into());
        check.find(Verdict::No, "a disaster".into());
        check.find(Verdict::Unknown, "a doubt".into());
        assert_eq!(check.verdict, Verdict::No);
        assert_eq!(check.reasons, ["a disaster", "a detail", "a doubt"]);
        for number in 0..7 {
            check.find(Verdict::No, number.to_string());
        }
        let text = check.to_string();
        assert!(text.starts_with("  NO       all went well\n             a disaster\n"));
        assert!(text.ends_with("             and 2 more\n"), "{text}");
    }

    #[test]
    fn exit_codes_leave_2_to_usage() {
        let codes = [Verdict::Yes, Verdict::No, Verdict::Unknown].map(Verdict::exit_code);
        assert_eq!(codes, [0, 1, 3]);
    }
}
