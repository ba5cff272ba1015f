//! Servers that do not answer what they should, and answers that are asked of two.

use super::*;

#[test]
fn a_server_that_answers_something_else_is_retired_in_words() {
    let mut s = Script::new("ab cd", 3);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    let letters = s.answered(1, 1, "xy");
    let said = r#"abandon b, say "b answers line 2 with other letters than it has", c gets cd"#;
    assert_eq!(letters, said);
    let unasked = s.when(|d| d.unasked(0));
    let said = r#"abandon a, say "a answers what was not asked""#;
    assert_eq!(unasked, said);
    assert_eq!(s.answered(2, 1, "dc"), "c gets ab", "the work goes on");
    let offer = Cause::Unasked("c".into());
    assert_eq!(s.when(|d| d.down(2, offer, 1.0)), "abandon c");
    assert_eq!(s.end(), "c answers what was not asked");
}

#[test]
fn a_server_that_reports_times_that_cannot_be_is_retired() {
    let mut s = Script::new("ab", 2);
    assert_eq!(s.begin(), "a gets ab");
    let absurd = Timing {
        worked: Duration::MAX,
        ..QUICK
    };
    let told = s.when(|d| d.answered(0, 0, "ba\n".into(), absurd));
    let said = r#"abandon a, say "a says that a call took more than a day", b gets ab"#;
    assert_eq!(told, said);
}

#[test]
fn to_verify_each_word_is_asked_of_two_servers() {
    let mut s = Script::verifying("ab cd", 2);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    assert_eq!(
        s.answered(0, 0, "ba"),
        "",
        "nobody may confirm its own answer"
    );
    assert_eq!(s.take(), None, "one answer is not enough");
    assert_eq!(s.answered(1, 1, "dc"), "a gets cd, b gets ab");
    assert_eq!(s.answered(1, 0, "ba"), "");
    assert_eq!(s.take().as_deref(), Some("ba\n"));
    let lost = s.lost(0);
    assert!(lost.starts_with("close a, say"), "{lost}");
    assert_eq!(s.check(0), Ok(Some(5000 * MS)), "one server is too few");
    assert_eq!(s.when(|d| d.up(0, 1)), r#"say "a is there", a gets cd"#);
    assert_eq!(s.answered(0, 1, "dc"), "");
    s.when(|d| d.end(0));
    assert_eq!(s.take().as_deref(), Some("dc\n"));
    assert!(s.0.queue.is_finished());
}

#[test]
fn two_servers_that_differ_are_both_named() {
    let mut s = Script::verifying("aa ab", 2);
    s.0.fixed.words = Some(2);
    s.when(|d| d.up(0, 1));
    s.when(|d| d.up(1, 1));
    assert_eq!(s.answered(0, 0, "aa ba"), "b gets aa ab");
    assert_eq!(s.answered(1, 0, "aa ab"), "");
    let differ = r#"a and b answer line 2 differently: "ba" and "ab""#;
    assert_eq!(s.end(), differ);
    assert_eq!(s.take(), None, "neither is written");
}

#[test]
fn a_claim_is_cut_to_the_size_of_the_server_that_confirms_it() {
    let mut s = Script::verifying("", 0);
    s.0.found("a".into());
    s.0.found("b".into());
    s.0.fixed.words = Some(3);
    s.read("x y z");
    s.when(|d| d.up(0, 1));
    assert_eq!(s.answered(0, 0, "x y z"), "");
    s.0.fixed.words = Some(2);
    assert_eq!(s.when(|d| d.up(1, 1)), "b gets x y");
    assert_eq!(s.answered(1, 0, "x y"), "b gets z");
    assert_eq!(s.answered(1, 2, "z"), "");
    assert_eq!(s.take().as_deref(), Some("x\ny\nz\n"));
}

#[test]
fn one_server_cannot_verify() {
    let mut s = Script::verifying("ab", 1);
    let alone = "--verify needs two servers, and a is the only one that can be asked";
    assert_eq!(s.end(), alone);
    let mut s = Script::verifying("ab", 2);
    s.when(|d| d.unasked(0));
    assert_eq!(s.end(), alone.replace(" a ", " b "));
}

#[test]
fn one_text_with_line_breaks_is_one_word() {
    let mut s = Script::new("", 2);
    s.0.queue.read_one("ab\ncd".into());
    s.0.queue.end();
    assert_eq!(s.begin(), "a gets ab cd, b gets ab cd");
    s.when(|d| d.answered(0, 0, "dc\nba".into(), QUICK));
    assert_eq!(s.take().as_deref(), Some("dc\nba\n"));
    assert!(s.0.queue.is_finished());

    let mut s = Script::new("", 1);
    s.0.queue.read_one("ab".into());
    s.0.queue.end();
    s.begin();
    s.when(|d| d.answered(0, 0, "cd".into(), QUICK));
    assert_eq!(s.end(), "a answers the text with other letters than it has");
}
