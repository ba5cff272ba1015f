//! The least that a ring can do: one thread, one TCP connection in, one out, eight bytes a verse.
//! It sings the same lines, but has no roll call, no repair and no framing. Baselines for
//! `examples/hops.rs`: `raw` waits in the system's own calls, `tokio` on tokio's sockets, and `tls`
//! on those under tokio-rustls, because a ring of ours pays for such libraries.
//!
//! ```text
//! token raw|tokio|tls ADDR NEXT [BOTTLES]      with BOTTLES it starts the song
//! ```

use std::io::{self, Read, Write};
use std::net;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::runtime;
use tokio::time;

#[path = "../../common/tests/support/bare_tls.rs"]
mod bare_tls;

const USAGE: &str = "usage: token raw|tokio|tls ADDR NEXT [BOTTLES]";

/// The bottles left, in network byte order.
type Token = [u8; 8];

/// The token that goes round once the song is over.
const OVER: Token = u64::MAX.to_be_bytes();

/// Until the next buddy is dialled again, because it may not have been started yet.
const PAUSE: Duration = Duration::from_millis(10);

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, how, addr, next, bottles @ ..] = &args[..] else {
        bail!(USAGE);
    };
    let bottles = bottles.first().map(|bottles| bottles.parse()).transpose()?;
    let is_sealed = match how.as_str() {
        "raw" => return Ok(raw(addr, next, bottles)?),
        "tokio" => false,
        "tls" => true,
        _ => bail!(USAGE),
    };
    let mut runtime = runtime::Builder::new_current_thread();
    let ring = on_tokio(addr, next, bottles, is_sealed);
    runtime.enable_all().build()?.block_on(ring)
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

async fn on_tokio(
    addr: &str,
    next: &str,
    bottles: Option<u64>,
    is_sealed: bool,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(addr).await?;
    let to = loop {
        match tokio::net::TcpStream::connect(next).await {
            Ok(to) => break to,
            Err(_) => time::sleep(PAUSE).await,
        }
    };
    to.set_nodelay(true)?;
    let (from, _) = listener.accept().await?;
    if !is_sealed {
        return Ok(pass_on(from, to, bottles).await?);
    }
    let to = bare_tls::connector()?.connect(ServerName::try_from(bare_tls::NAME)?, to);
    // At once, because the handshakes of a ring wait for each other.
    let (from, to) = tokio::try_join!(bare_tls::acceptor()?.accept(from), to)?;
    Ok(pass_on(from, to, bottles).await?)
}

async fn pass_on(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    bottles: Option<u64>,
) -> io::Result<()> {
    // tokio takes a full buffer as a sign of more and reads again in vain, so this one is larger.
    let mut from = BufReader::new(from);
    if let Some(bottles) = bottles {
        to.write_all(&sing(bottles)?).await?;
        to.flush().await?;
    }
    let mut token = [0; 8];
    while token != OVER && from.read_exact(&mut token).await.is_ok() {
        let mut passed = to.write_all(&turn(token)?).await;
        if passed.is_ok() {
            passed = to.flush().await;
        }
        if token != OVER {
            passed?;
        }
    }
    Ok(())
}
