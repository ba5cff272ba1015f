//! Servers that are late: what is copied to others, and what the person hears.

use super::*;

#[test]
fn while_input_may_come_a_late_word_goes_to_an_idle_server_as_well() {
    let mut s = Script::new("ab cd", 2);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    assert_eq!(s.answered(0, 0, "ba"), "", "a idles");
    assert_eq!(s.at(999), "");
    assert_eq!(
        s.0.hedge_at(),
        Some(1000 * MS),
        "then it is looked at again"
    );
    assert_eq!(s.at(1000), "a gets cd");
    assert_eq!(s.answered(0, 1, "dc"), "cancel 1 at b");
    assert_eq!(s.take().as_deref(), Some("ba\ndc\n"));
    s.read("ef");
    assert_eq!(
        s.at(1500),
        "a gets ef",
        "it would be the turn of b, which is late"
    );
    s.read("gh");
    assert_eq!(s.at(1600), "b gets gh", "but a has no room");
    assert_eq!(s.answered(1, 3, "hg"), "", "b is late no more");
    s.read("ij");
    assert_eq!(s.at(1700), "b gets ij");
}

#[test]
fn a_word_that_takes_long_everywhere_is_not_copied_early() {
    let mut s = Script::new("ab cd", 2);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    let slow = Timing {
        took: 2000 * MS,
        waited: Duration::ZERO,
        worked: 2000 * MS,
    };
    s.when(|d| d.answered(0, 0, "ba\n".into(), slow));
    assert_eq!(s.at(5999), r#"say "waiting for an answer of b""#);
    assert_eq!(
        s.at(6000),
        "a gets cd",
        "three times as long as it took there"
    );
}

#[test]
fn a_word_at_two_stuck_servers_goes_to_a_third() {
    let mut s = Script::new("ab", 3);
    assert_eq!(s.begin(), "a gets ab");
    assert_eq!(s.when(|d| d.end(0)), "b gets ab", "at the end at once");
    assert_eq!(s.at(999), "");
    assert_eq!(s.at(1000), "c gets ab");
    assert_eq!(s.answered(2, 0, "ba"), "cancel 0 at a, cancel 0 at b");
    assert_eq!(s.take().as_deref(), Some("ba\n"));
    assert!(s.0.queue.is_finished());
}

#[test]
fn what_is_waited_for_is_told_once() {
    let mut s = Script::untried("ab cd", 2);
    assert_eq!(s.begin(), "");
    assert_eq!(s.at(2999), "");
    let connecting = r#"say "waiting for a connection to a and a connection to b""#;
    assert_eq!(s.at(3000), connecting);
    assert_eq!(s.when(|d| d.up(0, 1)), "a gets ab");
    assert_eq!(s.at(5999), "");
    assert_eq!(s.at(6000), r#"say "waiting for an answer of a""#);
    assert_eq!(s.at(9000), "", "once");
    assert_eq!(s.answered(0, 0, "ba"), "a gets cd");
    s.when(|d| d.refused(0, 1, Refusal::Busy, 1.0));
    s.when(|d| d.up(1, 1));
    s.when(|d| d.refused(1, 1, Refusal::Busy, 1.0));
    assert_eq!(s.at(11_999), "");
    let busy = r#"say "waiting for a free place at a or b""#;
    assert_eq!(s.at(12_000), busy);
}

#[test]
fn nothing_is_told_while_nothing_is_waited_for() {
    let mut s = Script::new("ab", 1);
    assert_eq!(s.begin(), "a gets ab");
    assert_eq!(s.answered(0, 0, "ba"), "");
    assert_eq!(s.at(60_000), "", "no word was typed");
    s.read("cd");
    assert_eq!(s.at(70_000), "a gets cd");
    assert_eq!(s.at(72_999), "");
    assert_eq!(s.at(73_000), r#"say "waiting for an answer of a""#);
}
