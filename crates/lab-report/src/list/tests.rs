//! Transcripts: the lines of a list, and what is said of it.

use std::fmt::Write;

use super::*;
use crate::verdict::Verdict::{No, Unknown, Yes};

const WHOLE: &str = r#"
"e":"begin","v":1,"program":"secret-client","life":"1","host":"lab","machine":"m","pid":7
"e":"server","server":0,"address":"a:1"
"e":"server","server":1,"address":"b:1"
"e":"give","server":0,"first":0,"words":2
"e":"give","server":1,"first":2,"words":2
"e":"down","server":1,"why":"connection refused"
"e":"read","lines":4
"e":"give","server":0,"first":2,"words":2
"e":"got","server":0,"first":0,"words":2,"counts":true,"waited":1,"worked":2
"e":"out","upto":2
"e":"got","server":0,"first":2,"words":2,"counts":true,"waited":1,"worked":2
"e":"out","upto":4
"e":"end","why":"done"
"#;

fn judge(events: &str) -> (Vec<Verdict>, String) {
    let mut text = String::new();
    for (number, event) in events.trim().lines().enumerate() {
        writeln!(text, r#"{{"t":{number},{event}}}"#).expect("a text");
    }
    let lives = [Life::parse("file", &text).expect("a journal")];
    let judgement = List::all(&lives)[0].judge();
    let verdicts = judgement.checks.iter().map(|check| check.verdict).collect();
    (verdicts, judgement.to_string())
}

#[test]
fn a_list_that_lost_a_server() {
    let (verdicts, text) = judge(WHOLE);
    assert_eq!(verdicts, [Yes; 5], "{text}");
    assert!(text.starts_with("4 words, 2 servers\n"), "{text}");
    assert!(
        text.contains("b:1: calls lost 1, refused as busy 0, failed 0"),
        "{text}"
    );
}

#[test]
fn one_word_and_one_server_are_one_each() {
    let one = r#"
"e":"begin","v":1,"program":"secret-client","life":"1","host":"lab","machine":"m","pid":7
"e":"server","server":0,"address":"a:1"
"e":"read","lines":1
"#;
    let (_, text) = judge(one);
    assert!(text.starts_with("1 word, 1 server\n"), "{text}");
}

#[test]
fn words_that_are_missing_or_there_twice() {
    let got = r#""e":"got","server":0,"first":2,"words":2,"counts":true,"waited":1,"worked":2"#;
    let (verdicts, text) = judge(&WHOLE.replace(&format!("{got}\n"), ""));
    assert_eq!(verdicts[0], No, "{text}");
    assert!(text.contains("lines 3 to 4 were not answered"), "{text}");

    let again = r#""e":"give","server":0,"first":1,"words":1
"e":"got","server":0,"first":1,"words":1,"counts":true,"waited":1,"worked":2"#;
    let (verdicts, text) = judge(&WHOLE.replace(got, &format!("{got}\n{again}")));
    assert_eq!(verdicts[0], No, "{text}");
    assert!(text.contains("line 2 was answered twice"), "{text}");
}

#[test]
fn answers_that_were_not_written_or_out_of_order() {
    let (verdicts, text) = judge(&WHOLE.replace("\"e\":\"out\",\"upto\":4\n", ""));
    assert_eq!(verdicts[1], No, "{text}");
    assert!(text.contains("2 of 4 lines were written"), "{text}");
    let (verdicts, _) = judge(&WHOLE.replace(r#""upto":2"#, r#""upto":5"#));
    assert_eq!(verdicts[1], No);
}

#[test]
fn a_client_that_was_killed_may_have_done_more() {
    let begin = WHOLE
        .split("\"e\":\"out\",\"upto\":4")
        .next()
        .expect("the first part");
    let (verdicts, text) = judge(begin);
    assert_eq!(verdicts, [Yes, Unknown, Yes, Unknown, Yes], "{text}");
    let (verdicts, text) = judge(&WHOLE.replace("done", "all servers are lost"));
    assert_eq!(verdicts[3], No, "{text}");
}
