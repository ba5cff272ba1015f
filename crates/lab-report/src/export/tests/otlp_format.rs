//! What OTLP asks of an `ExportTraceServiceRequest` in JSON. Field by field, with nothing unknown,
//! as `opentelemetry/proto/trace/v1/trace.proto` names them.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    name: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Span {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    name: String,
    /// `SpanKind`, as a number.
    kind: u8,
    /// A `fixed64`, as text.
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    #[serde(default)]
    attributes: Vec<KeyValue>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    links: Vec<Link>,
    status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Event {
    time_unix_nano: String,
    name: String,
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Link {
    trace_id: String,
    span_id: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Status {
    code: u8,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: AnyValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum AnyValue {
    StringValue(String),
    /// An `int64`, as text.
    IntValue(String),
}

/// What was found in a trace.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) resources: usize,
    pub(super) traces: usize,
    pub(super) roots: Vec<String>,
    pub(super) links: usize,
    pub(super) events: Vec<String>,
    pub(super) errors: Vec<String>,
    /// The most spans from a root down.
    pub(super) deepest: usize,
    /// The longest span, in nanoseconds.
    pub(super) longest: u64,
}

/// Panics if `text` is not what a collector takes.
pub(super) fn check(text: &str) -> Counts {
    let request: Request = serde_json::from_str(text).expect("a request");
    let mut counts = Counts {
        resources: request.resource_spans.len(),
        ..Counts::default()
    };
    let mut spans: HashMap<(String, String), Span> = HashMap::new();
    for resource in request.resource_spans {
        let names: Vec<&str> = attributes(&resource.resource.attributes);
        assert!(names.contains(&"service.name") && names.contains(&"service.instance.id"));
        for scope in resource.scope_spans {
            assert!(scope.scope.name == "lab-report" && !scope.scope.version.is_empty());
            for span in scope.spans {
                let key = (span.trace_id.clone(), span.span_id.clone());
                let before = spans.insert(key, span);
                assert!(before.is_none(), "two have one id");
            }
        }
    }
    let traces: HashSet<&String> = spans.keys().map(|(trace, _)| trace).collect();
    counts.traces = traces.len();
    for span in spans.values() {
        counts.add(span, &spans);
    }
    assert_eq!(
        counts.roots.len(),
        counts.traces,
        "one whole for each trace"
    );
    counts.roots.sort();
    counts
}

impl Counts {
    fn add(&mut self, span: &Span, spans: &HashMap<(String, String), Span>) {
        is_id(&span.trace_id, 32);
        is_id(&span.span_id, 16);
        assert!(!span.name.is_empty());
        assert!((1..=5).contains(&span.kind), "kind {}", span.kind);
        let (begin, end) = (
            nanos(&span.start_time_unix_nano),
            nanos(&span.end_time_unix_nano),
        );
        assert!(begin <= end, "{} ends before it begins", span.name);
        self.longest = self.longest.max(end - begin);
        attributes(&span.attributes);
        for event in &span.events {
            let time = nanos(&event.time_unix_nano);
            assert!((begin..=end).contains(&time), "{} is outside", event.name);
            attributes(&event.attributes);
            self.events.push(event.name.clone());
        }
        for link in &span.links {
            let key = (link.trace_id.clone(), link.span_id.clone());
            assert!(spans.contains_key(&key), "a link to nothing");
            self.links += 1;
        }
        match span.status.code {
            0 => assert!(span.status.message.is_empty()),
            2 => self.errors.push(span.status.message.clone()),
            code => panic!("status {code}"),
        }
        let mut depth = 1;
        let mut up = span;
        while let Some(parent) = &up.parent_span_id {
            let key = (up.trace_id.clone(), parent.clone());
            up = spans.get(&key).expect("no orphans");
            depth += 1;
            assert!(depth < 10, "a circle, or as deep as the run is long");
        }
        self.deepest = self.deepest.max(depth);
        if depth == 1 {
            self.roots.push(span.name.clone());
        }
    }
}

fn is_id(text: &str, size: usize) {
    assert_eq!(text.len(), size, "{text}");
    let digits = |digit: char| matches!(digit, '0'..='9' | 'a'..='f');
    assert!(text.chars().all(digits), "{text}");
    assert!(text.chars().any(|digit| digit != '0'), "{text}");
}

fn nanos(text: &str) -> u64 {
    text.parse().expect("a decimal number")
}

fn attributes(all: &[KeyValue]) -> Vec<&str> {
    let mut names = HashSet::new();
    for it in all {
        assert!(names.insert(&*it.key), "{} twice", it.key);
        match &it.value {
            AnyValue::StringValue(text) => assert!(!text.contains('\u{202e}')),
            AnyValue::IntValue(text) => drop(text.parse::<i64>().expect("a decimal number")),
        }
    }
    names.into_iter().collect()
}
