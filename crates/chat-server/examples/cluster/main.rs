//! Chat on several servers, measured in one run: what NATS costs beside SQLite, what more servers
//! bring, how long a send waits when a leader dies. See `scripts/bench/cluster.sh`.
//!
//! ```text
//! cluster [speed] [growth] [deaths]      all if none is named; ROUNDS=5
//! ```

use std::num::NonZero;
use std::thread::available_parallelism;

use deaths::{Death, Victim};
use growth::Delivered;
use lab::{Lab, NAMES};

mod deaths;
#[path = "../../../common/tests/support/figures.rs"]
mod figures;
mod growth;
mod lab;
#[path = "../../tests/support/nats.rs"]
mod nats;
#[path = "../../../common/tests/support/program.rs"]
mod program;
mod speed;
#[path = "../../tests/support/three.rs"]
mod three;
#[path = "../load/user.rs"]
mod user;

/// As in a full room.
const READERS: usize = 60;

/// As many as need more than one server.
const CROWD: usize = 300;

/// What is compared with SQLite: where it is on the picture, and whether more is better.
const SPEED: [(&str, bool); 8] = [
    ("sends/s, 1 sender", true),
    ("  p50, ms", false),
    ("  p99, ms", false),
    ("sends/s, 64 senders", true),
    ("  p50, ms", false),
    ("  p99, ms", false),
    ("delivery p50, ms", false),
    ("delivery p99, ms", false),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |what: &str| args.is_empty() || args.iter().any(|arg| arg == what);
    let rounds = std::env::var("ROUNDS").unwrap_or_else(|_| "5".into());
    let rounds: usize = rounds.parse()?;
    let cores = available_parallelism().map_or(1, NonZero::get);
    println!(
        "{cores} cores{}; medians of {rounds} rounds, in turn",
        load()
    );
    let mut lab = Lab::start(cores)?;
    if wanted("speed") {
        speed(&lab, rounds).await?;
    }
    if wanted("growth") {
        growth(&lab, rounds, cores).await?;
    }
    if wanted("deaths") {
        deaths(&mut lab, rounds).await?;
    }
    Ok(())
}

/// Returns what else the machine does (Linux).
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().filter(|load| !load.is_empty());
    load.map_or_else(String::new, |load| format!(", load {load} before"))
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn row(what: &str, numbers: impl IntoIterator<Item = String>) {
    let numbers: String = numbers.into_iter().map(|n| format!("{n:>16}")).collect();
    println!("{what:36}{numbers}");
}

async fn speed(lab: &Lab, rounds: usize) -> anyhow::Result<()> {
    // For each setting and row, a number of each round.
    let mut measured = vec![vec![Vec::new(); SPEED.len()]; NAMES.len()];
    for _ in 0..rounds {
        for (chat, measured) in lab.chats.iter().zip(&mut measured) {
            let (one, many) = (
                speed::flat_out(chat, 1).await?,
                speed::flat_out(chat, 64).await?,
            );
            let [half, most] = speed::paced(chat, READERS).await?;
            let [a, b] = one.took;
            let [c, d] = many.took;
            let numbers = [one.a_second, a, b, many.a_second, c, d, half, most];
            measured
                .iter_mut()
                .zip(numbers)
                .for_each(|(row, n)| row.push(n));
        }
    }
    row("", NAMES.map(str::to_owned));
    for (n, (what, more_is_better)) in SPEED.into_iter().enumerate() {
        let digits = if what.starts_with("sends") { 0 } else { 2 };
        let text = |setting: &Vec<Vec<f64>>| format!("{:.digits$}", median(&setting[n]));
        row(what, measured.iter().map(text));
        if what.starts_with(' ') {
            continue;
        }
        for (name, numbers) in NAMES.iter().zip(&measured).skip(1) {
            let pairs = numbers[n].iter().zip(&measured[0][n]);
            let ratio = |(ours, base): (&f64, &f64)| {
                if more_is_better {
                    ours / base
                } else {
                    base / ours
                }
            };
            let what = what.trim_end_matches(", ms");
            let ratios = pairs.map(ratio).collect();
            figures::note("cluster", &format!("{what}, of SQLite's"), name, ratios)?;
        }
    }
    println!(
        "SQLite syncs before it acknowledges, NATS every two minutes by default. Delivery: 20\n\
         messages a second to {READERS} readers. All of it shares this machine.\n"
    );
    Ok(())
}

async fn growth(lab: &Lab, rounds: usize, cores: usize) -> anyhow::Result<()> {
    let mut measured: [Vec<Delivered>; 2] = Default::default();
    for _ in 0..rounds {
        for (chat, measured) in lab.chats[2..].iter().zip(&mut measured) {
            measured.push(growth::delivered(chat, CROWD).await?);
        }
    }
    let [one, three] = &measured;
    let all = |of: fn(&Delivered) -> Option<f64>| {
        [one, three].map(|rounds| rounds.iter().filter_map(of).collect::<Vec<f64>>())
    };
    let heads = ["1 chat-server", "3 chat-servers", "ratio"];
    row(
        &format!("{CROWD} readers, NATS of 3 nodes"),
        heads.map(str::to_owned),
    );
    let show = |what: &str, [one, three]: [Vec<f64>; 2], digits: usize| {
        let (a, b) = (median(&one), median(&three));
        if a > 0.0 && b > 0.0 {
            row(
                what,
                [
                    format!("{a:.digits$}"),
                    format!("{b:.digits$}"),
                    format!("{:.2}", b / a),
                ],
            );
        }
        let ratios: Vec<f64> = three
            .iter()
            .zip(&one)
            .map(|(three, one)| three / one)
            .collect();
        ratios
    };
    let real = show("deliveries/s", all(|one| Some(one.a_second)), 0);
    show(
        "us of a core for a delivery",
        all(|one| one.cost.map(|cost| cost * 1e6)),
        2,
    );
    let each = show(
        "deliveries/s, a core for each server",
        all(|one| one.on_cores),
        0,
    );
    let ratios = if lab.is_pinned {
        println!("Each chat-server has a core of its own; all others share the rest.\n");
        real
    } else {
        println!(
            "{cores} cores are too few for three servers, NATS and the readers: the first line\n\
             is what this machine can do. The last one is computed: the deliveries for each\n\
             second of a core that the busiest server has spent.\n"
        );
        each
    };
    if !ratios.is_empty() {
        let what = "deliveries a second with a core for each server, of one server's";
        figures::note("cluster", what, "3 chat-servers, 300 readers", ratios)?;
    }
    Ok(())
}

async fn deaths(lab: &mut Lab, rounds: usize) -> anyhow::Result<()> {
    let victims = [
        ("leads the log", Victim::Log),
        ("leads the cluster", Victim::Cluster),
        ("leads both", Victim::Both),
    ];
    let mut measured: [Vec<Death>; 3] = Default::default();
    let Lab { three, chats, .. } = lab;
    for _ in 0..rounds {
        for ((_, victim), measured) in victims.iter().zip(&mut measured) {
            measured.push(deaths::death(three, &chats[3], *victim).await?);
        }
    }
    let heads = ["NATS alone, s", "longest send, s", "ratio"];
    row(
        "kill -9 of the one that",
        heads.map(|head| format!("{head} ")),
    );
    for ((what, victim), deaths) in victims.iter().zip(&measured) {
        let both = |numbers: Vec<f64>| {
            let most = numbers.iter().copied().fold(0.0, f64::max);
            format!("{:.2} / {most:.2}", median(&numbers))
        };
        let ratios: Vec<f64> = deaths.iter().map(|one| one.longest / one.alone).collect();
        let is_election = *victim != Victim::Cluster;
        let mut numbers = vec![
            both(deaths.iter().map(|one| one.alone).collect()),
            both(deaths.iter().map(|one| one.longest).collect()),
        ];
        numbers.extend(is_election.then(|| both(ratios.clone())));
        row(what, numbers);
        if is_election {
            let shares = ratios.iter().map(|ratio| 1.0 / ratio).collect();
            let kind = "the election alone, of the longest wait of a send in it";
            figures::note("cluster", kind, &format!("the dead one {what}"), shares)?;
        }
    }
    println!(
        "Median / most of {rounds} deaths each. NATS alone: until it acknowledges a message again\n\
         that a client without a chat-server publishes into the same stream through the others."
    );
    Ok(())
}
