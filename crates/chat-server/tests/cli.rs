//! The real program: flags, exit codes, errors a person reads.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn chat_server(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    chat_server(args).output().expect("the binary is built")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_names_every_flag_and_bad_flags_are_usage_errors() {
    let help = run(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for flag in [
        "--listen",
        "--store",
        "--history",
        "--rate",
        "--admin-token-file",
        "--metrics",
        "Examples",
    ] {
        assert!(text.contains(flag), "{flag}");
    }
    for bad in [
        &["--store", "cloud"][..],
        &["--listen", "nowhere"],
        &["--rate", "-1"],
        &["extra"],
    ] {
        assert_eq!(run(bad).status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_named() {
    let output = run(&[
        "--store",
        "sqlite:/dev/null/x/log",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("chat-server: cannot open /dev/null/x/log"),
        "{text}"
    );
    assert!(
        text.contains("help: or keep messages in memory only"),
        "{text}"
    );
}

#[test]
fn it_says_where_it_listens_and_ends_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = chat_server(&["-port", "127.0.0.1:0"])
        .env("XDG_STATE_HOME", folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("piped"))
        .read_line(&mut line)
        .expect("text");
    assert!(line.starts_with("listening on 127.0.0.1:"), "{line}");
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(child.wait().expect("ours").code(), Some(0));
    assert!(folder.path().join("chat-server/log.sqlite").exists());
}

#[test]
fn metrics_have_a_ready_line_of_their_own_and_a_taken_port_is_named() {
    let flags = ["--store", "memory", "--listen", "127.0.0.1:0", "--metrics"];
    let mut child = chat_server(&[&flags[..], &["127.0.0.1:0"]].concat())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert!(line().starts_with("listening on 127.0.0.1:"));
    let metrics = line();
    let addr = metrics
        .strip_prefix("metrics on http://127.0.0.1:")
        .expect("the second line");
    let port = addr.strip_suffix("/metrics").expect("a page to look at");
    let output = run(&[&flags[..], &[&format!("127.0.0.1:{port}")]].concat());
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.starts_with("chat-server: --metrics: cannot listen on"),
        "{text}"
    );
    assert!(text.contains("\nhelp: "), "{text}");
}
