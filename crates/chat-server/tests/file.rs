//! The file of a log: who may read it, what came before it, and who else has it.

use std::fs::{self, Permissions};
use std::ops::RangeInclusive;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use chat_server::Sqlite;
use chat_server::log::{Bounds, Log, NewEntry, PageLimit};
use common::chat::{Kind, Page, Sender};
use program::{Program, signal};
use rusqlite::Connection;

#[path = "../../common/tests/support/program.rs"]
mod program;

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

fn open(folder: &Path) -> anyhow::Result<Arc<Sqlite>> {
    Sqlite::open(&folder.join("log.sqlite"), Bounds::default())
}

/// Appends messages with these ids to the lobby; returns the number of the last one.
async fn append(log: &Log, ids: RangeInclusive<u64>, body: &str) -> u64 {
    let entry = |id| NewEntry {
        sender: 1,
        id: Some(id),
        kind: Kind::Said,
        nick: "eve".into(),
        body: body.into(),
        at_ms: 3,
    };
    let numbers = log.append("lobby", ids.map(entry).collect()).await;
    *numbers.expect("stored").last().expect("one at least")
}

async fn read(log: &Log) -> Page {
    let page = log.read("lobby", 0, PageLimit::messages(10)).await;
    page.expect("readable")
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("there");
    metadata.permissions().mode() & 0o777
}

/// Starts the real server on a store, with a umask that takes nothing away.
fn start(store: &Path) -> Program {
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_chat-server");
    let script = "umask 0; exec \"$0\" --listen 127.0.0.1:0 --store \"sqlite:$1\"";
    Program::start(command.args(["-c", script, program]).arg(store))
}

#[tokio::test]
async fn a_log_of_the_last_version_is_read_on() {
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

#[tokio::test]
async fn a_reopened_file_continues_where_it_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let log: Log = open(folder.path()).expect("a new file");
    let epoch = log.epoch();
    append(&log, 1..=1, "before").await;
    drop(log);
    let log: Log = open(folder.path()).expect("the same file");
    assert_eq!(log.epoch(), epoch);
    assert_eq!(append(&log, 1..=1, "resent").await, 1);
    assert_eq!(append(&log, 2..=2, "after").await, 2);
    let bodies = read(&log).await.entries.into_iter().map(|entry| entry.body);
    assert!(bodies.eq(["before", "after"]));
}

#[tokio::test]
async fn a_file_above_its_limit_makes_room_for_what_is_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |bytes| -> Log {
        let bounds = Bounds {
            bytes,
            ..Bounds::default()
        };
        Sqlite::open(&folder.path().join("log.sqlite"), bounds).expect("a log")
    };
    let long = "x".repeat(4096);
    let log = open(16 << 20);
    for id in (1..=1000).step_by(25) {
        append(&log, id..=id + 24, &long).await;
    }
    assert_eq!(read(&log).await.first, 1);
    drop(log);
    let log = open(1 << 20);
    for id in (1001..=1100).step_by(10) {
        append(&log, id..=id + 9, &long).await;
    }
    assert!(read(&log).await.first > 800);
}

#[test]
fn two_servers_cannot_share_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let _log = open(folder.path()).expect("a new file");
    let error = format!("{:#}", open(folder.path()).err().expect("it is in use"));
    assert!(error.contains("another chat-server"), "{error}");
}

#[test]
fn a_log_of_another_version_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sqlite");
    let other = Connection::open(&path).expect("a new file");
    other
        .execute_batch("PRAGMA user_version = 99")
        .expect("set");
    let error = open(folder.path()).err();
    let error = error.expect("not this version").to_string();
    assert!(error.contains("a log of version 99"), "{error}");
}

#[test]
fn only_the_owner_can_read_it_whatever_the_umask() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("state/chat/log.sqlite");
    let mut server = start(&store);
    server.ready();
    for folder in ["state", "state/chat"].map(|name| folder.path().join(name)) {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    let inside = fs::read_dir(folder.path().join("state/chat")).expect("there");
    let files: Vec<_> = inside.map(|file| file.expect("there").path()).collect();
    assert_eq!(files.len(), 4, "{files:?}"); // the log, its -wal and -shm, the lock
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    signal(&server.child, "TERM");
    assert!(!server.end().stderr.contains("chmod"));

    fs::set_permissions(&store, Permissions::from_mode(0o644)).expect("mine");
    let mut server = start(&store);
    server.ready();
    signal(&server.child, "TERM");
    let text = server.end().stderr;
    assert!(text.contains("other users may read the messages"), "{text}");
    assert!(text.contains("chmod 600"), "{text}");
}

#[test]
fn the_lock_follows_no_link_and_empties_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let precious = folder.path().join("precious");
    fs::write(&precious, "text").expect("written");
    let lock = folder.path().join("log.sqlite.lock");
    symlink(&precious, &lock).expect("made");
    let error = format!("{:#}", open(folder.path()).err().expect("a link"));
    assert!(error.contains("cannot lock"), "{error}");
    fs::remove_file(&lock).expect("there");
    fs::hard_link(&precious, &lock).expect("made");
    drop(open(folder.path()).expect("a file like any other"));
    assert_eq!(fs::read_to_string(&precious).expect("there"), "text");
}
