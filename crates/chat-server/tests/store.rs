//! What every store promises, checked on each of them.

use std::path::Path;
use std::sync::Arc;

use chat_server::log::{Limit, Log, NewEntry};
use chat_server::{Memory, Sqlite};
use common::chat::{Kind, Page, Sender};

/// Runs a test over a fresh store of each kind.
macro_rules! over_all_stores {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Memory::new(1000)).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().expect("a folder");
                super::$test(super::file(folder.path())).await;
            })*
        }
    };
}

over_all_stores! {
    numbers_rise_by_one_in_each_room
    the_same_key_is_stored_once
    a_page_is_exactly_what_is_above_the_cursor
    a_page_fits_its_limits
    eight_senders_at_once_leave_no_gap
    no_append_is_missed_between_reading_and_waiting
    reading_back_and_searching_return_the_last_ones
}

fn file(folder: &Path) -> Log {
    Sqlite::open(&folder.join("log.sqlite"), 1000).expect("a new file")
}

fn entry(sender: Sender, id: u64, body: &str) -> NewEntry {
    NewEntry {
        sender,
        id: Some(id),
        kind: Kind::Said,
        nick: "ann".into(),
        body: body.into(),
        at_ms: 1,
    }
}

async fn append(log: &Log, room: &str, sender: Sender, id: u64, body: &str) -> u64 {
    let numbers = log.append(room, vec![entry(sender, id, body)]).await;
    numbers.expect("stored")[0]
}

async fn read(log: &Log, room: &str, after: u64) -> Page {
    let page = log.read(room, after, Limit::entries(1000)).await;
    page.expect("readable")
}

fn bodies(page: &Page) -> Vec<&str> {
    let bodies = page.entries.iter().map(|entry| &*entry.body);
    bodies.collect()
}

async fn numbers_rise_by_one_in_each_room(log: Log) {
    for (room, id, number) in [("a", 1, 1), ("a", 2, 2), ("b", 3, 1), ("a", 4, 3)] {
        assert_eq!(append(&log, room, 7, id, "hello").await, number);
    }
    assert_eq!(*log.head("a").borrow(), 3);
    assert_eq!(*log.head("an empty room").borrow(), 0);
}

async fn the_same_key_is_stored_once(log: Log) {
    assert_eq!(append(&log, "a", 1, 1, "first").await, 1);
    assert_eq!(append(&log, "a", 1, 1, "again").await, 1);
    assert_eq!(append(&log, "a", 2, 1, "another sender").await, 2);
    let two = vec![entry(1, 1, "x"), entry(1, 2, "y")];
    assert_eq!(log.append("a", two).await, Ok(vec![1, 3]));
    let page = read(&log, "a", 0).await;
    assert_eq!(bodies(&page), ["first", "another sender", "y"]);
}

async fn a_page_is_exactly_what_is_above_the_cursor(log: Log) {
    for id in 1..=5 {
        append(&log, "a", 1, id, &id.to_string()).await;
    }
    for after in 0..=6 {
        let page = read(&log, "a", after).await;
        let numbers = page.entries.iter().map(|entry| entry.number);
        assert!(numbers.eq(after + 1..=5), "{page:?}");
        assert_eq!((page.first, page.head, page.epoch), (1, 5, log.epoch()));
    }
}

async fn a_page_fits_its_limits(log: Log) {
    for id in 1..=5 {
        append(&log, "a", 1, id, "0123456789").await; // 13 bytes with the nick
    }
    for (entries, bytes, count) in [(2, 1000, 2), (9, 39, 3), (9, 38, 2), (9, 1, 1)] {
        let page = log.read("a", 0, Limit { entries, bytes }).await;
        let found = page.expect("readable").entries.len();
        assert_eq!(found, count, "{entries} entries, {bytes} bytes");
    }
}

async fn eight_senders_at_once_leave_no_gap(log: Log) {
    let tasks = (1..=8).map(|sender| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut numbers = Vec::new();
            for id in 1..=25 {
                numbers.push(append(&log, "a", sender, id, "x").await);
            }
            numbers
        })
    });
    let mut numbers = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        numbers.extend(task.await.expect("no panic"));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<u64>>());
}

async fn no_append_is_missed_between_reading_and_waiting(log: Log) {
    let writer = log.clone();
    let writing = tokio::spawn(async move {
        for id in 1..=100 {
            append(&writer, "a", 1, id, "x").await;
        }
    });
    let mut after = 0;
    while after < 100 {
        let mut head = log.head("a");
        let page = read(&log, "a", after).await;
        match page.entries.last() {
            Some(last) => after = last.number,
            None => head.changed().await.expect("the log lives"),
        }
    }
    writing.await.expect("no panic");
}

async fn reading_back_and_searching_return_the_last_ones(log: Log) {
    for (id, body) in (1..).zip(["Tea?", "100% tea", "coffee", "a_b", "TEA!"]) {
        append(&log, "a", 1, id, body).await;
    }
    let limit = Limit::entries(2);
    let back = log.read_back("a", 4, limit).await.expect("readable");
    assert_eq!(bodies(&back), ["100% tea", "coffee"]);
    let back = log.read_back("a", u64::MAX, limit).await.expect("readable");
    assert_eq!(bodies(&back), ["a_b", "TEA!"]);
    for (text, found) in [
        ("tea", ["100% tea", "TEA!"].as_slice()),
        ("0%", &["100% tea"]),
        ("a_", &["a_b"]),
        ("zzz", &[]),
    ] {
        let page = log.search("a", text, limit).await.expect("readable");
        assert_eq!(bodies(&page), found, "{text}");
    }
}

#[tokio::test]
async fn a_reopened_file_continues_where_it_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = file(folder.path());
    let epoch = log.epoch();
    append(&log, "a", 1, 1, "before").await;
    close(log, folder.path()).await;
    let log = file(folder.path());
    assert_eq!(log.epoch(), epoch);
    assert_eq!(append(&log, "a", 1, 1, "resent").await, 1);
    assert_eq!(append(&log, "a", 1, 2, "after").await, 2);
    assert_eq!(bodies(&read(&log, "a", 0).await), ["before", "after"]);
}

#[tokio::test]
async fn two_servers_cannot_share_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let _log = file(folder.path());
    let second = Sqlite::open(&folder.path().join("log.sqlite"), 1000);
    let error = format!("{:#}", second.err().expect("it is in use"));
    assert!(error.contains("another chat-server"), "{error}");
}

#[tokio::test]
async fn trimming_moves_first_and_never_the_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk: Log = Sqlite::open(&folder.path().join("log.sqlite"), 10).expect("a new file");
    for log in [Memory::new(10) as Log, disk] {
        for id in (1..=600).step_by(100) {
            let entries = (id..id + 100).map(|id| entry(1, id, "x")).collect();
            log.append("a", entries).await.expect("stored");
        }
        let page = read(&log, "a", 0).await;
        assert!(page.first > 1, "some are gone");
        assert_eq!(page.entries[0].number, page.first);
        assert_eq!(page.head, 600);
        assert_eq!(append(&log, "a", 1, 601, "x").await, 601);
    }
}

/// Drops the log and waits until its threads have closed the file.
async fn close(log: Log, folder: &Path) {
    let weak = Arc::downgrade(&log);
    drop(log);
    while weak.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(folder.join("log.sqlite").exists());
}
