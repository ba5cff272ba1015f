//! The real program: its flags, its ready line, its exit codes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn run(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_secret-server");
    Command::new(program)
        .args(args)
        .output()
        .expect("it starts")
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
        "--listen",
        "--workers",
        "--delay",
        "--fast-delay",
        "--premium-key-file",
        "--seed",
    ] {
        assert!(help.contains(flag), "{flag} is missing in\n{help}");
    }
}

#[test]
fn wrong_flags_are_usage_errors() {
    for args in [
        &["--listen", "nowhere"][..],
        &["--workers", "0"],
        &["--delay", "9"],
        &["--delay", "16s"],
        &["--seed", "x"],
        &["surplus"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

#[test]
fn a_key_file_that_cannot_be_read_is_named() {
    let output = run(&["--premium-key-file", "/no/such/key"]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("secret-server: cannot read the key in /no/such/key"),
        "{error}"
    );
    assert!(error.contains("\nhelp: "), "{error}");
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_ends_in_order_when_told() {
    let program = env!("CARGO_BIN_EXE_secret-server");
    let mut server = Command::new(program)
        .args(["-port", "127.0.0.1:0", "--seed", "1"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stderr = BufReader::new(server.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("readable");
    let addr = line
        .trim()
        .strip_prefix("listening on ")
        .expect("the ready line");

    let second = run(&["--listen", addr]);
    assert_eq!(second.status.code(), Some(1), "the port is taken");
    let error = text(&second.stderr);
    assert!(error.contains(addr) && error.contains("help: "), "{error}");

    let id = server.id().to_string();
    let killed = Command::new("kill").arg(&id).status().expect("kill exists");
    assert!(killed.success());
    assert_eq!(server.wait().expect("it ends").code(), Some(0));
}
