//! Three nats-servers that keep one log, on files that outlive them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::PeerInfo;
use tempfile::TempDir;

use crate::nats;
use crate::program::closed;

/// How long a cluster may take to choose a leader: far above the 10 s of a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The name of the log.
pub(crate) const NAME: &str = "t";

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Three::meta_leader, Three::pids, Three::syncs);
};

/// The three. They are killed when this is dropped.
pub(crate) struct Three {
    folder: TempDir,
    program: String,
    syncs: bool,
    pub(crate) addrs: [String; 3],
    /// where each answers what it does
    monitors: [String; 3],
    servers: [Option<Child>; 3],
}

impl Three {
    /// Starts them, if there is a nats-server.
    pub(crate) fn start() -> Option<Self> {
        let program = nats::program()?;
        let syncs = syncs(&program);
        let mut three = Self {
            folder: tempfile::tempdir().expect("a folder"),
            program,
            syncs,
            addrs: [closed(), closed(), closed()],
            monitors: [closed(), closed(), closed()],
            servers: [None, None, None],
        };
        let routes = [closed(), closed(), closed()];
        for (n, addr) in three.addrs.iter().enumerate() {
            let list: Vec<_> = routes.iter().map(|at| format!("nats://{at}")).collect();
            let text = format!(
                "server_name: n{n}\nlisten: \"{addr}\"\nhttp: \"{}\"\n\
                 jetstream {{ store_dir: {:?}{} }}\n\
                 cluster {{ name: c, listen: \"{}\", routes: [{}] }}\n",
                three.monitors[n],
                three.folder.path().join(format!("js{n}")),
                if syncs { ", sync_interval: always" } else { "" },
                routes[n],
                list.join(", "),
            );
            std::fs::write(three.file(n), text).expect("written");
        }
        (0..3).for_each(|n| three.go_on(n));
        Some(three)
    }

    fn file(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("n{n}.conf"))
    }

    /// Starts one of them, on the files that it has.
    pub(crate) fn go_on(&mut self, n: usize) {
        let mut command = Command::new(&self.program);
        // Null, because a child that keeps a pipe makes the runner of the tests wait for ever.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).arg("-c").arg(self.file(n));
        self.servers[n] = Some(child.spawn().expect("it was there"));
    }

    /// Kills one of them with `kill -9`.
    pub(crate) fn kill(&mut self, n: usize) {
        if let Some(mut child) = self.servers[n].take() {
            child.kill().expect("our own child");
            child.wait().expect("our own child");
        }
    }

    /// Returns what `--store` takes.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}/{NAME}", self.addrs.join(","))
    }

    /// Returns which of them leads the log, and waits until one does and the others have all of it.
    pub(crate) async fn leader(&self) -> usize {
        let client = async_nats::connect(self.addrs.to_vec())
            .await
            .expect("NATS is there");
        let jetstream = async_nats::jetstream::new(client);
        let until = Instant::now() + LIMIT;
        loop {
            let leader = async {
                let mut stream = jetstream.get_stream(NAME).await.ok()?;
                let cluster = stream.info().await.ok()?.cluster.clone()?;
                let is_current =
                    |peer: &PeerInfo| peer.current && peer.lag.is_none_or(|lag| lag == 0);
                let are_current =
                    cluster.replicas.len() == 2 && cluster.replicas.iter().all(is_current);
                let leader = cluster.leader?.strip_prefix('n')?.parse().ok()?;
                are_current.then_some(leader)
            };
            match leader.await {
                Some(leader) => return leader,
                None => assert!(Instant::now() < until, "nobody leads, or one stays behind"),
            }
        }
    }
}

impl Three {
    /// Returns whether they put each message on disk before they acknowledge it.
    pub(crate) fn syncs(&self) -> bool {
        self.syncs
    }

    /// Returns which of them leads the cluster, if one does.
    pub(crate) fn meta_leader(&self) -> Option<usize> {
        let ask = |monitor: &String| {
            let mut io = TcpStream::connect(monitor).ok()?;
            io.write_all(b"GET /jsz HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            io.read_to_string(&mut answer).ok()?;
            let (_, body) = answer.split_once("\r\n\r\n")?;
            let body: serde_json::Value = serde_json::from_str(body).ok()?;
            let leader = body["meta_cluster"]["leader"].as_str()?;
            leader.strip_prefix('n')?.parse().ok()
        };
        self.monitors.iter().find_map(ask)
    }

    /// Returns the process ids of those that run.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.servers.iter().flatten().map(Child::id).collect()
    }
}

/// Returns whether a nats-server can be told to sync each message: 2.9 cannot.
fn syncs(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    let version = version.expect("it was there").stdout;
    let version = String::from_utf8(version).expect("text");
    println!("{}", version.trim());
    !version.contains("v2.9.")
}

impl Drop for Three {
    fn drop(&mut self) {
        (0..3).for_each(|n| self.kill(n));
    }
}
