//! What the seal costs: calls, a word list, dials and idle connections, under the lab's key beside
//! plain ones.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use common::net::{Channel, LabKey, Protocol, Seal, dial};
use common::secret::{SERVICE, SecretClient, SecretRequest, SecretResponse};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tarpc::context;
use tokio::runtime::Builder;

use super::figures::note;
use super::process::{Bench, Server, median, timed};

const ROUNDS: usize = 7;
const WORDS: usize = 1_000_000;

/// How long calls are made and connections are dialled in one round.
const SPELL: Duration = Duration::from_millis(500);

/// Idle connections whose memory is divided by their number.
const IDLE: usize = 900;

/// One of the two that are compared.
struct Side {
    server: Server,
    protocol: Protocol,
    flags: Vec<String>,
}

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<()> {
    let list = bench.list(WORDS)?;
    let list = list.to_str().context("a path of text")?;
    let key_file = bench.dir.join("lab.key");
    let _ = fs::remove_file(&key_file); // of an earlier run
    let mut make = bench.command("secret-server");
    let made = make.arg("--new-key").arg(&key_file).stderr(Stdio::null());
    ensure!(made.status()?.success(), "no key could be made");
    let key = LabKey::parse(&fs::read_to_string(&key_file)?);
    let key = key.ok().context("a key in its file")?;
    let flags = ["--key", key_file.to_str().context("a path of text")?];
    let sides = [
        Side {
            server: bench.server(&["--delay", "0"]),
            protocol: SERVICE.into(),
            flags: Vec::new(),
        },
        Side {
            server: bench.server(&[&["--delay", "0"], &flags[..]].concat()),
            protocol: Seal::new(&key)?.of(SERVICE),
            flags: flags.map(str::to_owned).to_vec(),
        },
    ];
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut rates = [const { [const { Vec::new() }; 2] }; 4];
    let mut work = [const { [const { Vec::new() }; 2] }; 3];
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let side = &sides[which];
            let flags = side.flags.iter().map(String::as_str);
            let flags: Vec<&str> = flags.chain([list]).collect();
            let mut whole_list = bench.client(&side.server.addr, &flags);
            let took = timed(whole_list.stdout(Stdio::null()))?;
            rates[0][which].push(WORDS as f64 / took.as_secs_f64());
            let mut note = |n: usize, count: u32, begun: (Instant, f64)| {
                rates[n][which].push(f64::from(count) / begun.0.elapsed().as_secs_f64());
                let cpu = cpu(&side.server) - begun.1;
                work[n - 1][which].push(cpu / f64::from(count));
            };
            let begin = || (Instant::now(), cpu(&side.server));
            let begun = begin();
            note(1, runtime.block_on(calls(side, 64))?, begun);
            let begun = begin();
            note(2, runtime.block_on(calls(side, 1))?, begun);
            let begun = begin();
            note(3, runtime.block_on(dials(side))?, begun);
        }
    }
    println!("Under a key, beside the same in plain; medians of {ROUNDS} rounds:");
    let names = [
        "words of a list/s",
        "calls/s, 64 at once",
        "calls/s, one at a time",
        "dials/s",
    ];
    for (name, [plain, sealed]) in names.iter().zip(rates) {
        let ratios = plain
            .iter()
            .zip(&sealed)
            .map(|(plain, sealed)| sealed / plain);
        let ratios: Vec<f64> = ratios.collect();
        note("key", "speed, of that without a key", name, ratios.clone())?;
        let ratio = median(ratios);
        let (plain, sealed) = (median(plain), median(sealed));
        println!("  {name:<23} {plain:9.0} {sealed:9.0}   {ratio:6.2}");
    }
    println!("  the work of both ends, microseconds of a processor each (Linux):");
    for (name, [plain, sealed]) in ["64 at once", "one at a time", "dial"].iter().zip(work) {
        let ratios = plain
            .iter()
            .zip(&sealed)
            .map(|(plain, sealed)| plain / sealed);
        let what = "calls for the same work, of those without a key";
        note("key", what, name, ratios.collect())?;
        let (plain, sealed) = (median(plain), median(sealed));
        println!(
            "  {name:<23} {plain:9.1} {sealed:9.1}   {:6.2}",
            plain / sealed
        );
    }
    // The plain ones stay open, because the sealed ones would otherwise take over their memory.
    let idle = sides.each_ref().map(|side| runtime.block_on(idle(side)));
    if let [Ok((plain, _)), Ok((sealed, _))] = &idle {
        println!("  an idle connection, KiB in the server and in the client:");
        let [server, client] = [0, 1].map(|end| sealed[end] - plain[end]);
        println!(
            "    plain {:.1}, {:.1}; sealed {server:+.1}, {client:+.1}",
            plain[0], plain[1]
        );
    }
    Ok(())
}

type Connection = Channel<SecretRequest, SecretResponse>;

async fn open(side: &Side) -> anyhow::Result<Connection> {
    Ok(Channel::open(&side.server.addr, side.protocol.clone()).await?)
}

/// Returns how many calls ended in a spell, of which this number are on their way at once.
async fn calls(side: &Side, at_once: usize) -> anyhow::Result<u32> {
    let client = SecretClient::from(open(side).await?);
    let call = || client.reverse(context::current(), "bottles".into());
    let mut on_their_way: FuturesUnordered<_> = (0..at_once).map(|_| call()).collect();
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < SPELL {
        if let Some(answer) = on_their_way.next().await {
            black_box(answer?)?;
            count += 1;
            on_their_way.push(call());
        }
    }
    Ok(count)
}

/// Returns how many connections could be made in a spell, one after the other.
async fn dials(side: &Side) -> anyhow::Result<u32> {
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < SPELL {
        drop(dial(&side.server.addr, side.protocol.clone()).await?);
        count += 1;
    }
    Ok(count)
}

/// Returns what one idle connection takes in the server and in this process, in KiB, and the
/// connections.
async fn idle(side: &Side) -> anyhow::Result<([f64; 2], Vec<Connection>)> {
    let server = side.server.program.child.id();
    let memory = || [resident(&server.to_string()), resident("self")];
    let (before, mut open_ones) = (memory(), Vec::new());
    for _ in 0..IDLE {
        let channel = open(side).await?;
        SecretClient::from(channel.clone())
            .reverse(context::current(), "bottles".into())
            .await??;
        open_ones.push(channel);
    }
    let after = memory();
    let mut each = [0.0; 2];
    for end in 0..2 {
        let grown = after[end].context("Linux only")? - before[end].context("Linux only")?;
        each[end] = grown / IDLE as f64;
    }
    Ok((each, open_ones))
}

/// Returns the microseconds of a processor that this process and a server have used so far, on
/// Linux; 0 elsewhere.
fn cpu(server: &Server) -> f64 {
    let used = |process: &str| {
        let tasks = fs::read_dir(Path::new("/proc").join(process).join("task"));
        let nanoseconds = |task: fs::DirEntry| -> Option<f64> {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok()
        };
        let tasks = tasks.into_iter().flatten().flatten();
        tasks.filter_map(nanoseconds).sum::<f64>() / 1000.0
    };
    used("self") + used(&server.program.child.id().to_string())
}

/// Returns the resident memory of a process in KiB, on Linux.
fn resident(process: &str) -> Option<f64> {
    let status = fs::read_to_string(Path::new("/proc").join(process).join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
