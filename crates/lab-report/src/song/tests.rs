//! Transcripts: the lines of a run, and what is said of it.

use super::*;
use crate::verdict::Verdict;
use Verdict::{No, Unknown, Yes};
use pen::Pen;

mod pen;

#[test]
fn a_song_as_it_should_be() {
    let (verdicts, text) = Pen::song().judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
    assert_eq!(
        text,
        "2 bottles, 3 buddies\n  \
         yes      every verse was sung\n  \
         yes      no verse came before its turn\n  \
         yes      nobody sang a verse twice\n  \
         yes      a verse came again only where that is allowed\n  \
         yes      all who lived went home\n  \
         yes      the journals are whole\n"
    );
}

#[test]
fn one_that_was_killed_as_it_sang() {
    let mut pen = Pen::new(2);
    pen.sing(0, 2);
    pen.pass(0, 1, "1");
    pen.note(1, r#""e":"sing","left":1"#);
    pen.note(0, r#""e":"lost","place":1,"why":"connection refused""#);
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts[0], Unknown, "it may still be sung: {text}");
    pen.pass(0, 2, "1");
    pen.sing(2, 1);
    pen.pass(2, 0, "0");
    pen.sing(0, 0);
    pen.end(0, "home");
    pen.end(2, "home");
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
    assert!(
        text.contains("verse 1: Buddy 2, then Buddy 3: allowed, the first was killed"),
        "{text}"
    );
    assert!(
        text.contains("Buddy 2 (process 101) was killed: its journal has no end"),
        "{text}"
    );
}

/// Who has no end may still sing, as long as nobody has gone home.
#[test]
fn a_song_that_is_still_sung() {
    let mut pen = Pen::new(9);
    pen.sing(0, 9);
    pen.pass(0, 1, "8");
    pen.note(1, r#""e":"sing","left":8"#);
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Unknown, Yes, Yes, Yes, Unknown, Yes], "{text}");
    for expected in [
        "verse 8: Buddy 2 still sings it, or was killed as it sang\n",
        "verses 7 to 0 are missing: the song is still sung, or who still sang it was killed\n",
        "Buddy 3 (process 102) still sings, or was killed\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    // It comes again, and nobody was given up on: only a death that nobody saw would allow that.
    pen.sing(2, 8);
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts[3], Unknown, "{text}");

    // A verse that was left out is missing whether or not the song goes on.
    pen.sing(0, 6);
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts[0], No, "{text}");
    assert!(text.contains("verse 7 is missing\n"), "{text}");

    let mut pen = Pen::new(9);
    pen.sing(0, 9);
    pen.end(0, "home");
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts[0], No, "{text}");
    assert!(text.contains("verses 8 to 0 are missing\n"), "{text}");
}

/// One whose place a later life has is dead, because both would have the same port. So nobody is
/// left who could sing what is missing.
#[test]
fn one_that_was_replaced_sings_no_more() {
    let mut pen = Pen::new(9);
    pen.sing(0, 9);
    pen.pass(0, 1, "8");
    pen.sing(1, 8);
    pen.lives.push(String::new());
    pen.begin(3, 1, 9);
    for life in [0, 2, 3] {
        pen.end(life, "left");
    }
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [No, Yes, Yes, Yes, Yes, Yes], "{text}");
    assert!(
        text.contains("Buddy 2 (process 101) was killed: its journal has no end"),
        "{text}"
    );
}

#[test]
fn a_verse_that_only_a_killed_buddy_began_may_have_been_heard() {
    let mut pen = Pen::new(1);
    pen.note(0, r#""e":"sing","left":1"#);
    pen.note(0, r#""e":"sang","left":1"#);
    pen.pass(0, 1, "0");
    pen.note(1, r#""e":"sing","left":0"#);
    pen.end(0, "home");
    pen.end(2, "home");
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Unknown, Yes, Yes, Yes, Yes, Yes], "{text}");
}

#[test]
fn a_repeat_needs_a_reason() {
    let mut pen = Pen::song();
    pen.lives[2] = pen.lives[2].replace(r#""left":0"#, r#""left":1"#);
    let (verdicts, text) = pen.judge();
    assert_eq!((verdicts[0], verdicts[3]), (No, No), "{text}");
    assert!(
        text.contains("verse 1: Buddy 2, then Buddy 3: without a cause"),
        "{text}"
    );

    // Given up on, though it lives.
    let mut pen = Pen::new(1);
    pen.sing(0, 1);
    pen.pass(0, 1, "0");
    pen.note(0, r#""e":"lost","place":1,"why":"no answer""#);
    pen.pass(0, 2, "0");
    pen.sing(1, 0);
    pen.sing(2, 0);
    (0..3).for_each(|life| pen.end(life, "home"));
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
    assert!(
        text.contains("allowed, Buddy 1 had given up on Buddy 2"),
        "{text}"
    );
}

#[test]
fn a_song_that_is_sung_twice_to_its_end_takes_one_sentence() {
    let mut pen = Pen::new(3);
    pen.note(0, r#""e":"lost","place":1,"why":"no answer""#);
    pen.sing(0, 3);
    pen.pass(0, 1, "2");
    pen.pass(0, 2, "2");
    for left in [2, 1, 0] {
        pen.sing(2, left);
        pen.sing(1, left);
    }
    (0..3).for_each(|life| pen.end(life, "home"));
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
    let expected = "verses 2 to 0: others, then Buddy 2: allowed, Buddy 1 had given up on Buddy 2";
    assert!(text.contains(expected), "{text}");
}

/// Its death is no reason, because it came later: it still heard what came of the repeat.
#[test]
fn one_that_lived_on_is_no_reason_for_a_repeat() {
    let mut pen = Pen::new(2);
    pen.sing(0, 2);
    pen.pass(0, 1, "1");
    pen.sing(1, 1);
    pen.pass(0, 2, "1");
    pen.sing(2, 1);
    pen.pass(2, 0, "0");
    pen.sing(0, 0);
    pen.pass(0, 1, "over");
    pen.end(0, "home");
    pen.end(2, "home");
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes, Yes, Yes, No, Yes, Yes], "{text}");
}

/// A stranger's roll call says nothing of this song, and one that was called only has sung nothing.
#[test]
fn who_is_only_called_leaves_no_doubt() {
    let mut pen = Pen::song();
    let called = r#""e":"called","id":"call:99:1:2""#;
    pen.note(0, called);
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
    pen.note(0, &called.replace("99", "7"));
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts[5], Unknown, "{text}");

    for (end, verdict) in [("left", Yes), ("the song was sung without this buddy", No)] {
        let mut pen = Pen::new(1);
        let begin = pen.lives[1]
            .lines()
            .next()
            .map(|line| line.to_owned() + "\n");
        pen.lives[1] = begin.expect("a line");
        pen.note(0, r#""e":"call","id":"call:7:1:2","next":"b:1""#);
        pen.note(1, &called.replace("99", "7"));
        pen.end(1, end);
        pen.note(0, r#""e":"lost","place":1,"why":"connection refused""#);
        pen.sing(0, 1);
        pen.pass(0, 2, "0");
        pen.sing(2, 0);
        pen.end(0, "home");
        pen.end(2, "home");
        let (verdicts, text) = pen.judge();
        assert_eq!(verdicts, [Yes, Yes, Yes, Yes, verdict, Yes], "{text}");
        assert!(
            text.contains("Buddy 2 (process 101) never had the roll, and "),
            "{text}"
        );
    }
}

#[test]
fn a_doubt_that_is_over_excuses_nothing() {
    let mut pen = Pen::new(2);
    pen.note(0, r#""e":"lost","place":1,"why":"no answer""#);
    pen.sing(0, 2);
    pen.pass(0, 1, "1");
    pen.sing(1, 1);
    pen.pass(1, 2, "1");
    pen.sing(2, 1);
    pen.sing(2, 0);
    (0..3).for_each(|life| pen.end(life, "home"));
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes, Yes, Yes, No, Yes, Yes], "{text}");
}

/// A token that arrives late counts as of when it was passed: by one that was given up on.
#[test]
fn a_new_life_is_excused_until_it_has_the_song_from_one_in_good_standing() {
    for is_in_good_standing in [false, true] {
        let mut pen = Pen::new(1);
        pen.lives.push(String::new());
        pen.note(2, r#""e":"lost","place":0,"why":"no answer""#);
        pen.sing(0, 1);
        let late = pen.say(0, 1, "0");
        pen.begin(3, 1, 1);
        if is_in_good_standing {
            let said = pen.say(2, 1, "1");
            pen.hear(3, &said);
            pen.pass(3, 0, "1");
        } else {
            pen.pass(2, 0, "1");
        }
        pen.sing(0, 0);
        pen.hear(3, &late);
        pen.sing(3, 0);
        [0, 2, 3].iter().for_each(|&life| pen.end(life, "home"));
        let (verdicts, text) = pen.judge();
        let verdict = [Yes, No][usize::from(is_in_good_standing)];
        assert_eq!(verdicts, [Yes, Yes, Yes, verdict, Yes, Yes], "{text}");
        let excuse = "Buddy 2 was new and did not have the song from a buddy in good standing";
        assert_eq!(text.contains(excuse), !is_in_good_standing, "{text}");
    }
}

#[test]
fn a_verse_before_its_turn() {
    let mut pen = Pen::new(2);
    pen.sing(0, 2);
    // Nobody has passed anything on.
    pen.sing(1, 1);
    pen.sing(1, 0);
    (0..3).for_each(|life| pen.end(life, "home"));
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes, No, Yes, Yes, Yes, Yes], "{text}");
    assert!(
        text.contains("Buddy 2 sang 1, and could not know that 2 was sung"),
        "{text}"
    );
}

#[test]
fn twice_by_one_and_an_end_that_is_none() {
    let mut pen = Pen::song();
    pen.sing(2, 0);
    pen.lives[1] = pen.lives[1].replace("home", "cannot write");
    let (verdicts, text) = pen.judge();
    assert_eq!((verdicts[2], verdicts[4]), (No, No), "{text}");
    assert!(text.contains("Buddy 3 sang verse 0 twice"), "{text}");
    assert!(
        text.contains("Buddy 2 (process 101) ended: cannot write"),
        "{text}"
    );
}

#[test]
fn a_missing_journal_is_no_proof() {
    let mut pen = Pen::song();
    pen.lives[1].clear();
    let (verdicts, text) = pen.judge();
    assert_eq!(
        verdicts,
        [Unknown, Unknown, Yes, Yes, Unknown, Unknown],
        "{text}"
    );
    assert!(
        text.contains("there is no journal of Buddy 2 at b:1"),
        "{text}"
    );
}

/// For each line of each journal: without it, twice, or in another place, the verdict is never a
/// `yes` that hides a verse.
#[test]
fn a_journal_that_was_changed_never_shows_too_much() {
    for life in 0..3 {
        let count = Pen::song().lives[life].lines().count();
        for number in 1..count {
            let change = |edit: &dyn Fn(&mut Vec<String>)| {
                let mut pen = Pen::song();
                let mut lines: Vec<String> = pen.lives[life].lines().map(str::to_owned).collect();
                let kind = lines[number].clone();
                edit(&mut lines);
                pen.lives[life] = lines.join("\n") + "\n";
                let (verdicts, text) = pen.judge();
                (kind, verdicts.into_iter().max(), text)
            };
            let (kind, worst, text) = change(&|lines| drop(lines.remove(number)));
            // Without an end it looks like one that was killed, which is allowed.
            let may = kind.contains(r#""e":"end""#);
            assert!(may || worst != Some(Yes), "{kind} removed:\n{text}");
            let (kind, worst, text) = change(&|lines| lines.insert(number, lines[number].clone()));
            assert!(worst != Some(Yes), "{kind} doubled:\n{text}");
            if number + 1 < count {
                let (kind, worst, text) = change(&|lines| lines.swap(number, number + 1));
                assert!(worst != Some(Yes), "{kind} moved:\n{text}");
            }
        }
    }
}

/// Otherwise a journal of a thousand songs would be read a thousand times.
#[test]
fn a_process_sings_one_song() {
    let mut pen = Pen::song();
    let roll = r#""e":"place","song":"8","bottles":2,"place":0,"name":"b","roll":["a:1"]"#;
    pen.note(1, roll);
    let life = Life::parse("file", &pen.lives[1]).expect("a journal");
    let order = Order::new(std::slice::from_ref(&life));
    assert_eq!(Song::all(std::slice::from_ref(&life), &order).len(), 1);
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts, [Yes, Yes, Yes, Yes, Yes, Unknown], "{text}");
    assert!(text.contains("file1 has a roll again"), "{text}");
}
