//! A word list as spans: each call, and the work that a server did for it. PURE.
//!
//! A server writes no line for a call. Its part is known from its answer, which says how long the
//! words waited there and how long they were worked on; [`stages`] places these times in the call.
//! Calls at one server overlap, so each of them gets a lane.

use std::collections::BTreeMap;

use common::journal::{Back, Event};

use super::spans::{Mark, Role, Span, Task, Work};
use crate::counts::count;
use crate::lanes::Lanes;
use crate::life::{At, Life};
use crate::list::{Call, Fate, List, stages};

/// Returns a list as a task.
pub(super) fn task(lives: &[Life], list: &List<'_>) -> Task {
    let is_it = |life: &Life| std::ptr::eq(life, list.life);
    let life = lives.iter().position(is_it).unwrap_or_default();
    let words = |lines| count(lines, "secret word", "secret words");
    Task {
        name: list.lines.map_or_else(|| "secret words".into(), words),
        id: u64::try_from(list.life.id.0).unwrap_or_default(),
        life,
        is_nested: false,
        spans: spans(life, list),
        marks: marks(life, list),
    }
}

fn address(list: &List<'_>, server: usize) -> String {
    let known = list.servers.get(&server);
    known.map_or_else(|| format!("server {server}"), String::clone)
}

/// Returns a span for each call, in the lane that was free when it was made.
fn spans(life: usize, list: &List<'_>) -> Vec<Span> {
    let mut lanes: BTreeMap<usize, Lanes> = BTreeMap::new();
    let mut lane_of = vec![0; list.calls.len()];
    // Each call twice, as it begins and as it ends. In a line calls end before others begin.
    let mut moments: Vec<(usize, bool, usize)> = Vec::new();
    for (number, call) in list.calls.iter().enumerate() {
        moments.push((call.given, true, number));
        moments.extend(call.end.map(|(line, _)| (line, false, number)));
    }
    moments.sort_unstable();
    for (_, begins, number) in moments {
        let lanes = lanes.entry(list.calls[number].server).or_default();
        if begins {
            lane_of[number] = lanes.take();
        } else {
            lanes.free(lane_of[number]);
        }
    }
    let calls = list.calls.iter().zip(lane_of);
    calls
        .map(|(call, lane)| span(life, list, call, lane))
        .collect()
}

/// Returns the span of a call. An open one lasts to the end of the journal.
fn span(life: usize, list: &List<'_>, call: &Call, lane: usize) -> Span {
    let server = address(list, call.server);
    let end = list.life.lines.len().saturating_sub(1);
    let (from, upto) = (
        call.first.saturating_add(1),
        call.first.saturating_add(call.words as u64),
    );
    let name = format!("lines {from} to {upto}");
    let at = |line| At { life, line };
    let lane = format!("{server} #{}", lane + 1);
    let mut span = Span::new(at(call.given), &lane, name, Role::Client);
    span.last = at(call.end.map_or(end, |(line, _)| line));
    let failed = match call.end {
        Some((_, Fate::Lost)) => Some("the server was lost"),
        Some((_, Fate::Back(Back::Busy))) => Some("the server was busy"),
        Some((_, Fate::Back(Back::Failed))) => {
            Some("the server refused, or its answer is of no use")
        }
        Some((_, Fate::Back(Back::Beaten) | Fate::Counts { .. } | Fate::Claim)) => None,
        None => Some("not answered"),
    };
    span.failed = failed.map(str::to_owned);
    let fate = match call.end {
        Some((_, Fate::Counts { .. })) => "counts",
        Some((_, Fate::Claim)) => "to be confirmed",
        Some((_, Fate::Back(Back::Beaten))) => "another server was first",
        _ => "none",
    };
    span.facts.push(("answer", fate.to_owned()));
    span.facts.push(("server.address", server.clone()));
    if let Some((_, Fate::Counts { waited, worked })) = call.end {
        let time = |at: At| i64::try_from(list.life.lines[at.line].t).unwrap_or(i64::MAX);
        let whole = time(span.last).saturating_sub(time(span.first));
        let moments = stages(whole, waited, worked);
        span.work = Some(Work { server, moments });
    }
    span
}

/// Returns the moments at which a server came or was lost, and the end of the client.
fn marks(life: usize, list: &List<'_>) -> Vec<Mark> {
    let mark = |(line, event): (usize, &Event)| {
        let says = match event {
            Event::Up { server, workers } => {
                let workers = count(*workers, "worker", "workers");
                format!("{} is there: {workers}", address(list, *server))
            }
            Event::Down { server, why } => format!("{} is lost: {why}", address(list, *server)),
            Event::End { why } => format!("ends: {why}"),
            _ => return None,
        };
        let at = At { life, line };
        Some(Mark { at, says })
    };
    let lines = list.life.lines.iter().map(|line| &line.event);
    lines.enumerate().filter_map(mark).collect()
}
