//! Browsers that wait: each has a poll in hand over HTTP, and a second connection that it keeps for
//! what its person types next.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::server::Server;

/// Until every poll has arrived; far shorter than a poll waits.
const SETTLE: Duration = Duration::from_secs(2);

/// Returns the bytes that a browser costs the server while it waits.
pub(crate) async fn waiting(count: u64) -> anyhow::Result<f64> {
    let server = Server::start_with_http()?;
    let http = server.http.as_deref().context("it has a door for HTTP")?;
    let before = server.memory()?;
    let mut connections = Vec::new();
    for n in 1..=count {
        let session = format!("{n:032x}");
        let mut typing = TcpStream::connect(http).await?;
        let enter = format!("[\"{session}\",\"p{n}\"]");
        let entered = call(&mut typing, "enter", &enter).await?;
        ensure!(entered.contains("\"result\""), "{entered}");
        let join = format!("[\"{session}\",\"lobby\",0]");
        call(&mut typing, "join", &join).await?;
        connections.push((session, typing));
    }
    let mut polls = Vec::new();
    for (session, _) in &connections {
        let mut poll = TcpStream::connect(http).await?;
        // Once more, because all who came later are in the log by now.
        let joined = call(&mut poll, "join", &format!("[\"{session}\",\"lobby\",0]")).await?;
        let cursor = joined.split("\"result\":").nth(1);
        let cursor = cursor.and_then(|cursor| cursor.trim_end().strip_suffix('}'));
        let cursor = cursor.context("a cursor")?;
        send(
            &mut poll,
            "poll",
            &format!("[\"{session}\",[{cursor}],15000]"),
        )
        .await?;
        polls.push(poll);
    }
    sleep(SETTLE).await;
    for poll in &polls {
        let mut answer = [0];
        let waits = poll.try_read(&mut answer);
        ensure!(waits.is_err(), "a poll was answered: nothing was measured");
    }
    Ok((server.memory()? - before) / count as f64)
}

async fn send(io: &mut TcpStream, method: &str, params: &str) -> anyhow::Result<()> {
    let call =
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
    // About what a browser says of itself.
    let more = format!("User-Agent: {}\r\n", "x".repeat(600));
    let length = call.len();
    let head =
        format!("POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{more}\r\n");
    io.write_all((head + &call).as_bytes()).await?;
    Ok(())
}

/// Returns the body that is answered.
async fn call(io: &mut TcpStream, method: &str, params: &str) -> anyhow::Result<String> {
    send(io, method, params).await?;
    let mut answer = Vec::new();
    loop {
        let read = io.read_buf(&mut answer).await?;
        ensure!(read > 0, "it hung up");
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).context("a length")?;
            let length: usize = length.lines().next().context("a length")?.parse()?;
            if body.len() >= length {
                return Ok(body.to_owned());
            }
        }
    }
}
