//! Measures the hops a second of rings of real processes, several programs in one run.
//! `scripts/bench/ring.sh` starts it.
//!
//! A contestant is a program that sings one line for each verse. The lines of its starter come here
//! through a pipe, and those of the others go nowhere. What counts is the time between the first
//! line and the last.
//!
//! ```text
//! hops one|pairs|free [PROGRAM...]    where the processes run: see `Cores`
//! hops work                           the instructions of a hop, and the lines of data that it
//!                                     touches, which no other load changes; also under a key
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

#[path = "../../common/tests/support/figures.rs"]
mod figures;

/// Rings, and how many verses they sing: about a second's work each.
const RINGS: [(usize, u64); 3] = [(3, 30_000), (10, 20_000), (100, 10_000)];

/// Measurements of each contestant. Every other round takes them in the opposite order, because a
/// machine may get slower.
const ROUNDS: usize = 6;

/// Where the processes of a ring run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cores {
    /// All on one core, and this program too: the work of a hop, without any core to be woken.
    One,
    /// Two neighbours on one core, the next two on the other: every other hop wakes a core.
    Pairs,
    /// Wherever the scheduler likes, which may be near `One` today and far from it tomorrow.
    Free,
}

impl Cores {
    /// Returns the command that runs `program` as number `n` of its ring.
    fn command(self, program: &Path, n: usize) -> Command {
        let core = match self {
            Self::Free => return Command::new(program),
            Self::One => 0,
            Self::Pairs => n / 2 % 2,
        };
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program);
        command
    }
}

/// A program that can sing in a ring.
struct Contestant {
    name: String,
    program: PathBuf,
    /// What is said before where it listens, and what is next.
    args: Vec<String>,
    /// Whether that is said as `ADDR NEXT [BOTTLES]`; otherwise by flags, as to `buddy`.
    is_plain: bool,
}

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let cores = match args.next().as_deref() {
        Some("one") => Cores::One,
        Some("pairs") => Cores::Pairs,
        Some("free") => Cores::Free,
        Some("work") => return work(),
        _ => {
            return Err(io::Error::other(
                "usage: hops one|pairs|free|work [PROGRAM...]",
            ));
        }
    };
    let mut contestants = vec![
        Contestant::buddy(&[])?,
        Contestant::token("raw TCP", "raw")?,
        Contestant::token("bare tokio", "tokio")?,
    ];
    for program in args {
        let program = PathBuf::from(program);
        let name = program.file_name().unwrap_or_default();
        contestants.push(Contestant {
            name: name.to_string_lossy().into_owned(),
            program,
            args: Vec::new(),
            is_plain: true,
        });
    }
    for (size, bottles) in RINGS {
        compare(&contestants, cores, size, bottles)?;
    }
    Ok(())
}

/// Prints for each contestant the median, the cost of a hop beside raw TCP's, and how many times
/// its hops buddy makes, round by round.
fn compare(contestants: &[Contestant], cores: Cores, size: usize, bottles: u64) -> io::Result<()> {
    let mut rates = vec![Vec::new(); contestants.len()];
    for round in 0..ROUNDS {
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for i in order {
            rates[i].push(contestants[i].sing(cores, size, bottles)?);
        }
    }
    println!(
        "{size} processes, {bottles} verses, {ROUNDS} rounds, every other one the other way round"
    );
    let times = |one: &[f64], other: &[f64]| -> Vec<f64> {
        one.iter()
            .zip(other)
            .map(|(one, other)| one / other)
            .collect()
    };
    for (i, (contestant, theirs)) in contestants.iter().zip(&rates).enumerate() {
        let ratios = times(&rates[0], theirs);
        let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        println!(
            "  {:<10} {:>7.0} hops/s; a hop costs {:>5.1} us, {:.2} of raw TCP's; \
             buddy makes {:.2} times that (by round: {})",
            contestant.name,
            median(theirs),
            1e6 / median(theirs),
            median(&times(&rates[1], theirs)),
            median(&ratios),
            shown.join(" "),
        );
        if i > 0 {
            note(&contestant.name, cores, size, ratios)?;
        }
    }
    Ok(())
}

/// Writes a figure. A ring called `sealed` is buddies under a key. Its baseline is the plain ring.
fn note(other: &str, cores: Cores, size: usize, ratios: Vec<f64>) -> io::Result<()> {
    let at = match cores {
        Cores::One => format!("{size} buddies, on one core"),
        Cores::Pairs => format!("{size} buddies, pinned two and two"),
        Cores::Free => format!("{size} buddies"),
    };
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

/// Songs whose difference is the work of the hops between: one buddy of three sings a third.
const SHORT: u64 = 3000;
const LONG: u64 = 12_000;

/// What a hop takes.
struct Work {
    instructions: u64,
    lines: f64,
}

/// Prints the user instructions of a hop at one process of a ring of three, as valgrind counts
/// them, and the lines of data that it touches: of buddies, also under a key; and of bare tokio,
/// also under tokio-rustls, because that shows what TLS itself adds. A buddy's hop has an answer to
/// seal as well.
fn work() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("lab.key");
    // Under valgrind the handshake takes longer than a buddy is waited for.
    let patience = ["--patience", "60s"];
    let buddy = Contestant::buddy(&patience)?;
    let mut make = Command::new(&buddy.program);
    make.arg("--new-key").arg(&key).stderr(Stdio::null());
    if !make.status()?.success() {
        return Err(io::Error::other("buddy makes no key"));
    }
    let key = key.to_string_lossy();
    let sealed = Contestant {
        name: "the same under a key".into(),
        ..Contestant::buddy(&[patience[0], patience[1], "--key", &key])?
    };
    let all = [
        buddy,
        sealed,
        Contestant::token("bare tokio", "tokio")?,
        Contestant::token("the same under tokio-rustls", "tls")?,
    ];
    println!("The work of a hop:      user instructions    lines of data");
    for contestant in all {
        let Work {
            instructions,
            lines,
        } = contestant.work(folder.path())?;
        let name = contestant.name;
        println!("  {name:<28} {instructions:>10} {lines:>16}");
    }
    Ok(())
}

/// Returns how many lines of 64 bytes are touched in as many instructions as a hop takes: the
/// median of the last quarter of a trace, when all is warm, and the handshake is over.
fn lines_touched(trace: &Path, hop: u64) -> io::Result<f64> {
    let (mut counts, mut lines, mut instructions) = (Vec::new(), BTreeSet::new(), 0);
    for line in BufReader::new(fs::File::open(trace)?).lines() {
        let line = line?;
        let Some((access, size)) = line.get(3..).and_then(|access| access.split_once(',')) else {
            continue; // what valgrind says about itself
        };
        if line.starts_with('I') {
            instructions += 1;
            if instructions % hop == 0 {
                counts.push(lines.len() as f64);
                lines.clear();
            }
        } else if let (Ok(at), Ok(size)) = (u64::from_str_radix(access, 16), size.parse::<u64>()) {
            lines.extend(at / 64..=(at + size - 1) / 64);
        }
    }
    Ok(median(&counts[counts.len() / 4 * 3..]))
}

/// Returns a program that was built with this one.
fn built(name: &str) -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(Path::parent);
    Ok(folder.unwrap_or(&here).join(name))
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    (values[middle] + values[(values.len() - 1) / 2]) / 2.0
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
    /// Returns our own program, with these arguments too.
    fn buddy(args: &[&str]) -> io::Result<Self> {
        let args = ["--tempo", "0"].iter().chain(args);
        Ok(Self {
            name: "buddy".into(),
            program: built("buddy")?,
            args: args.map(|&arg| arg.to_owned()).collect(),
            is_plain: false,
        })
    }

    /// Returns a baseline.
    fn token(name: &str, how: &str) -> io::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            program: built("examples/token")?,
            args: vec![how.to_owned()],
            is_plain: true,
        })
    }

    /// Counts on one core, because a buddy spins on several. Under valgrind a lap takes longer than
    /// answers wait for each other, so that nearly each hop of a buddy has the write of an answer
    /// here, which at full speed one in some hundred has: ten lines.
    fn work(&self, folder: &Path) -> io::Result<Work> {
        let file = folder.join("trace");
        let count = |bottles| -> io::Result<u64> {
            let out = format!("--callgrind-out-file={}", file.display());
            self.watch(bottles, &["--tool=callgrind", &out])?;
            let text = fs::read_to_string(&file)?;
            fs::remove_file(&file)?;
            let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
            let total = total.and_then(|total| total.trim().parse().ok());
            total.ok_or_else(|| io::Error::other("valgrind has counted nothing"))
        };
        let (short, long) = (count(SHORT)?, count(LONG)?);
        let instructions = (long - short) / ((LONG - SHORT) / 3);
        // A pipe, because the whole trace is some hundred megabytes.
        Command::new("mkfifo").arg(&file).status()?;
        let lines = thread::scope(|scope| {
            let lines = scope.spawn(|| lines_touched(&file, instructions));
            let out = format!("--log-file={}", file.display());
            self.watch(SHORT, &["--tool=lackey", "--trace-mem=yes", &out])?;
            lines
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a trace that is none")))
        });
        fs::remove_file(&file)?;
        Ok(Work {
            instructions,
            lines: lines?,
        })
    }

    /// Returns the hops a second of one song.
    fn sing(&self, cores: Cores, size: usize, bottles: u64) -> io::Result<f64> {
        let command = |n| cores.command(&self.program, n);
        let (verses, seconds) = self.measure(size, bottles, command)?;
        Ok((verses * size) as f64 / seconds)
    }

    /// Lets a ring of three sing on one core, with its number 1 under valgrind.
    fn watch(&self, bottles: u64, tool: &[&str]) -> io::Result<()> {
        let sung = self.measure(3, bottles, |n| {
            if n != 1 {
                return Cores::One.command(&self.program, n);
            }
            let mut command = Cores::One.command(Path::new("valgrind"), n);
            command.args(tool).arg(&self.program);
            command
        });
        match sung? {
            (verses, _) if verses as u64 == bottles / 3 => Ok(()),
            _ => Err(io::Error::other(
                "the others took it for gone, because valgrind is slow: try again",
            )),
        }
    }

    /// Lets a ring sing whose number `n` is run by `command(n)`, and [listens](listen) to it.
    fn measure(
        &self,
        size: usize,
        bottles: u64,
        command: impl Fn(usize) -> Command,
    ) -> io::Result<(usize, f64)> {
        // Each port is held until all are known, so that no two are the same.
        let held: io::Result<Vec<_>> = (0..size)
            .map(|_| TcpListener::bind("127.0.0.1:0"))
            .collect();
        let ports: io::Result<Vec<_>> = held?
            .iter()
            .map(|held| Ok(held.local_addr()?.to_string()))
            .collect();
        let ports = ports?;
        let start = |n: usize, bottles| {
            let mut command = command(n);
            self.add_args(&mut command, &ports[n], &ports[(n + 1) % size], bottles);
            command.stdin(Stdio::null()).stderr(Stdio::null());
            command
        };
        let mut others = Vec::new();
        for n in (1..size).rev() {
            others.push(start(n, None).stdout(Stdio::null()).spawn()?);
        }
        let mut starter = start(0, Some(bottles)).stdout(Stdio::piped()).spawn()?;
        let heard = listen(&mut starter);
        others.push(starter);
        for mut child in others {
            if heard.is_err() {
                child.kill()?;
            }
            child.wait()?;
        }
        heard
    }

    fn add_args(&self, command: &mut Command, addr: &str, next: &str, bottles: Option<u64>) {
        let bottles = bottles.map(|bottles| bottles.to_string());
        command.args(&self.args);
        if self.is_plain {
            command.args([addr, next]).args(bottles);
        } else {
            command.args(["--listen", addr, "--next", next]);
            command.args(bottles.map(|bottles| format!("--bottles={bottles}")));
        }
    }
}
