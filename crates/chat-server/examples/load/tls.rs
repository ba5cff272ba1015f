//! What TLS itself takes of the deliveries: our chat without and with a lab's key, beside bare
//! tokio that answers each question with a page, as it is and under tokio-rustls.
//!
//! With up to 1000 connections, because each record then finds little of what it needs in the
//! caches of the processor, and TLS takes twice as long for a page as with ten.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::asked::{LISTENS, QUESTION};
use crate::bare_tls::{NAME, acceptor, connector};
use crate::fan_out::{BODY, flood_chat, many, start};
use crate::figures;
use crate::program::Program;
use crate::rounds::{ROUNDS, SPAN, median, order};
use crate::server::Server;

const READERS: [u64; 3] = [10, 100, 1000];

/// How many posts the writer of the chat puts in a call.
const POSTS: usize = 64;

/// About the bytes of a message on the wire: its text, and what our pages add.
const MESSAGE: f64 = BODY as f64 + 12.0;

/// Prints what reaches readers in a second, in pages of the same length, and what our chat would
/// keep of it if it paid for TLS what the bare server does.
pub(crate) async fn costs() -> anyhow::Result<()> {
    let ours = Server::program()?;
    for readers in READERS {
        let (messages, pages) = flood_chat(&start(&ours)?, readers, POSTS).await?;
        let page = messages / pages;
        let bytes = (page * MESSAGE) as usize;
        let mut rates: [Vec<f64>; 4] = Default::default();
        for round in 0..ROUNDS {
            for turn in order(round, rates.len()) {
                rates[turn].push(match turn {
                    0 => flood_chat(&start(&ours)?, readers, POSTS).await?.0 / page,
                    1 => {
                        let server = Server::start_sealed(&ours)?;
                        flood_chat(&server, readers, POSTS).await?.0 / page
                    }
                    sealed => bare(readers, bytes, sealed == 3).await?,
                });
            }
        }
        let [plain, sealed, bare, bare_sealed] = rates.each_ref().map(|rates| median(rates));
        // If TLS adds to the time of a page what it adds to a bare one: 1 / would = 1 / plain +
        // 1 / bare_sealed - 1 / bare. The processor is what all of them wait for.
        let would = 1.0 / (1.0 / plain + 1.0 / bare_sealed - 1.0 / bare);
        let at = many(readers);
        println!("{at}: pages of {bytes} bytes a second, medians of {ROUNDS} rounds");
        println!("  our chat                                  {plain:>9.0}");
        println!(
            "  the same under a key                      {sealed:>9.0} {:>6.2}",
            sealed / plain
        );
        println!("  bare tokio                                {bare:>9.0}");
        println!(
            "  the same under tokio-rustls               {bare_sealed:>9.0} {:>6.2}",
            bare_sealed / bare
        );
        println!(
            "  our chat, if TLS took as long for a page  {would:>9.0} {:>6.2}",
            would / plain
        );
        let kept = sealed / would;
        let what = "pages a second under a key, of what tokio-rustls would leave";
        figures::note("chat", what, &at, vec![kept])?;
    }
    Ok(())
}

/// Returns the pages a second of a bare server in a process of its own.
async fn bare(readers: u64, bytes: usize, is_sealed: bool) -> anyhow::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    let (length, sealed) = (bytes.to_string(), is_sealed.to_string());
    let mut program = Program::start(command.args(["pages", &length, &sealed]));
    let addr = program.says(LISTENS);
    let connector = connector()?;
    let pages = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let (socket, pages) = (TcpStream::connect(&addr).await?, pages.clone());
        socket.set_nodelay(true)?;
        if is_sealed {
            let name = ServerName::try_from(NAME)?;
            let socket = connector.connect(name, socket).await?;
            tasks.spawn(ask(socket, bytes, pages));
        } else {
            tasks.spawn(ask(socket, bytes, pages));
        }
    }
    let (before, began) = (pages.load(Ordering::Relaxed), Instant::now());
    sleep(SPAN).await;
    let pages = pages.load(Ordering::Relaxed) - before;
    Ok(pages as f64 / began.elapsed().as_secs_f64())
}

/// Asks for a page, and for the next when it is there, until the server has gone.
async fn ask<IO: AsyncRead + AsyncWrite + Unpin>(
    mut io: IO,
    bytes: usize,
    pages: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let mut page = vec![0; bytes];
    loop {
        io.write_all(&[0; QUESTION]).await?;
        io.flush().await?;
        io.read_exact(&mut page).await?;
        pages.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves pages of this length until it is killed.
pub(crate) async fn serve(bytes: usize, is_sealed: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("{LISTENS}{}", listener.local_addr()?);
    let acceptor = acceptor()?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        // It ends with an error when its client has gone.
        tokio::spawn(async move {
            if is_sealed {
                answer(acceptor.accept(socket).await?, bytes).await
            } else {
                answer(socket, bytes).await
            }
        });
    }
}

async fn answer<IO: AsyncRead + AsyncWrite + Unpin>(
    mut io: IO,
    bytes: usize,
) -> anyhow::Result<()> {
    let page = vec![7; bytes];
    loop {
        io.read_exact(&mut [0; QUESTION]).await?;
        io.write_all(&page).await?;
        io.flush().await?;
    }
}
