//! The servers that are measured: chat-servers over SQLite, over one nats-server, over three.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::nats::{Nats, free_port};
use crate::program::Program;
use crate::three::Three;
use crate::user::User;

/// The settings, in the order of the tables.
pub(crate) const NAMES: [&str; 4] = ["SQLite", "NATS, 1 node", "NATS, 3 nodes", "3 chat-servers"];

/// How long anything may take: far above what elections take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The pause after a refusal: about that of chat-client.
pub(crate) const PAUSE: Duration = Duration::from_millis(75);

/// Clock ticks a second in `/proc`, which are the same on every Linux.
const TICKS: f64 = 100.0;

/// Chat-servers over one log. They are killed when this is dropped.
pub(crate) struct Chat {
    programs: Vec<Program>,
    addrs: Vec<String>,
}

impl Chat {
    /// Starts this many of them. Where `core` is a number, the first one gets that core for itself,
    /// the next one the next core.
    fn start(store: &str, servers: usize, core: Option<usize>) -> anyhow::Result<Self> {
        let mut path: PathBuf = std::env::current_exe()?;
        path.pop();
        path.set_file_name("chat-server");
        let started = (0..servers).map(|n| {
            let mut command = match core {
                Some(core) => {
                    let mut command = Command::new("taskset");
                    command.args(["-c", &(core + n).to_string()]).arg(&path);
                    command
                }
                None => Command::new(&path),
            };
            command.args(["--listen", "127.0.0.1:0", "--rate", "0", "--store", store]);
            Program::start(&mut command)
        });
        let mut programs: Vec<Program> = started.collect();
        let addrs = programs.iter_mut().map(Program::ready).collect();
        Ok(Self { programs, addrs })
    }

    /// Returns this many new users in the lobby, as many on each server as on the others.
    pub(crate) async fn users(&self, count: usize) -> anyhow::Result<Vec<User>> {
        // Never the same number again, because a server knows the messages that it has of a user.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let addrs = self.addrs.iter().cycle().take(count);
        let users = addrs.map(|addr| enter(addr, NEXT.fetch_add(1, Relaxed)));
        try_join_all(users).await
    }

    /// Returns the seconds of a core that each server has spent so far, if the system says it
    /// (Linux).
    pub(crate) fn spent(&self) -> Vec<f64> {
        let pids = self.programs.iter().map(|program| program.child.id());
        pids.filter_map(spent).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.programs.len()
    }
}

/// Enters as soon as the server lets one in: not while the nats-servers choose a leader.
async fn enter(addr: &str, number: u64) -> anyhow::Result<User> {
    let since = Instant::now();
    loop {
        match User::enter(addr, number).await {
            Err(_) if since.elapsed() < LIMIT => sleep(PAUSE).await,
            entered => return entered,
        }
    }
}

fn spent(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold spaces: the 12th is the user's time, the 13th the system's.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.filter_map(|ticks| ticks.parse().ok()).collect();
    Some(ticks.iter().sum::<f64>() / TICKS)
}

/// All of them.
pub(crate) struct Lab {
    /// one for each of the [`NAMES`]
    pub(crate) chats: Vec<Chat>,
    pub(crate) three: Three,
    /// whether each chat-server of the last two settings has a core of its own
    pub(crate) is_pinned: bool,
    _one: Nats,
    _folder: TempDir,
}

impl Lab {
    pub(crate) fn start(cores: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let one = Nats::start(&folder.path().join("nats"), free_port());
        let one = one.context("there is no nats-server")?;
        let three = Three::start().context("there is no nats-server")?;
        // Three for the servers, and one for all others.
        let is_pinned = cores > 3 && has_taskset();
        if is_pinned {
            let rest = format!("3-{}", cores - 1);
            for pid in three.pids().into_iter().chain([std::process::id()]) {
                pin(&rest, pid)?;
            }
        }
        let core = is_pinned.then_some(0);
        let file = folder.path().join("log");
        let chats = vec![
            Chat::start(&format!("sqlite:{}", file.display()), 1, core)?,
            Chat::start(&one.url("t"), 1, core)?,
            Chat::start(&format!("{}1", three.url()), 1, core)?,
            Chat::start(&three.url(), 3, core)?,
        ];
        Ok(Self {
            chats,
            three,
            is_pinned,
            _one: one,
            _folder: folder,
        })
    }
}

fn has_taskset() -> bool {
    let dirs = std::env::var("PATH").unwrap_or_default();
    let is_there = |dir: &str| Path::new(dir).join("taskset").exists();
    dirs.split(':').any(is_there)
}

/// Lets all threads of a process run on these cores only.
fn pin(cores: &str, pid: u32) -> anyhow::Result<()> {
    let mut command = Command::new("taskset");
    let pinned = command.args(["-a", "-p", "-c", cores, &pid.to_string()]);
    ensure!(pinned.output()?.status.success(), "taskset of {pid}");
    Ok(())
}
