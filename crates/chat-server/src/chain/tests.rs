//! The table line by line.

use std::collections::HashSet;

use super::*;

mod model;

fn place(at: u64) -> Place {
    let origin = Origin {
        writer: 7,
        attempt: at,
    };
    Place { at, origin }
}

fn none() -> Place {
    Place::default()
}

fn says(prev: Place, after: u64) -> Link {
    let what = What::Entries(2);
    Link { prev, after, what }
}

fn ends(prev: Place, after: u64, floor: u64) -> Link {
    let what = What::End { floor };
    Link { prev, after, what }
}

const STANDS: Verdict = Verdict::Stands { begins: false };
const BEGINS: Verdict = Verdict::Stands { begins: true };

/// Plays one message at each of these places.
fn play(begun_at: u64, messages: &[(u64, Link)]) -> Vec<Verdict> {
    let mut chain = Chain::new(begun_at);
    let judge = |&(at, link): &(u64, Link)| chain.judge(place(at), "a", link);
    messages.iter().map(judge).collect()
}

#[test]
fn the_second_of_two_is_void_and_so_is_a_late_copy() {
    let first = says(none(), 0);
    let played = play(
        0,
        &[
            (1, first),
            (2, says(none(), 0)),
            (3, says(place(1), 2)),
            (4, says(place(1), 2)),
            (9, first),
            (10, says(place(3), 4)),
        ],
    );
    assert_eq!(
        played,
        [
            BEGINS,
            Verdict::Void,
            STANDS,
            Verdict::Void,
            Verdict::Void,
            STANDS
        ]
    );
}

#[test]
fn what_is_missing_and_what_has_changed_is_noticed() {
    let begun = (1, says(none(), 0));
    assert_eq!(play(0, &[begun, (3, says(place(2), 4))])[1], Verdict::Hole);
    assert_eq!(play(0, &[(3, says(place(2), 4))])[0], Verdict::Hole);
    // The third was written on the first as the second was, and came after that.
    let third = (3, says(place(1), 2));
    let fourth = (4, says(place(2), 4));
    assert_eq!(play(0, &[begun, third, fourth])[2], Verdict::Hole);
    let mut other = says(place(1), 2);
    other.prev.origin.writer = 8;
    assert_eq!(play(0, &[begun, (2, other)])[1], Verdict::WentBack);
    let number = says(place(1), 3);
    assert_eq!(play(0, &[begun, (2, number)])[1], Verdict::WentBack);
    let mut chain = Chain::new(0);
    chain.pass(place(5));
    assert_eq!(chain.played(), place(5));
    assert_eq!(chain.is_new(place(5)), Ok(false));
    assert_eq!(chain.is_new(place(6)), Ok(true));
    let mut other = place(5);
    other.origin.attempt = 1;
    assert_eq!(chain.is_new(other), Err(Verdict::WentBack));
}

#[test]
fn a_server_that_starts_trusts_the_first_message_until_it_knows_better() {
    let trusted = (13, says(place(10), 20));
    assert_eq!(play(20, &[trusted])[0], BEGINS);
    let confirmed = [
        trusted,
        (14, says(place(13), 22)),
        (15, says(place(12), 20)),
    ];
    assert_eq!(play(20, &confirmed), [BEGINS, STANDS, Verdict::Void]);
    let was_void = [
        trusted,
        (14, says(place(12), 22)),
        (15, says(place(14), 24)),
    ];
    assert_eq!(play(20, &was_void), [BEGINS, BEGINS, STANDS]);
}

#[test]
fn a_server_that_starts_forgets_a_room_whose_oldest_messages_are_deleted_meanwhile() {
    let mut chain = Chain::new(20);
    let mut judge = |at, prev| chain.judge(place(at), "a", says(place(prev), 2 * prev));
    assert_eq!((judge(3, 2), judge(4, 3)), (BEGINS, STANDS));
    assert_eq!(judge(9, 8), Verdict::Hole);
    assert!(!chain.forget("b", 9), "it is not known");
    assert!(chain.forget("a", 9));
    assert_eq!(chain.judge(place(9), "a", says(place(8), 16)), BEGINS);
    assert_eq!(chain.judge(place(10), "a", says(place(9), 18)), STANDS);
    assert_eq!(
        chain.judge(place(22), "a", says(place(21), 42)),
        Verdict::Hole
    );
    assert!(!chain.forget("a", 22), "what it shows now must be right");
    assert_eq!(chain.judge(place(23), "a", says(place(10), 20)), STANDS);
}

#[test]
fn a_room_ends_once_and_what_comes_later_begins_above_it() {
    let played = play(
        0,
        &[
            (1, says(none(), 0)),
            (2, ends(place(1), 2, 2)),
            (3, ends(place(1), 2, 2)),
            (4, says(place(1), 2)),
            (5, says(none(), 0)),
            (6, says(none(), 2)),
            (7, says(place(6), 4)),
        ],
    );
    let void = Verdict::Void;
    assert_eq!(played, [BEGINS, STANDS, void, void, void, BEGINS, STANDS]);
    let went_on = [
        (1, says(none(), 0)),
        (2, says(place(1), 2)),
        (3, ends(place(1), 2, 2)),
        (4, says(place(2), 4)),
    ];
    assert_eq!(play(0, &went_on), [BEGINS, STANDS, void, STANDS]);
    // The same for a server that finds only the end and what came after it.
    assert_eq!(play(9, &went_on[2..]), [BEGINS, BEGINS]);
}

#[test]
fn ends_are_remembered_up_to_a_bound() {
    let mut chain = Chain::new(0);
    let rooms: Vec<String> = (0..2 * ENDS).map(|n| n.to_string()).collect();
    for (n, room) in (1..).zip(&rooms) {
        let (begin, end) = (2 * n - 1, 2 * n);
        let after = chain.top(room).1;
        assert_eq!(chain.judge(place(begin), room, says(none(), after)), BEGINS);
        let over = ends(place(begin), after + 2, after + 2);
        assert_eq!(chain.judge(place(end), room, over), STANDS);
    }
    assert_eq!((chain.ended.len(), chain.rooms.len()), (ENDS, 0));
    let names: HashSet<_> = chain.ends.iter().collect();
    assert_eq!(names.len(), ENDS);
}
