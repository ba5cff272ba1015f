//! Clients with a list of servers: who dies, who is silent, and what the person is told.
//!
//! The servers are doors of one server in this process, so that all have the same log and sessions.

#[path = "../../common/tests/support/relay.rs"]
mod relay;
mod support;

use std::net::TcpListener;
use std::process::Stdio;

use lab_report::Report;
use lab_report::verdict::Verdict;
use relay::Relay;
use support::{Lines, Server, chat_client, closed, listener, run, said};

/// Two doors of one server.
fn doors(server: &Server) -> [Relay; 2] {
    [Relay::to(&server.addr), Relay::to(&server.addr)]
}

fn list(doors: &[Relay; 2]) -> String {
    doors.each_ref().map(|door| &*door.addr).join(",")
}

#[test]
fn nothing_is_lost_or_shown_twice_while_the_servers_die_in_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.sqlite");
    let server = Server::over("127.0.0.1:0", &file);
    let journals = file.with_extension("journals");
    let journal = format!("--journal={}", journals.display());
    let doors = doors(&server);
    let servers = list(&doors);
    let mut ears = ["ear1", "ear2"].map(|nick| {
        let mut ear = listener(&servers, &["--name", nick, "--json", &journal]);
        let stdout = Lines::of(ear.child.stdout.take().expect("piped"));
        server.wait_for(nick);
        (ear, stdout)
    });
    let writers = (1..=4).map(|writer| {
        let (servers, journal) = (servers.clone(), journal.clone());
        std::thread::spawn(move || {
            // More than a burst, so that some are on their way whenever a server falls.
            let text: String = (1..=200).map(|n| format!("{writer}:{n}\n")).collect();
            let nick = format!("--name=writer{writer}");
            // One that is late dials both doors while they fall, and would give up at first.
            let flags = [nick.as_str(), "--no-history", "--wait=1m", &journal];
            run(&mut chat_client(&servers, &flags), &text)
        })
    });
    let writers: Vec<_> = writers.collect();
    let text = |line: String| {
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        line["text"].as_str().expect("a text").to_owned()
    };
    let mut heard: Vec<String> = Vec::new();
    for fall in 0..6 {
        let some = ears[0].1.by_ref().take(50);
        heard.extend(some.map(text));
        // One is always open: the fallen one opens before the other one falls.
        let [shut, open] = [fall % 2, 1 - fall % 2];
        doors[open].open();
        doors[shut].shut();
    }
    for writer in writers {
        let ended = writer.join().expect("no panic");
        assert_eq!(ended.code, Some(0), "all was acknowledged: {ended:?}");
    }
    let rest = 800 - heard.len();
    heard.extend(ears[0].1.by_ref().take(rest).map(text));
    let also: Vec<_> = ears[1].1.by_ref().take(800).map(text).collect();
    assert_eq!(heard, also, "the same in the same order");
    for writer in 1..=4 {
        let mine = format!("{writer}:");
        let expected: Vec<_> = (1..=200).map(|n| format!("{mine}{n}")).collect();
        let is_right = heard
            .iter()
            .filter(|text| text.starts_with(&mine))
            .eq(&expected);
        assert!(is_right, "each once, in its writer's order: {heard:?}");
    }
    drop(ears);
    let judged = Report::read(&[journals]).expect("journals");
    assert_eq!(judged.verdict(), Verdict::Yes, "{judged:?}");
}

#[test]
fn one_line_says_on_which_server_a_client_is_now_and_nobody_is_told_that_it_left() {
    let server = Server::start();
    let doors = doors(&server);
    let mut ear = server.listen("ear", &[]);
    let mut ann = chat_client(&list(&doors), &["--name", "ann", "--json", "-v"]);
    let mut ann = support::Program::start(ann.stdin(Stdio::piped()).stdout(Stdio::null()));
    let first = ann.stderr.by_ref().find_map(|line| {
        let (_, rest) = line.split_once("connected to ")?;
        rest.split(' ').next().map(str::to_owned)
    });
    let first = first.expect("it connects");
    server.wait_for("ann");
    let [fallen, other] = if first == doors[0].addr {
        [&doors[0], &doors[1]]
    } else {
        [&doors[1], &doors[0]]
    };
    fallen.shut();
    let told = format!("-- connection to {} lost: ", fallen.addr);
    assert_eq!(ann.says(&told), format!("now on {}", other.addr));
    fallen.open();
    other.shut();
    let told = format!("-- connection to {} lost: ", other.addr);
    assert_eq!(ann.says(&told), format!("now on {}", fallen.addr));
    drop(ann.child.stdin.take());
    let ended = ann.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines = ended.stderr.lines().filter(|line| line.starts_with("-- "));
    assert_eq!(lines.count(), 2, "{}", ended.stderr);
    said(&server.addr, "bob", "is she here?\n");
    assert_eq!(ear.texts(1), ["is she here?"]);
    let heard = &ear.program.stderr.heard;
    assert!(!heard.contains("ann"), "{heard}");
}

#[test]
fn dead_and_silent_servers_do_not_hold_up_the_one_that_answers() {
    let server = Server::start();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = silent.local_addr().expect("bound");
    let servers = format!("{},{silent},{}", closed(), server.addr);
    let mut ear = server.listen("ear", &[]);
    for n in 0..6 {
        let ended = said(&servers, "ann", &format!("{n}\n"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ear.texts(1), [n.to_string()]);
    }
}

#[test]
fn when_no_server_answers_each_is_named_with_its_cause() {
    let servers = [closed(), closed()];
    let ended = run(&mut chat_client(&servers.join(","), &[]), "");
    assert_eq!(ended.code, Some(1));
    let refused = |server: &String| format!("cannot reach {server}: connection refused");
    for server in &servers {
        assert!(ended.stderr.contains(&refused(server)), "{ended:?}");
        let help = format!("help: {server}: nothing listens on port ");
        assert!(ended.stderr.contains(&help), "{ended:?}");
    }
}
