//! A nats-server of its own for a test, if there is such a program.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (program, free_port, Nats::start, Nats::start_with, Nats::url);
};

/// Returns the nats-server to test with: `NATS_SERVER`, or the one on the `PATH` or where Debian
/// has it. There is none if none is there, and then the test says so and passes, unless `CI_NATS`
/// says that it must be.
pub(crate) fn program() -> Option<String> {
    let named = std::env::var("NATS_SERVER").ok();
    let usual = ["nats-server", "/usr/sbin/nats-server"].map(String::from);
    let is_there = |program: &String| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|version| version.status.success())
    };
    let found = named.into_iter().chain(usual).find(is_there);
    if found.is_none() {
        let must = std::env::var_os("CI_NATS").is_some_and(|value| value == "1");
        assert!(!must, "CI_NATS=1, and there is no nats-server");
        eprintln!("SKIPPED: no nats-server: apt install nats-server, or set NATS_SERVER");
    }
    found
}

/// Returns a port that was free just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// One nats-server with JetStream. It is killed when this is dropped.
pub(crate) struct Nats {
    child: Child,
    port: u16,
}

impl Nats {
    /// Starts one on this port, with its files in `folder`, if there is a program.
    pub(crate) fn start(folder: &Path, port: u16) -> Option<Self> {
        Self::start_with(folder, port, &[])
    }

    /// Starts one with more arguments.
    pub(crate) fn start_with(folder: &Path, port: u16, more: &[&Path]) -> Option<Self> {
        let child = Command::new(program()?)
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(folder)
            .args(more)
            // Because a child that keeps the pipe makes the runner of the tests wait for ever.
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it was there");
        Some(Self { child, port })
    }

    /// Returns what `--store` takes, for a log of this name.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("nats://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
