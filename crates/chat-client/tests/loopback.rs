//! Several clients and one server: crashes, stopped readers, closed pipes, operators.

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use support::{Server, chat_client, end, printed, said};

#[test]
fn each_message_is_shown_once_through_crashes_of_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.sqlite");
    let mut server = Server::over("127.0.0.1:0", &file);
    let addr = server.addr.clone();
    let ears = [server.listen("ear1"), server.listen("ear2")];
    let writers = (1..=4).map(|writer| {
        let addr = addr.clone();
        std::thread::spawn(move || {
            // More than a burst, so that some are on their way whenever the server falls.
            let text: String = (1..=200).map(|n| format!("{writer}:{n}\n")).collect();
            said(&addr, &format!("writer{writer}"), &text)
        })
    });
    let writers: Vec<_> = writers.collect();
    let text = |line: &serde_json::Value| line["text"].as_str().expect("text").to_owned();
    let mut heard: Vec<String> = Vec::new();
    // A server that falls before a client was ever in is an error of that client's: not here.
    let all_are_in = |heard: &[String]| {
        (1..=4).all(|writer| {
            heard
                .iter()
                .any(|text| text.starts_with(&format!("{writer}:")))
        })
    };
    while !all_are_in(&heard) {
        heard.extend(ears[0].take(1).iter().map(text));
    }
    for _ in 0..4 {
        drop(server);
        server = Server::over(&addr, &file);
        let some = (800 - heard.len()).min(50);
        heard.extend(ears[0].take(some).iter().map(text));
    }
    for writer in writers {
        let output = writer.join().expect("no panic");
        let status = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(0),
            "all was acknowledged: {status}"
        );
    }
    let rest = ears[0].take(800 - heard.len());
    heard.extend(
        rest.iter()
            .map(|line| line["text"].as_str().expect("text").to_owned()),
    );
    let other = ears[1].take(800);
    let other: Vec<_> = other
        .iter()
        .map(|line| line["text"].as_str().expect("text"))
        .collect();
    assert_eq!(heard, other, "the same in the same order");
    for writer in 1..=4 {
        let mine = heard
            .iter()
            .filter(|text| text.starts_with(&format!("{writer}:")));
        let expected: Vec<_> = (1..=200).map(|n| format!("{writer}:{n}")).collect();
        assert!(
            mine.eq(&expected),
            "each once, in its writer's order: {heard:?}"
        );
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let server = Server::start();
    let mut piped = chat_client(&server.addr, &["--name", "piped"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("built");
    drop(piped.stdout.take());
    let listener = server.listen("listener");
    // It ends at the next message it cannot print.
    said(&server.addr, "ann", "hello\n");
    assert_eq!(piped.wait().expect("ours").code(), Some(0));
    listener.take(1);
}

#[test]
fn a_stopped_reader_disturbs_nobody() {
    let server = Server::start();
    let (stopped, awake) = (server.listen("stopped"), server.listen("awake"));
    stopped.signal("STOP");
    let many: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    assert_eq!(said(&server.addr, "ann", &many).status.code(), Some(0));
    assert_eq!(awake.take(200).len(), 200);
    stopped.signal("CONT");
    assert_eq!(stopped.take(200).len(), 200, "it catches up");
    assert_eq!(stopped.terminate().code(), Some(143));
}

#[test]
fn a_listener_ends_with_its_reader_though_nobody_says_anything() {
    let server = Server::start();
    said(&server.addr, "ann", "hello\n");
    let mut listener = chat_client(&server.addr, &["--name", "listener"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("built");
    let mut line = String::new();
    let mut stdout = BufReader::new(listener.stdout.take().expect("piped"));
    stdout.read_line(&mut line).expect("text");
    drop(stdout);
    assert_eq!(end(listener).0, Some(0));
}

#[test]
fn an_operator_puts_people_out_and_they_are_told_why() {
    let server = Server::with("sesame", 0);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let (right, wrong) = (file("right", "sesame\n"), file("wrong", "simsala"));
    let operate = |flags: &[&str], line| {
        let flags = [&["--name", "root", "--no-history"], flags].concat();
        printed(&server, &flags, line).1
    };
    let token = ["--admin-token-file", &right];
    let bob = chat_client(&server.addr, &["--name", "bob"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("built");
    let ear = server.listen("ear");
    server.wait_for("bob");
    for (flags, line, says) in [
        (
            &[][..],
            "/kick bob",
            "needs an operator: start with --admin-token-file FILE",
        ),
        (
            &["--admin-token-file", &wrong],
            "/kick bob",
            "does not take this admin token",
        ),
        (&token, "/kick nobody", "no: nobody is called that"),
        (&token, "/unban bob", "no: nobody is called that"),
        (&token, "/kick bob too loud", "-- bob is out"),
    ] {
        let status = operate(flags, line);
        assert!(status.contains(says), "{line}: {status}");
    }
    let (code, status) = end(bob);
    assert_eq!(code, Some(1));
    let last = status.lines().last();
    let told = format!(
        "chat-client: {}: an operator has put you out: too loud",
        server.addr
    );
    assert_eq!(last, Some(&*told));
    assert!(operate(&token, "/ban ear").contains("-- ear is out, and"));
    drop(ear);
    let banned = said(&server.addr, "ann", "hi\n");
    let text = String::from_utf8_lossy(&banned.stderr).into_owned();
    assert!(
        text.contains("an operator has banned your address\nhelp: "),
        "{text}"
    );
    assert_eq!(banned.status.code(), Some(1));
}

#[test]
fn the_room_sees_one_line_of_it() {
    let server = Server::with("sesame", 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "sesame").expect("a file");
    let bob = server.listen("bob");
    let flags = [
        "--name",
        "root",
        "--admin-token-file",
        path.to_str().expect("text"),
    ];
    printed(&server, &flags, "/kick bob \u{1b}[31mred\n");
    drop(bob);
    let (_, status) = printed(&server, &["--name", "ann"], "");
    let lines: Vec<_> = status.lines().filter(|line| line.contains("bob")).collect();
    let [came, went] = lines[..] else {
        panic!("{status}");
    };
    assert!(came.ends_with("bob is here"), "{came}");
    assert!(
        went.ends_with("bob was put out by an operator: ␛[31mred"),
        "{went}"
    );
}
