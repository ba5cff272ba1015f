//! The program as a person meets it: flags, exit codes, and what each wrong wiring makes it say.

mod support {
    pub(crate) mod process;
}

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

use common::net::greeting;
use support::process::{Ring, is_sung};

fn run(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_buddy");
    let output = Command::new(program).args(args).output();
    output.expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_flag() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for flag in [
        "--next",
        "--listen",
        "--bottles",
        "--name",
        "--tempo",
        "--patience",
        "--wait",
    ] {
        assert!(help.contains(flag), "{flag} is missing in\n{help}");
    }
    assert_eq!(help.matches("\n  buddy --listen").count(), 2, "examples");
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(text(&version.stdout).starts_with("buddy "));
}

#[test]
fn wrong_flags_are_usage_errors() {
    for args in [
        &[][..],
        &["--next", "nowhere"],
        &["--next", "host:0"],
        &["--next", "8040", "--bottles", "-1"],
        &["--next", "8040", "--bottles", "18446744073709551616"],
        &["--next", "8040", "--name", ""],
        &["--next", "8040", "--name", "two\nlines"],
        &["--next", "8040", "--tempo", "9"],
        &["--next", "8040", "--patience", "299ms"],
        &["--next", "8040", "--listen", "8040x"],
        &["--next", "8040", "surplus"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

#[test]
fn the_lab_sheet_s_single_dashes_and_names_are_understood() {
    let closed = closed();
    let args = ["-next", &closed, "-this", "127.0.0.1:0", "-n", "3"];
    let output = run(&[&args[..], &["-wait", "2s", "-name", "Ann"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.starts_with("listening on 127.0.0.1:"), "{error}");
    let says = format!(
        "\nbuddy: no song began within 2s: cannot reach {closed}: connection refused\nhelp: "
    );
    assert!(error.contains(&says), "{error}");
}

/// An address where nobody listens.
fn closed() -> String {
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    held.local_addr().expect("bound").to_string()
}

#[test]
fn a_song_with_names_goes_to_stdout_and_the_last_word_to_stderr() {
    let mut ring = Ring::of(2, &["--tempo", "0"]);
    ring.piped = Some(2);
    ring.start(2, &["--name", "Ann"]);
    ring.start(1, &["--bottles", "1"]);
    assert_eq!(
        ring.read_pipe(),
        "Ann: No more bottles of beer on the wall, no more bottles of beer. \
         Go to the store and buy some more, 1 bottle of beer on the wall.\n"
    );
    let lines = ring.all_home();
    let song: Vec<_> = lines.iter().filter(|line| line.contains("beer")).collect();
    assert_eq!(
        song,
        ["Buddy 1: 1 bottle of beer on the wall, 1 bottle of beer. \
          Take one down, pass it around..."]
    );
    let last = lines.iter().find(|line| line.starts_with("song over: "));
    let last = last.expect("a summary");
    assert!(
        last.starts_with("song over: 2 verses, 2 buddies, "),
        "{last}"
    );
}

#[test]
fn a_next_that_is_itself_is_a_ring_of_one() {
    let mut ring = Ring::of(1, &["--tempo", "0"]);
    ring.start_all(2);
    let lines = ring.all_home();
    assert_eq!(lines.iter().filter(|line| is_sung(line)).count(), 3);
}

#[test]
fn a_loop_without_the_starter_names_its_buddies() {
    let mut rho = Ring::wired(&[2, 3, 2], &[]);
    for n in [3, 2] {
        rho.start(n, &[]);
    }
    rho.start(1, &["--bottles", "9"]);
    let [two, three] = [2, 3].map(|n| rho.address(n));
    rho.says(&format!(
        "the ring misses its starter: {three} -> {two} -> and round again; one --next among these"
    ));
    rho.says(&format!(
        "the roll-call came to {two} a second time: the ring misses its starter; --next {two} may"
    ));
}

#[test]
fn a_next_that_is_itself_in_a_larger_ring_says_so() {
    let mut ring = Ring::wired(&[2, 2], &[]);
    ring.start(2, &[]);
    ring.start(1, &["--bottles", "9"]);
    let two = ring.address(2);
    ring.says(&format!("the ring misses its starter: {two} -> and round"));
}

#[test]
fn a_chain_says_at_its_end_whom_it_waits_for_and_at_its_start_that_nothing_came_back() {
    let mut chain = Ring::wired(&[2, 3], &[]);
    chain.start(2, &[]);
    chain.start(1, &["--bottles", "9"]);
    let nobody = chain.address(3);
    chain.says(&format!(
        "waiting for the next buddy: cannot reach {nobody}: connection refused"
    ));
    chain.says("the roll-call has not come back yet: some buddy waits for its next");
    assert!(!chain.lines().iter().any(|line| is_sung(line)));
}

#[test]
fn a_next_in_a_ring_that_sings_already_says_so() {
    let mut ring = Ring::wired(&[2, 3, 2], &["--tempo", "20ms"]);
    ring.start(3, &[]);
    ring.start(2, &["--bottles", "1000"]);
    ring.sung(1);
    ring.start(1, &["--bottles", "9"]);
    let two = ring.address(2);
    ring.says(&format!("{two} is in the middle of a song: waiting to be"));
    assert!(!ring.story().contains(": 9 bottles"), "a song of its own");
}

#[test]
fn where_nobody_starts_a_song_waiting_ends_with_what_to_do() {
    let mut ring = Ring::of(2, &["--wait", "300ms"]);
    for n in [1, 2] {
        ring.start(n, &[]);
    }
    for n in [1, 2] {
        assert_eq!(ring.ends(n).code(), Some(1));
    }
    let help = "help: the ring is closed when every buddy is up and each --next leads to another; \
                the last one started gets --bottles";
    let lines = ring.lines();
    let helps = lines.iter().filter(|line| *line == help).count();
    assert_eq!(helps, 2, "{}", ring.story());
}

#[test]
fn two_starters_sing_one_song() {
    let mut ring = Ring::of(3, &["--tempo", "0"]);
    ring.start(3, &[]);
    ring.start(2, &["--bottles", "7"]);
    ring.start(1, &["--bottles", "8"]);
    let lines = ring.all_home();
    let ignored: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("is ignored"))
        .collect();
    let (bottles, ignores) = match lines.iter().any(|line| line.contains(": 8 bottles")) {
        true => (8, "--bottles 7 is ignored: "),
        false => (7, "--bottles 8 is ignored: "),
    };
    assert!(
        ignored.len() == 1 && ignored[0].starts_with(ignores),
        "{ignored:?}"
    );
    assert_eq!(
        lines.iter().filter(|line| is_sung(line)).count(),
        bottles + 1
    );
}

#[test]
fn two_starters_that_wait_for_a_third_sing_one_song_when_it_is_up() {
    let mut ring = Ring::of(3, &["--tempo", "0"]);
    ring.start(1, &["--bottles", "8"]);
    ring.start(2, &["--bottles", "8"]);
    let three = ring.address(3);
    ring.says(&format!("waiting for the next buddy: cannot reach {three}"));
    ring.start(3, &[]);
    let lines = ring.all_home();
    assert_eq!(lines.iter().filter(|line| is_sung(line)).count(), 9);
    let ignored = "--bottles 8 is ignored: ";
    let ignored = lines.iter().filter(|line| line.starts_with(ignored));
    assert_eq!(ignored.count(), 1, "{}", ring.story());
}

#[test]
fn told_to_stop_before_the_end_it_ends_with_the_signal_s_code() {
    let mut ring = Ring::of(2, &["--tempo", "20ms"]);
    ring.start_all(20);
    ring.sung(3);
    assert!(ring.signal(2, "INT"));
    assert_eq!(ring.ends(2).code(), Some(130));
    assert!(ring.ends(1).success(), "{}", ring.story());
    let lines = ring.lines();
    assert_eq!(lines.iter().filter(|line| is_sung(line)).count(), 21);
}

#[test]
fn a_buddy_that_is_lost_and_one_that_is_back_are_named() {
    let mut ring = Ring::of(3, &["--tempo", "20ms", "--patience", "600ms"]);
    ring.start_all(100);
    ring.sung(3);
    assert!(ring.kill(2));
    let two = ring.address(2);
    ring.says(&format!("lost Buddy 2 at {two}: "));
    ring.start(2, &[]);
    ring.says(&format!("back: Buddy 2 at {two}"));
    let lines = ring.all_home();
    let last = lines.iter().find(|line| line.starts_with("song over: "));
    let last = last.expect("a summary");
    assert!(
        last.starts_with("song over: 101 verses, 3 buddies, "),
        "{last}"
    );
    assert!(!last.contains(" 0 lost"), "{last}");
}

#[test]
fn something_else_on_a_lost_buddy_s_port_ends_nobody() {
    let mut ring = Ring::of(3, &["--tempo", "20ms", "--patience", "600ms"]);
    ring.start_all(100);
    ring.sung(3);
    assert!(ring.kill(2));
    let other = TcpListener::bind(ring.address(2)).expect("free again");
    std::thread::spawn(move || {
        for mut io in other.incoming().flatten() {
            let _ = io.write_all(&greeting::line("secret-server"));
            let _ = io.read_to_end(&mut Vec::new());
        }
    });
    let lines = ring.all_home();
    let last = lines.iter().find(|line| line.starts_with("song over: "));
    assert!(last.is_some(), "{}", ring.story());
}
