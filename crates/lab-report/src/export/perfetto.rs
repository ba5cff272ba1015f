//! A trace for <https://ui.perfetto.dev>, in the Trace Event Format of Chrome: JSON, a process for
//! each life, a slice for each span, an arrow for each message. PURE.
//!
//! - A slice (`X`) is nested in another one of its thread, or apart from it. So each lane of a
//!   process is a thread.
//! - The number of a thread is that of no other process, because a viewer may take it for the same
//!   thread.
//! - The two ends of an arrow (`s`, `f`) lie in slices, and share a number with no other arrow,
//!   because Perfetto joins all that have the same one.
//! - Times are microseconds since the first line of all, with three decimals.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use common::cli::printable;
use serde_json::{Value, json};

use super::spans::{Senders, Span, Task};
use super::tasks::tasks;
use super::times::Times;
use crate::run::Run;

/// The category of what names processes and threads. Chrome writes it, and some readers want that
/// each event has a category and a time.
const META: &str = "__metadata";

/// Returns the trace.
#[must_use]
pub fn perfetto(run: &Run<'_>) -> String {
    let mut writer = Writer {
        run,
        times: Times::new(run.order),
        threads: BTreeMap::new(),
        events: Vec::new(),
        arrows: 0,
    };
    let tasks = tasks(run);
    writer.processes();
    tasks.iter().for_each(|task| writer.task(task));
    writer.end()
}

struct Writer<'a> {
    run: &'a Run<'a>,
    times: Times,
    /// the number of each lane of each life
    threads: BTreeMap<(usize, String), usize>,
    /// as text, because as values they would take ten times the memory
    events: Vec<String>,
    arrows: usize,
}

impl Writer<'_> {
    fn push(&mut self, event: &Value) {
        self.events.push(event.to_string());
    }

    /// Returns nanoseconds since 1970 as the trace has them.
    fn stamp(&self, nanos: i64) -> f64 {
        nanos.saturating_sub(self.times.first()) as f64 / 1000.0
    }

    /// Names the processes. Those of a song stand in the order of the ring.
    fn processes(&mut self) {
        let mut places: HashMap<usize, usize> = HashMap::new();
        for song in &self.run.songs {
            for (place, lives) in song.singers.iter().enumerate() {
                places.extend(lives.iter().map(|&life| (life, place + 1)));
            }
        }
        for (life, it) in self.run.lives.iter().enumerate() {
            let pid = life + 1;
            let mut meta = |name: &str, args: Value| {
                let event = json!({"ph": "M", "cat": META, "name": name, "ts": 0, "pid": pid,
                    "tid": 0, "args": args});
                self.events.push(event.to_string());
            };
            let name = printable(&format!("{} ({})", it.title(), it.pid)).into_owned();
            meta("process_name", json!({ "name": name }));
            let place = places.get(&life).copied().unwrap_or_default();
            meta("process_sort_index", json!({ "sort_index": place }));
            if let Some(clock) = self.run.order.clock_of(&it.machine) {
                let host = printable(&it.host);
                let labels = format!("clock of {host}: {} µs ahead", clock.ahead);
                meta("process_labels", json!({ "labels": labels }));
            }
        }
    }

    fn task(&mut self, task: &Task) {
        let mut spans: Vec<&Span> = task.spans.iter().collect();
        // The outer one of two that are nested comes first.
        spans.sort_by_key(|span| (self.times.at(span.first), Reverse(self.times.at(span.last))));
        for span in spans {
            self.slice(span);
        }
        let senders = Senders::new(task, self.run.order);
        for span in &task.spans {
            for &heard in &span.heard {
                if let Some((number, said)) = senders.source(heard) {
                    self.arrow((&task.spans[number], said), (span, heard));
                }
            }
        }
        let mut marked = HashSet::new();
        for mark in task.marks.iter().filter(|mark| marked.insert(mark.at)) {
            let life = mark.at.life;
            // A thread of this process: otherwise a viewer shows one more, without a name.
            let known = self.threads.range((life, String::new())..).next();
            let known = known.filter(|((of, _), _)| *of == life).map(|it| *it.1);
            let tid = known.unwrap_or_else(|| self.thread(life, "moments"));
            let (ts, name) = (self.stamp(self.times.at(mark.at)), printable(&mark.says));
            let pid = life + 1;
            self.push(
                &json!({"ph": "i", "s": "p", "cat": "lab", "name": name, "ts": ts, "pid": pid,
                    "tid": tid}),
            );
        }
    }

    /// Returns the thread of a lane, and names it at the first use.
    fn thread(&mut self, life: usize, lane: &str) -> usize {
        let pid = life + 1;
        let next = self.threads.len() + 1;
        let tid = *self.threads.entry((life, lane.to_owned())).or_insert(next);
        if tid == next {
            let args = json!({ "name": printable(lane) });
            self.push(
                &json!({"ph": "M", "cat": META, "name": "thread_name", "ts": 0, "pid": pid,
                    "tid": tid, "args": args}),
            );
        }
        tid
    }

    fn slice(&mut self, span: &Span) {
        let (pid, tid) = (
            span.first.life + 1,
            self.thread(span.first.life, &span.lane),
        );
        let (begin, end) = (self.times.at(span.first), self.times.at(span.last));
        let mut args = serde_json::Map::new();
        let life = &self.run.lives[span.first.life];
        let line = format!("{}, line {}", life.file, span.first.line + 1);
        args.insert("journal".into(), printable(&line).into());
        for (key, value) in &span.facts {
            args.insert((*key).to_owned(), printable(value).into());
        }
        if let Some(why) = &span.failed {
            args.insert("failed".into(), printable(why).into());
        }
        let mut slice = |name: &str, begin: i64, end: i64, args: Value| {
            let (ts, dur) = (self.stamp(begin), end.saturating_sub(begin) as f64 / 1000.0);
            self.events.push(
                json!({"ph": "X", "cat": "lab", "name": name, "ts": ts, "dur": dur, "pid": pid,
                    "tid": tid, "args": args})
                .to_string(),
            );
        };
        // A moment longer, so that what the last line said leaves from within.
        slice(&span.name, begin, end.saturating_add(1), args.into());
        if let Some(work) = &span.work {
            let [arrived, begun, done] = work.within(begin, end);
            if arrived < begun {
                slice("waits", arrived, begun, json!({}));
            }
            if begun < done {
                slice("is worked on", begun, done, json!({}));
            }
        }
    }

    fn arrow(&mut self, from: (&Span, crate::life::At), to: (&Span, crate::life::At)) {
        self.arrows += 1;
        let id = self.arrows;
        for (phase, (span, at)) in [("s", from), ("f", to)] {
            let (ts, pid, tid) = (
                self.stamp(self.times.at(at)),
                at.life + 1,
                self.thread(at.life, &span.lane),
            );
            let mut event = json!({"ph": phase, "cat": "lab", "name": "message", "id": id, "ts": ts,
                "pid": pid, "tid": tid});
            if phase == "f" {
                // It ends in the slice that is there, instead of the next one.
                event["bp"] = "e".into();
            }
            self.push(&event);
        }
    }

    fn end(self) -> String {
        let began = self.times.first() / 1000;
        let other = json!({"by": "lab-report", "microseconds since 1970 at the begin": began});
        format!(
            "{{\"displayTimeUnit\":\"ms\",\"otherData\":{other},\"traceEvents\":[\n{}\n]}}\n",
            self.events.join(",\n")
        )
    }
}
