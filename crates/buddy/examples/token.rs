//! The least that any ring must do: one thread, one TCP connection in, one out, eight bytes a
//! verse. It sings the same lines, but has no roll call, no repair and no framing. Two baselines
//! for `examples/hops.rs`: `raw` waits in the system's own calls, and `tokio` on tokio's sockets,
//! because on one core no ring that tokio runs can outdo it.
//!
//! ```text
//! token raw|tokio ADDR NEXT [BOTTLES]      with BOTTLES it starts the song
//! ```

use std::io::{self, Read, Write};
use std::net;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime;
use tokio::time;

/// The bottles left, in network byte order.
type Token = [u8; 8];

/// The token that goes round once the song is over.
const OVER: Token = u64::MAX.to_be_bytes();

/// Until the next buddy is dialled again, because it may not have been started yet.
const PAUSE: Duration = Duration::from_millis(10);

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, how, addr, next, bottles @ ..] = &args[..] else {
        return Err(usage());
    };
    let bottles: Option<u64> = match bottles.first() {
        Some(bottles) => Some(bottles.parse().map_err(io::Error::other)?),
        None => None,
    };
    match how.as_str() {
        "raw" => raw(addr, next, bottles),
        "tokio" => runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(on_tokio(addr, next, bottles)),
        _ => Err(usage()),
    }
}

fn usage() -> io::Error {
    io::Error::other("usage: token raw|tokio ADDR NEXT [BOTTLES]")
}

/// Sings a verse. Returns the token for the next buddy.
fn sing(left: u64) -> io::Result<Token> {
    let line = buddy::song::verse(left, left) + "\n";
    io::stdout().write_all(line.as_bytes())?;
    Ok(left.checked_sub(1).map_or(OVER, u64::to_be_bytes))
}

/// Returns the token that follows, after its verse.
fn turn(token: Token) -> io::Result<Token> {
    match token {
        OVER => Ok(OVER),
        left => sing(u64::from_be_bytes(left)),
    }
}

fn raw(addr: &str, next: &str, bottles: Option<u64>) -> io::Result<()> {
    let listener = net::TcpListener::bind(addr)?;
    let mut to = loop {
        match net::TcpStream::connect(next) {
            Ok(to) => break to,
            Err(_) => thread::sleep(PAUSE),
        }
    };
    to.set_nodelay(true)?;
    let (mut from, _) = listener.accept()?;
    if let Some(bottles) = bottles {
        to.write_all(&sing(bottles)?)?;
    }
    let mut token = [0; 8];
    // No token comes once the buddy before this one has ended. To pass on that the song is over may
    // fail, because the one that sang the ending hears it too and has then ended.
    while token != OVER && from.read_exact(&mut token).is_ok() {
        let passed = to.write_all(&turn(token)?);
        if token != OVER {
            passed?;
        }
    }
    Ok(())
}

async fn on_tokio(addr: &str, next: &str, bottles: Option<u64>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(addr).await?;
    let mut to = loop {
        match tokio::net::TcpStream::connect(next).await {
            Ok(to) => break to,
            Err(_) => time::sleep(PAUSE).await,
        }
    };
    to.set_nodelay(true)?;
    let (mut from, _) = listener.accept().await?;
    if let Some(bottles) = bottles {
        to.write_all(&sing(bottles)?).await?;
    }
    let mut token = [0; 8];
    while token != OVER && from.read_exact(&mut token).await.is_ok() {
        let passed = to.write_all(&turn(token)?).await;
        if token != OVER {
            passed?;
        }
    }
    Ok(())
}
