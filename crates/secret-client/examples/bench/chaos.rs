//! A minute of servers that are killed and started again, and a client that must not notice.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::process::{Bench, Server};

/// At 2 ms a word and three servers of two workers, half of the time dead, about a minute.
const WORDS: usize = 45_000;

/// A server is killed, or started again, after up to this long.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<()> {
    let list = bench.list(WORDS)?;
    let quick = bench.server(&["--delay", "0"])?;
    let expected = bench.client(&quick.addr, &[]).arg(&list).output()?.stdout;

    let slow = ["--workers", "2", "--delay", "4ms"];
    let first = [(); 3].map(|()| bench.server(&slow));
    let mut servers: Vec<Option<Server>> = Vec::new();
    for server in first {
        servers.push(Some(server?));
    }
    let addrs: Vec<String> = servers.iter().flatten().map(|s| s.addr.clone()).collect();
    let output = bench.dir.join("chaos-output");
    let mut client = bench.client(&addrs.join(","), &["--patience", "30s"]);
    let mut client = client
        .arg(list)
        .stdout(fs::File::create(&output)?)
        .stderr(Stdio::piped())
        .spawn()?;
    let (begun, mut kills, mut dice) = (Instant::now(), 0, 1_u64);
    while client.try_wait()?.is_none() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let which = (dice >> 33) as usize % servers.len();
        match servers[which].take() {
            Some(server) => {
                drop(server);
                kills += 1;
            }
            None => servers[which] = Some(bench.server_at(&addrs[which], &slow)?),
        }
        std::thread::sleep(PAUSE.mul_f64((dice >> 40) as f64 / (1 << 23) as f64));
    }
    let seconds = begun.elapsed().as_secs();
    let result = client.wait_with_output()?;
    let said = String::from_utf8(result.stderr)?;
    let summary = said.lines().last().context("no summary")?;
    ensure!(result.status.success(), "the client failed: {summary}");
    ensure!(
        fs::read(output)? == expected,
        "not the output of a single server"
    );
    println!("{kills} kills in {seconds} s, and the output of a single server, byte for byte:");
    println!("  {summary}");
    Ok(())
}
