//! The file of a log: who may read it, how large it gets, and who else has it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;

use chat_server::Sqlite;
use chat_server::log::{Bounds, Log, LogError, PageLimit};
use lobby::{append, entry, open, read};
use program::{Program, signal};
use rusqlite::Connection;

#[path = "support/lobby.rs"]
mod lobby;
#[path = "../../common/tests/support/program.rs"]
mod program;

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
fn two_servers_cannot_share_a_file_whatever_they_call_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sqlite");
    let _log = open(folder.path()).expect("a new file");
    let (link, hard) = (folder.path().join("a"), folder.path().join("b"));
    symlink(&path, &link).expect("made");
    fs::hard_link(&path, &hard).expect("made");
    let folder_link = folder.path().join("c");
    symlink(folder.path(), &folder_link).expect("made");
    let _ = fs::remove_file(folder.path().join("log.sqlite.lock"));
    let names = [path, link, hard, folder_link.join("log.sqlite")];
    // At the same time, because each of them waits a moment for the file.
    thread::scope(|scope| {
        let open = |name| scope.spawn(move || Sqlite::open(name, Bounds::default()).err());
        for refused in names.iter().map(|name| open(name)).collect::<Vec<_>>() {
            let error = refused.join().expect("no panic").expect("it is in use");
            let error = format!("{error:#}");
            assert!(error.contains("another chat-server"), "{error}");
        }
    });
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    for version in [0, 2, 3, 4] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.sqlite");
        let other = Connection::open(&path).expect("a new file");
        let theirs = format!("CREATE TABLE photo (id); PRAGMA user_version = {version};");
        other.execute_batch(&theirs).expect("made");
        drop(other);
        let before = fs::read(&path).expect("there");
        let error = open(folder.path()).err().expect("not ours").to_string();
        assert_eq!(error, "it is a database of another program");
        assert!(fs::read(&path).expect("there") == before, "unchanged");
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("log.sqlite"), "a text\n".repeat(1000)).expect("written");
    let error = open(folder.path()).err().expect("not ours").to_string();
    assert_eq!(error, "it is not an SQLite file");
}

/// Starts the server on a new file in a shell that runs `script` before it, and then once more
/// without. Returns whether the first start succeeded.
fn starts_after(script: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("sqlite:{}", folder.path().join("log.sqlite").display());
    let start = |script: &str| {
        let program = env!("CARGO_BIN_EXE_chat-server");
        let script = format!("{script} exec \"$0\" --listen 127.0.0.1:0 --store \"$1\"");
        Program::start(Command::new("sh").args(["-c", &script, program, &store]))
    };
    let mut first = start(script);
    let is_ready = first.stderr.any(|line| line.starts_with("listening on "));
    drop(first);
    start("").ready();
    is_ready
}

#[test]
fn a_first_start_can_be_cut_off_at_every_write() {
    // A file may not grow beyond this many blocks of 512 bytes. The writer is killed, or every
    // other time it is told so, as on a full disk.
    let starts = (0..160).step_by(8).map(|blocks| {
        let is_told = if blocks % 16 == 0 {
            "trap '' XFSZ;"
        } else {
            ""
        };
        starts_after(&format!("{is_told} ulimit -f {blocks};"))
    });
    let starts: Vec<bool> = starts.collect();
    assert!(
        starts.is_sorted(),
        "from the first write to the last: {starts:?}"
    );
    assert!(!starts[0] && starts[starts.len() - 1], "{starts:?}");
}

#[tokio::test]
async fn a_closed_log_is_whole_in_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let log: Log = open(folder.path()).expect("a new file");
    append(&log, 1..=100, "before").await;
    assert_eq!(log.close().await, Ok(()));
    let inside = fs::read_dir(folder.path()).expect("there");
    let names: Vec<_> = inside
        .map(|file| file.expect("there").file_name())
        .collect();
    assert!(
        !names.iter().any(|name| name == "log.sqlite-wal"),
        "{names:?}"
    );
    let late = log.append("lobby", vec![]).await;
    assert_eq!(late, Ok(vec![]), "nothing is nothing");
    let refused = log
        .read_back("lobby", u64::MAX, PageLimit::messages(1))
        .await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(log.close().await.is_err() || log.status().failure.is_some());
    let copy = folder.path().join("copy.sqlite");
    fs::copy(folder.path().join("log.sqlite"), &copy).expect("a copy");
    let copy: Log = Sqlite::open(&copy, Bounds::default()).expect("a log");
    assert_eq!(copy.head("lobby").newest(), 100);
}

#[test]
fn sigterm_leaves_the_whole_log_in_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("log.sqlite");
    let mut server = start(&store);
    server.ready();
    assert!(folder.path().join("log.sqlite-wal").exists());
    signal(&server.child, "TERM");
    assert_eq!(server.end().code, Some(0));
    assert!(!folder.path().join("log.sqlite-wal").exists());
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_deleted_or_replaced() {
    for (name, is_replaced) in [
        ("log.sqlite", false),
        ("log.sqlite", true),
        ("log.sqlite-wal", false),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let log: Log = open(folder.path()).expect("a new file");
        append(&log, 1..=1, "before").await;
        assert_eq!(log.status().failure, None);
        let (file, elsewhere) = (folder.path().join(name), folder.path().join("elsewhere"));
        fs::rename(&file, &elsewhere).expect("there");
        if is_replaced {
            fs::copy(&elsewhere, &file).expect("a copy");
        }
        let why = log.status().failure.expect("health knows at once");
        assert!(why.starts_with("its file was deleted or replaced"), "{why}");
        let two = || vec![entry(2, "not lost")];
        assert_eq!(log.append("lobby", two()).await, Err(LogError::Failed(why)));
        assert_eq!(read(&log).await.head, 1, "and not shown");
        fs::rename(&elsewhere, &file).expect("put back");
        assert_eq!(log.append("lobby", two()).await, Ok(vec![2]));
        assert_eq!(log.status().failure, None);
    }
}

#[tokio::test]
async fn another_program_that_holds_the_log_is_named_and_waited_for_by_senders_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let log: Log = open(folder.path()).expect("a new file");
    append(&log, 1..=1, "before").await;
    let other = Connection::open(folder.path().join("log.sqlite")).expect("the file");
    other.execute_batch("BEGIN IMMEDIATE").expect("free");
    let refused = log.append("lobby", vec![entry(2, "later")]).await;
    let why = "another program holds the log".to_owned();
    assert_eq!(refused, Err(LogError::Failed(why.clone())));
    assert_eq!(log.status().failure, Some(why));
    assert_eq!(read(&log).await.head, 1);
    let back = log
        .read_back("lobby", u64::MAX, PageLimit::messages(9))
        .await;
    assert_eq!(back.expect("readable").entries.len(), 1);
    other.execute_batch("ROLLBACK").expect("held");
    assert_eq!(append(&log, 2..=2, "later").await, 2);
    assert_eq!(log.status().failure, None);
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
    assert!(files.len() >= 3, "{files:?}"); // the log, its -wal and -shm
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
