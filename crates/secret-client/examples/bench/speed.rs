//! A million words, as fast as they go.

use std::fs::{self, File};

use anyhow::{Context, ensure};

use super::figures::note;
use super::process::{Bench, Server, median, timed};

const ROUNDS: usize = 5;
const WORDS: usize = 1_000_000;
const ROUND_TRIPS: &str = "50000";

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<()> {
    let list = bench.list(WORDS)?;
    let list = list.to_str().context("a path of text")?;
    let ours = bench.server(&["--delay", "0"]);
    let raw = Server::start(bench.command("examples/raw").arg("serve"));
    let plain = Server::start(bench.command("examples/plain").arg("serve"));

    let plain_with = |window: &str| {
        let mut command = bench.command("examples/plain");
        command.args(["list", window, list, &plain.addr]);
        command
    };
    let mut raw_list = bench.command("examples/raw");
    raw_list.args(["list", list, &raw.addr]);
    let mut commands = [
        bench.client(&ours.addr, &[list]),
        bench.client(&ours.addr, &["--chunk", "1", list]),
        raw_list,
        plain_with("64"),
        plain_with("256"),
        plain_with("1000"),
    ];
    let mut rates = [const { Vec::new() }; 6];
    let mut trips = Vec::new();
    for round in 0..ROUNDS {
        let mut order: Vec<usize> = (0..commands.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for which in order {
            let output = bench.dir.join(format!("output-{which}"));
            let took = timed(commands[which].stdout(File::create(&output)?))?;
            rates[which].push(WORDS as f64 / took.as_secs_f64());
            let expected = fs::read(bench.dir.join("output-2"));
            let same = expected.is_ok_and(|expected| Some(expected) == fs::read(output).ok());
            ensure!(same || round == 0, "not the answers of raw TCP");
        }
        trips.push(round_trips(bench, &raw.addr)?);
    }
    note_figures(&rates)?;
    let [ours, one, raw, plain @ ..] = rates.map(median);
    let best = plain.into_iter().fold(0.0, f64::max);
    let trips = median(trips);
    println!("{WORDS} words, one server, words/s of the whole process:");
    println!("  default flags  {ours:9.0}   {:6.2} x raw TCP", ours / raw);
    println!(
        "  --chunk 1      {one:9.0}   {:6.2} x plain calls",
        one / best
    );
    println!(
        "                             {:6.2} for each raw round trip",
        one / trips
    );
    println!("  raw TCP        {raw:9.0}");
    println!("  plain calls    {best:9.0}   the best of three windows");
    println!("  round trips    {trips:9.0}   one at a time, raw TCP");
    Ok(())
}

/// Writes each round's ratios. Of the windows of plain calls the best in that round counts.
fn note_figures([ours, one, raw, plain @ ..]: &[Vec<f64>; 6]) -> anyhow::Result<()> {
    let best = (0..ROUNDS).map(|round| plain.iter().map(|rates| rates[round]).fold(0.0, f64::max));
    let to_raw = ours.iter().zip(raw).map(|(ours, raw)| ours / raw);
    let to_plain = one.iter().zip(best).map(|(one, best)| one / best);
    let what = "a million words, of lines over raw TCP";
    note("secret speed", what, "default flags", to_raw.collect())?;
    let what = "a million words, of calls as tarpc documents them";
    note("secret speed", what, "--chunk 1", to_plain.collect())?;
    Ok(())
}

fn round_trips(bench: &Bench, addr: &str) -> anyhow::Result<f64> {
    let mut command = bench.command("examples/raw");
    let output = command.args(["pingpong", ROUND_TRIPS, addr]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
