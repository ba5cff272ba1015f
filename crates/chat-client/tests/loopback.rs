//! Several clients and one server: crashes, stopped readers, closed pipes, operators.

mod support;
#[path = "../../lab-report/tests/support/tamper.rs"]
mod tamper;

use std::io::{BufRead, BufReader};

use lab_report::Report;
use lab_report::verdict::Verdict;
use support::{Server, chat_client, closed, listener, printed, run, said, signal};

#[test]
fn each_message_is_shown_once_through_crashes_of_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.sqlite");
    // Not a port of the system's choice, because a client's socket could take it in between.
    let addr = closed();
    let mut server = Server::over(&addr, &file);
    let journals = file.with_extension("journals");
    let journal = format!("--journal={}", journals.display());
    let mut ears = ["ear1", "ear2"].map(|nick| server.listen(nick, &[&journal]));
    let writers = (1..=4).map(|writer| {
        let (addr, journal) = (addr.clone(), journal.clone());
        std::thread::spawn(move || {
            // More than a burst, so that some are on their way whenever the server falls.
            let text: String = (1..=200).map(|n| format!("{writer}:{n}\n")).collect();
            let nick = format!("--name=writer{writer}");
            let flags = [nick.as_str(), "--no-history", &journal];
            run(&mut chat_client(&addr, &flags), &text)
        })
    });
    let writers: Vec<_> = writers.collect();
    let of = |writer: usize| move |text: &&String| text.starts_with(&format!("{writer}:"));
    let mut heard: Vec<String> = Vec::new();
    // Until all are in, because a server that falls before that is an error of the client.
    while !(1..=4).all(|writer| heard.iter().any(|text| of(writer)(&text))) {
        heard.extend(ears[0].texts(1));
    }
    for _ in 0..4 {
        drop(server);
        server = Server::over(&addr, &file);
        let some = (800 - heard.len()).min(50);
        heard.extend(ears[0].texts(some));
    }
    for writer in writers {
        let ended = writer.join().expect("no panic");
        assert_eq!(ended.code, Some(0), "all was acknowledged: {ended:?}");
    }
    let rest = 800 - heard.len();
    heard.extend(ears[0].texts(rest));
    assert_eq!(heard, ears[1].texts(800), "the same in the same order");
    for writer in 1..=4 {
        let expected: Vec<_> = (1..=200).map(|n| format!("{writer}:{n}")).collect();
        let is_right = heard.iter().filter(of(writer)).eq(&expected);
        assert!(is_right, "each once, in its writer's order: {heard:?}");
    }
    drop(ears);
    let judged = Report::read(&[journals]).expect("journals");
    assert_eq!(judged.verdict(), Verdict::Yes, "{judged:?}");
}

/// The journals of a small chat whose server falls, line by line.
#[test]
fn a_journal_that_was_tampered_with_is_no_false_yes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.sqlite");
    let addr = closed();
    let journals = file.with_extension("journals");
    let journal = format!("--journal={}", journals.display());
    let mut server = Server::over(&addr, &file);
    let mut ear = server.listen("ear", &[&journal]);
    for round in ["before", "after"] {
        for nick in ["ann", "bob"] {
            let text = format!("{nick} 1 {round}\n{nick} 2 {round}\n");
            let flags = ["--name", nick, "--no-history", &journal];
            let ended = run(&mut chat_client(&addr, &flags), &text);
            assert_eq!(ended.code, Some(0), "{ended:?}");
            ear.take(2);
        }
        drop(server);
        server = Server::over(&addr, &file);
    }
    drop(ear);
    let kinds = "begin online offline post stored acked shown end";
    tamper::check(&journals, &kinds.split(' ').collect::<Vec<_>>());
    tamper::check_clocks(&journals, &["stored", "acked"]);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let server = Server::start();
    let mut piped = listener(&server.addr, &["--name", "piped"]);
    drop(piped.child.stdout.take());
    let mut ear = server.listen("ear", &[]);
    // It ends at the next message that it cannot print, if not before.
    said(&server.addr, "ann", "hello\n");
    assert_eq!(piped.end().code, Some(0));
    ear.take(1);
}

#[test]
fn a_stopped_reader_does_not_disturb_the_others() {
    let server = Server::start();
    let mut stopped = server.listen("stopped", &[]);
    let mut awake = server.listen("awake", &[]);
    signal(&stopped.program.child, "STOP");
    let many: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    assert_eq!(said(&server.addr, "ann", &many).code, Some(0));
    awake.take(200);
    signal(&stopped.program.child, "CONT");
    stopped.take(200); // it catches up
    signal(&stopped.program.child, "TERM");
    assert_eq!(stopped.program.end().code, Some(143));
}

#[test]
fn a_listener_ends_with_its_reader_though_nothing_is_said() {
    let server = Server::start();
    said(&server.addr, "ann", "hello\n");
    let mut listener = listener(&server.addr, &["--name", "listener"]);
    let mut stdout = BufReader::new(listener.child.stdout.take().expect("piped"));
    stdout.read_line(&mut String::new()).expect("text");
    drop(stdout);
    assert_eq!(listener.end().code, Some(0));
}

#[test]
fn an_operator_puts_people_out_and_they_are_told_why() {
    let server = Server::with("sesame");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let (right, wrong) = (file("right", "sesame\n"), file("wrong", "simsala"));
    let operate = |flags: &[&str], line| {
        let flags = [&["--name", "root", "--no-history", "--commands"], flags].concat();
        run(&mut chat_client(&server.addr, &flags), line).stderr
    };
    let token = ["--admin-token-file", &right];
    let bob = listener(&server.addr, &["--name", "bob"]);
    let ear = server.listen("ear", &[]);
    server.wait_for("bob");
    for (flags, line, says) in [
        (
            &["--admin-token-file", &wrong],
            "/kick bob",
            "does not take this admin token",
        ),
        (&token, "/kick nobody", ": nobody is called that"),
        (&token, "/unban bob", ": nobody is called that"),
        (&token, "/kick bob too \u{1b}loud", "-- bob is out"),
    ] {
        let status = operate(flags, line);
        assert!(status.contains(says), "{line}: {status}");
    }
    let bob = bob.end();
    assert_eq!(bob.code, Some(1));
    let why = "an operator has put you out: too ␛loud";
    let told = format!("chat-client: {}: {why}", server.addr);
    assert_eq!(bob.stderr.lines().last(), Some(&*told));
    let seen = printed(&server, &["--name", "ann"], "").stderr;
    let went = "bob was put out by an operator: too ␛loud";
    assert!(seen.lines().any(|line| line.ends_with(went)), "{seen}");
    assert!(operate(&token, "/ban ear").contains("-- ear is out, and"));
    drop(ear);
    let banned = said(&server.addr, "ann", "hi\n");
    let what = "an operator has banned your address\nhelp: ";
    assert!(banned.stderr.contains(what), "{banned:?}");
    assert_eq!(banned.code, Some(1));
}

#[test]
fn a_slow_server_takes_all_in_the_end() {
    let server = Server::taking(4);
    let mut ear = server.listen("ear", &[]);
    // One, and more together than the server ever takes at once.
    let text: String = (1..=21).map(|n| format!("{n}\n")).collect();
    let ended = said(&server.addr, "ann", &text);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ear.texts(21), text.lines().collect::<Vec<_>>());
}
