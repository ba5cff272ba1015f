//! What took time in a process, and by which message it began. PURE.

use std::collections::HashMap;

use crate::life::At;
use crate::order::Order;

/// What a span is to others, as OpenTelemetry numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Of no other process.
    Internal = 1,
    /// Answers a call.
    Server = 2,
    /// Makes a call, and waits for the answer.
    Client = 3,
    /// Takes what was handed on.
    Consumer = 5,
}

/// What another process did during a call, as its answer said: that process wrote no line of it.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// The address of that process.
    pub(super) server: String,
    /// When the words arrived, when the work began, and when it ended, in microseconds after the
    /// begin of the call.
    pub(super) moments: [i64; 3],
}

impl Work {
    /// Returns the moments in nanoseconds, for a call that began and ended at these.
    pub(super) fn within(&self, begin: i64, end: i64) -> [i64; 3] {
        let at = |micros: i64| begin.saturating_add(micros.saturating_mul(1000)).min(end);
        self.moments.map(at)
    }
}

/// A span: from one line of a journal to a later one, or to the same.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The first line.
    pub(super) first: At,
    /// The last one.
    pub(super) last: At,
    /// Where it stands in its process: in a lane, spans follow each other or are nested.
    pub(super) lane: String,
    /// What was done.
    pub(super) name: String,
    /// What it is to others.
    pub(super) role: Role,
    /// The lines in it at which a message came.
    pub(super) heard: Vec<At>,
    /// The lines in it at which a message left.
    pub(super) said: Vec<At>,
    /// Why it failed, if it did.
    pub(super) failed: Option<String>,
    /// What there is to say of it.
    pub(super) facts: Vec<(&'static str, String)>,
    /// What was done for it elsewhere.
    pub(super) work: Option<Work>,
}

impl Span {
    /// Begins a span that is one line long.
    pub(super) fn new(at: At, lane: &str, name: String, role: Role) -> Self {
        Self {
            first: at,
            last: at,
            lane: lane.to_owned(),
            name,
            role,
            heard: Vec::new(),
            said: Vec::new(),
            failed: None,
            facts: Vec::new(),
            work: None,
        }
    }
}

/// A moment that matters.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// The line.
    pub(super) at: At,
    /// What happened, as a sentence.
    pub(super) says: String,
}

/// A song, a room or a list.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// What it is.
    pub(super) name: String,
    /// Its own number: equal whenever the same journals are read.
    pub(super) id: u64,
    /// The life that stands for the whole of it.
    pub(super) life: usize,
    /// Whether a span belongs to the one that it was caused by. In a song they would nest as deep
    /// as the song is long, which no viewer shows well.
    pub(super) is_nested: bool,
    /// All that took time.
    pub(super) spans: Vec<Span>,
    /// All that did not.
    pub(super) marks: Vec<Mark>,
}

/// The span that each message left.
#[derive(Debug)]
pub(super) struct Senders<'a> {
    order: &'a Order,
    of: HashMap<At, usize>,
}

impl<'a> Senders<'a> {
    pub(super) fn new(task: &Task, order: &'a Order) -> Self {
        let spans = task.spans.iter().enumerate();
        let said = spans.flat_map(|(number, span)| span.said.iter().map(move |&at| (at, number)));
        Self {
            order,
            of: said.collect(),
        }
    }

    /// Returns the number of the span from which the message of the line `heard` came, and the
    /// line at which it left.
    pub(super) fn source(&self, heard: At) -> Option<(usize, At)> {
        let cause = self.order.cause(heard)?;
        Some((*self.of.get(&cause)?, cause))
    }
}
