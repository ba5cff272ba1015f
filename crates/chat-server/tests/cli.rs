//! The real program: flags, exit codes, errors that a person reads.

use std::io::{BufRead, BufReader, pipe};
use std::process::Command;
use std::time::Duration;

use common::chat::{ChatClient, ChatRequest, ChatResponse, SERVICE, Session};
use common::net::Redial;
use tarpc::context;

use program::{Lines, Program, assert_flags, run, signal};

#[path = "../../common/tests/support/program.rs"]
mod program;

const CHAT_SERVER: &str = env!("CARGO_BIN_EXE_chat-server");

fn chat_server(args: &[&str]) -> Command {
    let mut command = Command::new(CHAT_SERVER);
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    command
}

#[test]
fn help_names_every_flag_and_bad_flags_are_usage_errors() {
    let flags = [
        "--listen",
        "--store",
        "--history",
        "--store-limit",
        "--rate",
        "--per-address",
        "--admin-token-file",
        "--metrics",
        "Examples",
    ];
    let wrong: [&[&str]; 5] = [
        &["--store", "cloud"],
        &["--store-limit", "1K"],
        &["--listen", "nowhere"],
        &["--rate", "-1"],
        &["extra"],
    ];
    assert_flags(CHAT_SERVER, &flags, &wrong);
}

#[test]
fn no_error_shows_a_password_or_a_key_that_stands_in_a_wrong_place() {
    let (password, letters) = ("correcthorse", "gb4sfqbke45oiskclzj7j3ti4zclu");
    let login = format!("nats:u:{password}@h");
    let key = format!("labkey1{letters}");
    let wrong: [(&[&str], i32); 7] = [
        (&["--store", &login], 2),
        (&["--store", &login.replacen(':', "//", 1)], 2),
        (&[&login.replacen("nats:", "--store=natss://", 1)], 2),
        (&["--stroe", &login, &login], 2),
        (&["--store", &format!("nats://u:{password}@127.0.0.1:x")], 1),
        (&["--store", "memory", "--key", &key], 1),
        (&[&key], 2),
    ];
    for (args, code) in wrong {
        let ended = run(&mut chat_server(args), "");
        let text = &ended.stderr;
        assert_eq!(ended.code, Some(code), "{args:?}: {text}");
        let shows = [password, letters].map(|secret| text.contains(secret));
        assert_eq!(shows, [false; 2], "{args:?}: {text}");
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_named() {
    let ended = run(&mut chat_server(&["--store", "sqlite:/dev/null/x/log"]), "");
    assert_eq!(ended.code, Some(1));
    let text = ended.stderr;
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
fn what_opens_nats_is_not_left_unused() {
    for flag in ["--nats-creds", "--nats-ca"] {
        let ended = run(&mut chat_server(&["--store", "memory", flag, "file"]), "");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let why = "are for a store in NATS, and --store names none\nhelp: name the nats-servers";
        assert!(ended.stderr.contains(why), "{ended:?}");
    }
}

#[test]
fn the_version_says_whether_the_program_can_open_a_log_in_nats() {
    let version = run(Command::new(CHAT_SERVER).arg("--version"), "");
    let ended = run(&mut chat_server(&["--store", "nats://127.0.0.1:x"]), "");
    assert_eq!(
        version.stdout.contains("with nats"),
        !ended.stderr.contains("built without NATS"),
        "{version:?} {ended:?}"
    );
}

#[test]
fn an_admin_token_that_can_be_guessed_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "sesame\n").expect("written");
    let path = path.to_str().expect("text");
    let flags = ["--store", "memory", "--admin-token-file", path];
    let ended = run(&mut chat_server(&flags), "");
    assert_eq!(ended.code, Some(1));
    for says in ["is too short", "help: make a longer one"] {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn it_prints_where_it_listens_and_sigterm_ends_it_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(CHAT_SERVER);
    command.args(["-port", "127.0.0.1:0"]);
    let mut server = Program::start(command.env("XDG_STATE_HOME", folder.path()));
    let addr = server.ready();
    assert!(addr.starts_with("127.0.0.1:"), "{addr}");
    signal(&server.child, "TERM");
    assert_eq!(server.end().code, Some(0));
    assert!(folder.path().join("chat-server/log.sqlite").exists());
}

#[test]
fn metrics_have_a_ready_line_of_their_own_and_a_taken_port_is_named() {
    let flags = ["--store", "memory", "--metrics"];
    let start = |addr: &str| chat_server(&[&flags[..], &[addr]].concat());
    let mut server = Program::start(&mut start("127.0.0.1:0"));
    server.ready();
    let page = server.says("metrics on http://");
    let addr = page.strip_suffix("/metrics").expect("a page to look at");
    let ended = run(&mut start(addr), "");
    assert_eq!(ended.code, Some(1));
    let text = ended.stderr;
    assert!(
        text.starts_with("chat-server: --metrics: cannot listen on"),
        "{text}"
    );
    assert!(text.contains("\nhelp: "), "{text}");
}

#[tokio::test]
async fn a_stderr_without_a_reader_stops_no_work() {
    let (reader, stderr) = pipe().expect("a pipe");
    let mut command = chat_server(&["--store", "memory", "-v"]);
    let child = command.stderr(stderr).spawn().expect("started");
    drop(command); // it holds the other end
    let stderr = Lines::of(std::io::empty());
    let _server = Program { child, stderr };
    let mut line = String::new();
    let mut reader = BufReader::new(reader);
    reader.read_line(&mut line).expect("the ready line");
    drop(reader);
    let addr = line.trim().strip_prefix("listening on ").expect("ready");
    let redial = Redial::<ChatRequest, ChatResponse>::new(addr, SERVICE);
    let client: ChatClient<_> = redial.within(Duration::from_secs(30)).into();
    // Each call of it writes a line to the log.
    for nick in ["ann", "anna"] {
        let (here, session) = (context::current(), Session(1));
        let entered = client.enter(here, session, nick.into(), None).await;
        let entered = entered.expect("answered").expect("free");
        assert_eq!(entered.nick, nick);
    }
}
