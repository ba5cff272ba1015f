//! Browsers that wait: each has a poll in hand over HTTP. After its person has typed, it keeps a
//! second connection for half a minute.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::server::Server;

/// Until every poll has arrived; far shorter than a poll waits.
const SETTLE: Duration = Duration::from_secs(1);

/// Returns the bytes that a browser costs the server while it waits.
pub(crate) async fn waiting(count: u64) -> anyhow::Result<f64> {
    let server = Server::start_with_http()?;
    let http = server.http.as_deref().context("it has a door for HTTP")?;
    let before = server.memory()?;
    let sessions: Vec<_> = (1..=count).map(|n| format!("{n:032x}")).collect();
    let mut door = TcpStream::connect(http).await?;
    for (n, session) in sessions.iter().enumerate() {
        let entered = call(&mut door, "enter", &format!("[\"{session}\",\"p{n}\"]")).await?;
        ensure!(entered.contains("\"result\""), "{entered}");
        call(&mut door, "join", &format!("[\"{session}\",\"lobby\",0]")).await?;
    }
    let mut polls = Vec::new();
    for session in &sessions {
        let mut poll = TcpStream::connect(http).await?;
        // Once more, because all who came later are in the log by now.
        let joined = call(&mut poll, "join", &format!("[\"{session}\",\"lobby\",0]")).await?;
        let cursor = joined.split("\"result\":").nth(1);
        let cursor = cursor.and_then(|cursor| cursor.trim_end().strip_suffix('}'));
        let cursor = cursor.context("a cursor")?;
        let params = format!("[\"{session}\",[{cursor}],15000]");
        send(&mut poll, "poll", &params).await?;
        polls.push(poll);
    }
    sleep(SETTLE).await;
    let bytes = server.memory()? - before;
    for poll in &polls {
        let waits = poll.try_read(&mut [0]);
        ensure!(waits.is_err(), "a poll was answered: nothing was measured");
    }
    Ok(bytes / count as f64)
}

/// Returns the bytes of a connection on which something was asked, and that is kept.
pub(crate) async fn kept(count: u64) -> anyhow::Result<f64> {
    let server = Server::start_with_http()?;
    let http = server.http.as_deref().context("it has a door for HTTP")?;
    let before = server.memory()?;
    let mut connections = Vec::new();
    for n in 1..=count {
        let mut io = TcpStream::connect(http).await?;
        let nobody = call(&mut io, "rooms", &format!("[\"{n:032x}\",\"\"]")).await?;
        ensure!(nobody.contains("NoSession"), "{nobody}");
        connections.push(io);
    }
    sleep(SETTLE).await;
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
