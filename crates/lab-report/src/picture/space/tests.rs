//! What of a song is out of the ordinary, and what is folded up.

use super::*;
use crate::order::Order;
use crate::run::Run;
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
