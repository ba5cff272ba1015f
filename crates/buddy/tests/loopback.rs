//! Whole rings in one process, over loopback: the real shell on real sockets. What the shell does
//! not decide is tested without it, in `whole`.

use std::future::pending;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buddy::song::verse;
use buddy::{Config, LineWriter, run_on};
use common::buddy::{
    BuddyClient, MAX_BUDDIES, Mark, Progress, Reply, Roll, RollCallReply, SERVICE, Song, Stamp,
    Take, Tally, Token,
};
use common::net::{Redial, Seal, greeting};
use common::pen::Pen;
use tarpc::context;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What was printed, in order. Clones share it.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("no writer panics");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().expect("no writer panics");
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Buddies wired in a ring. Their listeners are bound, but none is up until [`Choir::sing`].
struct Choir {
    listeners: Vec<TcpListener>,
    addresses: Vec<String>,
}

impl Choir {
    async fn of(size: usize) -> Self {
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..size {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            addresses.push(listener.local_addr().expect("bound").to_string());
            listeners.push(listener);
        }
        Self {
            listeners,
            addresses,
        }
    }

    /// Starts all, of which the first starts the song, and waits for the end. Returns the song and
    /// the notices.
    async fn sing(mut self, bottles: u64) -> anyhow::Result<(String, String)> {
        let (song, notices) = (Paper::default(), Paper::default());
        self.addresses.rotate_left(1);
        let mut buddies = JoinSet::new();
        for (n, listener) in self.listeners.into_iter().enumerate() {
            let output = (
                LineWriter::new(song.clone()),
                LineWriter::new(notices.clone()),
            );
            let config = config(n, &self.addresses[n], bottles);
            buddies.spawn(run_on(
                listener,
                output,
                (Seal::none(), Pen::none()),
                config,
                pending(),
            ));
        }
        while let Some(end) = buddies.join_next().await {
            end.expect("no panic")?;
        }
        Ok((song.text(), notices.text()))
    }
}

/// Returns the settings of the buddy at place `n`, of which the first starts the song.
fn config(n: usize, next: &str, bottles: u64) -> Config {
    Config {
        next: next.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: Vec::new(),
        bottles: (n == 0).then_some(bottles),
        name: None,
        tempo: Duration::ZERO,
        patience: Duration::from_secs(3),
        wait: None,
        is_noted: false,
        incarnation: n as u64 + 1,
    }
}

/// Returns what a ring prints if nothing goes wrong.
fn song(size: u64, bottles: u64) -> String {
    let line = |hop| {
        format!(
            "Buddy {}: {}\n",
            hop % size + 1,
            verse(bottles - hop, bottles)
        )
    };
    (0..=bottles).map(line).collect()
}

#[tokio::test]
async fn rings_of_every_size_sing_what_one_singer_would() {
    for (size, bottles) in [(1, 3), (2, 0), (2, 9), (3, 99), (5, 20), (25, 7), (25, 60)] {
        let choir = Choir::of(size).await;
        let (lines, notices) = choir.sing(bottles).await.expect("home");
        assert_eq!(lines, song(size as u64, bottles), "{size} buddies");
        assert!(notices.starts_with("song over: "), "{notices}");
        assert!(notices.ends_with("0 lost, no verse twice\n"), "{notices}");
    }
}

/// Passes every connection on to `to`, and counts them.
async fn passes_on(listener: TcpListener, to: String, count: Arc<AtomicUsize>) {
    while let Ok((mut near, _)) = listener.accept().await {
        count.fetch_add(1, Relaxed);
        let mut far = TcpStream::connect(&to).await.expect("it listens");
        tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
    }
}

#[tokio::test]
async fn the_song_goes_over_the_connection_of_the_roll_call() {
    let mut choir = Choir::of(2).await;
    let between = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let second = between.local_addr().expect("bound").to_string();
    let second = std::mem::replace(&mut choir.addresses[1], second);
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(passes_on(between, second, count.clone()));
    let (lines, _) = choir.sing(20).await.expect("home");
    assert_eq!(lines, song(2, 20));
    assert_eq!(count.load(Relaxed), 1);
}

#[tokio::test]
async fn garbage_at_a_buddy_leaves_it_singing() {
    let choir = Choir::of(3).await;
    let mut connections = JoinSet::new();
    for greeting in [&[][..], &greeting::line("buddy")] {
        for address in &choir.addresses {
            let mut io = TcpStream::connect(address).await.expect("it listens");
            io.write_all(greeting).await.expect("it is not up yet");
            // The rest is written while they sing, and fails once the buddy has read enough of it.
            connections.spawn(async move { io.write_all(&garbage()).await });
        }
    }
    let (lines, _) = choir.sing(30).await.expect("home");
    assert_eq!(lines, song(3, 30));
    while let Some(end) = connections.join_next().await {
        let _ = end.expect("no panic");
    }
}

/// A stranger sends a waiting starter the closed roll of a song of its own, with the trap's address
/// on it, and says that the song is over. Then the starter's next comes up, and they sing.
#[tokio::test]
async fn a_stranger_s_song_is_not_sung_and_its_roll_is_not_called() {
    let mut choir = Choir::of(2).await;
    let trap = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let trap_address = trap.local_addr().expect("bound").to_string();
    let (text, notices) = (Paper::default(), Paper::default());
    let mut buddies = JoinSet::new();
    for n in 0..2 {
        let output = (
            LineWriter::new(text.clone()),
            LineWriter::new(notices.clone()),
        );
        let config = config(n, &choir.addresses[1 - n], 9);
        buddies.spawn(run_on(
            choir.listeners.remove(0),
            output,
            (Seal::none(), Pen::none()),
            config,
            pending(),
        ));
        if n == 0 {
            pester(&choir.addresses[0], &trap_address).await;
            assert_eq!(text.text(), "", "the starter still waits");
        }
    }
    while let Some(end) = buddies.join_next().await {
        end.expect("no panic").expect("home");
    }
    assert_eq!(text.text(), song(2, 9));
    let notices = notices.text();
    assert!(!notices.contains("--bottles 9 is ignored"), "{notices}");
    assert!(notices.contains(" (called by 127.0.0.1)\n"), "{notices}");
    let dialled = tokio::time::timeout(Duration::ZERO, trap.accept()).await;
    assert!(dialled.is_err(), "the trap was called");
}

async fn pester(starter: &str, trap: &str) {
    let redial = Redial::new(starter, SERVICE);
    let client = BuddyClient::from(redial.within(Duration::from_secs(10)));
    let song = Song {
        id: 7,
        bottles: 3,
        tempo_ms: 0,
        round_trip_ms: 0,
    };
    let progress = |hop, mark| Progress {
        at: Stamp {
            take: Take { number: 1, by: 7 },
            hop,
        },
        mark,
    };
    for mark in [Mark::Left(3), Mark::Home] {
        for (to, roll) in [(0, [starter, trap]), (1, [trap, starter])] {
            let roll = Roll(roll.map(Into::into).to_vec());
            let enlist = client.enlist(context::current(), song, roll, to, progress(5, mark));
            assert_eq!(enlist.await.expect("answered"), Reply::Wrong);
            let (go, tally) = (Token::Go, Tally::default());
            let pass = client.pass(context::current(), 7, to, go, progress(6, mark), tally);
            assert_eq!(pass.await.expect("answered"), Reply::Stranger);
        }
    }
    let endless = Song {
        bottles: u64::MAX,
        ..song
    };
    let roll = Roll(vec![starter.into(), trap.into()]);
    let call = client.roll_call(context::current(), endless, 1, roll);
    assert_eq!(call.await.expect("answered"), RollCallReply::Busy);
    let five = "a:1,b:1,c:1,d:1,e:1";
    let false_ones = ["", "no port", "two\nlines:1", five].map(|text| vec![text.into()]);
    let long = vec!["a:1".into(); MAX_BUDDIES + 2];
    for roll in false_ones.into_iter().chain([long]) {
        let call = client.roll_call(context::current(), song, 1, Roll(roll));
        assert!(call.await.is_err(), "it is not a roll");
    }
}

/// 64 KiB that look random: the high bytes of Knuth's linear congruential generator.
fn garbage() -> Vec<u8> {
    let mut state = 99u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..64 * 1024).map(|_| next()).collect()
}

#[tokio::test]
async fn a_next_that_is_not_a_buddy_is_an_error_at_once() {
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = other.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut io, _)) = other.accept().await {
            let _ = io.write_all(&greeting::line("secret-server")).await;
            let _ = io.read_to_end(&mut Vec::new()).await;
        }
    });
    let mut choir = Choir::of(1).await;
    choir.addresses = vec![address.clone()];
    let error = choir.sing(9).await.expect_err("no buddy there");
    let says = format!("{address} answers, but it is a secret-server");
    assert_eq!(error.to_string(), says);
}
