//! Several clients and one server: crashes, stopped readers, closed pipes.

mod support;

use std::process::Stdio;

use support::{Server, chat_client, said};

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
