//! A baseline for the benchmarks: what plain TCP can do, with no RPC at all.
//!
//! ```text
//! raw serve                        prints `listening on IP:PORT`
//! raw list WORDLIST IP:PORT        words down one connection, answers to stdout
//! raw pingpong NUMBER IP:PORT      one word there and back at a time; prints round trips a second
//! ```
//!
//! The server reads a line, reverses it, writes it, and flushes when nothing more is there to be
//! read. This is how most people would write it first.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

const BUFFER: usize = 64 * 1024;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve"] => serve()?,
        ["list", list, addr] => send_list(&std::fs::read(list)?, addr)?,
        ["pingpong", number, addr] => pingpong(number.parse()?, addr)?,
        _ => anyhow::bail!("usage: raw serve | raw list WORDLIST ADDR | raw pingpong NUMBER ADDR"),
    }
    Ok(())
}

fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("listening on {}", listener.local_addr()?);
    for connection in listener.incoming() {
        let connection = connection?;
        thread::spawn(move || answer(connection));
    }
    Ok(())
}

fn answer(connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(BUFFER, connection.try_clone()?);
    let mut writer = BufWriter::with_capacity(BUFFER, connection);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let reversed: String = line.trim_end().chars().rev().collect();
        writer.write_all(reversed.as_bytes())?;
        writer.write_all(b"\n")?;
        line.clear();
        if reader.buffer().is_empty() {
            writer.flush()?;
        }
    }
    Ok(())
}

fn send_list(words: &[u8], addr: &str) -> io::Result<()> {
    let connection = TcpStream::connect(addr)?;
    connection.set_nodelay(true)?;
    let mut upstream = connection.try_clone()?;
    thread::scope(|scope| {
        scope.spawn(move || {
            upstream.write_all(words)?;
            upstream.shutdown(std::net::Shutdown::Write)
        });
        let mut answers = Vec::new();
        BufReader::with_capacity(BUFFER, connection).read_to_end(&mut answers)?;
        io::stdout().write_all(&answers)
    })
}

fn pingpong(number: u32, addr: &str) -> io::Result<()> {
    let mut connection = TcpStream::connect(addr)?;
    connection.set_nodelay(true)?;
    let mut answer = [0; 8];
    let begun = Instant::now();
    for _ in 0..number {
        connection.write_all(b"sevenwd\n")?;
        connection.read_exact(&mut answer)?;
    }
    println!("{:.0}", f64::from(number) / begun.elapsed().as_secs_f64());
    Ok(())
}
