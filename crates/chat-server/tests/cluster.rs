//! Three nats-servers, three chat-servers, and real clients with lists of servers, while servers
//! are killed with `kill -9` in turn: a chat-server, the nats-server that leads, another one, all
//! of them. Every reader shows every message exactly once, and all of them in the same order.
//!
//! All three nats-servers are killed at the same moment only if they put each message on disk
//! before they acknowledge it (`sync_interval: always`). nats-server 2.9, which Debian ships, has
//! no such setting. It has lost its newest messages in that case, so there is nothing that a
//! chat-server could hold. It then ends, and says that the log went back: see `shared_log.rs`.
//!
//! By default each victim is killed once. `KILLS=100` makes the test long, and `NATS_SERVER` names
//! another nats-server. A failure prints the seed, and `SEED=...` repeats its choices.
//! The clients are the `chat-client` beside the `chat-server` that is tested; `cargo test
//! --workspace` builds both.
#![cfg(feature = "nats")]

use std::collections::HashMap;
use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use chat_server::log::{Bounds, RoomLog as _};
use chat_server::{Nats, NatsSettings};
use common::pen::Pen;
use futures::future::join_all;
use lab_report::Report;
use lab_report::verdict::Verdict;
use program::{Lines, Program, closed};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use three::Three;

#[path = "support/client.rs"]
mod client;
#[path = "support/nats.rs"]
mod nats;
#[path = "../../common/tests/support/program.rs"]
mod program;
#[path = "support/three.rs"]
mod three;

const SENDERS: usize = 8;
const READERS: usize = 6;

/// How long a sender takes to type a message.
const TYPING: Duration = Duration::from_millis(25);

/// Most messages that are shown between two kills.
const BETWEEN: usize = 150;

/// How many messages are kept: those of a minute. A reader is away for less, and a server that
/// starts plays no more than this, however long the test is.
const HISTORY: &str = "20000";

/// What is killed, in turn; the last one only where that loses nothing.
#[derive(Clone, Copy, Debug)]
enum Victim {
    ChatServer,
    Leader,
    Another,
    AllOfNats,
}

const VICTIMS: [Victim; 4] = [
    Victim::ChatServer,
    Victim::Leader,
    Victim::Another,
    Victim::AllOfNats,
];

/// The servers.
struct Servers {
    nats: Three,
    addrs: [String; 3],
    chat: [Option<Program>; 3],
    journals: PathBuf,
}

impl Servers {
    fn start(nats: Three, journals: PathBuf) -> Self {
        let mut servers = Self {
            nats,
            addrs: [closed(), closed(), closed()],
            chat: [None, None, None],
            journals,
        };
        (0..3).for_each(|n| servers.go_on(n));
        servers.are_ready();
        servers
    }

    fn go_on(&mut self, n: usize) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
        let (addr, store) = (&self.addrs[n], self.nats.url());
        command.args(["--listen", addr, "--store", &store, "--rate", "0"]);
        command
            .args(["--history", HISTORY])
            .arg("--journal")
            .arg(&self.journals);
        self.chat[n] = Some(Program::start(&mut command));
    }

    fn are_ready(&mut self) {
        for server in self.chat.iter_mut().flatten() {
            server.ready();
        }
    }

    /// Kills, and returns what brings the killed ones back.
    async fn kill(&mut self, victim: Victim, dice: &mut SmallRng) -> Vec<usize> {
        let one = dice.random_range(0..3);
        if let Victim::ChatServer = victim {
            self.chat[one] = None;
            return vec![one];
        }
        // Not before the last one that was killed has caught up, because two of three keep a
        // promise, and one does not.
        let leader = self.nats.leader().await;
        let killed = match victim {
            Victim::Leader => vec![leader],
            Victim::Another => vec![(leader + 1 + one % 2) % 3],
            _ => vec![0, 1, 2],
        };
        killed.iter().for_each(|&n| self.nats.kill(n));
        killed
    }

    fn revive(&mut self, victim: Victim, killed: &[usize]) {
        for &n in killed {
            match victim {
                Victim::ChatServer => {
                    self.go_on(n);
                    self.chat[n]
                        .iter_mut()
                        .for_each(|server| drop(server.ready()));
                }
                _ => self.nats.go_on(n),
            }
        }
    }
}

/// The clients.
struct Clients {
    senders: Vec<(Program, JoinHandle<()>)>,
    readers: Vec<(Program, Lines)>,
    /// how many messages each sender has typed
    typed: [Arc<AtomicU64>; SENDERS],
    is_over: Arc<AtomicBool>,
    /// what the first reader has shown
    shown: Vec<String>,
    /// the last message of each sender that it has shown
    last: HashMap<String, u64>,
}

impl Clients {
    fn start(servers: &Servers) -> Self {
        let client = |name: String, flags: &[&str]| {
            let mut command = Command::new(client::path());
            command.args(["--server", &servers.addrs.join(","), "--name", &name]);
            command.args(flags).arg("--journal").arg(&servers.journals);
            command
        };
        let readers = (0..READERS).map(|n| {
            let mut command = client(format!("reader{n}"), &["--json", "--after", "0"]);
            let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
            let mut program = Program::start(command);
            let lines = Lines::of(program.child.stdout.take().expect("piped"));
            (program, lines)
        });
        let mut clients = Self {
            senders: Vec::new(),
            readers: readers.collect(),
            typed: Default::default(),
            is_over: Arc::default(),
            shown: Vec::new(),
            last: HashMap::new(),
        };
        for n in 0..SENDERS {
            let mut command = client(format!("sender{n}"), &["--no-history"]);
            let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
            let mut program = Program::start(command);
            let stdin = program.child.stdin.take().expect("piped");
            let (typed, is_over) = (clients.typed[n].clone(), clients.is_over.clone());
            let typing = spawn(move || type_lines(stdin, n, &typed, &is_over));
            clients.senders.push((program, typing));
        }
        clients
    }

    /// Waits until the first reader has shown one more message.
    fn show(&mut self) {
        let line = self.readers[0].1.next().expect("the reader ended");
        let text = text(&line);
        let (sender, id) = text.split_once(':').expect("a message of ours");
        self.last
            .insert(sender.into(), id.parse().expect("a number"));
        self.shown.push(text);
    }

    /// Waits until something is shown that each sender has typed after now.
    fn go_on(&mut self) {
        let typed = self.typed.each_ref().map(|typed| typed.load(SeqCst));
        for (sender, typed) in typed.into_iter().enumerate() {
            while self
                .last
                .get(&sender.to_string())
                .is_none_or(|&last| last <= typed)
            {
                self.show();
            }
        }
    }

    /// Lets the senders end, and returns what each reader has shown.
    fn end(mut self) -> Vec<Vec<String>> {
        self.is_over.store(true, SeqCst);
        for (program, typing) in self.senders.drain(..) {
            typing.join().expect("it could type");
            let ended = program.end();
            assert_eq!(ended.code, Some(0), "all is acknowledged: {ended:?}");
        }
        let total: u64 = self.typed.iter().map(|typed| typed.load(SeqCst)).sum();
        let total = usize::try_from(total).expect("few");
        while self.shown.len() < total {
            self.show();
        }
        let others = self.readers[1..].iter_mut();
        let others = others.map(|(_, lines)| lines.take(total).map(|line| text(&line)).collect());
        let others: Vec<Vec<String>> = others.collect();
        [vec![self.shown], others].concat()
    }
}

/// Types numbered messages until it is over.
fn type_lines(mut stdin: ChildStdin, sender: usize, typed: &AtomicU64, is_over: &AtomicBool) {
    while !is_over.load(SeqCst) {
        let number = typed.load(SeqCst) + 1;
        writeln!(stdin, "{sender}:{number}").expect("the client reads");
        typed.store(number, SeqCst);
        sleep(TYPING); // as a person does, so that messages are on their way at any moment
    }
}

fn text(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    line["text"].as_str().expect("a text").to_owned()
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_shown_twice_or_out_of_order_whatever_is_killed() {
    let Some(nats) = Three::start() else { return };
    let victims = if nats.syncs() {
        &VICTIMS[..]
    } else {
        &VICTIMS[..3]
    };
    let kills = number("KILLS").map_or(victims.len(), |n| usize::try_from(n).expect("few"));
    let seed = number("SEED").unwrap_or_else(rand::random);
    println!("SEED={seed} KILLS={kills}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let journals = folder.path().join("journals");
    let began = Instant::now();
    let mut servers = Servers::start(nats, journals.clone());
    let mut clients = Clients::start(&servers);
    clients.go_on();
    println!("{:4.1} s: all are here", began.elapsed().as_secs_f32());
    for &victim in victims.iter().cycle().take(kills) {
        for _ in 0..dice.random_range(1..=BETWEEN) {
            clients.show();
        }
        let killed = servers.kill(victim, &mut dice).await;
        let at = Instant::now();
        if let Victim::AllOfNats = victim {
            servers.revive(victim, &killed); // because nothing goes on without them
        }
        clients.go_on();
        let (now, went_on) = (began.elapsed().as_secs_f32(), at.elapsed().as_secs_f32());
        println!("{now:4.1} s: {victim:?} {killed:?} killed, all went on after {went_on:.1} s");
        if !matches!(victim, Victim::AllOfNats) {
            servers.revive(victim, &killed);
            println!("{:4.1} s: back", began.elapsed().as_secs_f32());
        }
    }
    let typed = clients.typed.clone();
    let transcripts = clients.end();
    drop(servers);
    println!(
        "{:4.1} s: {} messages",
        began.elapsed().as_secs_f32(),
        transcripts[0].len()
    );

    for transcript in &transcripts {
        assert!(transcript == &transcripts[0], "the same order for all");
    }
    for (sender, typed) in typed.iter().enumerate() {
        let mine = format!("{sender}:");
        let shown = transcripts[0].iter().filter(|text| text.starts_with(&mine));
        let expected = (1..=typed.load(SeqCst)).map(|id| format!("{mine}{id}"));
        assert!(
            expected.eq(shown.cloned()),
            "each message of sender {sender} once, in its order"
        );
    }
    let judged = Report::read(&[journals]).expect("journals");
    assert_eq!(judged.verdict(), Verdict::Yes, "{judged:?}");
    println!("{:4.1} s: judged", began.elapsed().as_secs_f32());
}

/// Ten times three servers that begin a log at the same moment give it one epoch, so that a client
/// may go from one to the other.
#[tokio::test]
async fn servers_that_begin_a_log_at_once_agree_on_its_epoch() {
    let Some(nats) = Three::start() else { return };
    let epochs = |n: usize| {
        let settings = NatsSettings {
            url: format!("{}{n}", nats.url()),
            creds: None,
            ca: None,
        };
        async move {
            let one = || Nats::open(&settings, Bounds::keeping(10), Pen::none());
            let (a, b, c) = tokio::try_join!(one(), one(), one()).expect("three servers");
            [a, b, c].map(|(log, _)| log.epoch())
        }
    };
    for [a, b, c] in join_all((0..10).map(epochs)).await {
        assert!(a == b && b == c, "{a} {b} {c}");
    }
}
