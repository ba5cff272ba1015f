//! Messages that are on disk before their answer: how many a second, beside what the disk, the same
//! transaction and the same calls make alone, and beside another log.

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::future::try_join_all;

use crate::alone;
#[cfg(feature = "nats")]
use crate::jetstream;
use crate::rounds::{Contestant, SPAN, compare};
use crate::server::{Server, Store};
use crate::user::users;

/// How many senders send, and how many messages in each call.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) senders: u64,
    pub(crate) posts: usize,
}

/// Compares chat-server with what is beside it, and with `programs`, which are more chat-servers:
/// one that was built before a change.
pub(crate) async fn durable(programs: &[PathBuf]) -> anyhow::Result<()> {
    for (senders, posts) in [(1, 1), (8, 1), (64, 1), (1, 64)] {
        let load = Load { senders, posts };
        let ours = Server::program()?;
        let mut contestants = vec![Contestant::new("chat-server", || {
            sends(&ours, Store::File, load)
        })];
        contestants.extend(programs.iter().map(|program| {
            let name = program.display().to_string();
            Contestant::new(name, move || sends(program, Store::File, load))
        }));
        let calls = || sends(&ours, Store::Memory, load);
        contestants.push(Contestant::new(
            "the same calls with a store in memory",
            calls,
        ));
        let store = || alone::store(load);
        contestants.push(Contestant::new("the same store without a server", store));
        if senders == 1 {
            let transactions = || alone::transactions(posts);
            let name = "the same transaction without a server";
            contestants.push(Contestant::new(name, transactions));
            let asked = || alone::asked(posts);
            let name = "the same transaction asked over a socket";
            contestants.push(Contestant::new(name, asked));
            let handed_over = || alone::handed_over(posts);
            let name = "the same, by tokio and a thread that commits";
            contestants.push(Contestant::new(name, handed_over));
        }
        if posts == 1 {
            let name = "the commits of the disk alone";
            contestants.push(Contestant::new(name, alone::commits));
        }
        #[cfg(feature = "nats")]
        if crate::nats::program().is_some() {
            let publishes = || jetstream::publishes(load.senders as usize, posts);
            contestants.push(Contestant::new(
                "JetStream, which has not synced",
                publishes,
            ));
        }
        let at = match (senders, posts) {
            (1, 1) => "1 sender".into(),
            (1, _) => format!("1 sender, {posts} messages in a call"),
            (_, _) => format!("{senders} senders"),
        };
        compare(&at, &contestants).await?;
    }
    Ok(())
}

/// Returns the acknowledged messages a second of a chat-server: one call at a time a sender, each
/// of which has a connection of its own.
async fn sends(program: &Path, store: Store, load: Load) -> anyhow::Result<f64> {
    let server = Server::start_program(program, store)?;
    let users = users(&server.addr, load.senders).await?;
    let senders = users.into_iter().map(|mut user| {
        tokio::spawn(async move {
            let began = Instant::now();
            while began.elapsed() < SPAN {
                user.send(vec!["x".repeat(120); load.posts]).await?;
            }
            anyhow::Ok(user.id)
        })
    });
    let mut sent = 0;
    for count in try_join_all(senders.collect::<Vec<_>>()).await? {
        sent += count?;
    }
    Ok(sent as f64 / SPAN.as_secs_f64())
}
