//! What the Trace Event Format asks for, and what Perfetto does not show otherwise.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// What was found in a trace.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) processes: usize,
    /// The name of each slice.
    pub(super) slices: Vec<String>,
    pub(super) arrows: usize,
    pub(super) moments: Vec<String>,
    pub(super) labels: Vec<String>,
}

impl Counts {
    /// Returns the number of slices with this name.
    pub(super) fn named(&self, name: &str) -> usize {
        self.slices.iter().filter(|it| *it == name).count()
    }
}

type Thread = (u64, u64);

/// Panics if `text` is no trace that Perfetto shows whole.
pub(super) fn check(text: &str) -> Counts {
    let trace: Value = serde_json::from_str(text).expect("JSON");
    assert!(["ms", "ns"].contains(&trace["displayTimeUnit"].as_str().expect("a unit")));
    let events = trace["traceEvents"].as_array().expect("events");
    let mut counts = Counts::default();
    let mut slices: BTreeMap<Thread, Vec<(f64, f64)>> = BTreeMap::new();
    let mut threads: HashMap<u64, u64> = HashMap::new();
    let mut used: Vec<(u64, u64)> = Vec::new();
    let mut ends: HashMap<u64, Vec<(&str, Thread, f64)>> = HashMap::new();
    for event in events {
        let text = |key: &str| {
            event[key]
                .as_str()
                .unwrap_or_else(|| panic!("{key}: {event}"))
        };
        let number = |key: &str| {
            event[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {event}"))
        };
        let time = |key: &str| {
            let time = event[key]
                .as_f64()
                .unwrap_or_else(|| panic!("{key}: {event}"));
            assert!(time >= 0.0, "{event}");
            time
        };
        let is_meta = text("ph") == "M";
        // What readers other than Perfetto take for granted.
        assert_eq!(text("cat"), if is_meta { "__metadata" } else { "lab" });
        time("ts");
        number("tid");
        if !is_meta {
            used.push((number("tid"), number("pid")));
        } else if text("name") == "thread_name" {
            let other = threads.insert(number("tid"), number("pid"));
            assert_eq!(other, None, "named twice: {event}");
        }
        match text("ph") {
            "M" => meta(event, text("name"), &mut counts),
            "X" => {
                counts.slices.push(text("name").to_owned());
                let begin = time("ts");
                let thread = slices.entry((number("pid"), number("tid"))).or_default();
                thread.push((begin, begin + time("dur")));
                assert!(event["args"].is_object(), "{event}");
            }
            "i" => {
                assert!(["g", "p", "t"].contains(&text("s")), "{event}");
                time("ts");
                number("pid");
                counts.moments.push(text("name").to_owned());
            }
            phase @ ("s" | "f") => {
                assert_eq!(event.get("bp").is_some(), phase == "f", "{event}");
                assert!(phase == "s" || text("bp") == "e", "{event}");
                assert_eq!((text("cat"), text("name")), ("lab", "message"));
                let end = (phase, (number("pid"), number("tid")), time("ts"));
                ends.entry(number("id")).or_default().push(end);
            }
            phase => panic!("an unknown phase {phase}"),
        }
    }
    for (thread, process) in used {
        assert_eq!(
            threads.get(&thread),
            Some(&process),
            "thread {thread} of process {process}"
        );
    }
    slices.values_mut().for_each(|all| nest(all));
    for ends in ends.values() {
        let [("s", from, left), ("f", to, came)] = ends[..] else {
            panic!("no arrow: {ends:?}");
        };
        assert!(left <= came, "back in time: {ends:?}");
        for (thread, time) in [(from, left), (to, came)] {
            // In a trace of more than 100 days the numbers of JSON are no longer as fine.
            let slack = time * 4e-16;
            let is_within =
                |&&(begin, end): &&(f64, f64)| begin <= time + slack && time < end + slack;
            assert!(
                slices[&thread].iter().find(is_within).is_some(),
                "in no slice: {ends:?}"
            );
        }
        counts.arrows += 1;
    }
    counts
}

fn meta(event: &Value, name: &str, counts: &mut Counts) {
    let args = &event["args"];
    match name {
        "process_name" => {
            counts.processes += 1;
            assert!(args["name"].is_string(), "{event}");
        }
        "thread_name" => assert!(args["name"].is_string() && event["tid"].is_u64(), "{event}"),
        "process_sort_index" => assert!(args["sort_index"].is_u64(), "{event}"),
        "process_labels" => {
            let labels = args["labels"].as_str().expect("a text");
            counts.labels.push(labels.to_owned());
        }
        name => panic!("unknown metadata {name}"),
    }
    assert!(event["pid"].is_u64(), "{event}");
}

/// Panics if two slices of a thread overlap, and neither lies within the other.
fn nest(slices: &mut [(f64, f64)]) {
    slices.sort_by(|(a, b), (c, d)| a.total_cmp(c).then(d.total_cmp(b)));
    let mut open: Vec<f64> = Vec::new();
    for &(begin, end) in slices.iter() {
        // A millionth of a microsecond is what the numbers of JSON cannot tell.
        open.retain(|until| *until > begin + 1e-6);
        let outer = open.last().copied().unwrap_or(f64::INFINITY);
        assert!(
            end <= outer + 1e-6,
            "{begin} to {end} is not within {outer}"
        );
        open.push(end);
    }
}
