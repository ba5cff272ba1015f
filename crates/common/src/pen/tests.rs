//! Whole lines, bounded files, and nothing without a journal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use super::*;

#[test]
fn without_a_journal_nothing_is_put_together() {
    Pen::default().note(|| unreachable!());
}

/// Threads share a journal and two lives share a folder, and every line is whole.
#[test]
fn lines_are_whole_and_lives_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let below = dir.path().join("a/b");
    for _ in 0..2 {
        let pen = Pen::begin(&below, "buddy", Some("Ann".into())).expect("begun");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|left| pen.note(|| Event::Sing { left })));
            }
        });
    }
    let files: Vec<_> = fs::read_dir(&below).expect("there").collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let file = file.expect("a file");
        let mode = file.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(file.path()).expect("text");
        assert_eq!(text.lines().count(), 801);
        let lines: Vec<Line> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("whole"))
            .collect();
        assert!(lines[0].w.is_some() && matches!(lines[0].event, Event::Begin { .. }));
        let rises = lines.windows(2).all(|pair| pair[0].t <= pair[1].t);
        assert!(rises, "the time goes back");
    }
}

#[test]
fn a_full_journal_says_that_it_is_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let pen = Pen::begin(dir.path(), "buddy", None).expect("begun");
    let why = "x".repeat(1 << 20);
    for _ in 0..70 {
        pen.note(|| Event::Offline { why: why.clone() });
    }
    let file = fs::read_dir(dir.path()).expect("there").next();
    let path = file.expect("one").expect("a file").path();
    let text = fs::read_to_string(path).expect("text");
    assert!(text.len() as u64 <= LIMIT && text.ends_with("\"e\":\"cut\"}\n"));
}

#[test]
fn a_folder_takes_so_many_and_no_more() {
    let dir = tempfile::tempdir().expect("a folder");
    for number in 0..MAX_JOURNALS {
        fs::write(dir.path().join(number.to_string()), "").expect("written");
    }
    let pen = Pen::begin(dir.path(), "buddy", None).expect("none");
    assert!(!pen.is_on());
    let file = dir.path().join("0");
    let error = Pen::begin(&file, "buddy", None).expect_err("a file is no folder");
    assert!(error.to_string().contains(&*file.to_string_lossy()));
}
