//! The program as a person meets it: flags, exit codes, and what goes to stdout and stderr.

#[path = "../../common/tests/support/program.rs"]
mod program;
mod support {
    pub(crate) mod process;
}

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use common::net::greeting;
use program::{Program, assert_flags, closed, run};
use support::process::{Ring, is_sung};

const BUDDY: &str = env!("CARGO_BIN_EXE_buddy");

#[test]
fn flags_are_named_and_wrong_ones_refused() {
    assert_flags(
        BUDDY,
        &[
            "--next",
            "--advertise",
            "--listen",
            "--bottles",
            "--name",
            "--tempo",
            "--patience",
            "--wait",
            "\n  buddy --listen 8030 ",
            "\n  buddy --listen 8040 ",
        ],
        &[
            &[],
            &["--next", "nowhere"],
            &["--next", "host:0"],
            &["--next", "8040", "--bottles", "-1"],
            &["--next", "8040", "--bottles", "18446744073709551616"],
            &["--next", "8040", "--bottles", "1000001"],
            &["--next", "8040", "--tempo", "11m"],
            &["--next", "a host:8040"],
            &["--next", "8040", "--name", ""],
            &["--next", "8040", "--name", "two\nlines"],
            &["--next", "8040", "--advertise", "a host:1"],
            &["--next", "8040", "--tempo", "9"],
            &["--next", "8040", "--patience", "299ms"],
            &["--next", "8040", "--listen", "8040x"],
            &["--next", "8040", "surplus"],
        ],
    );
    let version = run(Command::new(BUDDY).arg("--version"), "");
    assert_eq!(version.code, Some(0));
    assert!(version.stdout.starts_with("buddy "), "{version:?}");
}

#[test]
fn the_lab_sheet_s_single_dashes_and_names_are_understood() {
    let closed = closed();
    let args = ["-next", &closed, "-this", "127.0.0.1:0", "-n", "3"];
    let more = ["-wait", "2s", "-name", "Ann"];
    let ended = run(Command::new(BUDDY).args(args).args(more), "");
    assert_eq!(ended.code, Some(1));
    let error = ended.stderr;
    assert!(error.starts_with("listening on 127.0.0.1:"), "{error}");
    let says = format!(
        "\nbuddy: no song began within 2s: cannot reach {closed}: connection refused\nhelp: "
    );
    assert!(error.contains(&says), "{error}");
}

#[test]
fn a_song_with_names_goes_to_stdout_and_its_summary_to_stderr() {
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
fn a_song_that_cannot_be_written_is_an_error() {
    let alone = closed();
    let full = File::options().write(true).open("/dev/full");
    let mut command = Command::new(BUDDY);
    command.args(["--listen", &alone, "--next", &alone, "--bottles", "1"]);
    let ended = Program::start(command.stdout(full.expect("a device"))).end();
    assert_eq!(ended.code, Some(1));
    let what = "\nbuddy: cannot write the song: No space left on device";
    assert!(ended.stderr.contains(what), "{ended:?}");
}

#[test]
fn a_wait_in_vain_ends_with_advice() {
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
fn a_buddy_that_is_interrupted_leaves_the_song_whole_and_ends_with_the_signal_s_code() {
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
fn another_service_on_a_lost_buddy_s_port_ends_no_buddy() {
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
    let lost = format!("lost Buddy 2 at {}: ", ring.address(2));
    ring.says(&lost);
    let lines = ring.all_home();
    let last = lines.iter().find(|line| line.starts_with("song over: "));
    assert!(last.is_some(), "{}", ring.story());
}
