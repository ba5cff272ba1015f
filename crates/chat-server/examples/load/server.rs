//! A server in a process of its own, and a reader in a process that is stopped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use common::chat::SERVICE;
use common::net::{LabKey, Protocol, Redial, Seal};
use tempfile::TempDir;

use crate::program::{Program, closed, signal};
use crate::user::{User, all};

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    program: Program,
    pub(crate) addr: String,
    /// where it answers over HTTP, if it does
    pub(crate) http: Option<String>,
    folder: TempDir,
    /// how its callers speak
    protocol: Protocol,
}

/// Where a server keeps its log.
#[derive(Clone, Copy)]
pub(crate) enum Store {
    Memory,
    File,
}

impl Server {
    pub(crate) fn start(store: Store) -> anyhow::Result<Self> {
        Self::start_program(&Self::program()?, store)
    }

    /// Starts another chat-server: one that was built before a change.
    pub(crate) fn start_program(program: &Path, store: Store) -> anyhow::Result<Self> {
        // Not at a port of the system's choice, because a client's socket could take it in between
        // when the server is started again.
        Self::start_at(program, &closed(), tempfile::tempdir()?, store, &[])
    }

    /// Starts one that answers over HTTP, too.
    pub(crate) fn start_with_http() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let http = ["--http", "127.0.0.1:0"];
        Self::start_at(&Self::program()?, &closed(), folder, Store::Memory, &http)
    }

    /// Starts one under a lab's key.
    pub(crate) fn start_sealed(program: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("lab.key");
        let mut make = Command::new(program);
        let made = make.arg("--new-key").arg(&file).stderr(Stdio::null());
        ensure!(made.status()?.success(), "no key could be made");
        let key = LabKey::parse(&std::fs::read_to_string(&file)?);
        let key = key.ok().context("a key in its file")?;
        let flags = ["--key", file.to_str().context("a path of text")?];
        let mut server = Self::start_at(program, &closed(), folder, Store::Memory, &flags)?;
        server.protocol = Seal::new(&key)?.of(SERVICE);
        Ok(server)
    }

    /// Enters as user number `n`.
    pub(crate) async fn user(&self, n: u64) -> anyhow::Result<User> {
        User::over(Redial::new(&*self.addr, self.protocol.clone()), n).await
    }

    /// Returns this many users, all in the lobby.
    pub(crate) async fn users(&self, count: u64) -> anyhow::Result<Vec<User>> {
        all(count, |n| self.user(n)).await
    }

    /// Kills it with `kill -9`, and starts it again on the same address and file.
    pub(crate) fn restart(self) -> anyhow::Result<Self> {
        let Self {
            program,
            addr,
            folder,
            ..
        } = self;
        drop(program);
        Self::start_at(&Self::program()?, &addr, folder, Store::File, &[])
    }

    /// Returns the path of our own chat-server.
    pub(crate) fn program() -> anyhow::Result<PathBuf> {
        let mut path: PathBuf = std::env::current_exe()?;
        path.pop();
        path.set_file_name("chat-server");
        Ok(path)
    }

    fn start_at(
        program: &Path,
        addr: &str,
        folder: TempDir,
        store: Store,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let store = match store {
            Store::Memory => "memory".into(),
            Store::File => format!("sqlite:{}", folder.path().join("log").display()),
        };
        let mut command = Command::new(program);
        command.args(["--listen", addr, "--rate", "0", "--store", &store]);
        let mut program = Program::start(command.args(flags));
        let addr = program.ready();
        let has_http = flags.contains(&"--http");
        let http = has_http.then(|| program.says("chat in a browser: http://"));
        Ok(Self {
            addr,
            http: http.map(|url| url.trim_end_matches('/').to_owned()),
            program,
            folder,
            protocol: SERVICE.into(),
        })
    }

    /// Returns its resident memory in bytes (Linux).
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.program.child.id());
        let status = std::fs::read_to_string(path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
        Ok(text.parse::<f64>()? * 1024.0)
    }
}

/// Starts reader `number` and stops it with `kill -STOP` while its poll waits. It is killed when
/// the returned program is dropped.
pub(crate) fn stopped_reader(addr: &str, number: u64) -> anyhow::Result<Program> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut reader = Program::start(command.args(["reader", addr, &number.to_string()]));
    reader.says(READING);
    signal(&reader.child, "STOP");
    Ok(reader)
}

/// What a reader prints when it is in the room.
pub(crate) const READING: &str = "reading";
