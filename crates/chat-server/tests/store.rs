//! What every store promises, checked on each of them.

use std::path::Path;

use chat_server::log::{Bounds, Log, LogError, NewEntry, PageLimit};
use chat_server::{Memory, Sqlite};
use common::chat::{Kind, Page, Sender};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

/// Runs a test over a fresh store of each kind.
macro_rules! over_all_stores {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Memory::new(super::bounds())).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().expect("a folder");
                super::$test(super::file(folder.path())).await;
            })*
        }
        #[cfg(feature = "nats")]
        mod over_nats {
            $(#[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().expect("a folder");
                let port = super::nats::free_port();
                let Some(server) = super::nats::Nats::start(folder.path(), port) else { return };
                super::$test(super::shared(&server.url("t"), super::bounds()).await).await;
            })*
        }
    };
}

over_all_stores! {
    numbers_rise_by_one_in_each_room
    the_same_key_is_stored_once
    a_key_belongs_to_its_room_and_its_sender
    reading_and_watching_make_no_room
    a_room_too_many_is_refused_and_all_others_go_on
    a_head_of_no_room_wakes_when_it_is_made
    an_ended_room_wakes_its_readers_and_frees_its_place
    no_number_of_notices_pushes_a_message_out
    a_newcomers_page_counts_messages
    a_page_is_exactly_what_is_above_the_cursor
    a_page_fits_its_limits
    eight_senders_at_once_leave_no_gap
    no_append_is_missed_between_reading_and_waiting
    reading_back_and_searching_return_the_last_ones
    a_page_does_not_wait_for_searches
}

#[cfg(feature = "nats")]
#[path = "support/nats.rs"]
mod nats;

#[cfg(feature = "nats")]
async fn shared(url: &str, bounds: Bounds) -> Log {
    let settings = chat_server::NatsSettings {
        url: url.into(),
        creds: None,
        ca: None,
    };
    let open = chat_server::Nats::open(&settings, bounds, common::pen::Pen::none());
    open.await.expect("a log").0
}

fn file(folder: &Path) -> Log {
    Sqlite::open(&folder.join("log.sqlite"), bounds()).expect("a log")
}

/// A history of a thousand messages in each of four rooms.
fn bounds() -> Bounds {
    Bounds {
        rooms: 4,
        ..Bounds::keeping(1000)
    }
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

fn notice() -> NewEntry {
    NewEntry {
        id: None,
        kind: Kind::Joined,
        ..entry(1, 0, "")
    }
}

async fn append(log: &Log, room: &str, sender: Sender, id: u64, body: &str) -> u64 {
    log.append(room, vec![entry(sender, id, body)])
        .await
        .expect("stored")[0]
}

async fn read(log: &Log, room: &str, after: u64) -> Page {
    log.read(room, after, PageLimit::messages(1000))
        .await
        .expect("readable")
}

fn bodies(page: &Page) -> Vec<&str> {
    page.entries.iter().map(|entry| &*entry.body).collect()
}

async fn numbers_rise_by_one_in_each_room(log: Log) {
    for (room, id, number) in [("a", 1, 1), ("a", 2, 2), ("b", 3, 1), ("a", 4, 3)] {
        assert_eq!(append(&log, room, 7, id, "hello").await, number);
    }
    assert_eq!(log.head("a").newest(), 3);
    assert_eq!(log.head("an empty room").newest(), 0);
}

async fn the_same_key_is_stored_once(log: Log) {
    assert_eq!(append(&log, "a", 1, 1, "first").await, 1);
    assert_eq!(append(&log, "a", 1, 1, "again").await, 1);
    assert_eq!(append(&log, "a", 2, 1, "another sender").await, 2);
    let numbers = log
        .append("a", vec![entry(1, 1, "x"), entry(1, 2, "y")])
        .await;
    assert_eq!(numbers, Ok(vec![1, 3]));
    assert_eq!(
        bodies(&read(&log, "a", 0).await),
        ["first", "another sender", "y"]
    );
}

async fn a_key_belongs_to_its_room_and_its_sender(log: Log) {
    for (room, sender, number) in [("a", 1, 1), ("b", 1, 1), ("b", 2, 2)] {
        assert_eq!(append(&log, room, sender, 1, room).await, number);
    }
    assert_eq!(bodies(&read(&log, "a", 0).await), ["a"], "not taken by b's");
}

async fn reading_and_watching_make_no_room(log: Log) {
    let limit = PageLimit::messages(10);
    for n in 0..100 {
        let room = format!("r{n}");
        assert!(log.has_place(&room));
        assert_eq!(log.head(&room).newest(), 0);
        assert_eq!(log.before_last(&room, 50).await, Ok(0));
        assert_eq!(read(&log, &room, 0).await.entries, []);
        let back = log.read_back(&room, u64::MAX, limit).await;
        assert_eq!(back.expect("readable").entries, []);
        let found = log.search(&room, "x", limit).await;
        assert_eq!(found.expect("readable").entries, []);
        assert_eq!(log.append(&room, vec![]).await, Ok(vec![]));
    }
    assert_eq!(log.status().rooms, 0);
}

async fn a_room_too_many_is_refused_and_all_others_go_on(log: Log) {
    for room in ["a", "b", "c", "d"] {
        append(&log, room, 1, 1, "hello").await;
    }
    let fifth = || log.append("e", vec![entry(1, 2, "hello")]);
    assert_eq!(fifth().await, Err(LogError::TooManyRooms));
    assert!(!log.has_place("e") && log.has_place("a"));
    assert_eq!(append(&log, "d", 1, 3, "still here").await, 2);
    assert_eq!(bodies(&read(&log, "d", 1).await), ["still here"]);
}

async fn a_head_of_no_room_wakes_when_it_is_made(log: Log) {
    let mut head = log.head("a");
    let (number, ()) = tokio::join!(append(&log, "a", 1, 1, "hello"), head.changed());
    assert_eq!((number, log.head("a").newest()), (1, 1));
}

/// Returns the time of the oldest entry of a room: a store may have a clock of its own.
async fn time(log: &Log, room: &str) -> u64 {
    read(log, room, 0).await.entries[0].at_ms
}

async fn an_ended_room_wakes_its_readers_and_frees_its_place(log: Log) {
    for room in ["a", "b", "c", "@d+e"] {
        append(&log, room, 1, 1, "hello").await;
    }
    append(&log, "@d+e", 1, 2, "hello").await;
    let mut head = log.head("a");
    let end = |used: &[&str], now_ms| {
        let used = used.iter().map(|room| (*room).to_owned()).collect();
        log.end_rooms(used, now_ms)
    };
    const DAY: u64 = 24 * 60 * 60 * 1000;
    // The first and the last of the five entries have come within this time.
    const WHILE: u64 = 60_000;
    let begun = time(&log, "a").await;
    end(&["@d+e"], begun + 30 * DAY).await.expect("written");
    assert_eq!(log.status().rooms, 4, "none is old enough");
    end(&[], begun + DAY + WHILE).await.expect("written");
    assert_eq!(log.status().rooms, 3, "the private one is");
    assert!(head.changed().now_or_never().is_none(), "nothing new in a");
    end(&["a"], begun + 30 * DAY + WHILE)
        .await
        .expect("written");
    assert_eq!(log.status().rooms, 0);
    let wakes = std::iter::from_fn(|| head.changed().now_or_never());
    let wakes = wakes.take(1000).count();
    assert!((1..10).contains(&wakes), "woken {wakes} times");
    // A reader's cursor may be at 2 still, so what is new must be above it.
    assert_eq!(append(&log, "@d+e", 1, 1, "anew").await, 3);
    assert_eq!(bodies(&read(&log, "@d+e", 2).await), ["anew"]);
    assert_eq!(
        read(&log, "@d+e", 0).await.first,
        1,
        "nothing of it is gone"
    );
}

async fn no_number_of_notices_pushes_a_message_out(log: Log) {
    append(&log, "a", 1, 1, "the oldest").await;
    for n in 0..30 {
        let notices = (0..100).map(|_| notice()).collect();
        log.append("a", notices).await.expect("stored");
        append(&log, "a", 1, 2 + n, "x").await;
    }
    let mut page = read(&log, "a", 0).await;
    assert_eq!((page.first, page.head), (1, 3031));
    let notices = page
        .entries
        .extract_if(.., |entry| entry.kind == Kind::Joined);
    assert!((200..=250).contains(&notices.count()));
    assert_eq!((bodies(&page)[0], page.entries.len()), ("the oldest", 31));
    let back = log.read_back("a", u64::MAX, PageLimit::messages(30)).await;
    let back = back.expect("readable").entries;
    let messages = back.iter().filter(|entry| entry.kind == Kind::Said);
    assert_eq!(messages.count(), 30, "the limit counts messages");
}

async fn a_newcomers_page_counts_messages(log: Log) {
    for id in 1..=3 {
        append(&log, "a", 1, id, "x").await;
        log.append("a", vec![notice(), notice()])
            .await
            .expect("stored");
    }
    for (messages, after) in [(0, 9), (1, 6), (2, 3), (3, 0), (4, 0), (u32::MAX, 0)] {
        assert_eq!(
            log.before_last("a", messages).await,
            Ok(after),
            "{messages}"
        );
    }
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
        append(&log, "a", 1, id, "0123456789").await; // 61 bytes with nick and envelope
    }
    for (messages, bytes, count) in [(2, 1000, 2), (9, 183, 3), (9, 182, 2), (9, 1, 1)] {
        let page = log.read("a", 0, PageLimit { messages, bytes }).await;
        let found = page.expect("readable").entries.len();
        assert_eq!(found, count, "{messages} messages, {bytes} bytes");
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
            None => head.changed().await,
        }
    }
    writing.await.expect("no panic");
}

async fn reading_back_and_searching_return_the_last_ones(log: Log) {
    for (id, body) in (1..).zip(["Tea?", "100% tea", "coffee", "a_b", "TEA!", "Über", "ÜBER"]) {
        append(&log, "a", 1, id, body).await;
    }
    let limit = PageLimit::messages(2);
    let back = log.read_back("a", 4, limit).await.expect("readable");
    assert_eq!(bodies(&back), ["100% tea", "coffee"]);
    let back = log.read_back("a", u64::MAX, limit).await.expect("readable");
    assert_eq!(bodies(&back), ["Über", "ÜBER"]);
    for (text, found) in [
        ("tea", ["100% tea", "TEA!"].as_slice()),
        ("0%", &["100% tea"]),
        ("a_", &["a_b"]),
        ("zzz", &[]),
        ("über", &["Über", "ÜBER"]),
    ] {
        let page = log.search("a", text, limit).await.expect("readable");
        assert_eq!(bodies(&page), found, "{text}");
    }
}

async fn a_page_does_not_wait_for_searches(log: Log) {
    append(&log, "b", 1, 1, "hello").await;
    let long = "a".repeat(4096);
    for id in (1..=240).step_by(30) {
        let entries = (id..id + 30).map(|id| entry(1, id, &long)).collect();
        log.append("a", entries).await.expect("stored");
    }
    let text = "a".repeat(255) + "b"; // which a pattern with backtracking looks for for minutes
    let limit = PageLimit::messages(10);
    let searches = (0..16).map(|_| log.search("a", &text, limit));
    let mut searches: FuturesUnordered<_> = searches.collect();
    let page = log.read_back("b", u64::MAX, limit).await;
    assert_eq!(bodies(&page.expect("readable")), ["hello"]);
    assert!(
        searches
            .next()
            .now_or_never()
            .is_none_or(|_| searches.len() > 8)
    );
    let refused = (0..100).map(|_| log.search("a", &text, limit).now_or_never());
    let too_many = Some(Err(LogError::TooManySearches));
    assert!(refused.into_iter().any(|answer| answer == too_many));
    while let Some(found) = searches.next().await {
        // On a busy machine the time of a search is over before it has found out.
        let is_told = matches!(found, Err(LogError::TooManySearches | LogError::Unfit(_)));
        assert!(found.is_ok() || is_told, "{found:?}");
    }
}
