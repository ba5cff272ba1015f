//! The real program over real servers in this process: what it prints, and how it ends.
//!
//! The servers run on threads of their own, so that a test may wait for a program.

#[path = "../../common/tests/support/program.rs"]
mod program;
mod support {
    pub(crate) mod fake;
    pub(crate) mod place;
}

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::credential::Credential;
use common::net::greeting;
use program::{Ended, Lines, Program, assert_flags, closed, signal};
use secret_server::Config;
use support::fake::Fake;
use support::place::{Place, QUICK, numbers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PROGRAM: &str = env!("CARGO_BIN_EXE_secret-client");

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wordlist");

/// At most five milliseconds a word.
fn slow() -> Config {
    Config {
        delay: Duration::from_millis(5),
        ..QUICK
    }
}

/// Runs the program to its end, with `input` on stdin.
fn run(args: &[&str], input: &str) -> Ended {
    program::run(Command::new(PROGRAM).args(args), input)
}

#[test]
fn help_names_every_flag_and_wrong_ones_are_usage_errors() {
    let flags = [
        "--server",
        "--string",
        "--premium",
        "--premium-key-file",
        "--verify",
        "--in-flight",
        "--chunk",
        "--patience",
        "[WORDLIST]",
    ];
    let wrong = [
        &["--server", "nowhere"][..],
        &["--in-flight", "0"],
        &["--chunk", "x"],
        &["--string", "a", "wordlist"],
        &["one", "two"],
    ];
    assert_flags(PROGRAM, &flags, &wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_from_stdin_over_two_servers_keeps_its_order_and_is_summed_up() {
    let places = [Place::with(slow()).await, Place::with(slow()).await];
    let [one, two] = [places[0].addr(), places[1].addr()];
    let ended = run(&["--server", &format!("{one},{two}"), "-"], "ab\n\ncd");
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, "ba\n\ndc\n");
    let summary = ended.stderr;
    assert!(summary.starts_with("3 words in 0."), "{summary}");
    assert!(summary.ends_with("; 0 retried\n"), "{summary}");

    let ended = run(&["-server", &one, "-server", &two, "-v", LIST], "");
    assert_eq!(ended.stdout.lines().count(), 107);
    assert!(ended.stderr.contains("p99"), "{ended:?}");
    // Of the long list, because three words may be done before the second server is connected.
    let over = " over 2 servers: 127.0.0.1:";
    assert!(ended.stderr.contains(over), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_string_and_the_premium_key() {
    let key = Some(Credential::new("sesame".into()));
    let addr = Place::with(Config {
        premium_key: key,
        ..QUICK
    })
    .await
    .addr();
    let hello = ["--server", &addr, "--string", "Hello", "--premium"];
    assert_eq!(run(&hello[..4], "").stdout, "olleH\n");

    let ended = run(&hello, "");
    assert_eq!(ended.code, Some(1));
    let error = format!(
        "secret-client: {addr}: its premium tier wants a key\n\
         help: give the key that its owner gave you: --premium-key-file FILE\n\
         help: or do without --premium\n"
    );
    assert_eq!(ended.stderr, error);

    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/premium-key");
    std::fs::write(file, "sesame\n").expect("writable");
    let list = ["--server", &addr, "--premium-key-file", file, "-"];
    assert_eq!(run(&list, "ab\n").stdout, "ba\n");
}

#[test]
fn a_list_that_is_not_there_is_named() {
    let ended = run(&["/no/such/list"], "");
    assert_eq!(ended.code, Some(1));
    let error = ended.stderr;
    let what = "secret-client: cannot read the list /no/such/list: ";
    assert!(error.starts_with(what), "{error}");
    assert!(error.contains("\nhelp: "), "{error}");
}

/// Returns the address of something that says `words` to every caller and then waits.
async fn stranger(words: impl AsRef<[u8]> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        let mut callers = Vec::new();
        while let Ok((mut caller, _)) = listener.accept().await {
            // It fails if the caller hangs up before it has heard all.
            let _ = caller.write_all(words.as_ref()).await;
            callers.push(caller);
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_secret_server_is_one_clear_error() {
    let http = "HTTP/1.1 400 Bad Request";
    for (addr, cause) in [
        (closed(), "connection refused"),
        (stranger(format!("{http}\r\n\r\n")).await, http),
        (stranger(greeting::line("chat-server")).await, "chat-server"),
        (stranger(b"").await, "says nothing"),
    ] {
        let hasty = ["--server", &addr, "--patience", "10ms"];
        let one = [&hasty[..], &["--string", "ab"]].concat();
        let list = [&hasty[..], &["-"]].concat();
        for ended in [run(&one, ""), run(&list, "ab\n")] {
            let error = ended.stderr;
            assert_eq!(ended.code, Some(1), "{error}");
            assert!(error.contains(cause) && error.contains(&addr), "{error}");
            assert!(!error.contains("panicked"), "{error}");
            assert_eq!(ended.stdout, "");
        }
    }
}

/// Starts the program on a long list in a file of this name.
fn start(name: &str, addr: &str) -> Program {
    let list = format!("{}/numbers-for-{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&list, numbers(100_000).0).expect("writable");
    let mut command = Command::new(PROGRAM);
    command.args(["--server", addr, "--patience", "50ms", &list]);
    Program::start(command.stdout(Stdio::piped()))
}

/// Starts the program likewise, and waits until it has printed ten answers.
fn at_work(name: &str, addr: &str) -> (Program, Lines) {
    let mut program = start(name, addr);
    let mut stdout = Lines::of(program.child.stdout.take().expect("piped"));
    assert_eq!(stdout.by_ref().take(10).count(), 10);
    (program, stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_what_was_done_in_order() {
    let place = Place::with(slow()).await;
    let (program, mut stdout) = at_work("ctrl-c", &place.addr());
    signal(&program.child, "INT");
    stdout.by_ref().for_each(drop);
    let ended = program.end();
    assert_eq!(ended.code, Some(130));
    let written = stdout.heard.lines().count();
    assert_eq!(stdout.heard, numbers(written).1);
    let summary = format!("{written} words in ");
    assert!(ended.stderr.contains(&summary), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_it_though_no_reader_takes_the_answers() {
    let addr = Place::with(QUICK).await.addr();
    let mut program = start("unread", &addr);
    let mut stdout = BufReader::new(program.child.stdout.take().expect("piped"));
    stdout.read_line(&mut String::new()).expect("an answer");
    // In the time this takes, the program has filled its pipe: 600 KB of answers, 64 fit.
    assert_eq!(run(&["--server", &addr, LIST], "").code, Some(0));
    signal(&program.child, "INT");
    assert_eq!(program.end().code, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_servers_gone_it_counts_what_is_missing() {
    // A port that no other test takes, so that connections are refused once the server is gone.
    let addr = closed();
    let listener = TcpListener::bind(&addr).await.expect("a claimed port");
    let mut place = Place::from(listener);
    place.start(slow());
    let (program, mut stdout) = at_work("missing", &addr);
    place.kill().await;
    drop(place);
    stdout.by_ref().for_each(drop);
    let ended = program.end();
    assert_eq!(ended.code, Some(1));
    let written = stdout.heard.lines().count();
    assert_eq!(stdout.heard, numbers(written).1);
    let missing = 100_000 - written;
    let error = format!("secret-client: {missing} of 100000 words are missing: ");
    assert!(ended.stderr.contains(&error), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::with(slow()).await;
    let (program, stdout) = at_work("reader", &place.addr());
    drop(stdout);
    let ended = program.end();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.stderr.contains("secret-client: "), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_do_not_stop_a_server() {
    let addr = Place::with(QUICK).await.addr();
    let mut vandal = TcpStream::connect(&addr).await.expect("it listens");
    // A multiplicative generator (Park and Miller, 1988): noise, and the same every time.
    let noise = std::iter::successors(Some(1_u64), |n| Some(n * 48_271 % 0x7fff_ffff));
    let noise: Vec<u8> = noise.take(64 * 1024).map(|n| n as u8).collect();
    // Both may fail, because the server may hang up at any point of it.
    let _ = vandal.write_all(&noise).await;
    let _ = vandal.read_to_end(&mut Vec::new()).await;
    let ended = run(&["--server", &addr, "--string", "ab"], "");
    assert_eq!(ended.stdout, "ba\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_server_sends_the_terminal_nothing_and_breaks_nothing() {
    for (fake, args, code, stdout) in [
        (Fake::Shouts, &["--string", "ab"][..], 1, ""),
        (Fake::Shouts, &["-"], 1, ""),
        (Fake::Babbles, &["-"], 1, ""),
        (Fake::Boasts, &["-v", "-"], 1, ""),
    ] {
        let addr = fake.place().await.addr();
        let ended = run(&[&["--server", &addr], args].concat(), "ab\ncd\nef\n");
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.stdout, stdout);
        let is_shown = |c: char| c == '\n' || !c.is_control();
        assert!(ended.stderr.chars().all(is_shown), "{ended:?}");
    }
}
