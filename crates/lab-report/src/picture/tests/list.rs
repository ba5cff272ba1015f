//! The chart that is drawn of a list.

use super::{LIST, drawn, has, listed};

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
    assert!(page.len() < 50_000, "{} bytes", page.len());
}
