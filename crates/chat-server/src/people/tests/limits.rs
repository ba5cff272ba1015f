//! How much each session and each address may do.

use super::*;

#[test]
fn sending_needs_a_room_and_patience() {
    let mut people = two_in_the_lobby();
    assert_eq!(people.says(ANN, "kitchen", 1), Err(Refusal::NotJoined));
    let said = people.says(ANN, "lobby", 20).expect("a burst");
    assert_eq!((said.sender, &*said.nick), (sender(ANN), "ann"));
    assert_eq!(people.says(ANN, "lobby", 1), Err(Refusal::TooFast(200)));
    assert!(people.says(BOB, "lobby", 1).is_ok());
}

#[test]
fn a_call_of_more_than_a_burst_waits_for_a_full_bucket_and_passes() {
    let mut people = empty(1, 99);
    people.enters(ANN, "ann", 0).expect("free");
    people.joins(ANN, "lobby", 0).expect("room");
    let says = |people: &mut People, count, now| {
        let said = people.may_send(ANN, "lobby", count, at(now), || 9);
        said.map(|author| author.nick)
    };
    assert_eq!(says(&mut people, 1, 0).as_deref(), Ok("ann"));
    assert_eq!(says(&mut people, 20, 0), Err(Refusal::TooFast(1000)));
    assert_eq!(says(&mut people, 20, 1).as_deref(), Ok("ann"));
    assert_eq!(says(&mut people, 10, 1), Err(Refusal::TooFast(20_000)));
    assert_eq!(says(&mut people, 10, 21).as_deref(), Ok("ann"));
}

#[test]
fn comings_and_goings_take_tokens_at_any_rate() {
    let mut people = empty(0, 99);
    people.enters(ANN, "ann", 0).expect("free");
    let mut moves = 0;
    while people.joins(ANN, "lobby", 0).is_ok() && people.leave(ANN, "lobby", at(0)).is_ok() {
        moves += 2;
    }
    assert_eq!(moves, MAX_JOINED + 8);
    assert_eq!(people.enters(ANN, "anna", 0), Err(Refusal::TooFast(2000)));
    assert!(people.joins(ANN, "lobby", 2).is_ok());
    assert!(people.joins(ANN, "lobby", 2).is_ok(), "again is no move");
}

#[test]
fn an_address_has_its_share_of_sessions_and_a_connection_too() {
    let mut people = empty(0, 2);
    people.enters(ANN, "ann", 0).expect("free");
    people.enters(BOB, "bob", 0).expect("free");
    let refused = people.enters(EVE, "eve", 0);
    assert!(matches!(refused, Err(Refusal::Share(_))), "{refused:?}");
    people.enters(ANN, "ann", 0).expect("she is here");
    let other = Caller {
        ip: [10, 0, 0, 2].into(),
        connection: 0,
    };
    for n in 10..14 {
        let entered = people.enter(Session(n), &nick(&format!("p{n}")), other, at(0));
        assert_eq!(entered.is_ok(), n < 12, "the share of the address");
    }
    people.bye(ANN);
    people.enters(EVE, "eve", 0).expect("a place is free");
    let mut people = empty(0, 99);
    for n in 0..5 {
        let entered = people.enter(Session(n), &nick(&format!("p{n}")), other, at(0));
        assert_eq!(entered.is_ok(), n < 4, "the share of the connection");
    }
}

#[test]
fn a_session_that_moves_keeps_its_place_until_it_has_another() {
    let mut people = empty(0, 1);
    people.enters(ANN, "ann", 0).expect("free");
    let again = Caller {
        connection: 77,
        ..from(ANN)
    };
    people.enter(ANN, &nick("ann"), again, at(1)).expect("hers");
    let elsewhere = Caller {
        ip: [10, 0, 0, 2].into(),
        connection: 78,
    };
    people
        .enter(BOB, &nick("bob"), elsewhere, at(1))
        .expect("free");
    let moved = people.enter(ANN, &nick("ann"), elsewhere, at(1));
    assert!(matches!(moved, Err(Refusal::Share(_))), "{moved:?}");
    assert!(people.enters(EVE, "eve", 1).is_err(), "ann has her place");
    people.bye(BOB);
    people
        .enter(ANN, &nick("ann"), elsewhere, at(1))
        .expect("free");
    people.enters(EVE, "eve", 1).expect("free");
}

#[test]
fn all_calls_of_an_address_take_from_one_bucket() {
    let mut people = empty(5, 16);
    let (one, two) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let mut admit = |session, ip| people.door.admit(session, ip, 16, at(1));
    for n in 0..40 {
        assert_eq!(admit(Session(n), one), Ok(()), "640 tokens");
    }
    assert_eq!(admit(Session(99), one), Err(Refusal::TooFast(100)));
    assert_eq!(admit(Session(99), two), Ok(()));
}

#[test]
fn an_address_makes_few_rooms() {
    let mut people = empty(5, 16);
    let ip = from(ANN).ip;
    let mut made = 0;
    while people.door.make_room(ip, at(1)).is_ok() {
        made += 1;
    }
    assert_eq!(made, 64);
    assert_eq!(people.door.make_room(ip, at(61)), Ok(()), "one a minute");
}

#[test]
fn tokens_are_guessed_three_times_a_minute() {
    let mut people = two_in_the_lobby();
    let ip = from(EVE).ip;
    let mut guess = |session, right: bool, now| {
        let mut looked = false;
        let fits = || {
            looked = true;
            right
        };
        (people.door.operate(session, ip, fits, at(now)), looked)
    };
    assert_eq!(guess(ANN, true, 0), (Ok(()), true));
    for _ in 0..3 {
        assert_eq!(guess(EVE, false, 0), (Err(Refusal::WrongToken), true));
    }
    // Even the right one is not noticed now.
    assert_eq!(guess(EVE, true, 0), (Err(Refusal::TooFast(20_000)), false));
    assert_eq!(guess(ANN, true, 0), (Ok(()), true), "she has shown it");
    assert_eq!(guess(EVE, true, 20), (Ok(()), true));
}
