//! The real program over real servers in this process: what it prints, and how it ends.

mod support {
    pub(crate) mod place;
}

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::key::Key;
use common::net::greeting;
use secret_server::Config;
use support::place::{Place, QUICK, closed, numbers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wordlist");

fn client(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secret-client"));
    command.args(args);
    command
}

/// Runs it to its end, with `input` on stdin.
async fn run(args: &[&str], input: &str) -> Output {
    let mut command = client(args);
    let input = input.to_owned();
    let run = move || {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // It may rightly end without having read everything.
        let _ = child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes());
        child.wait_with_output().expect("it ends")
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn help_names_every_flag_and_wrong_ones_are_usage_errors() {
    let help = text(&run(&["--help"], "").await.stdout);
    for flag in [
        "--server",
        "--string",
        "--premium",
        "--premium-key-file",
        "--in-flight",
        "--chunk",
        "--patience",
        "[WORDLIST]",
    ] {
        assert!(help.contains(flag), "{flag} is missing in\n{help}");
    }
    for args in [
        &["--server", "nowhere"][..],
        &["--in-flight", "0"],
        &["--chunk", "x"],
        &["--string", "a", "wordlist"],
        &["one", "two"],
    ] {
        assert_eq!(run(args, "").await.status.code(), Some(2), "{args:?}");
    }
}

#[tokio::test]
async fn a_list_from_stdin_over_two_servers_keeps_its_order_and_is_summed_up() {
    let places = [Place::with(QUICK).await, Place::with(QUICK).await];
    let servers = format!("{},{}", places[0].addr(), places[1].addr());
    let output = run(&["--server", &servers, "-"], "ab\n\ncd").await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "ba\n\ndc\n");
    let summary = text(&output.stderr);
    assert!(summary.starts_with("3 words in 0."), "{summary}");
    assert!(summary.contains(" over 2 servers: 127.0.0.1:"), "{summary}");
    assert!(summary.ends_with("; 0 retried\n"), "{summary}");

    let args = [
        "-server",
        &places[0].addr(),
        "-server",
        &places[1].addr(),
        "-v",
        LIST,
    ];
    let output = run(&args, "").await;
    assert_eq!(text(&output.stdout).lines().count(), 107);
    assert!(text(&output.stderr).contains("p99"));
}

#[tokio::test]
async fn one_string_and_the_premium_key() {
    let key = Some(Key::new("sesame".into()));
    let place = Place::with(Config { key, ..QUICK }).await;
    let addr = place.addr();
    let output = run(&["--server", &addr, "--string", "Hello"], "").await;
    assert_eq!(text(&output.stdout), "olleH\n");

    let output = run(&["--server", &addr, "--string", "Hello", "--premium"], "").await;
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("wants a key") && error.contains("--premium-key-file"),
        "{error}"
    );

    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/premium-key");
    std::fs::write(file, "sesame\n").expect("writable");
    let output = run(
        &["--server", &addr, "--premium-key-file", file, "-"],
        "ab\n",
    )
    .await;
    assert_eq!(text(&output.stdout), "ba\n");
}

#[tokio::test]
async fn a_list_that_is_not_there_is_named() {
    let output = run(&["/no/such/list"], "").await;
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("secret-client: cannot read the list /no/such/list: "),
        "{error}"
    );
    assert!(error.contains("\nhelp: "), "{error}");
}

/// Somebody who says `words` to every caller and then waits.
async fn stranger(words: impl AsRef<[u8]> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        let mut callers = Vec::new();
        while let Ok((mut caller, _)) = listener.accept().await {
            // Some hang up before they have heard it all.
            let _ = caller.write_all(words.as_ref()).await;
            callers.push(caller);
        }
    });
    addr
}

#[tokio::test]
async fn whoever_is_no_secret_server_gets_one_clear_error() {
    let socket = closed(([127, 0, 0, 1], 0).into());
    let closed = socket.local_addr().expect("bound").to_string();
    for (addr, cause) in [
        (closed, "connection refused"),
        (
            stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
            "HTTP/1.1 400 Bad Request",
        ),
        (stranger(greeting::line("chat-server")).await, "chat-server"),
        (stranger(b"").await, "says nothing"),
    ] {
        let one = ["--server", &addr, "--string", "ab"];
        let list = ["--server", &addr, "--patience", "10ms", "-"];
        let (one, list) = tokio::join!(run(&one, ""), run(&list, "ab\n"));
        for output in [one, list] {
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(error.contains(cause) && error.contains(&addr), "{error}");
            assert!(
                output.stdout.is_empty() && !error.contains("panicked"),
                "{error}"
            );
        }
    }
}

/// At work on a long list in a file of that name, having printed some of it.
async fn at_work(name: &str, addr: String) -> (Child, impl Iterator<Item = String>) {
    let list = format!("{}/numbers-for-{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&list, numbers(100_000).0).expect("writable");
    let mut command = client(&["--server", &addr, "--patience", "50ms", &list]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let start = move || {
        let mut lines = stdout.lines().map(|line| line.expect("text"));
        let some: Vec<_> = lines.by_ref().take(10).collect();
        some.into_iter().chain(lines)
    };
    (
        child,
        tokio::task::spawn_blocking(start).await.expect("no panic"),
    )
}

const SLOW: Config = Config {
    delay: Duration::from_millis(1),
    ..QUICK
};

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_leaves_what_was_done_in_order() {
    let place = Place::with(SLOW).await;
    let (child, lines) = at_work("ctrl-c", place.addr()).await;
    let id = child.id().to_string();
    let killed = Command::new("kill")
        .args(["-INT", &id])
        .status()
        .expect("kill exists");
    assert!(killed.success());
    let (lines, output) = tokio::task::spawn_blocking(|| {
        let lines: Vec<_> = lines.collect();
        (lines, child.wait_with_output().expect("it ends"))
    })
    .await
    .expect("no panic");
    assert_eq!(output.status.code(), Some(130));
    let expected = numbers(lines.len()).1;
    assert_eq!(lines.join("\n") + "\n", expected);
    let written = format!("{} words in ", lines.len());
    assert!(
        text(&output.stderr).contains(&written),
        "{}",
        text(&output.stderr)
    );
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_though_nobody_reads_the_answers() {
    let place = Place::with(QUICK).await;
    let (child, unread) = at_work("unread", place.addr()).await;
    // In the time this takes, the other has filled its pipe: 600 KB of answers, 64 fit.
    let other = run(&["--server", &place.addr(), LIST], "").await;
    assert_eq!(other.status.code(), Some(0));
    let kill = |signal: &str, id: u32| {
        let kill = Command::new("kill")
            .args([signal, &id.to_string()])
            .status();
        assert!(kill.expect("kill exists").success());
    };
    let id = child.id();
    kill("-INT", id);
    let end = tokio::task::spawn_blocking(|| child.wait_with_output().expect("it ends"));
    tokio::pin!(end);
    // Only what hangs takes so long.
    let Ok(output) = tokio::time::timeout(Duration::from_secs(60), &mut end).await else {
        kill("-KILL", id);
        panic!("it does not end");
    };
    assert_eq!(output.expect("no panic").status.code(), Some(130));
    drop(unread);
}

#[tokio::test]
async fn with_all_servers_gone_it_counts_what_is_missing() {
    let place = Place::with(SLOW).await;
    let (child, lines) = at_work("missing", place.addr()).await;
    let _closed = place.close().await;
    let (lines, output) =
        tokio::task::spawn_blocking(|| (lines.count(), child.wait_with_output().expect("it ends")))
            .await
            .expect("no panic");
    assert_eq!(output.status.code(), Some(1));
    let missing = format!(
        "secret-client: {} of 100000 words are missing: ",
        100_000 - lines
    );
    assert!(
        text(&output.stderr).contains(&missing),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::with(SLOW).await;
    let (child, lines) = at_work("reader", place.addr()).await;
    drop(lines);
    let end = || child.wait_with_output().expect("it ends");
    let output = tokio::task::spawn_blocking(end).await.expect("no panic");
    assert_eq!(output.status.code(), Some(0));
    assert!(!text(&output.stderr).contains("secret-client: "));
}

#[tokio::test]
async fn random_bytes_do_not_stop_a_server() {
    let place = Place::with(QUICK).await;
    let mut vandal = tokio::net::TcpStream::connect(place.addr())
        .await
        .expect("it listens");
    // A multiplicative generator (Park and Miller, 1988): noise enough, and the same every time.
    let noise = std::iter::successors(Some(1_u64), |n| Some(n * 48_271 % 0x7fff_ffff));
    let noise: Vec<u8> = noise.take(64 * 1024).map(|n| n as u8).collect();
    // It may hang up at any point of it.
    let _ = vandal.write_all(&noise).await;
    let _ = vandal.read_to_end(&mut Vec::new()).await;
    let output = run(&["--server", &place.addr(), "--string", "ab"], "").await;
    assert_eq!(text(&output.stdout), "ba\n");
}
