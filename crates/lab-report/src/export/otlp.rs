//! A trace for Jaeger, Tempo or Grafana: one `ExportTraceServiceRequest` of OTLP 1 in its JSON
//! form. PURE. <https://opentelemetry.io/docs/specs/otlp/> says how that is written: ids as
//! hexadecimal text, numbers of 64 bits as decimal text, kinds as numbers.
//!
//! A resource is a life. A trace is a song, a room or a list, with one span for the whole of it.

use std::collections::BTreeMap;

use common::cli::printable;
use serde_json::{Value, json};

use super::spans::{Role, Senders, Span, Task, Work};
use super::tasks::tasks;
use super::times::Times;
use crate::life::At;
use crate::run::Run;

/// Returns the trace. It is sent by
/// `curl -H content-type:application/json --data-binary @FILE http://HOST:4318/v1/traces`.
#[must_use]
pub fn otlp(run: &Run<'_>) -> String {
    let mut writer = Writer {
        run,
        times: Times::new(run.order),
        lives: BTreeMap::new(),
        servers: BTreeMap::new(),
    };
    for (number, task) in tasks(run).iter().enumerate() {
        writer.task(task, number);
    }
    writer.end()
}

/// What a span stands for. It is a part of its id.
#[derive(Clone, Copy)]
enum Depth {
    /// The whole of a task.
    Whole = 1,
    /// What a process did.
    Span = 2,
    /// What another process did for it.
    Work = 3,
}

/// Returns the id of the span that begins at a line: 16 hexadecimal digits, never all 0.
fn span_id(at: At, depth: Depth) -> String {
    format!("{:01x}{:07x}{:08x}", depth as u8, at.life, at.line)
}

struct Writer<'a> {
    run: &'a Run<'a>,
    times: Times,
    /// the spans of each life, and of each server of a list, as text
    lives: BTreeMap<usize, Vec<String>>,
    servers: BTreeMap<String, Vec<String>>,
}

impl Writer<'_> {
    fn put(&mut self, life: usize, span: &Value) {
        self.lives.entry(life).or_default().push(span.to_string());
    }

    fn task(&mut self, task: &Task, number: usize) {
        // Its own number, and that of the task, so that no two are equal and none is 0.
        let trace = format!("{:016x}{:016x}", task.id, number + 1);
        let root = self.whole(task, &trace);
        let senders = Senders::new(task, self.run.order);
        for span in &task.spans {
            let mut sources = Vec::new();
            for &heard in &span.heard {
                let source = senders.source(heard);
                let id = source.map(|(number, _)| span_id(task.spans[number].first, Depth::Span));
                sources.extend(id.map(|id| (heard == span.first, id)));
            }
            let mut parent = root.clone();
            if task.is_nested {
                let cause = sources.iter().position(|(is_first, _)| *is_first);
                parent = cause.map_or(parent, |cause| sources.remove(cause).1);
            }
            let link = |(_, id)| json!({"traceId": trace, "spanId": id});
            let links: Vec<Value> = sources.into_iter().map(link).collect();
            let line = self.line(span, &trace, &parent, links);
            self.put(span.first.life, &line);
            if let Some(work) = &span.work {
                self.work(span, work, &trace);
            }
        }
    }

    /// Writes the span of the whole task. Returns its id.
    fn whole(&mut self, task: &Task, trace: &str) -> String {
        let mut begin = i64::MAX;
        let mut end = i64::MIN;
        let spans = task.spans.iter().flat_map(|span| [span.first, span.last]);
        for at in spans.chain(task.marks.iter().map(|mark| mark.at)) {
            begin = begin.min(self.times.at(at));
            end = end.max(self.times.at(at));
        }
        let event = |mark: &super::spans::Mark| {
            let by = &self.run.lives[mark.at.life];
            let attributes = [text("by", &by.title())];
            json!({"timeUnixNano": nanos(self.times.at(mark.at)), "name": printable(&mark.says),
                "attributes": attributes})
        };
        let events: Vec<Value> = task.marks.iter().map(event).collect();
        let first = At {
            life: task.life,
            line: 0,
        };
        let id = span_id(first, Depth::Whole);
        let span = json!({"traceId": trace, "spanId": id, "name": printable(&task.name),
            "kind": Role::Internal as u8, "startTimeUnixNano": nanos(begin),
            "endTimeUnixNano": nanos(end), "events": events, "status": {}});
        self.put(task.life, &span);
        id
    }

    fn line(&self, span: &Span, trace: &str, parent: &str, links: Vec<Value>) -> Value {
        let facts = span.facts.iter().map(|(key, value)| text(key, value));
        let attributes: Vec<Value> = facts.collect();
        let status = span.failed.as_ref().map_or_else(
            || json!({}),
            |why| json!({"code": 2, "message": printable(why)}),
        );
        json!({"traceId": trace, "spanId": span_id(span.first, Depth::Span),
            "parentSpanId": parent, "name": span.name, "kind": span.role as u8,
            "startTimeUnixNano": nanos(self.times.at(span.first)),
            "endTimeUnixNano": nanos(self.times.at(span.last)),
            "attributes": attributes, "links": links, "status": status})
    }

    /// Writes what a server did for a call, below the call.
    fn work(&mut self, span: &Span, work: &Work, trace: &str) {
        let (begin, end) = (self.times.at(span.first), self.times.at(span.last));
        let [arrived, begun, done] = work.within(begin, end);
        let waited = begun.saturating_sub(arrived) / 1000;
        let attributes = [json!({"key": "waited.us", "value": {"intValue": waited.to_string()}})];
        let line = json!({"traceId": trace, "spanId": span_id(span.first, Depth::Work),
            "parentSpanId": span_id(span.first, Depth::Span), "name": "reverses words",
            "kind": Role::Server as u8, "startTimeUnixNano": nanos(begun),
            "endTimeUnixNano": nanos(done), "attributes": attributes, "status": {}});
        let server = self.servers.entry(work.server.clone()).or_default();
        server.push(line.to_string());
    }

    fn end(self) -> String {
        let mut resources = Vec::new();
        for (life, spans) in &self.lives {
            let it = &self.run.lives[*life];
            let mut attributes = vec![
                text("service.name", &it.title()),
                text("service.namespace", &it.program),
                text("service.instance.id", &it.id.to_string()),
                text("host.name", &it.host),
                number("process.pid", it.pid.into()),
            ];
            if let Some(clock) = self.run.order.clock_of(&it.machine) {
                // The times of the spans are corrected by this.
                attributes.push(number("clock.ahead.us", clock.ahead));
                attributes.extend(clock.error.map(|error| number("clock.error.us", error)));
                attributes.push(number("clock.drift.ppm", clock.drift));
            }
            resources.push(resource(&attributes, spans));
        }
        for (server, spans) in &self.servers {
            let attributes = [
                text("service.name", "secret-server"),
                text("service.instance.id", server),
            ];
            resources.push(resource(&attributes, spans));
        }
        format!("{{\"resourceSpans\":[\n{}\n]}}\n", resources.join(",\n"))
    }
}

fn resource(attributes: &[Value], spans: &[String]) -> String {
    let resource = json!({ "attributes": attributes });
    let scope = json!({"name": "lab-report", "version": env!("CARGO_PKG_VERSION")});
    format!(
        "{{\"resource\":{resource},\"scopeSpans\":[{{\"scope\":{scope},\"spans\":[\n{}\n]}}]}}",
        spans.join(",\n")
    )
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": printable(value)}})
}

fn number(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// Returns a time as the format has it: without a sign.
fn nanos(time: i64) -> String {
    time.max(0).to_string()
}
