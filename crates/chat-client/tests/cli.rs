//! The real program on pipes, against a server in this process: flags, exit codes, signals, and
//! what is printed where.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use support::{
    Lines, Program, Server, assert_flags, chat_client, closed, listener, printed, run, said, signal,
};

#[test]
fn help_names_every_flag_and_wrong_flags_are_usage_errors() {
    let flags = [
        "--server",
        "--name",
        "--room",
        "--json",
        "--after",
        "--no-history",
        "--commands",
        "--wait",
        "--no-bell",
        "LAB_SERVER",
        "--admin-token-file",
        "--identity",
        "Examples",
    ];
    let wrong = [
        &["--after", "x"][..],
        &["--after", "1@x"],
        &["--wait", "5"],
        &["--after", "1", "--no-history"],
        &["--server", "nowhere"],
        &["--server", "127.0.0.1:8030,nowhere"],
    ];
    assert_flags(env!("CARGO_BIN_EXE_chat-client"), &flags, &wrong);
}

#[test]
fn a_server_that_is_not_there_is_one_clear_error() {
    let addr = closed();
    let ended = listener(&addr, &[]).end();
    assert_eq!(ended.code, Some(1));
    let what = format!("chat-client: cannot reach {addr}: connection refused\nhelp: ");
    assert!(ended.stderr.starts_with(&what), "{ended:?}");
}

#[test]
fn what_is_piped_in_is_delivered() {
    let server = Server::start();
    let mut listener = server.listen("listener", &[]);
    for line in ["hello\n", "100% ünï\r\n", "no newline at the end"] {
        assert_eq!(said(&server.addr, "ann", line).code, Some(0));
    }
    let many: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    assert_eq!(said(&server.addr, "bob", &many).code, Some(0));
    let first = listener.take(1);
    assert_eq!(
        (&first[0]["nick"], &first[0]["text"]),
        (&"ann".into(), &"hello".into())
    );
    assert_eq!(listener.texts(2), ["100% ünï", "no newline at the end"]);
    let expected: Vec<_> = (1..=300).map(|n| format!("line {n}")).collect();
    assert_eq!(listener.texts(300), expected);
}

#[test]
fn a_message_that_cannot_be_sent_is_an_error() {
    let server = Server::start();
    let mut listener = server.listen("listener", &[]);
    let long = "x".repeat(5000);
    let ended = said(&server.addr, "ann", &format!("first\n{long}\nlast\n"));
    assert_eq!(ended.code, Some(1));
    let (quoted, why) = ("x".repeat(40), "a message has at most 4096 bytes");
    let what = format!(
        "-- not delivered: \"{quoted}\": {why}\nchat-client: 1 message was not delivered\nhelp: "
    );
    assert!(ended.stderr.contains(&what), "{ended:?}");
    assert_eq!(listener.texts(2), ["first", "last"]);
}

#[test]
fn a_taken_nick_is_an_error_with_advice() {
    let server = Server::start();
    let _listener = server.listen("ann", &[]);
    let ended = said(&server.addr, "Ann", "hi\n");
    assert_eq!(ended.code, Some(1));
    let what = "ann is here, and no two names may look alike\nhelp: Ann2 is free: --name Ann2\n";
    assert!(ended.stderr.contains(what), "{ended:?}");
}

/// What was said, without its times.
fn untimed(lines: &str) -> Vec<&str> {
    lines.lines().map(|line| &line["HH:MM ".len()..]).collect()
}

#[test]
fn when_the_input_ends_what_was_said_until_then_is_printed() {
    let server = Server::start();
    let ended = printed(&server, &["--name", "ann"], "one\ntwo\n\u{1b}[31m\n");
    assert_eq!(ended.stdout, "");
    let ended = printed(&server, &["--name", "bob"], "three\n");
    assert_eq!(
        untimed(&ended.stdout),
        ["ann: one", "ann: two", "ann: ␛[31m"]
    );
    let ended = printed(&server, &["--name", "eve", "--json"], "");
    let line = |n| ended.stdout.lines().nth(n).expect("four lines").to_owned();
    let second: serde_json::Value = serde_json::from_str(&line(1)).expect("JSON");
    let after = second["number"].to_string();
    let ended = printed(&server, &["--name", "eve", "--after", &after], "");
    assert_eq!(untimed(&ended.stdout), ["ann: ␛[31m", "bob: three"]);
    assert!(
        !ended.stderr.contains('\u{1b}'),
        "no colours on a pipe: {ended:?}"
    );
    let ended = printed(&server, &["--name", "eve", "--no-history"], "");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_signal_ends_it_though_its_output_is_not_read() {
    let server = Server::start();
    // More than a pipe holds, and less than a server sends in one answer.
    let much = format!("{}\n", "x".repeat(4000)).repeat(30);
    said(&server.addr, "ann", &much);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut stuck = listener(&server.addr, &["--name", name]);
        let stdout = stuck.child.stdout.take().expect("piped");
        let mut stdout = BufReader::with_capacity(10, stdout);
        stdout.read_line(&mut String::new()).expect("text");
        said(&server.addr, "bob", &much); // and more, for which it does not ask
        signal(&stuck.child, name);
        assert_eq!(stuck.end().code, Some(code));
        drop(stdout);
    }
}

#[test]
fn a_closed_window_frees_the_nick_at_once() {
    let server = Server::start();
    let client = env!("CARGO_BIN_EXE_chat-client");
    // On Linux `env` takes SIGHUP out of the ignored ones, because whoever has started the tests
    // may ignore it, and a client that inherits that outlives its window.
    let words = ["env", "--default-signal=HUP", client];
    let words = if cfg!(target_os = "linux") {
        &words[..]
    } else {
        &words[2..]
    };
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["--server", &server.addr, "--name", "ann"]);
    let ann = Program::start(command.stdin(Stdio::null()).stdout(Stdio::null()));
    server.wait_for("ann");
    signal(&ann.child, "HUP");
    assert_eq!(ann.end().code, Some(129));
    assert_eq!(said(&server.addr, "ann", "back\n").code, Some(0));
}

#[test]
fn what_nohup_has_started_outlives_the_window() {
    let server = Server::start();
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_chat-client"));
    command.args(["--server", &server.addr, "--name", "ann"]);
    let mut ann = Program::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut lines = Lines::of(ann.child.stdout.take().expect("piped"));
    server.wait_for("ann");
    signal(&ann.child, "HUP");
    assert_eq!(said(&server.addr, "bob", "still there?\n").code, Some(0));
    let line = lines.next().expect("a line");
    assert!(line.ends_with("bob: still there?\n"), "{line}");
}

#[test]
fn the_token_goes_to_its_server_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "open-sesame").expect("a file");
    let path = path.to_str().expect("text");
    let kick = |addr: &str| {
        let token = ["--admin-token-file", path];
        let flags = [&["--name", "root", "--commands", "-vv"][..], &token].concat();
        let mut command = chat_client(addr, &flags);
        let state = folder.path().join("state");
        command
            .env("RUST_LOG", "trace")
            .env("XDG_STATE_HOME", state);
        let ended = run(&mut command, "/kick nobody\n");
        let logs = ended.stderr + &ended.stdout;
        assert!(!logs.contains("open-sesame"), "{logs}");
        logs
    };
    let server = Server::with("open-sesame");
    let logs = kick(&server.addr);
    assert!(logs.contains("nobody is called that"), "it was taken");
    let state = folder.path().join("state");
    assert!(!state.exists(), "nothing typed is kept");
    // One that calls itself another service hears a greeting, and nothing after it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("bound").to_string();
    let heard = std::thread::spawn(move || {
        let (mut io, _) = listener.accept().expect("a caller");
        io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .expect("sent");
        let mut heard = Vec::new();
        let _ = io.read_to_end(&mut heard); // because a reset is as good as an end
        String::from_utf8_lossy(&heard).into_owned()
    });
    assert!(kick(&addr).contains("answers, but it is not a chat-server"));
    let heard = heard.join().expect("no panic");
    assert!(!heard.contains("open-sesame"), "{heard}");
}

#[test]
fn a_token_file_that_cannot_be_read_is_named() {
    let ended = listener("127.0.0.1:1", &["--admin-token-file", "/nowhere/token"]).end();
    assert_eq!(ended.code, Some(1));
    let what = "chat-client: cannot read the admin token in /nowhere/token: ";
    assert!(ended.stderr.starts_with(what), "{ended:?}");
}

#[test]
fn a_line_of_a_pipe_is_a_message_whatever_it_begins_with() {
    let server = Server::start();
    let mut listener = server.listen("listener", &[]);
    let lines = "/var/log/syslog: disk error\n/quit\n/nick x\n//x\n";
    assert_eq!(said(&server.addr, "bot", lines).code, Some(0));
    let heard = listener.take(4);
    for (message, text) in heard.iter().zip(lines.lines()) {
        assert_eq!(
            (&message["text"], &message["nick"]),
            (&text.into(), &"bot".into())
        );
    }
}

#[test]
fn a_refused_command_is_the_end_before_the_next_line_is_read() {
    let server = Server::start();
    let mut listener = server.listen("listener", &[]);
    let commands = |lines: &str| {
        let flags = ["--name", "boss", "--no-history", "--commands"];
        run(&mut chat_client(&server.addr, &flags), lines)
    };
    let ended = commands("before\n/join board/room\nthe salaries are 1, 2, 3\n");
    assert_eq!(ended.code, Some(1));
    let what = "chat-client: /join: a room has 1 to 20 columns of letters";
    assert!(ended.stderr.starts_with(what), "{ended:?}");
    let ended = commands("/msg nobodyhere the build failed\n");
    assert_eq!(ended.code, Some(1));
    let what = "chat-client: /msg: nobody is called that\nhelp: ";
    assert!(ended.stderr.starts_with(what), "{ended:?}");
    assert_eq!(
        commands("/join kitchen\nsoup\n/leave #Kitchen\nafter\n").code,
        Some(0)
    );
    assert_eq!(listener.texts(2), ["before", "after"]);
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let server = Server::start();
    said(&server.addr, "ann", "hello\n");
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device")
    };
    for json in [&[][..], &["--json"]] {
        let flags = [&["--name", "bob"][..], json].concat();
        let mut command = chat_client(&server.addr, &flags);
        let mut program = Program::start(command.stdin(Stdio::piped()).stdout(full()));
        drop(program.child.stdin.take());
        let ended = program.end();
        assert_eq!(ended.code, Some(1));
        let what = "chat-client: cannot write: No space left on device";
        assert!(ended.stderr.starts_with(what), "{ended:?}");
    }
}

#[test]
fn input_that_cannot_be_read_is_an_error() {
    let server = Server::start();
    let mut command = chat_client(&server.addr, &["--name", "bob"]);
    let ended = Program::start(command.stdin(File::open("/").expect("a folder"))).end();
    assert_eq!(ended.code, Some(1));
    let what = "chat-client: cannot read: Is a directory";
    assert!(ended.stderr.starts_with(what), "{ended:?}");
}

#[test]
fn the_environment_names_the_server_that_may_come_up_later() {
    let addr = closed();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    command
        .env("LAB_SERVER", &addr)
        .args(["--name", "ann", "--wait", "60s"]);
    let mut early = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut stdin = early.child.stdin.take().expect("piped");
    stdin.write_all(b"hello\n").expect("a pipe holds that");
    drop(stdin);
    let told = early.says(&format!("-- cannot reach {addr}: connection refused"));
    assert_eq!(told, ": trying again, for 60s at most");
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::over(&addr, &folder.path().join("log.sqlite"));
    assert_eq!(early.end().code, Some(0));
    let heard = printed(&server, &["--name", "bob"], "");
    assert_eq!(untimed(&heard.stdout), ["ann: hello"]);
}

#[test]
fn a_number_beyond_the_log_is_told_and_the_log_is_read() {
    let server = Server::start();
    said(&server.addr, "ann", "one\ntwo\n");
    let heard = printed(&server, &["--name", "bob", "--after", "9999"], "");
    assert_eq!(untimed(&heard.stdout), ["ann: one", "ann: two"]);
    assert!(
        heard
            .stderr
            .contains("before 9999: is the log another one?"),
        "{heard:?}"
    );
    let heard = printed(&server, &["--name", "bob", "--json"], "");
    let line = heard.stdout.lines().next().expect("two lines");
    let one: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let after = format!("{}@{}", one["number"], one["epoch"].as_str().expect("text"));
    let heard = printed(&server, &["--name", "bob", "--after", &after], "");
    assert_eq!(untimed(&heard.stdout), ["ann: two"]);
    let heard = printed(&server, &["--name", "bob", "--after", "9999@1"], "");
    assert_eq!(untimed(&heard.stdout), ["ann: one", "ann: two"]);
    assert!(heard.stderr.contains("lobby begins anew"), "{heard:?}");
}

#[test]
fn in_a_pipe_nobody_is_told_who_comes_and_goes() {
    let server = Server::start();
    let mut ear = listener(&server.addr, &["--name", "ear"]);
    server.wait_for("ear");
    said(&server.addr, "ann", "hello\n");
    let mut stdout = BufReader::new(ear.child.stdout.take().expect("piped"));
    stdout.read_line(&mut String::new()).expect("text");
    signal(&ear.child, "TERM");
    assert_eq!(ear.end().stderr, "");
}
