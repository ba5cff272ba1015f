//! Ctrl-C and SIGTERM: how a program hears them, and how it ends when it has.

use std::fmt;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// The signal that ended a program. As an error, it says that work was left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// Ctrl-C.
    Int,
    /// `kill`, a closing session, a service manager.
    Term,
}

impl Interrupted {
    /// The exit code that shells expect: 128 and the signal's number.
    pub fn code(self) -> u8 {
        match self {
            Self::Int => 130,
            Self::Term => 143,
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
    let first = next_signal();
    async {
        let first = first.await;
        let second = next_signal();
        tokio::spawn(async { std::process::exit(second.await.code().into()) });
        first
    }
}

fn next_signal() -> impl Future<Output = Interrupted> {
    // Without a handler the system's default applies, so that the signal still ends the program.
    let int = signal(SignalKind::interrupt());
    let term = signal(SignalKind::terminate());
    async {
        let (Ok(mut int), Ok(mut term)) = (int, term) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = int.recv() => Interrupted::Int,
            _ = term.recv() => Interrupted::Term,
        }
    }
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
