//! Terminal mode: messages appear above the line being typed.
//!
//! The line editor blocks and cannot be cancelled, so it has a thread of its own, and so has the
//! printer, which takes all that waits at once. The terminal's settings are kept aside and put
//! back at every end of the program: one that ends while the editor waits would leave the
//! terminal raw.

#[cfg(unix)]
use std::fs::File;
use std::fs::OpenOptions;
#[cfg(unix)]
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use common::chat::Entry;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{
    Cmd, Config, Context, Editor, ExternalPrinter, Helper, Highlighter, Hinter, KeyEvent, Validator,
};
use tokio::sync::mpsc;

use crate::client::Show;
use crate::command::{Command, parse};
use crate::completion::Names;
use crate::format::text;

/// Messages that wait to be printed, and lines that wait to be understood.
const AHEAD: usize = 256;

/// Lines kept of what was typed.
const HISTORY: usize = 1000;

/// Completes nicks (`ann: ` at the beginning of a line), commands, and rooms.
#[derive(Helper, Hinter, Highlighter, Validator)]
struct Tab(Names);

impl Completer for Tab {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.complete(&line[..at]))
    }
}

/// What a terminal conversation is made of.
pub(crate) struct Terminal {
    pub(crate) lines: mpsc::Receiver<String>,
    pub(crate) show: mpsc::Sender<Show>,
    pub(crate) restore: Restore,
}

/// Opens the terminal; none if it cannot do what an editor needs.
pub(crate) fn open(names: Names) -> Option<Terminal> {
    if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
        return None;
    }
    let reading = Arc::new(AtomicBool::new(false));
    let restore = Restore::new(reading.clone());
    let config = Config::builder()
        .max_history_size(HISTORY)
        .ok()?
        .auto_add_history(true)
        .build();
    let mut editor = Editor::<Tab, DefaultHistory>::with_config(config).ok()?;
    editor.set_helper(Some(Tab(names)));
    editor.bind_sequence(KeyEvent::ctrl('L'), Cmd::ClearScreen);
    let history = history_file();
    if let Some(path) = &history {
        let _ = editor.load_history(path); // none yet, at first
    }
    let printer = editor.create_external_printer().ok()?;
    let (typed, lines) = mpsc::channel(AHEAD);
    let (show, shows) = mpsc::channel(AHEAD);
    thread::spawn(move || edit(editor, &typed, history, &reading));
    thread::spawn(move || print(printer, shows));
    Some(Terminal {
        lines,
        show,
        restore,
    })
}

fn edit(
    mut editor: Editor<Tab, DefaultHistory>,
    typed: &mpsc::Sender<String>,
    history: Option<PathBuf>,
    reading: &AtomicBool,
) {
    let mut leaving = false;
    loop {
        reading.store(true, Relaxed);
        let line = editor.readline("> ");
        reading.store(false, Relaxed);
        match line {
            Ok(line) => {
                leaving = false;
                if let Some(path) = &history {
                    let _ = editor.append_history(path);
                }
                let quits = matches!(parse(&line), Some(Ok(Command::Quit)));
                if typed.blocking_send(line).is_err() || quits {
                    return; // without another prompt
                }
            }
            // Ctrl-C drops the line; twice on an empty one leaves.
            Err(ReadlineError::Interrupted) if !leaving => leaving = true,
            Err(_) => {
                let _ = typed.blocking_send("/quit".into());
                return;
            }
        }
    }
}

fn print(mut printer: impl ExternalPrinter, mut shows: mpsc::Receiver<Show>) {
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    while let Some(show) = shows.blocking_recv() {
        let mut lines = look(&show, colours);
        while let Ok(show) = shows.try_recv() {
            lines.push_str(&look(&show, colours));
        }
        if printer.print(lines).is_err() {
            return;
        }
    }
}

fn look(show: &Show, colours: bool) -> String {
    match show {
        Show::Status(status) => format!("-- {status}\n"),
        Show::Entry(entry, room, here) => {
            let line = text(entry, room, *here);
            match colours {
                true => format!("\x1b[{}m{line}\x1b[0m\n", colour(entry)),
                false => format!("{line}\n"),
            }
        }
    }
}

/// One of six colours that can be read on black and on white, the same for a nick each time.
fn colour(entry: &Entry) -> u8 {
    let sum = entry
        .nick
        .bytes()
        .fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    31 + sum % 6
}

/// Where typed lines are kept, readable by their author only.
fn history_file() -> Option<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")))?;
    let folder = state.join("chat-client");
    std::fs::create_dir_all(&folder).ok()?;
    let path = folder.join("typed");
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).ok()?;
    Some(path)
}

/// Puts the terminal back as it was, when dropped.
pub(crate) struct Restore {
    /// whether the editor shows its prompt
    reading: Arc<AtomicBool>,
    #[cfg(unix)]
    settings: Option<(File, rustix::termios::Termios)>,
}

#[cfg(unix)]
impl Restore {
    fn new(reading: Arc<AtomicBool>) -> Self {
        let tty = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok();
        let settings = tty.and_then(|tty| {
            let settings = rustix::termios::tcgetattr(&tty).ok()?;
            Some((tty, settings))
        });
        Self { reading, settings }
    }

    /// Puts it back. Doing so again does no harm.
    pub(crate) fn now(&self) {
        if let Some((tty, settings)) = &self.settings {
            use rustix::termios::{OptionalActions, tcsetattr};
            let _ = tcsetattr(tty, OptionalActions::Now, settings);
            if self.reading.swap(false, Relaxed) {
                // The editor will not do it: no more bracketed pastes, and a line of its own for
                // what comes next.
                let _ = (&*tty).write_all(b"\x1b[?2004l\n");
            }
        }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.now();
    }
}

#[cfg(not(unix))]
impl Restore {
    fn new(reading: Arc<AtomicBool>) -> Self {
        Self { reading }
    }

    pub(crate) fn now(&self) {}
}
