//! The benchmarks of secret strings; `scripts/bench/secret.sh` builds everything and runs this.
//!
//! Whole processes are timed, from their start to their end, since that is what a person waits
//! for. All figures are ratios of medians within one run, and the rounds go forwards and backwards
//! through what is compared, so that a machine that grows slower favours nobody.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

const ROUNDS: usize = 5;
const WORDS: usize = 1_000_000;
const ROUND_TRIPS: &str = "50000";

/// Words of the schedules, and the mean of their delays.
const SLOW_WORDS: usize = 120;
const MEAN: f64 = 0.1;

/// The same delays are drawn in every run, others in each of these.
const SEEDS: [u64; 3] = [1, 2, 3];

fn main() -> anyhow::Result<()> {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.is_empty() {
        parts = ["speed", "schedule", "memory"].map(str::to_owned).to_vec();
    }
    let bench = Bench::new()?;
    for part in parts {
        match part.as_str() {
            "speed" => bench.speed()?,
            "schedule" => bench.schedules()?,
            "memory" => bench.memory()?,
            other => bail!("{other}? expected speed, schedule or memory"),
        }
    }
    Ok(())
}

/// A server's process, ended with this value.
struct Server {
    child: Child,
    stderr: BufReader<ChildStderr>,
    addr: String,
}

impl Server {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("it was piped")?;
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        let addr = line.trim().strip_prefix("listening on ");
        let addr = addr
            .with_context(|| format!("not ready: {line}"))?
            .to_owned();
        Ok(Self {
            child,
            stderr,
            addr,
        })
    }

    /// Ends it in order, and returns the seconds that it says it worked.
    fn finish(mut self) -> anyhow::Result<f64> {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest)?;
        let said = rest
            .rsplit_once(" words for ")
            .context("no report of its work")?
            .1;
        Ok(said.trim().trim_end_matches('s').parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Bench {
    bin: PathBuf,
    dir: PathBuf,
}

impl Bench {
    fn new() -> anyhow::Result<Self> {
        let examples = std::env::current_exe()?;
        let bin = examples
            .ancestors()
            .nth(2)
            .context("target/release/examples/bench")?;
        let dir = bin.join("bench-secret");
        fs::create_dir_all(&dir)?;
        Ok(Self {
            bin: bin.to_owned(),
            dir,
        })
    }

    fn command(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }

    fn server(&self, flags: &[&str]) -> anyhow::Result<Server> {
        let mut command = self.command("secret-server");
        Server::start(command.args(["-v", "--listen", "127.0.0.1:0"]).args(flags))
    }

    fn client(&self, addr: &str, flags: &[&str]) -> Command {
        let mut command = self.command("secret-client");
        command
            .args(["--server", addr])
            .args(flags)
            .stderr(Stdio::null());
        command
    }

    /// A list of random words of 2 to 13 letters.
    fn list(&self, words: usize) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(format!("{words}-words"));
        let mut dice = 1_u64;
        let mut letters = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice >> 33
        };
        let mut text = String::new();
        for _ in 0..words {
            let length = 2 + letters() % 12;
            text.extend((0..length).map(|_| char::from(b'a' + (letters() % 26) as u8)));
            text.push('\n');
        }
        fs::write(&path, text)?;
        Ok(path)
    }

    fn speed(&self) -> anyhow::Result<()> {
        let list = self.list(WORDS)?;
        let list = list.to_str().context("a path of text")?;
        let ours = self.server(&["--delay", "0"])?;
        let raw = Server::start(self.command("examples/raw").arg("serve"))?;
        let plain = Server::start(self.command("examples/plain").arg("serve"))?;

        let plain_with = |window: &str| {
            let mut command = self.command("examples/plain");
            command.args(["list", window, list, &plain.addr]);
            command
        };
        let mut raw_list = self.command("examples/raw");
        raw_list.args(["list", list, &raw.addr]);
        let mut commands = [
            self.client(&ours.addr, &[list]),
            self.client(&ours.addr, &["--chunk", "1", list]),
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
                let output = self.dir.join(format!("output-{which}"));
                let took = timed(commands[which].stdout(File::create(&output)?))?;
                rates[which].push(WORDS as f64 / took.as_secs_f64());
                let expected = fs::read(self.dir.join("output-2"));
                let same = expected.is_ok_and(|expected| Some(expected) == fs::read(output).ok());
                ensure!(same || round == 0, "not the answers of raw TCP");
            }
            trips.push(self.round_trips(&raw.addr)?);
        }
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

    fn round_trips(&self, addr: &str) -> anyhow::Result<f64> {
        let mut command = self.command("examples/raw");
        let output = command.args(["pingpong", ROUND_TRIPS, addr]).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }

    fn schedules(&self) -> anyhow::Result<()> {
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
                over.push(self.schedule(slowness, seed)?);
            }
            let mean = 100.0 * (over.iter().sum::<f64>() / over.len() as f64 - 1.0);
            println!("  servers {slowness:?}: {mean:+.1} % over the ideal, of {over:.3?}");
        }
        let mut over = Vec::new();
        for seed in SEEDS {
            over.push(self.killed(seed)?);
        }
        let mean = 100.0 * (over.iter().sum::<f64>() / over.len() as f64 - 1.0);
        println!("  one of three killed half way: {mean:+.1} % over the ideal for what remained");
        Ok(())
    }

    fn slow_servers(&self, slowness: &[f64], seed: u64) -> anyhow::Result<Vec<Server>> {
        let start = |(n, slow): (usize, &f64)| {
            let delay = format!("{}ms", 2e3 * MEAN * slow);
            let seed = (100 * seed + n as u64).to_string();
            self.server(&["--workers", "1", "--delay", &delay, "--seed", &seed])
        };
        slowness.iter().enumerate().map(start).collect()
    }

    /// Time over the ideal. Equal servers say how long they worked, and the ideal is that shared
    /// evenly. Of unequal ones the ideal is what they can do together in the mean.
    fn schedule(&self, slowness: &[f64], seed: u64) -> anyhow::Result<f64> {
        let list = self.list(SLOW_WORDS)?;
        let servers = self.slow_servers(slowness, seed)?;
        let addrs: Vec<&str> = servers.iter().map(|server| server.addr.as_str()).collect();
        let mut client = self.client(&addrs.join(","), &[]);
        let took = timed(client.arg(list).stdout(Stdio::null()))?;
        let equal = slowness.iter().all(|slow| *slow == slowness[0]);
        let mut worked = 0.0;
        for server in servers {
            worked += server.finish()?;
        }
        let ideal = match equal {
            true => worked / slowness.len() as f64,
            false => SLOW_WORDS as f64 * MEAN / slowness.iter().map(|slow| 1.0 / slow).sum::<f64>(),
        };
        Ok(took.as_secs_f64() / ideal)
    }

    /// Time after the death of one of three servers over the ideal for the answers still missing.
    fn killed(&self, seed: u64) -> anyhow::Result<f64> {
        let list = self.list(SLOW_WORDS)?;
        let mut servers = self.slow_servers(&[1.0; 3], seed)?;
        let addrs: Vec<&str> = servers.iter().map(|server| server.addr.as_str()).collect();
        let mut client = self.client(&addrs.join(","), &[]);
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

    fn memory(&self) -> anyhow::Result<()> {
        let list = self.list(10 * WORDS)?;
        let server = self.server(&["--delay", "0"])?;
        println!("ten million words, peak memory in MiB:");
        for flags in [&[][..], &["--chunk", "1"]] {
            let mut client = self.client(&server.addr, flags);
            let mut child = client.arg(&list).stdout(Stdio::null()).spawn()?;
            let mut peak = 0.0;
            while child.try_wait()?.is_none() {
                peak = peak_memory(child.id()).unwrap_or(peak);
                std::thread::sleep(Duration::from_millis(1));
            }
            let server = peak_memory(server.child.id()).unwrap_or_default();
            println!("  {flags:?}: client {peak:.1}, server {server:.1}");
        }
        fs::remove_file(list)?;
        Ok(())
    }
}

fn timed(command: &mut Command) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let status = command.status()?;
    let took = begun.elapsed();
    ensure!(status.success(), "{command:?} failed");
    Ok(took)
}

/// Peak resident memory of a process in MiB, while it lives, on Linux.
fn peak_memory(process: u32) -> Option<f64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
