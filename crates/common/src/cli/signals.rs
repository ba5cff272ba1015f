//! Ctrl-C, SIGTERM and SIGHUP: how a program hears them, and how it ends when it has.

use std::fmt;
use std::fs::read_to_string;
use std::future::pending;
use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// The signal that ended a program. As an error, it says that work was left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// SIGINT: Ctrl-C.
    Int,
    /// SIGTERM: `kill`, or a service manager.
    Term,
    /// SIGHUP: the terminal's window was closed, or its line was cut.
    Hup,
}

impl Interrupted {
    /// The exit code that shells expect: 128 and the signal's number.
    pub fn code(self) -> u8 {
        match self {
            Self::Int => 130,
            Self::Term => 143,
            Self::Hup => 129,
        }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Returns the first Ctrl-C or SIGTERM after this call, which asks for an orderly end. A second
/// signal ends the process at once.
///
/// Call it inside the runtime and before the ready line, because a script that has read that line
/// may send a signal.
pub fn interrupted() -> impl Future<Output = Interrupted> {
    interrupted_by(false)
}

/// Returns what [`interrupted`] does, or that the terminal was closed, because a program through
/// which a person talks has to say goodbye then. Not if it was started to outlive its terminal
/// (`nohup`).
pub fn interrupted_or_closed() -> impl Future<Output = Interrupted> {
    interrupted_by(!outlives_its_terminal())
}

fn interrupted_by(closing: bool) -> impl Future<Output = Interrupted> {
    let first = next_signal(closing);
    async {
        let first = first.await;
        // Not by SIGHUP, because a shell sends one and the system another when a window is closed.
        let second = next_signal(false);
        tokio::spawn(async { std::process::exit(second.await.code().into()) });
        first
    }
}

fn next_signal(closing: bool) -> impl Future<Output = Interrupted> {
    // Without a handler the system's default applies, so that the signal still ends the program.
    let int = signal(SignalKind::interrupt());
    let term = signal(SignalKind::terminate());
    let hup = closing.then(|| signal(SignalKind::hangup()).ok()).flatten();
    async {
        let (Ok(mut int), Ok(mut term)) = (int, term) else {
            return pending().await;
        };
        let closed = async {
            match hup {
                Some(mut hup) => hup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = int.recv() => Interrupted::Int,
            _ = term.recv() => Interrupted::Term,
            _ = closed => Interrupted::Hup,
        }
    }
}

fn outlives_its_terminal() -> bool {
    // Where the system does not say which signals are ignored, a program that writes to no terminal
    // may have been started with nohup.
    let status = read_to_string("/proc/self/status");
    status.map_or_else(
        |_| !io::stdout().is_terminal(),
        |status| ignores_hangup(&status),
    )
}

/// Returns whether SIGHUP is in the set of ignored signals (proc_pid_status(5): `SigIgn`, in which
/// it is the lowest bit).
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_some_and(|set| set & 1 != 0)
}

/// How long an interrupted program still prints. Enough when a reader is there, because printing
/// what is ready takes no time; short, because a person who pressed Ctrl-C waits.
const PRINT_LIMIT: Duration = Duration::from_millis(300);

/// Waits for `printed`, so that a program does not end before its output is out. With `hurried`,
/// after an interruption, it waits at most 300 ms.
///
/// Returns what `printed` returned, or `None` when the time was over.
///
/// # Errors
/// [`Interrupted`] if a signal comes while it waits, because a reader that does not read must not
/// keep the program alive.
pub async fn let_it_print<T>(
    printed: impl Future<Output = T>,
    hurried: bool,
    signal: impl Future<Output = Interrupted>,
) -> Result<Option<T>, Interrupted> {
    tokio::select! {
        done = printed => Ok(Some(done)),
        () = sleep(PRINT_LIMIT), if hurried => Ok(None),
        signal = signal => Err(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_noticed() {
        for (set, ignores) in [("0000000000000001", true), ("0000000000001006", false)] {
            let status = format!("Name:\tchat-client\nSigIgn:\t{set}\nSigCgt:\t1\n");
            assert_eq!(ignores_hangup(&status), ignores, "{status}");
        }
        assert!(!ignores_hangup(""));
    }
}
