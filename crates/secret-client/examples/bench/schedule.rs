//! Slow words over several servers: how near the ideal is the time?

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};

use super::figures::note;
use super::process::{Bench, Server, timed};

/// The number of words in a schedule, and the mean of their delays in seconds.
const SLOW_WORDS: usize = 120;
const MEAN: f64 = 0.1;

/// Each seed draws other delays, and the same in every run.
const SEEDS: [u64; 3] = [1, 2, 3];

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<()> {
    println!("{SLOW_WORDS} words of {MEAN} s in the mean, one worker a server:");
    for slowness in [
        &[1.0][..],
        &[1.0; 2],
        &[1.0; 4],
        &[1.0; 8],
        &[1.0, 1.0, 3.0],
    ] {
        let mut over = Vec::new();
        for seed in SEEDS {
            over.push(schedule(bench, slowness, seed)?);
        }
        let mean = 100.0 * (over.iter().sum::<f64>() / over.len() as f64 - 1.0);
        println!("  servers {slowness:?}: {mean:+.1} % over the ideal, of {over:.3?}");
        let at = match slowness {
            [1.0, 1.0, 3.0] => "3 servers, one of them three times slower".into(),
            [_] => "1 server".into(),
            _ => format!("{} servers", slowness.len()),
        };
        note_figure(&at, &over)?;
    }
    let mut over = Vec::new();
    for seed in SEEDS {
        over.push(killed(bench, seed)?);
    }
    let mean = 100.0 * (over.iter().sum::<f64>() / over.len() as f64 - 1.0);
    println!("  one of three killed half way: {mean:+.1} % over the ideal for what remained");
    note_figure("3 servers, one of them killed half way", &over)
}

/// Writes how much of the ideal speed was reached.
fn note_figure(at: &str, over: &[f64]) -> anyhow::Result<()> {
    let speed = over.iter().map(|over| 1.0 / over).collect();
    let what = format!("{SLOW_WORDS} slow words, of the ideal speed");
    Ok(note("secret schedule", &what, at, speed)?)
}

fn slow_servers(bench: &Bench, slowness: &[f64], seed: u64) -> Vec<Server> {
    let start = |(n, slow): (usize, &f64)| {
        let delay = format!("{}ms", 2e3 * MEAN * slow);
        let seed = (100 * seed + n as u64).to_string();
        bench.server(&["--workers", "1", "--delay", &delay, "--seed", &seed])
    };
    slowness.iter().enumerate().map(start).collect()
}

/// Returns the time over the ideal. Equal servers report how long they worked, and the ideal is
/// that time shared evenly. Of unequal servers the ideal is what they can do together on average.
fn schedule(bench: &Bench, slowness: &[f64], seed: u64) -> anyhow::Result<f64> {
    let list = bench.list(SLOW_WORDS)?;
    let servers = slow_servers(bench, slowness, seed);
    let addrs: Vec<&str> = servers.iter().map(|server| server.addr.as_str()).collect();
    let mut client = bench.client(&addrs.join(","), &[]);
    let took = timed(client.arg(list).stdout(Stdio::null()))?;
    let equal = slowness.iter().all(|slow| *slow == slowness[0]);
    let mut worked = 0.0;
    for server in servers {
        worked += server.finish()?;
    }
    let ideal = if equal {
        worked / slowness.len() as f64
    } else {
        SLOW_WORDS as f64 * MEAN / slowness.iter().map(|slow| 1.0 / slow).sum::<f64>()
    };
    Ok(took.as_secs_f64() / ideal)
}

/// Returns the time after the death of one of three servers, over the ideal for the answers that
/// are still missing.
fn killed(bench: &Bench, seed: u64) -> anyhow::Result<f64> {
    let list = bench.list(SLOW_WORDS)?;
    let mut servers = slow_servers(bench, &[1.0; 3], seed);
    let addrs: Vec<&str> = servers.iter().map(|server| server.addr.as_str()).collect();
    let mut client = bench.client(&addrs.join(","), &[]);
    let mut child = client.arg(list).stdout(Stdio::piped()).spawn()?;
    let answers = BufReader::new(child.stdout.take().context("it was piped")?);
    let (mut count, mut killed) = (0, Instant::now());
    for answer in answers.lines() {
        answer?;
        count += 1;
        if count == SLOW_WORDS / 2 {
            drop(servers.pop());
            killed = Instant::now();
        }
    }
    let took = killed.elapsed().as_secs_f64();
    ensure!(
        child.wait()?.success() && count == SLOW_WORDS,
        "only {count} answers"
    );
    Ok(took / ((SLOW_WORDS / 2) as f64 * MEAN / 2.0))
}
