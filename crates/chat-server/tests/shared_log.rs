//! Several servers over one log in NATS: none of them knows of the others, and all show the same.
#![cfg(feature = "nats")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_server::log::{Bounds, Log, NewEntry, PageLimit, RoomLog as _};
use chat_server::{Nats, NatsSettings};
use common::chat::{Kind, Page, Sender};
use common::pen::Pen;
use tempfile::TempDir;

#[path = "support/nats.rs"]
mod nats;

/// A nats-server on files that outlive it.
struct Place {
    folder: TempDir,
    port: u16,
    server: Option<nats::Nats>,
}

impl Place {
    fn new() -> Option<Self> {
        let mut place = Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: nats::free_port(),
            server: None,
        };
        place.start();
        place.server.is_some().then_some(place)
    }

    /// The same, where NATS makes no consumer for anybody.
    fn without_consumers() -> Option<Self> {
        let mut place = Self::new()?;
        place.stop();
        let file = place.folder.path().join("nats.conf");
        let text = r#"no_auth_user: chat, authorization { users: [ { user: chat, password: secret,
            permissions: { publish: { deny: ["$JS.API.CONSUMER.>"] } } } ] }"#;
        fs::write(&file, text).expect("written");
        let (folder, more) = (place.folder.path().join("js"), ["-c".as_ref(), &*file]);
        place.server = nats::Nats::start_with(&folder, place.port, &more);
        Some(place)
    }

    fn start(&mut self) {
        self.server = nats::Nats::start(&self.folder.path().join("js"), self.port);
    }

    /// Kills it.
    fn stop(&mut self) {
        self.server = None;
    }

    fn settings(&self) -> NatsSettings {
        let url = self.server.as_ref().map(|server| server.url("t"));
        NatsSettings {
            url: url.expect("it runs"),
            creds: None,
            ca: None,
        }
    }

    async fn open(&self, history: u64) -> Arc<Nats> {
        self.try_open(history).await.expect("a log")
    }

    async fn try_open(&self, history: u64) -> anyhow::Result<Arc<Nats>> {
        let bounds = Bounds::keeping(history);
        Ok(Nats::open(&self.settings(), bounds, Pen::none()).await?.0)
    }
}

fn entry(sender: Sender, id: u64, body: &str) -> NewEntry {
    NewEntry::said(sender, Some(id), Kind::Said, "ann".into(), body.into())
}

async fn append(log: &Log, room: &str, sender: Sender, id: u64) -> u64 {
    let stored = log.append(room, vec![entry(sender, id, "x")]).await;
    stored.expect("stored")[0]
}

async fn page(log: &Log, room: &str) -> Page {
    let page = log.read(room, 0, PageLimit::messages(1000)).await;
    page.expect("readable")
}

/// Waits until a server has played this number.
async fn reach(log: &Log, room: &str, number: u64) {
    loop {
        let mut head = log.head(room);
        if head.newest() >= number {
            return;
        }
        head.changed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_servers_write_at_once_is_stored_once_and_read_alike() {
    let Some(place) = Place::new() else { return };
    let (a, b): (Log, Log) = (place.open(1000).await, place.open(1000).await);
    assert_eq!(a.epoch(), b.epoch());
    for id in 1..=100 {
        let (one, other) = tokio::join!(append(&a, "r", 1, id), append(&b, "r", 1, id));
        assert_eq!((one, other), (id, id));
    }
    let tasks = (10..18).map(|sender| {
        let log = if sender % 2 == 0 {
            a.clone()
        } else {
            b.clone()
        };
        tokio::spawn(async move {
            for id in 1..=25 {
                append(&log, "r", sender, id).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    tokio::join!(reach(&a, "r", 300), reach(&b, "r", 300));
    let all = page(&b, "r").await;
    assert_eq!(page(&a, "r").await, all);
    let numbers = all.entries.iter().map(|entry| entry.number);
    assert!(numbers.eq(1..=300));
    let late: Log = place.open(1000).await;
    assert_eq!(page(&late, "r").await, all);
    assert_eq!(
        append(&late, "r", 1, 7).await,
        7,
        "a repeated call, much later"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_late_finds_the_numbers_of_a_trimmed_room() {
    let Some(place) = Place::new() else { return };
    let a: Log = place.open(100).await;
    append(&a, "quiet", 9, 1).await;
    for id in (1..=1500).step_by(5) {
        let entries = (id..id + 5).map(|id| entry(1, id, "x")).collect();
        a.append("busy", entries).await.expect("stored");
    }
    for _ in 0..1200 {
        a.append("busy", vec![entry(2, rand::random(), "x")])
            .await
            .expect("stored");
    }
    let b: Log = place.open(7).await;
    let [one, other] = [page(&a, "busy").await, page(&b, "busy").await];
    let overlap = one.first.max(other.first);
    let kept = |page: &Page| {
        let entries = page.entries.iter().filter(|entry| entry.number >= overlap);
        entries.cloned().collect::<Vec<_>>()
    };
    assert!(kept(&one).len() >= 100 && one.head == 2700);
    assert_eq!(
        kept(&one),
        kept(&other),
        "and the history is that of the first"
    );
    assert_eq!(append(&b, "busy", 1, 1501).await, 2701);
    assert_eq!(append(&b, "quiet", 9, 1).await, 1);
    reach(&a, "busy", 2701).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_ends_for_all_and_begins_above_its_old_numbers() {
    let Some(place) = Place::new() else { return };
    let (a, b): (Log, Log) = (place.open(1000).await, place.open(1000).await);
    for id in 1..=5 {
        append(&a, "old", 1, id).await;
    }
    append(&a, "young", 1, 9).await;
    reach(&b, "young", 1).await;
    const LATER: u64 = 31 * 24 * 60 * 60 * 1000;
    let later = page(&a, "old").await.entries[0].at_ms + LATER;
    let ends = |log: &Log| log.end_rooms(HashSet::new(), later);
    let (one, other) = tokio::join!(ends(&a), ends(&b));
    assert_eq!((one, other), (Ok(()), Ok(())));
    let c: Log = place.open(1000).await;
    for log in [&a, &b, &c] {
        while log.status().rooms > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(log.head("old").newest(), 5);
        assert_eq!(log.head("new").newest(), 5);
    }
    assert_eq!(append(&c, "old", 1, 1).await, 6, "it is new");
    reach(&a, "old", 6).await;
    reach(&b, "old", 6).await;
    assert_eq!(page(&a, "old").await, page(&b, "old").await);
    let late: Log = place.open(1000).await;
    assert_eq!(page(&late, "old").await, page(&b, "old").await);
}

/// As when the nats-server is dead that leads the cluster: it would make the consumers.
#[tokio::test(flavor = "multi_thread")]
async fn servers_read_and_write_while_nats_makes_no_consumer() {
    let Some(place) = Place::without_consumers() else {
        return;
    };
    let (a, b): (Log, Log) = (place.open(1000).await, place.open(1000).await);
    for id in 1..=20 {
        let (one, other) = tokio::join!(append(&a, "r", 1, id), append(&b, "r", 1, id));
        assert_eq!((one, other), (id, id));
    }
    let late: Log = place.open(1000).await;
    assert_eq!(page(&late, "r").await, page(&a, "r").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_when_nats_is_back() {
    let Some(mut place) = Place::new() else {
        return;
    };
    let log: Log = place.open(1000).await;
    append(&log, "r", 1, 1).await;
    place.stop();
    let failed = log.append("r", vec![entry(1, 2, "x")]).await;
    assert!(failed.is_err(), "in time for the client to hear of it");
    assert!(log.status().failure.is_some());
    assert_eq!(
        page(&log, "r").await.entries.len(),
        1,
        "what is there can be read"
    );
    place.start();
    let mut number = log.append("r", vec![entry(1, 2, "x")]).await;
    while number.is_err() {
        number = log.append("r", vec![entry(1, 2, "x")]).await;
    }
    assert_eq!(number, Ok(vec![2]));
    assert_eq!(log.status().failure, None);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let from = entry.expect("readable").path();
        let to = to.join(from.file_name().expect("named"));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(from, to).expect("copied")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_went_back_ends_the_server_and_begins_anew() {
    let Some(mut place) = Place::new() else {
        return;
    };
    let log = place.open(1000).await;
    let (epoch, broken) = (log.epoch(), log.broken());
    let log: Log = log;
    append(&log, "r", 1, 1).await;
    place.stop();
    let (js, old) = (
        place.folder.path().join("js"),
        place.folder.path().join("old"),
    );
    copy(&js, &old);
    place.start();
    while log.append("r", vec![entry(1, 2, "lost")]).await.is_err() {}
    place.stop();
    fs::remove_dir_all(&js).expect("there");
    fs::rename(&old, &js).expect("there");
    place.start();
    let why = tokio::time::timeout(Duration::from_secs(60), broken).await;
    let why = format!("{:#}", anyhow::Error::from(why.expect("it notices")));
    assert!(why.contains("went back"), "{why}");
    drop(log);
    let log: Log = place.open(1000).await;
    assert_ne!(log.epoch(), epoch, "readers are told that it begins anew");
    assert_eq!(append(&log, "r", 1, 3).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_deleted_ends_the_server_and_begins_anew() {
    let Some(place) = Place::new() else { return };
    let log = place.open(1000).await;
    let (epoch, broken) = (log.epoch(), log.broken());
    let log: Log = log;
    append(&log, "r", 1, 1).await;
    let url = place.settings().url;
    let client = async_nats::connect(url.trim_end_matches("/t")).await;
    let jetstream = async_nats::jetstream::new(client.expect("there"));
    jetstream.delete_stream("t").await.expect("deleted");
    let why = tokio::time::timeout(Duration::from_secs(60), broken).await;
    let why = format!("{:#}", anyhow::Error::from(why.expect("it notices")));
    assert!(why.contains("the stream t is deleted"), "{why}");
    drop(log);
    let log: Log = place.open(1000).await;
    assert_ne!(log.epoch(), epoch, "readers are told that it begins anew");
    assert_eq!(append(&log, "r", 1, 2).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_newer_version_ends_the_server() {
    let Some(place) = Place::new() else { return };
    let log = place.open(1000).await;
    let url = place.settings().url;
    let client = async_nats::connect(url.trim_end_matches("/t"))
        .await
        .expect("there");
    let written = client.publish("t.log.00", vec![9, 1, 2].into()).await;
    written
        .and(client.flush().await.map_err(|_| panic!("flushed")))
        .expect("written");
    let why = format!("{:#}", anyhow::Error::from(log.broken().await));
    assert!(why.contains("has version 9"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_programs_write_under_the_same_name_is_not_in_the_log() {
    let Some(place) = Place::new() else { return };
    let log: Log = place.open(1000).await;
    let url = place.settings().url;
    let client = async_nats::connect(url.trim_end_matches("/t"))
        .await
        .expect("there");
    for subject in ["t.events", "t.log.00.00", "t"] {
        let written = client.publish(subject, "{}".into()).await;
        written.expect("written");
    }
    client.flush().await.expect("written");
    assert_eq!(append(&log, "r", 1, 1).await, 1);
    let late: Log = place.open(1000).await;
    assert_eq!(append(&late, "r", 1, 2).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_something_else_is_refused() {
    let Some(place) = Place::new() else { return };
    drop(place.open(1000).await); // when it is up
    let url = place.settings().url;
    let client = async_nats::connect(url.trim_end_matches("/t"))
        .await
        .expect("there");
    let other = async_nats::jetstream::new(client);
    let config = async_nats::jetstream::stream::Config {
        name: "orders".into(),
        subjects: ["log.*", "side.*", "end", "epoch"]
            .map(|one| format!("orders.{one}"))
            .into(),
        ..Default::default()
    };
    other.create_stream(config).await.expect("made");
    let settings = NatsSettings {
        url: url.replace("/t", "/orders"),
        creds: None,
        ca: None,
    };
    let refused = Nats::open(&settings, Bounds::default(), Pen::none()).await;
    let why = format!("{:#}", refused.err().expect("refused"));
    assert!(why.contains("is not a log of a chat"), "{why}");
}
