//! One life of one process, as its journal tells it. PURE.

use common::buddy::Place;
use common::journal::{Event, Hex, Line};

use crate::counts::count;

/// A clock on the wall that is ahead of the steady one by more than this, in microseconds, shows
/// that the machine slept in between.
const NAP: i64 = 250_000;

/// The latest time of a line, in microseconds: 142 years after its journal began, or the year 2112.
/// A later one is not true, and counts as this one, so that sums of times fit in their numbers.
const LATEST: u64 = 1 << 52;

/// A line of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The number of the life.
    pub life: usize,
    /// The number of the line, from 0.
    pub line: usize,
}

/// What one journal holds.
#[derive(Clone, Debug)]
pub struct Life {
    /// The name of the file, for people.
    pub file: String,
    /// The program that wrote it.
    pub program: String,
    /// The number of this life.
    pub id: Hex,
    /// The name of its machine.
    pub host: String,
    /// Equal for all lives that share a clock.
    pub machine: String,
    /// The process id.
    pub pid: u32,
    /// The name that a person gave it.
    pub name: Option<String>,
    /// All lines, in the order in which they were written; the first is [`Event::Begin`]. Their
    /// times never go back: a line that says so has the time of the one before it.
    pub lines: Vec<Line>,
    /// Whether lines are missing at its end, because the journal was full.
    pub is_cut: bool,
    /// The number of lines that cannot be read, that are there twice, or whose time goes back. A
    /// torn last line does not count, because a process may be killed while it writes one.
    pub damaged: usize,
}

impl Life {
    /// Returns the life in `text`, the content of `file`.
    ///
    /// # Errors
    /// A sentence that names the file, if it is not a journal.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        // Without a torn last line, because a process may be killed while it writes one.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut read = whole.lines().map(serde_json::from_str::<Line>);
        let Some(Ok(first)) = read.next() else {
            return Err(format!(
                "{file} is not a journal: its first line cannot be read"
            ));
        };
        let Event::Begin {
            v,
            program,
            life,
            host,
            machine,
            pid,
            name,
        } = first.event.clone()
        else {
            return Err(format!(
                "{file} is not a journal: it does not begin with \"begin\""
            ));
        };
        if v != common::journal::VERSION {
            return Err(format!(
                "{file} is a journal of version {v}, which this program does not know"
            ));
        }
        let mut life = Self {
            file: file.to_owned(),
            program,
            id: life,
            host,
            machine,
            pid,
            name,
            lines: Vec::new(),
            is_cut: false,
            damaged: 0,
        };
        life.push(first);
        for line in read {
            match line {
                Ok(line) => life.push(line),
                Err(_) => life.damaged += 1,
            }
        }
        Ok(life)
    }

    fn push(&mut self, mut line: Line) {
        let last = self.lines.last();
        let begin = last.map_or(0, |last| last.t);
        let is_next = (begin..=LATEST).contains(&line.t) && last != Some(&line);
        self.damaged += usize::from(!is_next);
        self.is_cut |= line.event == Event::Cut;
        line.t = line.t.clamp(begin, LATEST);
        self.lines.push(line);
    }

    /// Returns how the process ended, in its own words; nothing if it was killed.
    #[must_use]
    pub fn end(&self) -> Option<&str> {
        self.lines.iter().rev().find_map(|line| match &line.event {
            Event::End { why } => Some(why.as_str()),
            _ => None,
        })
    }

    /// Returns the song in which this buddy sang, and its place in it.
    #[must_use]
    pub fn place(&self) -> Option<(Hex, Place)> {
        self.lines.iter().find_map(|line| match line.event {
            Event::Place { song, place, .. } => Some((song, place)),
            _ => None,
        })
    }

    /// Returns the song to which this buddy was called, and its place in the ring, if it never got
    /// the roll. With each hop a roll call is longer by one address, so its name tells where it
    /// arrived.
    #[must_use]
    pub fn called(&self) -> Option<(Hex, Place)> {
        let mut called = None;
        for line in &self.lines {
            match &line.event {
                Event::Called { id } => called = Some(id),
                Event::Place { .. }
                | Event::Say { .. }
                | Event::Hear { .. }
                | Event::Sing { .. }
                | Event::Sang { .. } => return None,
                _ => {}
            }
        }
        let called = called?;
        let addresses: Place = called.split(':').nth(3)?.parse().ok()?;
        // The starter sends its own address and that of its next, which is at place 1.
        Some((song_called(called)?, addresses.checked_sub(1)?))
    }

    /// Returns a name for people: the one under which it sang or spoke, or the program's.
    #[must_use]
    pub fn title(&self) -> String {
        let own = self.lines.iter().find_map(|line| match &line.event {
            Event::Place { name, .. } => Some(name.clone()),
            Event::Online { nick, .. } => Some(nick.clone()),
            _ => None,
        });
        own.or_else(|| self.name.clone())
            .unwrap_or_else(|| format!("{} {}", self.program, self.pid))
    }

    /// Returns what is known to be missing in it, as sentences.
    pub fn gaps(&self) -> impl Iterator<Item = String> {
        let cut = self
            .is_cut
            .then(|| format!("{} is cut: it was full", self.file));
        let damaged = (self.damaged > 0).then(|| {
            let lines = count(self.damaged, "damaged line", "damaged lines");
            format!("{} has {lines}", self.file)
        });
        cut.into_iter().chain(damaged)
    }

    /// Returns the time of each line by the clock of its machine, in microseconds since 1970.
    #[must_use]
    pub fn walls(&self) -> Vec<i64> {
        let clamp = |micros: u64| i64::try_from(micros.min(LATEST)).unwrap_or_default();
        let mut start = None;
        let wall = |line: &Line| {
            let steady = clamp(line.t);
            if let Some(w) = line.w.map(clamp) {
                let seen = w - steady;
                if start.is_none_or(|start| seen > start + NAP) {
                    start = Some(seen);
                }
            }
            start.unwrap_or_default() + steady
        };
        self.lines.iter().map(wall).collect()
    }
}

/// Returns the song of the roll call with this name.
pub(crate) fn song_called(id: &str) -> Option<Hex> {
    let song = id.strip_prefix("call:")?.split(':').next()?;
    Some(Hex(u128::from_str_radix(song, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(version: u32, lines: &str) -> Result<Life, String> {
        let begin = format!(
            "{{\"t\":1,\"e\":\"begin\",\"v\":{version},\"program\":\"buddy\",\"life\":\"2\",\
             \"host\":\"h\",\"machine\":\"m\",\"pid\":8}}\n"
        );
        Life::parse("a.jsonl", &(begin + lines))
    }

    /// Returns a line at this time.
    fn quiet(t: u64) -> String {
        format!("{{\"t\":{t},\"e\":\"quiet\"}}\n")
    }

    #[test]
    fn what_is_not_whole_is_counted_and_a_torn_last_line_is_not() {
        let table = [
            // the lines, how many are damaged, and the times
            (quiet(5) + &quiet(9), 0, &[1, 5, 9][..]),
            (quiet(5) + &quiet(9)[..9], 0, &[1, 5]),
            (quiet(5) + "what\n" + &quiet(9), 1, &[1, 5, 9]),
            (quiet(5) + &quiet(5), 1, &[1, 5, 5]),
            (quiet(9) + &quiet(5) + &quiet(7), 2, &[1, 9, 9, 9]),
            (quiet(u64::MAX), 1, &[1, LATEST]),
        ];
        for (lines, damaged, times) in table {
            let life = parse(1, &lines).expect("a journal");
            let found: Vec<u64> = life.lines.iter().map(|line| line.t).collect();
            assert_eq!((life.damaged, &*found), (damaged, times), "{lines}");
            assert_eq!(life.gaps().count(), usize::from(damaged > 0), "{lines}");
        }
        let life = parse(1, "{\"t\":5,\"e\":\"cut\"}\n").expect("a journal");
        assert!(life.is_cut && life.end().is_none());
        assert_eq!(Vec::from_iter(life.gaps()), ["a.jsonl is cut: it was full"]);
    }

    #[test]
    fn another_version_and_another_file_are_no_journals() {
        let error = parse(2, "").expect_err("another version");
        assert!(
            error.starts_with("a.jsonl is a journal of version 2, "),
            "{error}"
        );
        for text in ["", "hello\n", &quiet(1)] {
            let error = Life::parse("a.jsonl", text).expect_err(text);
            assert!(error.starts_with("a.jsonl is not a journal: "), "{error}");
        }
    }
}
