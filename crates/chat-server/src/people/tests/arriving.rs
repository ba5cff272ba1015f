//! People who come in, take a nick, come again and begin to talk.

use super::*;

#[test]
fn a_nick_belongs_to_its_session_until_the_lease_ends() {
    let mut people = two_in_the_lobby();
    let [by, free] = ["ann", "Ann2"].map(str::to_owned);
    assert_eq!(
        people.enters(EVE, "Ann", 1),
        Err(Refusal::NickTaken { by, free })
    );
    assert_eq!(people.enters(ANN, "ann", 29), Ok(vec![]), "renewed");
    let bob = notice("lobby", BOB, "bob");
    assert_eq!(people.expire(at(31)), [bob], "bob was silent");
    assert_eq!(people.nicks(ANN, "lobby"), ["ann"]);
    people.enters(EVE, "bob", 32).expect("the nick is free");
    assert_eq!(people.renew(BOB, at(32)), Err(Refusal::NoSession));
}

#[test]
fn a_nick_that_looks_like_a_taken_one_is_taken() {
    let mut people = empty(0, 99);
    people.enters(ANN, "paul", 0).expect("free");
    people.enters(EVE, "paul2", 0).expect("free");
    for alike in ["pauI", "PAUL", "p\u{430}ul", "paul_"] {
        let free = format!("{}3", alike.trim_end_matches('_'));
        let by = "paul".to_owned();
        let taken = Err(Refusal::NickTaken { by, free });
        assert_eq!(people.enters(BOB, alike, 0), taken);
    }
    people.enters(ANN, "ann", 0).expect("free");
    people.enters(BOB, "pauI", 0).expect("free again");
}

#[test]
fn after_a_restart_nobody_is_told_who_is_here_again() {
    let mut people = empty(0, 99);
    people.quiet_until = at(30);
    people.enters(ANN, "ann", 0).expect("free");
    assert_eq!(people.joins(ANN, "lobby", 29), Ok(None));
    assert!(matches!(people.joins(ANN, "kitchen", 30), Ok(Some(_))));
}
