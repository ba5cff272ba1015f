//! The real program: its flags, its ready line, its exit codes.

#[path = "../../common/tests/support/program.rs"]
mod program;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use program::{Ended, Program, assert_flags, run, signal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_secret-server");

fn run_with(args: &[&str]) -> Ended {
    run(Command::new(PROGRAM).args(args), "")
}

#[test]
fn help_names_every_flag_and_wrong_ones_are_usage_errors() {
    let flags = [
        "--listen",
        "--workers",
        "--delay",
        "--fast-delay",
        "--premium-key-file",
        "--seed",
    ];
    let wrong = [
        &["--listen", "nowhere"][..],
        &["--workers", "0"],
        &["--delay", "9"],
        &["--delay", "16s"],
        &["--seed", "x"],
        &["surplus"],
    ];
    assert_flags(PROGRAM, &flags, &wrong);
}

#[test]
fn a_key_file_that_cannot_be_read_is_named() {
    let ended = run_with(&["--premium-key-file", "/no/such/key"]);
    assert_eq!(ended.code, Some(1));
    let error = ended.stderr;
    assert!(
        error.starts_with("secret-server: cannot read the premium key in /no/such/key"),
        "{error}"
    );
    assert!(error.contains("\nhelp: "), "{error}");
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_ends_in_order_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(PROGRAM);
    command.args(["-v", "-port", "127.0.0.1:0", "--seed", "1", "--journal"]);
    let mut server = Program::start(command.arg(folder.path()));
    let addr = server.ready();

    let second = run_with(&["--listen", &addr]);
    assert_eq!(second.code, Some(1), "the port is taken");
    let error = second.stderr;
    assert!(error.contains(&addr) && error.contains("help: "), "{error}");

    signal(&server.child, "TERM");
    let ended = server.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("worked on 0 words"), "{ended:?}");
    let journal = std::fs::read_dir(folder.path()).expect("there").next();
    let journal = journal.expect("one").expect("a file").path();
    let journal = std::fs::read_to_string(journal).expect("text");
    let [begin, listen, end] = <[&str; 3]>::try_from(Vec::from_iter(journal.lines()))
        .unwrap_or_else(|_| panic!("three lines: {journal}"));
    assert!(begin.contains("\"program\":\"secret-server\""), "{begin}");
    let listens = format!("\"e\":\"listen\",\"address\":\"{addr}\"}}");
    assert!(listen.ends_with(&listens), "{listen}");
    assert!(end.ends_with("\"e\":\"end\",\"why\":\"done\"}"), "{end}");
}

#[test]
fn it_gives_systemd_a_sign_of_life() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).expect("a socket");
    systemd
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket");
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000");
    let _server = Program::start(&mut command);
    for _ in 0..3 {
        let mut said = [0; 64];
        let length = systemd.recv(&mut said).expect("a sign of life");
        assert_eq!(&said[..length], b"WATCHDOG=1\n");
    }
}

#[test]
fn a_key_that_can_be_guessed_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let warning = "other users may read the premium key in ";
    for (text, mode, says, is_warned) in [
        (
            "fifteen letters\n",
            0o600,
            "at least 16 bytes\nhelp: ",
            false,
        ),
        (
            "fifteen letters\n",
            0o644,
            "at least 16 bytes\nhelp: ",
            true,
        ),
        (" \n", 0o600, "is empty: expected the premium key", false),
    ] {
        std::fs::write(&path, text).expect("writable");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mine");
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0", "--premium-key-file"]);
        let ended = run(command.arg(&path), "");
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(says), "{ended:?}");
        assert_eq!(ended.stderr.contains(warning), is_warned, "{ended:?}");
    }
}

/// Shells start programs with 1024, and a server has places for 2048 connections.
#[cfg(target_os = "linux")]
#[test]
fn it_raises_its_limit_of_open_files_as_far_as_it_may() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -Sn 256 && exec \"$0\" --listen 127.0.0.1:0",
        PROGRAM,
    ]);
    let mut server = Program::start(&mut command);
    server.ready();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id()));
    let limits = limits.expect("a running process");
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let files: Vec<u64> = files
        .expect("one of its limits")
        .split_whitespace()
        .take(2)
        .map(|limit| limit.parse().unwrap_or(u64::MAX)) // or "unlimited"
        .collect();
    let [current, most] = files[..] else {
        panic!("{limits}");
    };
    assert_eq!(current, most.min(16 * 1024));
}
