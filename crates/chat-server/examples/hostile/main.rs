//! One hostile address against a chat server, and a member at another: see
//! `scripts/bench/hostile.sh`.
//!
//! ```text
//! hostile member ADDR SECONDS      sends and reads as people do; prints what came of it
//! hostile attack ADDR SECONDS      does all at once that one address can do
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{bail, ensure};
use common::chat::{ChatClient, ChatRequest, ChatResponse, Cursor, Kind, Post, SERVICE, Session};
use common::net::Redial;
use tarpc::context;
use tokio::time::{Instant, interval};

mod attack;

type Client = ChatClient<Redial<ChatRequest, ChatResponse>>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [role, addr, seconds] = &args[..] else {
        bail!("usage: hostile member|attack ADDR SECONDS");
    };
    let span = Duration::from_secs(seconds.parse()?);
    match role.as_str() {
        "member" => member(addr, span).await,
        "attack" => {
            attack::everything(addr, span).await;
            Ok(())
        }
        _ => bail!("there is no role {role}"),
    }
}

fn post(id: u64, body: String) -> Post {
    let (kind, body) = (Kind::Said, body.into());
    Post { id, kind, body }
}

/// Sends four messages a second, as fast as the default rate allows for long, and reads the room
/// afterwards: every acknowledged message must be there. A refusal for speed is not an error.
async fn member(addr: &str, span: Duration) -> anyhow::Result<()> {
    let session = Session(rand::random());
    let redial = Redial::new(addr, SERVICE).within(Duration::from_secs(10));
    let client: Client = redial.into();
    let room = "lobby".to_owned();
    client
        .enter(context::current(), session, "member".into(), None)
        .await??;
    let cursor = client
        .join(context::current(), session, room.clone(), 0)
        .await??;
    let (mut took, mut acknowledged, mut failed) = (Vec::new(), BTreeSet::new(), 0);
    let mut pace = interval(Duration::from_millis(250));
    let began = Instant::now();
    for id in 1.. {
        pace.tick().await;
        if began.elapsed() >= span {
            break;
        }
        let body = format!("message {id}");
        let sent = Instant::now();
        let call = client.send(
            context::current(),
            session,
            room.clone(),
            vec![post(id, body)].into(),
        );
        match call.await {
            Ok(Ok(_)) => {
                took.push(sent.elapsed());
                acknowledged.insert(id);
            }
            Ok(Err(_)) | Err(_) => failed += 1,
        }
    }
    ensure!(!took.is_empty(), "nothing was acknowledged");
    let kept = read(&client, session, cursor).await?;
    let lost = acknowledged
        .iter()
        .filter(|id| !kept.contains(&format!("message {id}")))
        .count();
    took.sort_unstable();
    let ms = |part: f64| took[(part * (took.len() - 1) as f64) as usize].as_secs_f64() * 1e3;
    println!(
        "{} sends acknowledged, {failed} refused or failed, {lost} lost; \
         p50 {:.1} ms, p99 {:.1} ms",
        took.len(),
        ms(0.5),
        ms(0.99)
    );
    ensure!(lost == 0, "acknowledged messages are not there");
    Ok(())
}

/// Returns the bodies of all messages after `cursor`.
async fn read(
    client: &Client,
    session: Session,
    mut cursor: Cursor,
) -> anyhow::Result<BTreeSet<String>> {
    let mut bodies = BTreeSet::new();
    loop {
        let poll = client.poll(
            context::current(),
            session,
            vec![cursor.clone()].into(),
            500,
        );
        let pages = poll.await??;
        let pages = pages.into_inner().into_iter();
        let entries = pages.flat_map(|page| page.entries);
        let before = cursor.after;
        for entry in entries {
            cursor.after = cursor.after.max(entry.number);
            bodies.insert(entry.body.to_string());
        }
        if cursor.after == before {
            return Ok(bodies);
        }
    }
}
