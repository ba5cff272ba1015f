//! A word list: which server had which words, as the client's journal tells it. PURE.

use std::collections::BTreeMap;

use common::journal::{Back, Event};

use crate::counts::count;
use crate::life::Life;
use crate::verdict::{Check, Judgement, Verdict};

/// A call to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The server.
    pub server: usize,
    /// The number of its first line.
    pub first: u64,
    /// The number of words.
    pub words: usize,
    /// The line of the journal at which it was made.
    pub given: usize,
    /// What became of it, and the line that says so.
    pub end: Option<(usize, Fate)>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was answered, and the answer counts.
    Counts {
        /// Microseconds of waiting at the server.
        waited: u64,
        /// Microseconds of work at the server.
        worked: u64,
    },
    /// It was answered, and another server has to confirm the answer.
    Claim,
    /// The server was lost.
    Lost,
    /// Its words were taken back.
    Back(Back),
}

/// Returns when the words of a call that took `whole` microseconds arrived at the server, when the
/// work began and when it ended, in microseconds after the call. `waited` and `worked` are what the
/// server says; neither counts for more than the call took. What is left of the round trip is split
/// in two, because it is not known which way was the longer.
pub(crate) fn stages(whole: i64, waited: u64, worked: u64) -> [i64; 3] {
    let whole = whole.max(0);
    let clamp = |micros: u64| i64::try_from(micros).unwrap_or(whole).min(whole);
    let (waited, worked) = (clamp(waited), clamp(worked));
    let arrived = (whole - waited - worked).max(0) / 2;
    let begun = (arrived + waited).min(whole);
    [arrived, begun, (begun + worked).min(whole)]
}

/// A list.
#[derive(Debug)]
pub struct List<'a> {
    /// The client.
    pub life: &'a Life,
    /// The address of each server.
    pub servers: BTreeMap<usize, String>,
    /// All calls, in the order in which they were made.
    pub calls: Vec<Call>,
    /// The number of lines of the input, if it has ended.
    pub lines: Option<u64>,
    /// Each number of written lines that was noted.
    pub written: Vec<u64>,
}

impl<'a> List<'a> {
    /// Returns the lists of a run.
    #[must_use]
    pub fn all(lives: &'a [Life]) -> Vec<Self> {
        let clients = lives.iter().filter(|life| life.program == "secret-client");
        clients.map(Self::new).collect()
    }

    fn new(life: &'a Life) -> Self {
        let mut list = Self {
            life,
            servers: BTreeMap::new(),
            calls: Vec::new(),
            lines: None,
            written: Vec::new(),
        };
        for (number, line) in life.lines.iter().enumerate() {
            match &line.event {
                Event::Server { server, address } => {
                    list.servers.insert(*server, address.clone());
                }
                Event::Give {
                    server,
                    first,
                    words,
                } => list.calls.push(Call {
                    server: *server,
                    first: *first,
                    words: *words,
                    given: number,
                    end: None,
                }),
                Event::Got {
                    server,
                    first,
                    counts,
                    waited,
                    worked,
                    ..
                } => {
                    let (waited, worked) = (*waited, *worked);
                    let fate = if *counts {
                        Fate::Counts { waited, worked }
                    } else {
                        Fate::Claim
                    };
                    list.end(*server, *first, number, fate);
                }
                Event::Down { server, .. } => {
                    let open = |call: &&mut Call| call.server == *server && call.end.is_none();
                    for call in list.calls.iter_mut().filter(open) {
                        call.end = Some((number, Fate::Lost));
                    }
                }
                Event::Drop { server, first, why } => {
                    list.end(*server, *first, number, Fate::Back(*why))
                }
                Event::Out { upto } => list.written.push(*upto),
                Event::Read { lines } => list.lines = Some(*lines),
                _ => {}
            }
        }
        list
    }

    fn end(&mut self, server: usize, first: u64, line: usize, fate: Fate) {
        let calls = self.calls.iter_mut().rev();
        let mut open =
            calls.filter(|call| (call.server, call.first) == (server, first) && call.end.is_none());
        if let Some(call) = open.next() {
            call.end = Some((line, fate));
        }
    }

    /// Judges the list.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let servers = count(self.servers.len(), "server", "servers");
        let words = |lines| count(lines, "word", "words");
        let words = self.lines.map_or_else(|| "an unread list".into(), words);
        Judgement {
            subject: format!("{words}, {servers}"),
            checks: vec![
                self.answered(),
                self.in_order(),
                self.given_again(),
                self.ended(),
                Check::whole(&self.gaps()),
            ],
        }
    }

    /// What is missing could have been written after the journal's end.
    fn unless_killed(&self) -> Verdict {
        let is_whole = self.life.end().is_some() && !self.life.is_cut && self.life.damaged == 0;
        if is_whole {
            Verdict::No
        } else {
            Verdict::Unknown
        }
    }

    fn gaps(&self) -> Vec<String> {
        self.life.gaps().collect()
    }

    fn answered(&self) -> Check {
        let mut check = Check::new("every word was answered once");
        let counts = |call: &&Call| matches!(call.end, Some((_, Fate::Counts { .. })));
        let mut answers: Vec<(u64, u64)> = self
            .calls
            .iter()
            .filter(counts)
            .map(|call| (call.first, call.first.saturating_add(call.words as u64)))
            .collect();
        answers.sort_unstable();
        let mut next = 0;
        for (first, end) in answers {
            if first > next {
                check.find(
                    self.unless_killed(),
                    format!("lines {} to {first} were not answered", next + 1),
                );
            } else if first < next {
                check.find(
                    Verdict::No,
                    format!("line {} was answered twice", first + 1),
                );
            }
            next = next.max(end);
        }
        match self.lines {
            Some(lines) if next < lines => {
                check.find(
                    self.unless_killed(),
                    format!("lines {} to {lines} were not answered", next + 1),
                );
            }
            Some(lines) if next > lines => {
                check.find(
                    Verdict::No,
                    format!("{next} lines were answered, and the list has {lines}"),
                );
            }
            Some(_) => {}
            None => check.find(
                self.unless_killed(),
                "the list was not read to its end".into(),
            ),
        }
        check
    }

    fn in_order(&self) -> Check {
        let mut check = Check::new("all answers were written, in order");
        for pair in self.written.windows(2).filter(|pair| pair[1] < pair[0]) {
            check.find(
                Verdict::No,
                format!("line {} was written after line {}", pair[1], pair[0]),
            );
        }
        let written = self.written.last().copied().unwrap_or_default();
        if let Some(lines) = self.lines.filter(|&lines| written != lines) {
            check.find(
                self.unless_killed(),
                format!("{written} of {lines} lines were written"),
            );
        }
        check
    }

    fn given_again(&self) -> Check {
        let mut check = Check::new("what was lost was given out again");
        for (server, address) in &self.servers {
            let of = |fate: Fate| {
                let calls = self.calls.iter().filter(|call| call.server == *server);
                let alike = |call: &&Call| call.end.is_some_and(|(_, end)| end == fate);
                calls.filter(alike).count()
            };
            let back = [Fate::Lost, Fate::Back(Back::Busy), Fate::Back(Back::Failed)];
            let [lost, busy, failed] = back.map(of);
            if lost + busy + failed > 0 {
                let what = format!(
                    "{address}: calls lost {lost}, refused as busy {busy}, failed {failed}"
                );
                check.find(Verdict::Yes, what);
            }
        }
        check
    }

    fn ended(&self) -> Check {
        let mut check = Check::new("the client ended in order");
        match self.life.end() {
            Some("done") => {}
            Some(why) => check.find(Verdict::No, format!("it ended: {why}")),
            None => check.find(Verdict::Unknown, "its journal has no end".into()),
        }
        check
    }
}

#[cfg(test)]
mod tests;
