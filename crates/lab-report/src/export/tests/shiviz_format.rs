//! What ShiViz asks of a log.

use std::collections::{BTreeMap, HashMap};

type Clock = BTreeMap<String, u64>;

/// What was found in a log.
pub(super) struct Counts {
    pub(super) events: usize,
    pub(super) hosts: Vec<String>,
}

/// Panics if `text` is not a log that ShiViz draws.
pub(super) fn check(text: &str) -> Counts {
    let mut lines = text.split('\n');
    assert_eq!(
        lines.next(),
        Some(r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})")
    );
    assert_eq!(lines.next(), Some(""), "one run");
    let lines: Vec<&str> = lines.collect();
    let (events, rest) = lines.as_chunks::<2>();
    assert_eq!(rest, [""], "it ends with a whole line");
    // The clock of each host, event by event.
    let mut clocks: HashMap<String, Vec<Clock>> = HashMap::new();
    let mut hosts = Vec::new();
    for [event, stamp] in events {
        // Otherwise the expression would take it for the second line of the event before it.
        assert!(
            !event.contains(['{', '\r', '\u{2028}', '\u{2029}']),
            "{event:?}"
        );
        assert!(!event.is_empty());
        let (host, clock) = stamp.split_once(' ').expect("a space");
        assert!(!host.contains(char::is_whitespace), "{host:?}");
        assert!(clock.starts_with('{') && clock.ends_with('}'), "{clock}");
        let clock: Clock = serde_json::from_str(clock).expect("an object of numbers");
        let known = clocks.entry(host.to_owned()).or_default();
        if known.is_empty() {
            hosts.push(host.to_owned());
        }
        assert_eq!(clock.get(host), Some(&(known.len() as u64 + 1)), "{stamp}");
        if let Some(before) = known.last() {
            assert!(is_after(before, &clock), "{before:?}, then {stamp}");
        }
        known.push(clock.clone());
        for (other, count) in &clock {
            // Whatever is known of another one has happened there.
            let theirs = clocks.get(other).expect("a host");
            let theirs = &theirs[usize::try_from(*count).expect("small") - 1];
            assert!(
                is_after(theirs, &clock),
                "{stamp} knows less of {other} than it says"
            );
        }
    }
    hosts.sort();
    Counts {
        events: events.len(),
        hosts,
    }
}

fn is_after(before: &Clock, after: &Clock) -> bool {
    let known = |(host, count): (&String, &u64)| after.get(host).is_some_and(|it| it >= count);
    before.iter().all(known)
}
