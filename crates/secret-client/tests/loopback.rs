//! Client and servers in one process, over loopback, and what may go wrong between them.

#[path = "../../common/tests/support/program.rs"]
mod program;
#[path = "../../lab-report/tests/support/tamper.rs"]
mod tamper;
mod support {
    pub(crate) mod fake;
    pub(crate) mod paper;
    pub(crate) mod place;
}

use std::future::pending;
use std::io::{self, Write as _};
use std::time::Duration;

use common::pen::Pen;
use lab_report::Report;
use lab_report::verdict::Verdict;
use program::closed;
use secret_client::{List, Options, Progress, reverse_list, reverse_string};
use secret_server::Config;
use support::fake::Fake;
use support::paper::{Paper, list, options, run};
use support::place::{Place, QUICK, numbers};
use tokio::net::TcpListener;

const MS: Duration = Duration::from_millis(1);

fn slow() -> Config {
    Config { delay: MS, ..QUICK }
}

#[tokio::test]
async fn a_long_list_comes_back_whole_and_in_order() {
    let (list, expected) = numbers(300_000);
    for servers in [1, 3] {
        let mut places = Vec::new();
        for _ in 0..servers {
            places.push(Place::with(QUICK).await);
        }
        let (output, report, result) = run(options(&places), &list).await;
        result.expect("done");
        assert!(output == expected, "over {servers} servers");
        assert_eq!(report.totals.written, 300_000);
        let shares: u64 = report.shares.iter().map(|(_, words)| words).sum();
        assert_eq!(shares, 300_000, "every word was answered once: {report}");
    }
}

#[tokio::test]
async fn odd_lines_keep_their_places() {
    let place = Place::with(QUICK).await;
    let (output, ..) = run(options([&place]), "ab\r\n\ncafe\u{301}\n👨‍👩‍👧!\n\n\nlast").await;
    assert_eq!(output, "ba\n\ne\u{301}fac\n!👨‍👩‍👧\n\n\ntsal\n");
}

#[tokio::test]
async fn a_line_over_the_limit_ends_the_work_by_its_number() {
    let place = Place::with(QUICK).await;
    let list = format!("ab\ncd\n{}\nef\n", "x".repeat(70_000));
    let (output, _, result) = run(options([&place]), &list).await;
    assert_eq!(output, "ba\ndc\n");
    let error = result.expect_err("line 3 is too long").to_string();
    assert_eq!(error, "line 3 is longer than 65536 bytes");
}

/// Runs a list over three servers, and `change` when some of it is written.
async fn disturbed(change: impl AsyncFnOnce(&mut [Place])) {
    let (words, expected) = numbers(600);
    let config = Config {
        workers: 4,
        delay: 2 * MS,
        ..QUICK
    };
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(Place::with(config.clone()).await);
    }
    let paper = Paper::new();
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Pen::begin(folder.path(), "secret-client", None).expect("a journal");
    let options = Options {
        journal: journal.clone(),
        ..options(&places)
    };
    let work = reverse_list(options, list(words), paper.clone(), pending());
    let work = tokio::spawn(work);
    paper.has_lines(100).await;
    change(&mut places).await;
    let (report, result) = work.await.expect("no panic");
    journal.end("done", &result);
    result.expect("done");
    assert_eq!(paper.text(), expected);
    assert!(report.totals.retried > 0, "{report}");
    let judged = Report::read(&[folder.path().into()]).expect("a journal");
    assert_eq!(judged.verdict(), Verdict::Yes, "{judged:?}");
    let kinds = "begin server up down give got out read end";
    tamper::check(folder.path(), &kinds.split(' ').collect::<Vec<_>>());
    tamper::check_clocks(folder.path(), &["got", "out"]);
}

#[tokio::test]
async fn the_words_of_a_killed_server_are_done_by_the_others() {
    disturbed(async |places| places[1].kill().await).await;
}

#[tokio::test]
async fn with_all_servers_killed_the_work_goes_on_when_one_returns() {
    disturbed(async |places| {
        for place in places.iter_mut() {
            place.kill().await;
        }
        places[2].start(QUICK);
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_even_endless_work() {
    let place = Place::with(QUICK).await;
    let endless = List {
        input: Box::new(io::repeat(b'\n')),
        ..list("")
    };
    let (reader, output) = io::pipe().expect("a pipe");
    drop(reader);
    let (_, result) = reverse_list(options([&place]), endless, output, pending()).await;
    let error = result.expect_err("no reader");
    let cause = error.downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(cause, Some(io::ErrorKind::BrokenPipe));
}

#[tokio::test]
async fn a_busy_server_has_not_failed() {
    let place = Place::with(slow()).await;
    let (list, expected) = numbers(300);
    let mut options = options([&place]);
    options.fixed.calls = Some(100); // more than its queue takes
    let (output, report, result) = run(options, &list).await;
    result.expect("done");
    assert_eq!((output, report.totals.retried), (expected, 0));
}

#[tokio::test]
async fn a_server_that_misbehaves_does_not_spoil_the_work_of_another() {
    let (list, expected) = numbers(2_000);
    for fake in [
        Fake::Forgets,
        Fake::Panics,
        Fake::Sits,
        Fake::Lies,
        Fake::Boasts,
        Fake::Confuses,
        Fake::Greets,
        Fake::Refuses,
    ] {
        let places = [fake.place().await, Place::with(QUICK).await];
        let (output, report, result) = run(options(&places), &list).await;
        result.expect("done");
        assert_eq!(output, expected);
        let is_fake = |share: &&(String, u64)| share.0 == places[0].addr();
        let share = report.shares.iter().find(is_fake);
        assert_eq!(share.map_or(0, |share| share.1), 0, "{report}");
    }
}

#[tokio::test]
async fn a_server_that_misbehaves_alone_ends_the_work() {
    for (fake, what) in [
        (Fake::Forgets, "another number of words"),
        (Fake::Panics, "the server failed on this call"),
        (Fake::Lies, "line 1 with other letters than it has"),
        (Fake::Confuses, "answers what was not asked"),
        (Fake::Greets, "answers what was not asked"),
    ] {
        let place = fake.place().await;
        let (output, _, result) = run(options([&place]), "ab\n").await;
        let error = format!("{:#}", result.expect_err("no answer is right"));
        let missing = error.starts_with("1 of 1 word is missing: ");
        assert!(missing && error.contains(what), "{error}");
        assert_eq!(output, "");
    }
}

/// Reverses one string, uninterrupted.
async fn one(options: Options, text: &str) -> anyhow::Result<String> {
    let paper = Paper::new();
    let done = reverse_string(options, text.to_owned(), paper.clone(), pending()).await;
    done.map(|()| paper.text())
}

#[tokio::test]
async fn one_string_goes_to_the_first_server_that_will_do_it() {
    let places = [
        Fake::Sits.place().await,
        Fake::Lies.place().await,
        Fake::Confuses.place().await,
        Place::with(QUICK).await,
    ];
    let mut options = options(&places);
    options.servers.insert(0, closed());
    let answer = one(options.clone(), "a\nb").await;
    assert_eq!(answer.expect("the last one does it"), "b\na\n");
    assert_eq!(one(options.clone(), "").await.expect("nothing"), "\n");
    options.servers.truncate(1);
    options.give_up_after = MS;
    let error = one(options, "ab").await;
    let error = error.expect_err("nothing listens there").to_string();
    assert!(error.contains("connection refused"), "{error}");
}

#[tokio::test]
async fn one_string_waits_for_its_server() {
    let addr = closed();
    let work = one(
        Options {
            servers: vec![addr.clone()],
            ..options([])
        },
        "ab",
    );
    let start = async {
        // Its first try is over by then, or it is not; either way it has to wait.
        tokio::task::yield_now().await;
        let listener = TcpListener::bind(&addr).await;
        let mut place = Place::from(listener.expect("a claimed port"));
        place.start(QUICK);
        place
    };
    let (answer, _place) = tokio::join!(work, start);
    assert_eq!(answer.expect("it came up"), "ba\n");
}

#[tokio::test]
async fn while_input_may_come_a_stuck_or_busy_server_holds_nothing_back() {
    for fake in [Fake::Sits, Fake::Refuses] {
        let places = [Place::with(QUICK).await, fake.place().await];
        let (reader, mut typed) = io::pipe().expect("a pipe");
        let list = List {
            input: Box::new(reader),
            has_end: false,
            progress: Progress::default(),
        };
        let paper = Paper::new();
        let work = reverse_list(options(&places), list, paper.clone(), pending());
        let work = tokio::spawn(work);
        for word in ["ab", "cd", "ef", "gh"] {
            writeln!(typed, "{word}").expect("it is read");
            let lines = paper.text().lines().count() + 1;
            paper.has_lines(lines).await; // though the input is still open
        }
        drop(typed);
        work.await.expect("no panic").1.expect("done");
        assert_eq!(paper.text(), "ba\ndc\nfe\nhg\n");
    }
}

#[tokio::test]
async fn to_verify_two_servers_must_agree() {
    let (list, expected) = numbers(300);
    let places = [Place::with(QUICK).await, Place::with(slow()).await];
    let mut verifying = options(&places);
    verifying.verify = true;
    let (output, report, result) = run(verifying.clone(), &list).await;
    result.expect("done");
    assert_eq!(output, expected);
    let shares: u64 = report.shares.iter().map(|(_, words)| words).sum();
    assert_eq!(shares, 600, "every word was answered twice: {report}");
    assert_eq!(one(verifying, "ab").await.expect("done"), "ba\n");

    let places = [Place::with(QUICK).await, Fake::Mirrors.place().await];
    let mut verifying = options(&places);
    verifying.verify = true;
    let (output, _, result) = run(verifying.clone(), &list).await;
    assert!(expected.starts_with(&output));
    let error = format!("{:#}", result.expect_err("one of them lies"));
    let named = places.iter().all(|place| error.contains(&place.addr()));
    assert!(named && error.contains("differently"), "{error}");

    verifying.servers.truncate(1);
    let (_, _, result) = run(verifying, &list).await;
    let error = format!("{:#}", result.expect_err("one is not enough"));
    assert!(error.contains("--verify needs two servers"), "{error}");
}

#[tokio::test]
async fn a_name_is_waited_for_when_an_address_is_of_no_use() {
    let place = Place::with(QUICK).await;
    let addr = place.addr();
    let wrong = Fake::Greets.place().await;
    let mut options = options([&wrong]);
    options.servers.push(addr.replace("127.0.0.1", "localhost"));
    options.give_up_after = Duration::ZERO;
    let (output, report, result) = run(options, "ab\n").await;
    result.expect("the name leads to a good one");
    assert_eq!(output, "ba\n", "{report}");
}

#[tokio::test]
async fn no_word_of_a_server_reaches_the_terminal_unescaped() {
    let place = Fake::Shouts.place().await;
    let error = one(options([&place]), "ab").await;
    let error = format!("{:#}", error.expect_err("no answer"));
    assert!(error.contains(r"\u{1b}[2J"), "{error}");
    assert!(!error.contains(char::is_control), "{error:?}");
}
