//! The journal of a list, and the chart that is drawn of it.

use super::{drawn, has};
use crate::life::Life;

/// A list of which a server is lost, and comes back.
pub(super) const LIST: &str = r#"
"e":"begin","v":1,"program":"secret-client","life":"1","host":"lab","machine":"m","pid":7
"e":"server","server":0,"address":"a:1"
"e":"server","server":1,"address":"b:1"
"e":"up","server":0,"workers":2
"e":"up","server":1,"workers":2
"e":"give","server":0,"first":0,"words":2
"e":"give","server":1,"first":2,"words":2
"e":"down","server":1,"why":"cannot reach b:1: connection refused"
"e":"read","lines":6
"e":"give","server":0,"first":2,"words":2
"e":"got","server":0,"first":0,"words":2,"counts":true,"waited":1000,"worked":3000
"e":"out","upto":2
"e":"up","server":1,"workers":2
"e":"give","server":0,"first":4,"words":2
"e":"give","server":1,"first":4,"words":2
"e":"got","server":0,"first":2,"words":2,"counts":true,"waited":0,"worked":9000
"e":"got","server":1,"first":4,"words":2,"counts":true,"waited":0,"worked":2000
"e":"drop","server":0,"first":4,"why":"beaten"
"e":"out","upto":6
"e":"end","why":"done"
"#;

pub(super) fn listed(lines: &str) -> Vec<Life> {
    let text = numbered(lines);
    Life::parse("journals/list.jsonl", &text)
        .into_iter()
        .collect()
}

/// Returns these lines, each 10 ms after the one before it.
pub(super) fn numbered(lines: &str) -> String {
    let lines = lines.trim().lines().enumerate();
    let line = |(number, event): (usize, &str)| format!("{{\"t\":{},{event}}}\n", number * 10_000);
    lines.map(line).collect()
}

#[test]
fn a_list_that_lost_a_server() {
    let page = drawn(&listed(LIST));
    has(
        &page,
        &[
            ("<rect class=\"gone\"", 1),
            ("<rect class=\"late\"", 1),
            ("<rect class=\"worked regiven\"", 1),
            ("<rect class=\"worked second\"", 1),
            ("<rect class=\"waited\"", 1),
            ("<rect class=\"away\"", 1),
            (">connection refused<", 1),
            (">4 words<", 1),
            (">67 %<", 1),
        ],
    );
    assert!(page.contains("2 words from line 1 · a:1 · 50 ms: waited 1.0 ms, worked on 3.0 ms"));
}

#[test]
fn many_calls_at_once_are_a_hill() {
    let give = r#""e":"give","server":0,"first":"#;
    let gives: String = (0..5000)
        .map(|n| format!("{give}{},\"words\":1\n", n + 10))
        .collect();
    let page = drawn(&listed(
        &LIST.replace("\"e\":\"out\",\"upto\":2", gives.trim()),
    ));
    assert!(page.contains("up to 5002 calls at once"), "{page}");
    assert!(page.len() < 40_000, "{} bytes", page.len());
}
