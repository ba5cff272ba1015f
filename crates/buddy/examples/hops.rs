//! Measures the hops a second of rings of real processes, several programs in one run.
//! `scripts/bench/ring.sh` starts it.
//!
//! A contestant is a program that sings one line for each verse. The lines of its starter come here
//! through a pipe, and those of the others go nowhere. What counts is the time between the first
//! line and the last.

use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

#[path = "../../common/tests/support/figures.rs"]
mod figures;

/// Rings, and how many verses they sing: about a second's work each.
const RINGS: [(usize, u64); 3] = [(3, 30_000), (10, 20_000), (100, 10_000)];

/// Measurements of each contestant. Every other round takes them in the opposite order, because a
/// machine may get slower.
const ROUNDS: usize = 4;

/// A program that can sing in a ring.
struct Contestant {
    name: String,
    program: PathBuf,
    /// Started as `PROGRAM ADDR NEXT [BOTTLES]`; otherwise as `buddy` is.
    is_plain: bool,
}

fn main() -> io::Result<()> {
    let here = std::env::current_exe()?;
    let examples = here.parent().unwrap_or(&here);
    let mut contestants = vec![
        Contestant {
            name: "buddy".into(),
            program: examples.join("../buddy"),
            is_plain: false,
        },
        Contestant {
            name: "raw TCP".into(),
            program: examples.join("token"),
            is_plain: true,
        },
    ];
    for program in std::env::args().skip(1) {
        let program = PathBuf::from(program);
        let name = program.file_name().unwrap_or_default();
        contestants.push(Contestant {
            name: name.to_string_lossy().into_owned(),
            program,
            is_plain: true,
        });
    }
    for (size, bottles) in RINGS {
        compare(&contestants, size, bottles)?;
    }
    Ok(())
}

/// Prints the median of each contestant, and how many times that buddy makes, round by round.
fn compare(contestants: &[Contestant], size: usize, bottles: u64) -> io::Result<()> {
    let mut rates = vec![Vec::new(); contestants.len()];
    for round in 0..ROUNDS {
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for i in order {
            rates[i].push(measure(&contestants[i], size, bottles)?);
        }
    }
    println!(
        "{size} processes, {bottles} verses, {ROUNDS} rounds, every other one the other way round"
    );
    for (i, (contestant, theirs)) in contestants.iter().zip(&rates).enumerate() {
        let ratios: Vec<f64> = rates[0]
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        println!(
            "  {:<10} {:>7.0} hops/s; buddy makes {:.2} times that (by round: {})",
            contestant.name,
            median(theirs),
            median(&ratios),
            shown.join(" "),
        );
        if i > 0 {
            note(&contestant.name, size, ratios)?;
        }
    }
    Ok(())
}

/// Writes a figure. A ring called `sealed` is buddies under a key. Its baseline is the plain ring.
fn note(other: &str, size: usize, ratios: Vec<f64>) -> io::Result<()> {
    let cores = thread::available_parallelism()?.get();
    let on_one = if cores == 1 { ", on one core" } else { "" };
    let at = format!("{size} buddies{on_one}");
    match other {
        "sealed" => {
            let inverse = ratios.iter().map(|ratio| 1.0 / ratio).collect();
            figures::note("key", "verses a second, of a plain ring", &at, inverse)
        }
        _ => {
            let what = format!("verses a second, of a {other} ring");
            figures::note("ring", &what, &at, ratios)
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    (values[middle] + values[(values.len() - 1) / 2]) / 2.0
}

/// Returns the hops a second of one song.
fn measure(contestant: &Contestant, size: usize, bottles: u64) -> io::Result<f64> {
    // Each port is held until all are known, so that no two are the same.
    let held: io::Result<Vec<_>> = (0..size)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect();
    let ports: io::Result<Vec<_>> = held?
        .iter()
        .map(|held| Ok(held.local_addr()?.to_string()))
        .collect();
    let ports = ports?;
    let mut others = Vec::new();
    for n in (1..size).rev() {
        let mut command = contestant.command(&ports[n], &ports[(n + 1) % size], None);
        others.push(command.stdout(Stdio::null()).spawn()?);
    }
    let mut starter = contestant
        .command(&ports[0], &ports[1 % size], Some(bottles))
        .stdout(Stdio::piped())
        .spawn()?;
    let heard = listen(&mut starter);
    others.push(starter);
    for mut child in others {
        if heard.is_err() {
            child.kill()?;
        }
        child.wait()?;
    }
    let (verses, seconds) = heard?;
    Ok((verses * size) as f64 / seconds)
}

/// Returns how many verses came after the first one, and in how many seconds.
fn listen(starter: &mut Child) -> io::Result<(usize, f64)> {
    let stdout = starter.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut lines = BufReader::new(stdout).split(b'\n');
    lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let first = Instant::now();
    let (mut verses, mut last) = (0, first);
    for line in lines {
        line?;
        (verses, last) = (verses + 1, Instant::now());
    }
    match verses {
        0 => Err(io::Error::other("it did not sing")),
        _ => Ok((verses, (last - first).as_secs_f64())),
    }
}

impl Contestant {
    fn command(&self, addr: &str, next: &str, bottles: Option<u64>) -> Command {
        let mut command = Command::new(&self.program);
        let bottles = bottles.map(|bottles| bottles.to_string());
        if self.is_plain {
            command.args([addr, next]).args(bottles);
        } else {
            command.args(["--tempo", "0", "--listen", addr, "--next", next]);
            command.args(bottles.map(|bottles| format!("--bottles={bottles}")));
        }
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }
}
