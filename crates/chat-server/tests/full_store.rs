//! What a store drops when a room or the store is full, and that it never drops a number.

use std::path::Path;

use chat_server::log::{Bounds, Log, NewEntry, PageLimit};
use chat_server::{Memory, Sqlite};
use common::chat::{Kind, Page, Sender};

fn entry(sender: Sender, id: u64, body: &str) -> NewEntry {
    NewEntry::said(sender, Some(id), Kind::Said, "ann".into(), body.into())
}

async fn append(log: &Log, room: &str, sender: Sender, id: u64, body: &str) -> u64 {
    let numbers = log.append(room, vec![entry(sender, id, body)]).await;
    numbers.expect("stored")[0]
}

async fn read(log: &Log, room: &str) -> Page {
    let page = log.read(room, 0, PageLimit::messages(1000)).await;
    page.expect("readable")
}

/// Returns a store of each kind with these bounds.
fn both(folder: &Path, bounds: Bounds) -> [Log; 2] {
    let disk = Sqlite::open(&folder.join("log.sqlite"), bounds).expect("a new file");
    [Memory::new(bounds), disk]
}

#[tokio::test]
async fn trimming_moves_first_and_never_the_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    for log in both(folder.path(), Bounds::keeping(10)) {
        for id in (1..=600).step_by(100) {
            let entries = (id..id + 100).map(|id| entry(1, id, "x")).collect();
            log.append("a", entries).await.expect("stored");
        }
        let page = read(&log, "a").await;
        assert_eq!((page.first, page.head), (591, 600));
        assert_eq!(page.entries[0].number, page.first);
        assert_eq!(append(&log, "a", 1, 601, "x").await, 601);
    }
}

#[tokio::test]
async fn a_full_store_drops_the_oldest_of_the_largest_room() {
    const LIMIT: u64 = 4 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let bounds = Bounds {
        bytes: LIMIT,
        ..Bounds::default()
    };
    for log in both(folder.path(), bounds) {
        append(&log, "small", 1, 1, "kept").await;
        let long = "x".repeat(4096);
        for id in (1..=3000).step_by(30) {
            let entries = (id..id + 30).map(|id| entry(1, id, &long)).collect();
            log.append("large", entries).await.expect("stored");
        }
        assert_eq!(read(&log, "small").await.entries[0].body, "kept");
        let page = read(&log, "large").await;
        assert!(page.first > 1500, "{} is the oldest", page.first);
        assert!(page.first < 2700, "not more than necessary is gone");
        assert_eq!((page.entries[0].number, page.head), (page.first, 3000));
    }
    let size = |name: &str| folder.path().join(name).metadata().expect("there").len();
    assert!(size("log.sqlite") <= LIMIT + LIMIT / 8);
}
