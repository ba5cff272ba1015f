//! What of a song is out of the ordinary, and what is folded up.

use super::rows::Row;
use super::*;
use crate::life::Life;
use crate::order::Order;
use crate::run::Run;
use crate::tests::ring::Ring;
use crate::tests::three;

/// A buddy that was stopped for long may sing the whole rest alone, which is allowed. A sentence
/// for each verse would be a page of the same.
#[test]
fn allowed_repeats_that_follow_each_other_are_one_trouble() {
    let mut ring = three();
    for left in (0..40).rev() {
        ring.note(2, &format!(r#""e":"sing","left":{left}"#));
        ring.note(2, &format!(r#""e":"sang","left":{left}"#));
    }
    let lives = ring.lives();
    let order = Order::new(&lives);
    let run = Run::new(&lives, &order, Vec::new());
    let song = run.songs.first().expect("a song");
    let read = |verdict: Verdict| {
        let all = song.again().into_iter();
        all.map(|repeat| (repeat.sing, verdict)).collect()
    };
    let (allowed, wrong): (HashMap<_, _>, HashMap<_, _>) = (read(Verdict::Yes), read(Verdict::No));
    assert!(allowed.len() > 40, "{}", allowed.len());
    let count = |rows: &Rows<'_>, is: &dyn Fn(&&Row) -> bool| rows.all.iter().filter(is).count();
    let is_again = |row: &&Row| matches!(row.kind, Kind::Verse(_, Some(_), _));
    let is_odd = |row: &&Row| is_again(row) && row.is_odd;
    let rows = reader::read(song, &allowed);
    assert_eq!(count(&rows, &is_again), allowed.len());
    assert_eq!(
        count(&rows, &is_odd),
        2,
        "one of them is long before the others"
    );
    let page = draw(&rows, Screen::Desk)
        .svg("", &maud::html! {})
        .into_string();
    assert!(page.contains(": again, as is allowed<"), "{page}");
    // Of those that are not allowed each one is a trouble of its own.
    let rows = reader::read(song, &wrong);
    assert_eq!(count(&rows, &is_odd), wrong.len());
}

#[test]
fn the_same_journals_have_the_same_page() {
    let mut ring = Ring::new(8, 20);
    ring.sing(10);
    for place in 1..8 {
        let lost = format!(r#""e":"lost","place":{place},"why":"no answer""#);
        ring.note(0, &lost);
    }
    for place in 0..8 {
        ring.note(place, r#""e":"end","why":"home""#);
    }
    let lives = ring.lives();
    let order = Order::new(&lives);
    let run = Run::new(&lives, &order, Vec::new());
    let song = run.songs.first().expect("a song");
    let doubted = || reader::read(song, &HashMap::new()).doubted.clone();
    assert_eq!(doubted().len(), 7);
    assert_eq!(doubted(), doubted());
}

#[test]
fn a_fold_says_how_its_verses_went() {
    let of = |verses: &[(u64, bool)], laps| {
        let (laps, how) = went(verses, laps);
        format!("{laps}: {how}")
    };
    let all = [(9, false), (8, false), (7, false)];
    assert_eq!(of(&all, 1), ", 1 lap: all as it should be");
    assert_eq!(of(&all, 0), ": all as it should be");
    assert_eq!(of(&[all[0], all[2]], 1), ": these journals have 2 of 3");
    assert_eq!(
        of(&[(9, false), (9, true)], 0),
        ": some of them again, as is allowed"
    );
    assert_eq!(of(&[(9, true), (8, true)], 0), ": again, as is allowed");
}

/// What broke must not be in a fold.
#[test]
fn a_verse_before_its_turn_is_a_trouble() {
    let mut ring = Ring::new(3, 30);
    ring.home();
    let early = |lives: &[Life]| {
        let order = Order::new(lives);
        let run = Run::new(lives, &order, Vec::new());
        let song = run.songs.first().expect("a song");
        let again = song.again().into_iter();
        let again = again.map(|repeat| (repeat.sing, repeat.verdict)).collect();
        let rows = reader::read(song, &again);
        let odd = rows.all.iter().filter(|row| row.is_odd);
        let says: Vec<String> = odd.flat_map(|row| row.says.clone()).collect();
        says
    };
    assert_eq!(early(&ring.lives()), [""; 0]);
    let journals = ring.journals.clone();
    for journal in &mut ring.journals {
        // Instead of 15, nobody sings.
        for event in ["sing", "sang"] {
            let line = format!("\"e\":\"{event}\",\"left\":15}}");
            *journal = journal.replace(&line, &line.replace("15", "14"));
        }
    }
    let says = [
        "Buddy 1 sings 14, and 15 was not sung yet",
        "Buddy 2 sings 14 again, without a cause",
    ];
    assert_eq!(early(&ring.lives()), says);
    // Of a verse that may be in a journal that is not there nobody knows.
    ring.journals = journals;
    ring.journals[1].clear();
    assert_eq!(early(&ring.lives()), [""; 0]);
}
