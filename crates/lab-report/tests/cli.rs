//! `lab-report` as a process: what it prints, what it draws, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LIST: &str = r#"
{"t":0,"e":"begin","v":1,"program":"secret-client","life":"1","host":"h","machine":"m","pid":7}
{"t":1,"e":"server","server":0,"address":"a:1"}
{"t":2,"e":"up","server":0,"workers":2}
{"t":3,"e":"give","server":0,"first":0,"words":2}
{"t":4,"e":"read","lines":2}
{"t":5000,"e":"got","server":0,"first":0,"words":2,"counts":true,"waited":1,"worked":2}
{"t":5001,"e":"out","upto":2}
{"t":5002,"e":"end","why":"done"}
"#;

fn report(dir: &Path, flags: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_lab-report");
    let command = &mut Command::new(program);
    let output = command.current_dir(dir).args(flags).output();
    output.expect("it runs")
}

#[test]
fn it_prints_a_verdict_and_draws_what_is_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    let plain = report(dir.path(), &["."]);
    assert_eq!(plain.status.code(), Some(0));
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);

    let drawn = report(dir.path(), &[".", "--html", "a.html", "--svg", "b.svg"]);
    assert_eq!(drawn.status.code(), Some(0));
    assert_eq!(drawn.stdout, plain.stdout);
    let read = |file: &str| fs::read_to_string(dir.path().join(file)).expect("a picture");
    let (page, picture) = (read("a.html"), read("b.svg"));
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>"));
    // What the terminal says stands on the page.
    for line in String::from_utf8_lossy(&plain.stdout).lines().skip(1) {
        let promise = line.trim_start_matches("  yes").trim();
        assert!(page.contains(promise), "{promise}");
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    let output = report(dir.path(), &[".", "--html", "no/such/folder.html"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.starts_with(b"2 words, 1 server\n"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let expected = "lab-report: cannot write no/such/folder.html: No such file or directory";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert!(stderr.contains("\nhelp: "), "{stderr}");
}

#[test]
fn a_verdict_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-report"));
    let output = command
        .arg(dir.path())
        .stdout(full.expect("a device"))
        .output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let expected = "lab-report: cannot write the verdict: No space left on device";
    assert!(stderr.starts_with(expected), "{stderr}");
}

#[test]
fn figures_of_benchmarks_are_printed_and_drawn() {
    let dir = tempfile::tempdir().expect("a folder");
    let line = r#"{"bench":"ring","what":"verses","at":"3 buddies","ratios":[2.0,3.0]}"#;
    fs::write(dir.path().join("a"), format!("{line}\n{line}\n")).expect("written");
    fs::write(dir.path().join("b"), "ring").expect("written");
    let output = report(
        dir.path(),
        &["--bench", "a", "a", "--html", "c.html", "--svg", "d.svg"],
    );
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.starts_with("ring\n  verses\n    3 buddies  "),
        "{stdout}"
    );
    assert!(stdout.ends_with("2.50   2.00 to 3.00\n"), "{stdout}");
    let read = |file: &str| fs::read_to_string(dir.path().join(file)).expect("a picture");
    assert!(read("c.html").contains(">2.50×<") && read("d.svg").starts_with("<svg "));

    let output = report(dir.path(), &["--bench", "a", "b"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let expected = "lab-report: cannot read b: line 1 is not a figure: ";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert!(stderr.contains("\nhelp: "), "{stderr}");
    assert_eq!(
        report(dir.path(), &["--bench", "a", "--otlp", "e"])
            .status
            .code(),
        Some(2)
    );
}

/// The formats are checked where they are written. Here it matters that each flag writes its own.
#[test]
fn it_writes_for_other_viewers() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    let flags = ". --perfetto a --otlp b --shiviz c";
    let output = report(dir.path(), &flags.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0));
    for (file, begin) in [
        ("a", "{\"displayTimeUnit\":"),
        ("b", "{\"resourceSpans\":["),
        ("c", "(?<event>.*)"),
    ] {
        let text = fs::read_to_string(dir.path().join(file)).expect("a trace");
        assert!(text.starts_with(begin), "{file}: {text}");
    }
}

#[test]
fn it_looks_only_at_what_is_asked_for() {
    const SONG: &str = r#"
{"t":0,"e":"begin","v":1,"program":"buddy","life":"2","host":"h","machine":"m","pid":8}
{"t":1,"e":"place","song":"5","bottles":1,"place":0,"name":"Buddy 1","roll":["a:1"]}
{"t":2,"e":"end","why":"home"}
"#;
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    fs::write(dir.path().join("song.jsonl"), SONG.trim_start()).expect("written");
    for (kind, code, begin) in [
        ("songs", 1, "1 bottle, 1 buddy\n  NO"),
        ("lists", 0, "2 words, 1 server\n"),
    ] {
        let output = report(dir.path(), &[".", "--only", kind]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.starts_with(begin), "{stdout}");
        assert_eq!(stdout.matches(", 1 ").count(), 1, "one thing: {stdout}");
    }
    let output = report(dir.path(), &[".", "--only", "chats"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(3),
        "nothing is known to be wrong"
    );
    assert!(
        stderr.starts_with("lab-report: these journals tell of no chat\nhelp: "),
        "{stderr}"
    );
}

/// It may be a pipe, which never ends.
#[test]
fn what_is_not_a_file_is_no_journal_of_a_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    let link = dir.path().join("device.jsonl");
    std::os::unix::fs::symlink("/dev/null", link).expect("a link");
    assert_eq!(report(dir.path(), &["."]).status.code(), Some(0));
}

/// A journal may be copied while it grows, and a folder may hold a link to itself.
#[test]
fn of_two_copies_the_longer_one_counts_and_no_link_leads_round_in_a_circle() {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = LIST.trim_start();
    let begin: String = whole
        .lines()
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    for (folder, text) in [("whole", whole), ("begin", &*begin)] {
        let folder = dir.path().join(folder);
        fs::create_dir(&folder).expect("a new folder");
        fs::write(folder.join("list.jsonl"), text).expect("written");
        std::os::unix::fs::symlink("..", folder.join("round")).expect("a link");
    }
    for paths in [["whole", "begin"], ["begin", "whole"]] {
        let output = report(dir.path(), &paths);
        assert_eq!(output.status.code(), Some(0), "{paths:?}: {output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(stdout.matches("2 words, 1 server").count(), 1, "{stdout}");
    }
}

#[test]
fn a_file_that_is_no_journal_leaves_a_doubt_and_no_word_of_one_is_obeyed() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.jsonl"), LIST.trim_start()).expect("written");
    fs::write(dir.path().join("\u{1b}[2J.jsonl"), "hello\n").expect("written");
    let output = report(dir.path(), &["."]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("\\u{1b}[2J.jsonl is not a journal: "),
        "{stderr}"
    );
    let evil = LIST.replace("done", "\\u001b[2J");
    fs::write(dir.path().join("list.jsonl"), evil.trim_start()).expect("written");
    let output = report(dir.path(), &["list.jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("it ended: \\u{1b}[2J"), "{stdout}");
}
