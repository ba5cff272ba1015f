//! A baseline for the benchmarks: one word a call, as tarpc's own documentation does it.
//!
//! ```text
//! plain serve                          prints `listening on IP:PORT`
//! plain list WINDOW WORDLIST IP:PORT   answers to stdout, with WINDOW calls in flight
//! ```
//!
//! The service, the codec and TCP_NODELAY are the same as ours. The rest is not: the transport
//! flushes each message, each request gets a task, the client keeps a window of futures in order.

use std::io::{BufWriter, Write};

use common::net::wire::wire;
use common::secret::{Offer, Refusal, Reversed, Secret, SecretClient, Tier};
use futures::{StreamExt, TryStreamExt, stream};
use tarpc::context::{self, Context};
use tarpc::server::{BaseChannel, Channel};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve"] => serve().await,
        ["list", window, list, addr] => send_list(window.parse()?, list, addr).await,
        _ => anyhow::bail!("usage: plain serve | plain list WINDOW WORDLIST ADDR"),
    }
}

async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let requests = BaseChannel::with_defaults(wire(connection)).execute(Plain.serve());
        tokio::spawn(requests.for_each(async |request| drop(tokio::spawn(request))));
    }
}

async fn send_list(window: usize, list: &str, addr: &str) -> anyhow::Result<()> {
    let connection = TcpStream::connect(addr).await?;
    connection.set_nodelay(true)?;
    let client = SecretClient::new(tarpc::client::Config::default(), wire(connection)).spawn();
    let words = std::fs::read_to_string(list)?;
    let calls = words
        .lines()
        .map(|word| client.reverse(context::current(), word.to_owned()));
    let answers: Vec<_> = stream::iter(calls).buffered(window).try_collect().await?;
    let mut stdout = BufWriter::new(std::io::stdout());
    for answer in answers {
        writeln!(stdout, "{}", answer?)?;
    }
    Ok(stdout.flush()?)
}

/// A server that reverses by code points, which is less work than what the real server does.
#[derive(Clone)]
struct Plain;

impl Secret for Plain {
    async fn reverse(self, _: Context, text: String) -> Result<String, Refusal> {
        Ok(text.chars().rev().collect())
    }

    async fn fast_reverse(
        self,
        _: Context,
        text: String,
        _: Option<String>,
    ) -> Result<String, Refusal> {
        Ok(text.chars().rev().collect())
    }

    async fn reverse_words(self, _: Context, _: Tier, _: String) -> Result<Reversed, Refusal> {
        Err(Refusal::Busy)
    }

    async fn offer(self, _: Context) -> Offer {
        Offer { workers: 1 }
    }
}
