//! The real server is killed with `kill -9` at random moments, under senders and readers. Every
//! reader shows every acknowledged message exactly once, and all of them in the same order. Every
//! second reader has a call out that follows its poll, as a client has.
//!
//! `KILLS=20` makes the test long. A failure prints the seed, and `SEED=...` repeats its moments.
//! With an odd seed all connections are sealed.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::chat::{ChatClient, ChatRequest, ChatResponse, Cursor, Kind, Post, SERVICE, Session};
use common::net::{LabKey, Redial, Seal};
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use program::{Program, closed};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tarpc::context;
use tokio::sync::mpsc;
use tokio::time::sleep;

#[path = "../../common/tests/support/program.rs"]
mod program;

const KEY: &str = "labkey1aaaqeayeaudaocajbifqydiob5322";
const SENDERS: u64 = 8;
const READERS: u64 = 5;
const WAIT_MS: u32 = 15_000;

type Client = ChatClient<Redial<ChatRequest, ChatResponse>>;

/// Whether there is a seal, and where the server is.
#[derive(Clone)]
struct Place {
    addr: String,
    seal: Seal,
}

fn client(place: &Place) -> Client {
    Redial::new(&*place.addr, place.seal.of(SERVICE))
        .within(Duration::from_secs(20))
        .into()
}

fn start(place: &Place, file: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    let store = format!("sqlite:{}", file.display());
    if place.seal.name().is_some() {
        command.env("LAB_KEY", KEY);
    }
    command.args(["--listen", &place.addr]);
    let mut server = Program::start(command.args(["--rate", "0", "--store", &store]));
    server.ready();
    server
}

/// Calls until the server is back and answers.
async fn persist<T, F: Future<Output = Option<T>>>(mut call: impl FnMut() -> F) -> T {
    loop {
        match call().await {
            Some(answer) => return answer,
            // Between tries only: no event is expected in this time.
            None => sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn enter(client: &Client, session: Session) {
    persist(async || {
        let here = context::current();
        client
            .enter(here, session, format!("p{}", session.0 >> 64), None)
            .await
            .ok()?
            .ok()?;
        client
            .join(here, session, "lobby".into(), 0)
            .await
            .ok()?
            .ok()
    })
    .await;
}

/// Sends `count` messages, each until it is acknowledged.
async fn send(place: Place, session: Session, count: u64) {
    let client = client(&place);
    enter(&client, session).await;
    for id in 1..=count {
        let post = Post {
            id,
            kind: Kind::Said,
            body: format!("{}:{id}", session.0 >> 64).into(),
        };
        persist(async || {
            let call = client.send(
                context::current(),
                session,
                "lobby".into(),
                vec![post.clone()].into(),
            );
            match call.await {
                Ok(Ok(_)) => Some(()),
                Ok(Err(_)) => {
                    enter(&client, session).await;
                    None
                }
                Err(_) => None,
            }
        })
        .await;
    }
}

/// Reads until `total` messages were shown. Has one call out or two: a poll, and one that follows
/// it.
async fn read(
    place: Place,
    session: Session,
    calls: usize,
    total: usize,
    seen: mpsc::Sender<()>,
) -> Vec<String> {
    let client = client(&place);
    enter(&client, session).await;
    let mut cursor = Cursor {
        room: "lobby".into(),
        after: 0,
        epoch: 0,
    };
    let (mut shown, mut last) = (Vec::new(), HashMap::new());
    let mut followed = 0;
    while shown.len() < total {
        let (here, cursors) = (context::current(), vec![cursor.clone()].into());
        let poll = client.poll(here, session, cursors, WAIT_MS).boxed();
        let follow = client.follow(here, session, WAIT_MS).boxed();
        let out: FuturesOrdered<_> = [poll, follow].into_iter().take(calls).collect();
        let mut answers = out.enumerate();
        while shown.len() < total
            && let Some((n, answer)) = answers.next().await
        {
            let Ok(Ok(pages)) = answer else {
                enter(&client, session).await;
                break; // because what follows an answer that was lost is not the next
            };
            for page in pages.into_inner() {
                if cursor.epoch != page.epoch {
                    assert_eq!(cursor.epoch, 0, "the log stays the same");
                    (cursor.epoch, cursor.after) = (page.epoch, 0);
                    continue; // because this page may begin too late; the next one does not
                }
                assert_eq!(page.first, 1);
                for entry in page.entries {
                    if entry.number <= cursor.after {
                        continue;
                    }
                    cursor.after = entry.number;
                    if entry.kind == Kind::Said {
                        // Here, because a reader to whom one is missing never ends.
                        let (sender, id) = entry.body.split_once(':').expect("one of ours");
                        let last: &mut u64 = last.entry(sender.to_owned()).or_default();
                        *last += 1;
                        assert_eq!(id, last.to_string(), "the next one of sender {sender}");
                        shown.push(entry.body.to_string());
                        followed += n;
                        let _ = seen.try_send(());
                    }
                }
            }
        }
    }
    assert_eq!(followed > 0, calls > 1, "what the second calls brought");
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_shown_twice() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let kills = number("KILLS").unwrap_or(5);
    let seed = number("SEED").unwrap_or_else(rand::random);
    let key = LabKey::parse(KEY).expect("a key");
    let seal = match seed % 2 {
        1 => Seal::new(&key).expect("a usable key"),
        _ => Seal::none(),
    };
    println!("SEED={seed} KILLS={kills} {seal:?}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.sqlite");
    // Outside the ports that the system hands out, because the clients' sockets could take one.
    let addr = closed();
    let place = Place { addr, seal };
    let mut server = start(&place, &file);

    let each = 40 * kills;
    let total = (SENDERS * each) as usize;
    let (seen, mut shown) = mpsc::channel(1 << 16);
    let reader = |i| {
        tokio::spawn(read(
            place.clone(),
            Session(u128::from(1000 + i) << 64),
            1 + i as usize % 2,
            total,
            seen.clone(),
        ))
    };
    let readers: Vec<_> = (0..READERS).map(reader).collect();
    let sender = |i| tokio::spawn(send(place.clone(), Session(u128::from(1 + i) << 64), each));
    let senders: Vec<_> = (0..SENDERS).map(sender).collect();
    for _ in 0..kills {
        // Counted in messages instead of time, so that a kill always comes in the middle.
        for _ in 0..dice.random_range(1..=total / kills as usize) {
            shown.recv().await.expect("readers read");
        }
        drop(server);
        server = start(&place, &file);
    }
    for sender in senders {
        sender.await.expect("no panic");
    }
    let mut transcripts = Vec::new();
    for reader in readers {
        transcripts.push(reader.await.expect("no panic"));
    }
    drop(server);

    for transcript in &transcripts {
        assert!(transcript == &transcripts[0], "the same order for all");
    }
}
