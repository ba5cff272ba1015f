//! The least that any ring must do: one thread, one TCP connection in, one out, eight bytes a
//! verse. It sings the same lines, but has no roll call, no repair and no framing. A baseline for
//! `examples/hops.rs`.
//!
//! ```text
//! token ADDR NEXT [BOTTLES]      with BOTTLES it starts the song
//! ```

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

/// The token that goes round once the song is over.
const OVER: u64 = u64::MAX;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, addr, next, bottles @ ..] = &args[..] else {
        return Err(io::Error::other("usage: token ADDR NEXT [BOTTLES]"));
    };
    let listener = TcpListener::bind(addr.as_str())?;
    let mut to = loop {
        match TcpStream::connect(next.as_str()) {
            Ok(to) => break to,
            Err(_) => sleep(Duration::from_millis(10)),
        }
    };
    to.set_nodelay(true)?;
    let (mut from, _) = listener.accept()?;
    let mut stdout = io::stdout();
    let mut sing = |left: u64| {
        let line = buddy::song::verse(left, left) + "\n";
        stdout.write_all(line.as_bytes())
    };
    if let Some(bottles) = bottles.first() {
        let bottles: u64 = bottles.parse().map_err(io::Error::other)?;
        sing(bottles)?;
        to.write_all(&(bottles - 1).to_be_bytes())?;
    }
    let mut token = [0; 8];
    loop {
        if from.read_exact(&mut token).is_err() {
            return Ok(()); // because the buddy before this one has ended
        }
        let left = u64::from_be_bytes(token);
        if left == OVER {
            // It may fail, because the one that sang the ending hears this too and has then ended.
            let _ = to.write_all(&token);
            return Ok(());
        }
        sing(left)?;
        let then = left.checked_sub(1).unwrap_or(OVER);
        to.write_all(&then.to_be_bytes())?;
    }
}
