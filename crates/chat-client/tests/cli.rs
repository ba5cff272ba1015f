//! The real program on pipes, against a server in this process.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use support::{Server, chat_client, end, printed, said, signal};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_names_every_flag_and_bad_flags_are_usage_errors() {
    let help = chat_client("127.0.0.1:1", &["--help"])
        .output()
        .expect("built");
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for flag in [
        "--server",
        "--name",
        "--room",
        "--json",
        "--after",
        "--no-history",
        "--admin-token-file",
        "Examples",
    ] {
        assert!(text.contains(flag), "{flag}");
    }
    for bad in [
        &["--after", "x"][..],
        &["--after", "1", "--no-history"],
        &["--server", "nowhere"],
    ] {
        let code = chat_client("127.0.0.1:1", bad)
            .output()
            .expect("built")
            .status
            .code();
        assert_eq!(code, Some(2), "{bad:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_one_clear_error() {
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound");
    let output = chat_client(&port.to_string(), &[])
        .stdin(Stdio::null())
        .output()
        .expect("built");
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.starts_with(&format!(
            "chat-client: cannot reach {port}: connection refused\nhelp: "
        )),
        "{text}"
    );
}

#[test]
fn what_is_piped_in_is_delivered_and_heard() {
    let server = Server::start();
    let listener = server.listen("listener");
    for line in ["hello\n", "100% ünï\r\n", "no newline at the end"] {
        assert_eq!(said(&server.addr, "ann", line).status.code(), Some(0));
    }
    let many: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    assert_eq!(said(&server.addr, "bob", &many).status.code(), Some(0));
    let lines = listener.take(303);
    let texts: Vec<_> = lines
        .iter()
        .map(|line| line["text"].as_str().expect("text"))
        .collect();
    assert_eq!(texts[..3], ["hello", "100% ünï", "no newline at the end"]);
    let expected: Vec<_> = (1..=300).map(|n| format!("line {n}")).collect();
    assert_eq!(texts[3..], expected);
    assert_eq!(lines[0]["nick"], "ann");
}

#[test]
fn a_message_that_cannot_be_sent_is_said_so_and_the_others_go() {
    let server = Server::start();
    let listener = server.listen("listener");
    let long = "x".repeat(5000);
    let output = said(&server.addr, "ann", &format!("first\n{long}\nlast\n"));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("a message has at most 4096 bytes"), "{text}");
    assert!(
        text.contains("chat-client: 1 message was not delivered"),
        "{text}"
    );
    let texts: Vec<_> = listener
        .take(2)
        .into_iter()
        .map(|line| line["text"].clone())
        .collect();
    assert_eq!(texts, ["first", "last"]);
}

#[test]
fn a_taken_nick_says_what_to_do() {
    let server = Server::start();
    let _listener = server.listen("ann");
    let output = said(&server.addr, "Ann", "hi\n");
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("somebody is called that already\nhelp: choose another name"),
        "{text}"
    );
}

#[test]
fn history_can_be_had_from_a_number_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::over("127.0.0.1:0", &folder.path().join("log.sqlite"));
    let listener = server.listen("listener");
    said(&server.addr, "ann", "one\ntwo\nthree\n");
    let two = &listener.take(3)[1];
    let after = two["number"].to_string();
    let later = server.listen_with("later", &["--after", &after]);
    assert_eq!(later.take(1)[0]["text"], "three");
    let fresh = server.listen_with("fresh", &["--no-history"]);
    said(&server.addr, "bob", "four\n");
    assert_eq!(fresh.take(1)[0]["text"], "four");
}

#[test]
fn hostile_text_is_harmless_in_both_styles() {
    let server = Server::start();
    let listener = server.listen("listener");
    let mut lines = chat_client(&server.addr, &["--name", "lines"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("built");
    said(
        &server.addr,
        "eve",
        "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\n",
    );
    assert_eq!(
        listener.take(1)[0]["text"],
        "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}"
    );
    let mut line = String::new();
    let stdout = lines.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("text");
    assert!(
        line.trim_end()
            .ends_with("eve: ␛]0;owned␇\u{fffd}31m\u{fffd}"),
        "{line:?}"
    );
    let _ = lines.kill();
    let _ = lines.wait();
}

#[test]
fn the_wrong_server_is_named() {
    let mut http = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for mut io in listener.incoming().flatten() {
            let _ = io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let output = http
        .args(["--server", &addr])
        .stdin(Stdio::null())
        .output()
        .expect("built");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("answers, but it is not a chat-server"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_listener_ends_by_its_signal() {
    let server = Server::start();
    assert_eq!(server.listen("listener").terminate().code(), Some(143));
}

/// What was said, without its times.
fn untimed(lines: &str) -> Vec<&str> {
    lines.lines().map(|line| &line["HH:MM ".len()..]).collect()
}

#[test]
fn when_the_input_ends_what_was_said_until_then_is_shown() {
    let server = Server::start();
    assert_eq!(printed(&server, &["--name", "ann"], "one\ntwo\n").0, "");
    let (lines, _) = printed(&server, &["--name", "bob"], "three\n");
    assert_eq!(untimed(&lines), ["ann: one", "ann: two"]);
    let (lines, status) = printed(&server, &["--name", "eve"], "");
    assert_eq!(untimed(&lines), ["ann: one", "ann: two", "bob: three"]);
    assert!(!status.contains('\u{1b}'), "no colours on a pipe: {status}");
    let (lines, _) = printed(&server, &["--name", "eve", "--no-history"], "");
    assert_eq!(lines, "");
}

#[test]
fn what_follows_a_join_is_for_that_room() {
    let server = Server::start();
    printed(&server, &["--name", "ann"], "/join kitchen\nsoup\n");
    let (lines, _) = printed(&server, &["--name", "bob", "--room", "kitchen"], "");
    assert_eq!(untimed(&lines), ["ann: soup"]);
}

#[test]
fn a_signal_ends_it_though_nobody_reads_what_it_prints() {
    let server = Server::start();
    // More than a pipe holds, and less than a server sends in one answer.
    let much = format!("{}\n", "x".repeat(4000)).repeat(30);
    said(&server.addr, "ann", &much);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut stuck = chat_client(&server.addr, &["--name", name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("built");
        let mut stdout = BufReader::with_capacity(10, stuck.stdout.take().expect("piped"));
        stdout.read_line(&mut String::new()).expect("text");
        said(&server.addr, "bob", &much); // and more that it asks for no more
        signal(&stuck, name);
        assert_eq!(end(stuck).0, Some(code));
        drop(stdout);
    }
}

#[test]
fn the_token_goes_to_its_server_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "open-sesame").expect("a file");
    let flags = [
        "--name",
        "root",
        "--admin-token-file",
        path.to_str().expect("text"),
        "-vv",
    ];
    let run = |addr: &str| {
        let mut client = chat_client(addr, &flags)
            .env("RUST_LOG", "trace")
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("built");
        let mut stdin = client.stdin.take().expect("piped");
        let _ = stdin.write_all(b"/kick nobody\n");
        drop(stdin);
        let output = client.wait_with_output().expect("ours");
        let logs = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
        assert!(!logs.contains("open-sesame"), "{logs}");
        logs
    };
    let server = Server::with("open-sesame", 0);
    assert!(
        run(&server.addr).contains("nobody is called that"),
        "it was taken"
    );
    assert!(
        !folder.path().join("state").exists(),
        "nothing typed is kept"
    );
    // One that calls itself another service hears a greeting, and no more.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("bound").to_string();
    let heard = std::thread::spawn(move || {
        let (mut io, _) = listener.accept().expect("a caller");
        io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .expect("sent");
        let mut heard = Vec::new();
        let _ = io.read_to_end(&mut heard); // a reset is as good as an end
        String::from_utf8_lossy(&heard).into_owned()
    });
    run(&addr);
    let heard = heard.join().expect("no panic");
    assert!(!heard.contains("open-sesame"), "{heard}");
}

#[test]
fn a_token_file_that_cannot_be_read_is_named() {
    let output = chat_client("127.0.0.1:1", &["--admin-token-file", "/nowhere/token"])
        .output()
        .expect("built");
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.starts_with("chat-client: cannot read the key in /nowhere/token: "),
        "{text}"
    );
}

#[test]
fn after_the_last_room_nothing_goes_to_a_private_one() {
    let server = Server::start();
    let ann = server.listen("ann");
    let text = "/msg ann psst\n/join kitchen\n/leave\nin the lobby\n/leave\nto nobody\n";
    let output = said(&server.addr, "bob", text);
    assert_eq!(output.status.code(), Some(1));
    let status = stderr(&output);
    assert!(status.contains("left kitchen; now in lobby"), "{status}");
    assert!(
        status.contains("left lobby; /join ROOM to talk again"),
        "{status}"
    );
    assert!(status.contains("not delivered: \"to nobody\""), "{status}");
    said(&server.addr, "eve", "the end\n");
    let heard = ann.take(3);
    let mut heard: Vec<_> = heard.iter().map(|line| line["text"].as_str()).collect();
    heard.sort();
    assert_eq!(heard, [Some("in the lobby"), Some("psst"), Some("the end")]);
}

#[test]
fn what_was_typed_is_delivered_though_the_reader_goes() {
    let server = Server::with("", 5);
    let ear = server.listen("ear");
    let mut client = chat_client(&server.addr, &["--name", "bob"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("built");
    let lines: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let mut stdin = client.stdin.take().expect("piped");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    ear.take(20); // a burst; the others wait their turn
    drop(client.stdout.take());
    said(&server.addr, "eve", "hello\n");
    let (code, status) = end(client);
    assert_eq!(code, Some(0), "{status}");
    ear.take(11);
}
