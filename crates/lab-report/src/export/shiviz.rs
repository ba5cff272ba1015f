//! A log for [ShiViz](https://bestchai.bitbucket.io/shiviz/): each line of each journal, with its
//! vector clock. PURE.
//!
//! ShiViz reads two lines for each event, `EVENT` and `HOST CLOCK`, by the expression in the first
//! line of the log; the second line is empty, because the log tells of one run. A clock is a JSON
//! object with a count for each host. A host's own count begins at 1 and grows by one. The clocks
//! are computed here, because the programs need none.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use common::journal::Event;
use serde_json::Value;

use crate::life::{At, Life};
use crate::run::Run;

/// What ShiViz takes by default. It is written all the same, so that the log explains itself.
const EXPRESSION: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// Returns the log.
#[must_use]
pub fn shiviz(run: &Run<'_>) -> String {
    let hosts = hosts(run);
    let keys: Vec<String> = hosts
        .iter()
        .map(|host| Value::from(host.as_str()).to_string())
        .collect();
    let mut clocks = Clocks::new(run);
    let mut log = format!("{EXPRESSION}\n\n");
    for &at in &run.order.all {
        let clock = clocks.tick(run, at);
        let counts = clock.iter().zip(&keys).filter(|(count, _)| **count > 0);
        let counts: Vec<String> = counts
            .map(|(count, key)| format!("{key}:{count}"))
            .collect();
        let event = words(&run.lives[at.life].lines[at.line].event);
        let host = &hosts[at.life];
        // Cannot fail, because a text takes all.
        let _ = write!(log, "{event}\n{host} {{{}}}\n", counts.join(","));
    }
    log
}

/// The vector clocks of all lives.
struct Clocks {
    now: Vec<Vec<usize>>,
    /// how many lines wait for the clock of a line
    waiting: HashMap<At, usize>,
    /// the clocks of lines that others wait for
    kept: HashMap<At, Vec<usize>>,
}

impl Clocks {
    fn new(run: &Run<'_>) -> Self {
        let mut waiting: HashMap<At, usize> = HashMap::new();
        for cause in run.order.all.iter().filter_map(|&at| run.order.cause(at)) {
            *waiting.entry(cause).or_default() += 1;
        }
        let lives = run.lives.len();
        Self {
            now: vec![vec![0; lives]; lives],
            waiting,
            kept: HashMap::new(),
        }
    }

    /// Returns the clock of the next line in the order of the run.
    fn tick(&mut self, run: &Run<'_>, at: At) -> &[usize] {
        let now = &mut self.now[at.life];
        now[at.life] += 1;
        if let Some(cause) = run.order.cause(at) {
            if let Some(heard) = self.kept.get(&cause) {
                let both = now.iter_mut().zip(heard);
                both.for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
            }
            let left = self.waiting.entry(cause).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.kept.remove(&cause);
            }
        }
        if self.waiting.contains_key(&at) {
            self.kept.insert(at, now.clone());
        }
        now
    }
}

/// Returns a name for each life, without spaces, and no two alike. Of those with the same title the
/// later one has a number.
fn hosts(run: &Run<'_>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut lives_of: HashMap<String, usize> = HashMap::new();
    let mut host = |life: &Life| {
        let title = life.title();
        let words: Vec<String> = title.split_whitespace().map(plain).collect();
        let name = words.join("_");
        let count = lives_of.entry(name.clone()).or_default();
        loop {
            *count += 1;
            let host = match *count {
                1 => name.clone(),
                count => format!("{name}'{count}"),
            };
            if taken.insert(host.clone()) {
                return host;
            }
        }
    };
    let mut numbers: Vec<usize> = (0..run.lives.len()).collect();
    numbers.sort_by_key(|&life| {
        let is_empty = run.lives[life].lines.is_empty();
        (!is_empty).then(|| run.order.rank(At { life, line: 0 }))
    });
    let mut hosts = vec![String::new(); numbers.len()];
    for life in numbers {
        hosts[life] = host(&run.lives[life]);
    }
    hosts
}

/// Returns an event in one line: its kind, and its fields.
fn words(event: &Event) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(event) else {
        return String::new();
    };
    let kind = fields.remove("e");
    let mut text = kind
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    for (key, value) in &fields {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, " {key}={}", plain(&value));
    }
    text
}

/// Returns `text` without what ends a line in JavaScript, without what one cannot see, and without
/// braces, because what is in braces would be taken for a clock.
fn plain(text: &str) -> String {
    let shown = common::cli::printable(text);
    let letter = |letter: char| match letter {
        '{' => '(',
        '}' => ')',
        '\u{2028}' | '\u{2029}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    shown.chars().map(letter).collect()
}
