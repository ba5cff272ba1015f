//! Both stores side by side, under random calls and restarts, with few rooms and short histories:
//! they answer alike, and what was acknowledged can be read.
//!
//! A failure prints the seed of its run, and `SEED=...` repeats that run only.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use chat_server::log::{Bounds, Log, LogError, NewEntry, PageLimit};
use chat_server::{Memory, Sqlite};
use common::chat::{Entry, Kind, Page, Text};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// How large a run is.
#[derive(Clone, Copy)]
struct Scale {
    bounds: Bounds,
    /// the highest id of a sender, so that many are sent again
    ids: u64,
    /// the most entries in a call
    call: usize,
}

/// So small that all bounds are met all the time.
const SMALL: Scale = Scale {
    bounds: bounds(8),
    ids: 40,
    call: 3,
};

/// So large that the file has keys of its own: it gets some hundred at a time.
const LARGE: Scale = Scale {
    bounds: bounds(600),
    ids: 2000,
    call: 64,
};

const fn bounds(history: u64) -> Bounds {
    Bounds {
        history,
        notices: 4,
        rooms: 3,
        bytes: 1 << 30,
    }
}

/// More than may exist, with private ones among them.
const ROOMS: [&str; 5] = ["a", "b", "@a+b", "@b+c", "c"];
const TEXTS: [&str; 4] = ["tea", "TEA and coffee", "Über", "x"];
const HOUR: u64 = 60 * 60 * 1000;

/// Both stores, and what was acknowledged.
struct Pair {
    bounds: Bounds,
    memory: Log,
    disk: Option<Log>,
    /// of each room, its messages in their order: number and text
    acknowledged: BTreeMap<&'static str, Vec<(u64, Text)>>,
    now_ms: u64,
}

/// Returns what a page says, without its epoch, which each store draws for itself.
fn said(page: Result<Page, LogError>) -> Result<(Vec<Entry>, u64, u64), LogError> {
    page.map(|page| (page.entries, page.first, page.head))
}

impl Pair {
    fn open(path: &Path, bounds: Bounds) -> Log {
        Sqlite::open(path, bounds).expect("a log")
    }

    fn disk(&self) -> &Log {
        self.disk.as_ref().expect("open")
    }

    async fn append(&mut self, room: &'static str, entries: Vec<NewEntry>) {
        let numbers = self.memory.append(room, entries.clone()).await;
        assert_eq!(self.disk().append(room, entries.clone()).await, numbers);
        let log = self.acknowledged.entry(room).or_default();
        for (entry, number) in entries.into_iter().zip(numbers.unwrap_or_default()) {
            let is_new = log.last().is_none_or(|&(newest, _)| number > newest);
            if entry.kind == Kind::Said && is_new {
                log.push((number, entry.body));
            }
        }
    }

    async fn end_rooms(&mut self, used: HashSet<String>) {
        for log in [&self.memory, self.disk()] {
            let ended = log.end_rooms(used.clone(), self.now_ms).await;
            ended.expect("written");
        }
        for (&room, log) in &mut self.acknowledged {
            let page = self.memory.read(room, 0, PageLimit::messages(1)).await;
            if page.expect("readable").entries.is_empty() {
                log.clear();
            }
        }
    }

    async fn compare(&self, room: &str, number: u64, limit: PageLimit, text: &str) {
        let (memory, disk) = (&self.memory, self.disk());
        let read = memory.read(room, number, limit).await;
        assert_eq!(said(disk.read(room, number, limit).await), said(read));
        let back = memory.read_back(room, number, limit).await;
        assert_eq!(said(disk.read_back(room, number, limit).await), said(back));
        let found = memory.search(room, text, limit).await;
        assert_eq!(said(disk.search(room, text, limit).await), said(found));
        let messages = u32::try_from(limit.messages).expect("small");
        let before = memory.before_last(room, messages).await;
        assert_eq!(disk.before_last(room, messages).await, before);
        assert_eq!(disk.head(room).newest(), memory.head(room).newest());
        assert_eq!(disk.has_place(room), memory.has_place(room));
    }

    /// Checks that the last messages that were acknowledged can be read.
    async fn check(&self) {
        for (room, log) in &self.acknowledged {
            for store in [&self.memory, self.disk()] {
                let page = store.read(room, 0, PageLimit::messages(1000)).await;
                let entries = page.expect("readable").entries.into_iter();
                let messages = entries.filter(|entry| entry.kind == Kind::Said);
                let kept: Vec<_> = messages.map(|entry| (entry.number, entry.body)).collect();
                assert!(log.ends_with(&kept), "{room}: {kept:?} of {log:?}");
                let most = usize::try_from(self.bounds.history).expect("small");
                assert!(kept.len() >= log.len().min(most), "{room}: {kept:?}");
            }
        }
    }
}

fn entry(dice: &mut SmallRng, ids: u64, at_ms: u64) -> NewEntry {
    let is_notice = dice.random_bool(0.4);
    NewEntry {
        sender: dice.random_range(1..=2),
        id: (!is_notice).then(|| dice.random_range(1..=ids)),
        kind: if is_notice { Kind::Joined } else { Kind::Said },
        nick: "ann".into(),
        body: TEXTS[dice.random_range(0..TEXTS.len())].into(),
        at_ms,
    }
}

async fn run(seed: u64, scale: Scale) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sqlite");
    let Scale { bounds, ids, call } = scale;
    let mut pair = Pair {
        bounds,
        memory: Memory::new(bounds),
        disk: Some(Pair::open(&path, bounds)),
        acknowledged: BTreeMap::new(),
        now_ms: 0,
    };
    for _ in 0..100 {
        let room = ROOMS[dice.random_range(0..ROOMS.len())];
        match dice.random_range(0..20) {
            0 => {
                pair.disk = None; // before the file is opened again, because it is locked
                pair.disk = Some(Pair::open(&path, bounds));
                pair.check().await;
            }
            1 => {
                pair.now_ms += dice.random_range(0..40 * 24) * HOUR;
                let used = ROOMS.iter().filter(|_| dice.random_bool(0.2));
                let used = used.map(|room| (*room).to_owned()).collect();
                pair.end_rooms(used).await;
            }
            2..8 => {
                let limit = PageLimit::messages(dice.random_range(0..12));
                let number = dice.random_range(0..60);
                let text = TEXTS[dice.random_range(0..TEXTS.len())];
                pair.compare(room, number, limit, text).await;
            }
            _ => {
                pair.now_ms += 1;
                let count = dice.random_range(0..=call);
                let now_ms = pair.now_ms;
                let entries = (0..count).map(|_| entry(&mut dice, ids, now_ms));
                let entries = entries.collect();
                pair.append(room, entries).await;
            }
        }
    }
    pair.check().await;
}

/// Runs one seed after the other for a while, or the one that is asked for.
async fn run_for(scale: Scale, span: Duration) {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    if let Some(seed) = seed {
        return run(seed, scale).await;
    }
    let began = Instant::now();
    while began.elapsed() < span {
        let seed = rand::random();
        println!("SEED={seed}");
        run(seed, scale).await;
    }
}

#[tokio::test]
async fn both_stores_answer_alike_and_keep_what_they_acknowledged() {
    run_for(SMALL, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn both_stores_know_what_was_sent_again_when_much_was_sent() {
    run_for(LARGE, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn the_key_of_a_message_that_is_gone_is_free_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory: Log = Memory::new(SMALL.bounds);
    let disk: Log = Pair::open(&folder.path().join("log.sqlite"), SMALL.bounds);
    for log in [memory, disk] {
        for (id, number) in (1..=20).chain([20, 1]).zip((1..=20).chain([20, 21])) {
            let entry = NewEntry::said(1, Some(id), Kind::Said, "ann".into(), "tea".into());
            let stored = log.append("a", vec![entry]).await;
            assert_eq!(stored, Ok(vec![number]), "{id}");
        }
    }
}
