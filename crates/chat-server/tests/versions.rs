//! Files of older servers are read on, and what was sent before is still known.

use chat_server::log::Log;
use common::chat::Sender;
use lobby::{append, entry, open, read};
use rusqlite::Connection;

#[path = "support/lobby.rs"]
mod lobby;

/// The schema before senders were hashes.
const VERSION_2: &str = "
    CREATE TABLE room (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL);
    CREATE TABLE entry (
        room INTEGER NOT NULL, number INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER,
        kind INTEGER NOT NULL, nick TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (room, number)) WITHOUT ROWID;
    CREATE UNIQUE INDEX entry_key ON entry (sender, id) WHERE id IS NOT NULL;
    CREATE TABLE log (epoch INTEGER NOT NULL);
    INSERT INTO log VALUES (77);
    INSERT INTO room VALUES (1, 'lobby', 5);
    INSERT INTO entry VALUES
        (1, 5, x'00000000000000ff', 1, 0, 'ann', 'said long ago', 1),
        (1, 6, x'8000000000000001', NULL, 2, 'bob', '', 2);
    PRAGMA user_version = 2;";

/// The schema when the keys of all messages were in an index.
const VERSION_3: &str = "
    CREATE TABLE room (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL,
        counted INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0,
        notices INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE entry (
        room INTEGER NOT NULL, number INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER,
        kind INTEGER NOT NULL, nick TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (room, number)) WITHOUT ROWID;
    CREATE TABLE log (epoch INTEGER NOT NULL, floor INTEGER NOT NULL DEFAULT 0);
    CREATE UNIQUE INDEX entry_key ON entry (room, sender, id) WHERE id IS NOT NULL;
    CREATE INDEX notice ON entry (room, number) WHERE kind > 1;
    INSERT INTO log VALUES (77, 9);
    INSERT INTO room (id, name, first, counted) VALUES (1, 'lobby', 5, 4), (2, 'new', 1, 9);
    INSERT INTO entry VALUES
        (1, 5, x'00000000000000000000000000000001', 1, 0, 'eve', 'said long ago', 1),
        (1, 6, x'00000000000000000000000000000001', 3, 0, 'eve', 'and later', 1),
        (1, 7, x'00000000000000000000000000000002', NULL, 2, 'bob', '', 2);
    PRAGMA user_version = 3;";

/// What came with version 4: a table of keys, and rooms that know how far it goes.
const FROM_3_TO_4: &str = "
    DROP INDEX entry_key;
    ALTER TABLE room ADD COLUMN keyed INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE key (
        room INTEGER NOT NULL, sender BLOB NOT NULL, id INTEGER NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (room, sender, id)) WITHOUT ROWID;
    INSERT INTO key VALUES (1, x'00000000000000000000000000000001', 1, 5);
    UPDATE room SET keyed = 5 WHERE id = 1;
    UPDATE room SET keyed = 9 WHERE id = 2;
    PRAGMA user_version = 4;";

#[tokio::test]
async fn a_log_of_version_2_is_read_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sqlite");
    let old = Connection::open(&path).expect("a new file");
    old.execute_batch(VERSION_2).expect("made");
    drop(old);
    for number in 7..9 {
        let log: Log = open(folder.path()).expect("a log");
        assert_eq!(log.epoch(), 77, "readers go on where they were");
        assert_eq!(append(&log, number..=number, "new").await, number);
        let page = read(&log).await;
        assert_eq!((page.first, page.head), (5, number));
        assert_eq!(page.entries[0].body, "said long ago");
        let senders: Vec<Sender> = page.entries.iter().map(|entry| entry.sender).collect();
        assert_eq!(senders[..3], [0xff, (1 << 63) + 1, 1]);
    }
}

/// Checks that a log is read on in which message 1 of a sender has number 5, and message 3 has 6.
async fn knows_what_is_sent_again(version: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let old = Connection::open(folder.path().join("log.sqlite")).expect("a new file");
    old.execute_batch(version).expect("made");
    drop(old);
    for new in [8, 9] {
        let log: Log = open(folder.path()).expect("a log");
        assert_eq!(append(&log, 3..=3, "and later").await, 6, "sent again");
        assert_eq!(append(&log, 1..=1, "said long ago").await, 5);
        assert_eq!(append(&log, new..=new, "new").await, new);
        let page = read(&log).await;
        assert_eq!((page.first, page.head, log.epoch()), (5, new, 77));
    }
    let log: Log = open(folder.path()).expect("a log");
    assert_eq!(append(&log, 2..=2, "between").await, 10, "never sent");
    let first = log.append("new", vec![entry(1, "first")]).await;
    assert_eq!(first, Ok(vec![10]), "above the rooms that have ended");
}

#[tokio::test]
async fn a_log_of_version_3_knows_what_is_sent_again() {
    knows_what_is_sent_again(VERSION_3).await;
}

#[tokio::test]
async fn a_log_of_version_4_knows_what_is_sent_again() {
    knows_what_is_sent_again(&format!("{VERSION_3} {FROM_3_TO_4}")).await;
}

#[tokio::test]
async fn a_file_whose_making_was_cut_off_is_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sqlite");
    let half = Connection::open(&path).expect("a new file");
    // A server of version 2 made the tables first and drew the epoch afterwards.
    let tables = VERSION_2.split("INSERT").next().expect("the tables");
    let cut_off = format!("{tables} PRAGMA user_version = 2;");
    half.execute_batch(&cut_off).expect("made");
    drop(half);
    let log: Log = open(folder.path()).expect("finished");
    let epoch = log.epoch();
    assert_ne!(epoch, 0);
    assert_eq!(append(&log, 1..=1, "new").await, 1);
    drop(log);
    let log: Log = open(folder.path()).expect("a log");
    assert_eq!(log.epoch(), epoch);
}
