//! A log in a file, and what tests say and read in its lobby.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use chat_server::Sqlite;
use chat_server::log::{Bounds, Log, NewEntry, PageLimit};
use common::chat::{Kind, Page};

pub(crate) fn open(folder: &Path) -> anyhow::Result<Arc<Sqlite>> {
    Sqlite::open(&folder.join("log.sqlite"), Bounds::default())
}

pub(crate) fn entry(id: u64, body: &str) -> NewEntry {
    NewEntry {
        sender: 1,
        id: Some(id),
        kind: Kind::Said,
        nick: "eve".into(),
        body: body.into(),
        at_ms: 3,
    }
}

/// Appends messages with these ids to the lobby; returns the number of the last one.
pub(crate) async fn append(log: &Log, ids: RangeInclusive<u64>, body: &str) -> u64 {
    let entries = ids.map(|id| entry(id, body)).collect();
    let numbers = log.append("lobby", entries).await;
    *numbers.expect("stored").last().expect("one at least")
}

pub(crate) async fn read(log: &Log) -> Page {
    let page = log.read("lobby", 0, PageLimit::messages(10)).await;
    page.expect("readable")
}
