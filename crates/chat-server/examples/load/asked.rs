//! What it costs that readers ask for each page: bare tokio, a server in a process of its own, and
//! frames as large as ours. A reader asks for the next frame, or is pushed all that come, as core
//! NATS does. Nothing is decoded, kept or counted.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::baseline::FRAME;
use crate::paced::{Arrivals, lateness, p50_p99, pace};
use crate::program::Program;

/// About the bytes of a poll on the wire.
pub(crate) const QUESTION: usize = 60;

/// The first byte of a connection.
const READS: u8 = 0;
const WRITES: u8 = 1;

/// What the server prints before its address.
pub(crate) const LISTENS: &str = "listens on ";

/// A server in a process of its own. Dropping it kills it.
pub(crate) struct Bare {
    addr: String,
    is_asked: bool,
    _program: Program,
}

impl Bare {
    pub(crate) fn start(is_asked: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut program = Program::start(command.args(["bare", &is_asked.to_string()]));
        Ok(Self {
            addr: program.says(LISTENS),
            is_asked,
            _program: program,
        })
    }

    async fn connect(&self, role: u8) -> anyhow::Result<BufReader<TcpStream>> {
        let mut socket = in_one_read(TcpStream::connect(&self.addr).await?)?;
        socket.write_all(&[role]).await?;
        Ok(socket)
    }

    /// Returns the milliseconds that half of the frames needed at most, and 99 of 100.
    pub(crate) async fn pace(
        &self,
        readers: u64,
        arrivals: Arrivals,
    ) -> anyhow::Result<(f64, f64)> {
        let (began, is_asked) = (Instant::now(), self.is_asked);
        let mut tasks = JoinSet::new();
        for _ in 0..readers {
            let mut socket = self.connect(READS).await?;
            tasks.spawn(async move {
                let (mut late, mut frame) = (Vec::new(), [0; FRAME]);
                loop {
                    if is_asked && socket.write_all(&[0; QUESTION]).await.is_err() {
                        return late;
                    }
                    let read = socket.read_exact(&mut frame);
                    let Ok(Ok(_)) = timeout(Duration::from_secs(2), read).await else {
                        return late;
                    };
                    let text = str::from_utf8(&frame).unwrap_or_default();
                    late.extend(lateness(began, text.trim_end()));
                }
            });
        }
        let mut writer = self.connect(WRITES).await?;
        pace(began, arrivals, async |text| {
            let mut frame = [b' '; FRAME];
            frame[..text.len()].copy_from_slice(text.as_bytes());
            writer.write_all(&frame).await?;
            writer.read_u8().await?;
            Ok(())
        })
        .await?;
        p50_p99(tasks.join_all().await.concat())
    }
}

/// Serves until it is killed.
pub(crate) async fn serve(is_asked: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("{LISTENS}{}", listener.local_addr()?);
    let news = watch::Sender::new([0; FRAME]);
    loop {
        let (socket, _) = listener.accept().await?;
        let socket = in_one_read(socket)?;
        // It ends with an error when its client has gone.
        tokio::spawn(answer(socket, news.clone(), is_asked));
    }
}

/// Returns the connection with a buffer that is longer than a frame, because a read that is filled
/// to the end is followed by another, which finds nothing.
fn in_one_read(socket: TcpStream) -> anyhow::Result<BufReader<TcpStream>> {
    socket.set_nodelay(true)?;
    Ok(BufReader::new(socket))
}

async fn answer(
    mut socket: BufReader<TcpStream>,
    news: watch::Sender<[u8; FRAME]>,
    is_asked: bool,
) -> anyhow::Result<()> {
    let mut newest = news.subscribe();
    if socket.read_u8().await? == WRITES {
        loop {
            let mut frame = [0; FRAME];
            socket.read_exact(&mut frame).await?;
            news.send_replace(frame);
            socket.write_u8(0).await?;
        }
    }
    loop {
        if is_asked {
            socket.read_exact(&mut [0; QUESTION]).await?;
        }
        newest.changed().await?;
        let frame = *newest.borrow_and_update();
        socket.write_all(&frame).await?;
    }
}
