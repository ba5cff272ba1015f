//! Ten million words: how much memory do they take?

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use super::process::{Bench, peak_memory};

const WORDS: usize = 10_000_000;

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<()> {
    let list = bench.list(WORDS)?;
    let server = bench.server(&["--delay", "0"]);
    println!("ten million words, peak memory in MiB:");
    for flags in [&[][..], &["--chunk", "1"]] {
        let mut client = bench.client(&server.addr, flags);
        let mut child = client.arg(&list).stdout(Stdio::null()).spawn()?;
        let mut peak = 0.0;
        while child.try_wait()?.is_none() {
            peak = peak_memory(child.id()).unwrap_or(peak);
            std::thread::sleep(Duration::from_millis(1));
        }
        let server = peak_memory(server.program.child.id()).unwrap_or_default();
        println!("  {flags:?}: client {peak:.1}, server {server:.1}");
    }
    fs::remove_file(list)?;
    Ok(())
}
