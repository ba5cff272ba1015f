//! A file with a damaged page: what is on other pages can be read and written, and readers learn
//! how much is lost.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use chat_server::Sqlite;
use chat_server::log::{Bounds, Log, LogError, NewEntry, PageLimit};
use common::chat::{Entry, Kind, Page};

/// The bytes of a page of the file, which SQLite chooses for a new one.
const PAGE: usize = 4096;

/// Messages in the lobby: a few dozen pages. Their keys are in memory only.
const MESSAGES: u64 = 400;

/// Messages in the lobby whose keys are in the file.
const KEYED: u64 = 1550;

fn open(folder: &Path, history: u64) -> Log {
    let bounds = Bounds::keeping(history);
    Sqlite::open(&folder.join("log.sqlite"), bounds).expect("a log")
}

fn entry(id: u64) -> NewEntry {
    NewEntry {
        sender: u128::MAX - 7,
        id: Some(id),
        kind: Kind::Said,
        nick: "ann".into(),
        body: format!(
            "message {id:04} and what makes it longer {}",
            "x".repeat(60)
        )
        .into(),
        at_ms: 1,
    }
}

/// Returns a folder with a log of `count` messages in the lobby. The first page of its file for
/// which `is_hit` is filled with something else.
async fn damaged(count: u64, is_hit: impl Fn(&[u8]) -> bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), 100_000);
    for id in (1..=count).step_by(50) {
        let entries = (id..id + 50).map(entry).collect();
        log.append("lobby", entries).await.expect("stored");
    }
    log.close().await.expect("closed");
    let path = folder.path().join("log.sqlite");
    let mut bytes = fs::read(&path).expect("there");
    let hit = bytes.chunks_mut(PAGE).skip(1).find(|page| is_hit(page));
    hit.expect("such a page").fill(0x55);
    fs::write(&path, bytes).expect("written");
    folder
}

fn has(page: &[u8], what: &[u8]) -> bool {
    page.windows(what.len()).any(|bytes| bytes == what)
}

/// Whether a page has keys of the lobby and no other page below it: SQLite marks those with a 10.
fn keys(page: &[u8]) -> bool {
    let sender = entry(1).sender.to_be_bytes();
    page[0] == 10 && has(page, &sender) && !has(page, b"message")
}

/// Whether a page has the message of this number.
fn message(number: u64) -> impl Fn(&[u8]) -> bool {
    move |page| has(page, format!("message {number:04}").as_bytes())
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.number).collect()
}

/// Reads the lobby as a reader does. Returns the numbers of what came, and how much was lost.
async fn read_all(log: &Log) -> (Vec<u64>, u64) {
    let (mut read, mut lost, mut after) = (Vec::new(), 0, 0);
    while after < log.head("lobby").newest() {
        let page = log.read("lobby", after, PageLimit::messages(30)).await;
        let Page {
            entries, damaged, ..
        } = page.expect("readable");
        lost += damaged;
        let last = entries.last().map(|entry| entry.number);
        assert!(last.is_some() || damaged > 0, "no progress after {after}");
        after = last.unwrap_or(after + damaged);
        read.extend(numbers(&entries));
    }
    (read, lost)
}

#[tokio::test]
async fn a_reader_steps_over_a_damaged_page_and_learns_how_much_is_lost() {
    for number in [1, MESSAGES / 2] {
        let folder = damaged(MESSAGES, message(number)).await;
        let log = open(folder.path(), 100_000);
        let (read, lost) = read_all(&log).await;
        assert!((5..60).contains(&lost), "{lost}");
        assert_eq!(read.len() as u64 + lost, MESSAGES);
        assert!(read.is_sorted_by(|a, b| a < b) && !read.contains(&number));
        let sent = log.append("lobby", vec![entry(MESSAGES + 1)]).await;
        assert_eq!(sent, Ok(vec![MESSAGES + 1]));
        assert_eq!(read_all(&log).await.0.last(), Some(&(MESSAGES + 1)));
    }
}

#[tokio::test]
async fn history_and_search_go_on_behind_a_damaged_page() {
    let folder = damaged(MESSAGES, message(MESSAGES / 2)).await;
    let log = open(folder.path(), 100_000);
    let (read, lost) = read_all(&log).await;
    let most = PageLimit::messages(1000);
    let back = log.read_back("lobby", u64::MAX, most).await;
    let back = back.expect("readable");
    assert_eq!((numbers(&back.entries), back.damaged), (read.clone(), lost));
    let found = log.search("lobby", "MESSAGE", most).await.expect("found");
    assert_eq!((numbers(&found.entries), found.damaged), (read, lost));
    let newest = log
        .read_back("lobby", u64::MAX, PageLimit::messages(9))
        .await;
    assert_eq!(newest.expect("readable").damaged, 0, "it is not among them");
    let before = log.before_last("lobby", 300).await.expect("somewhere");
    assert_eq!(before, MESSAGES - 300 - lost, "so many are shown");
}

#[tokio::test]
async fn a_room_whose_oldest_page_is_damaged_still_grows() {
    let folder = damaged(MESSAGES, message(1)).await;
    let log = open(folder.path(), 100);
    for id in MESSAGES + 1..MESSAGES + 9 {
        let sent = log.append("lobby", vec![entry(id)]).await;
        assert_eq!(sent, Ok(vec![id]), "though the oldest cannot be deleted");
    }
    log.end_rooms(Default::default(), u64::MAX)
        .await
        .expect("the others end");
    assert!(log.head("lobby").exists());
}

#[tokio::test]
async fn a_message_that_meets_a_damaged_page_keeps_no_other_from_being_stored() {
    let folder = damaged(KEYED, keys).await;
    let log = open(folder.path(), 100_000);
    let mut ids = 1..=KEYED;
    let bad = loop {
        let id = ids.next().expect("one of them is on that page");
        if log.append("lobby", vec![entry(id)]).await.is_err() {
            break id;
        }
    };
    for n in 1..=20 {
        let (bad, good) = tokio::join!(
            log.append("lobby", vec![entry(bad)]),
            log.append(
                "kitchen",
                vec![NewEntry {
                    id: None,
                    ..entry(n)
                }]
            ),
        );
        assert_eq!(bad, Err(LogError::Failed("the file is damaged".into())));
        assert_eq!(good, Ok(vec![n]));
    }
}

#[tokio::test]
async fn a_room_whose_keys_cannot_be_written_still_grows() {
    // The second page of the keys, because new ones before the first of them need it to be moved.
    let seen = Cell::new(0);
    let is_second = |page: &[u8]| {
        seen.set(seen.get() + u32::from(keys(page)));
        seen.get() == 2
    };
    let folder = damaged(KEYED, is_second).await;
    let log = open(folder.path(), 100_000);
    let other = |id| NewEntry {
        sender: 1,
        ..entry(id)
    };
    for id in (1..=2000).step_by(50) {
        let sent = log.append("lobby", (id..id + 50).map(other).collect());
        let numbers = (KEYED + id..KEYED + id + 50).collect();
        assert_eq!(sent.await, Ok(numbers));
    }
    let again = log.append("lobby", vec![other(2000)]).await;
    assert_eq!(again, Ok(vec![KEYED + 2000]));
    drop(log);
    let log = open(folder.path(), 100_000);
    let again = log.append("lobby", vec![other(1)]).await;
    assert_eq!(again, Ok(vec![KEYED + 1]), "found among the messages");
}
