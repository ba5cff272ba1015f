//! Terminal mode: messages appear above the line being typed.
//!
//! The line editor blocks and cannot be cancelled, so it has a thread of its own. The printer has
//! another one, and takes all that waits at once. The terminal's settings are put back at every end
//! of the program, because one that ends while the editor waits would leave the terminal raw.

use std::env::var_os;
use std::fs::{File, OpenOptions, create_dir_all};
use std::future::pending;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use futures::FutureExt;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{
    Cmd, Config, Context, Editor, ExternalPrinter, Helper, Highlighter, Hinter, KeyEvent, Validator,
};
use tokio::sync::mpsc;

use crate::client::Console;
use crate::command::{Command, parse};
use crate::completion::Completion;
use crate::effect::Output;
use crate::format::text;

/// Outputs that wait to be printed, and lines that wait for the conversation.
const AHEAD: usize = 256;

/// Typed lines that are kept.
const TYPED_LINES: usize = 1000;

/// Completes nicks (`ann: ` at the beginning of a line), commands, and rooms.
#[derive(Helper, Hinter, Highlighter, Validator)]
struct Tab(Completion);

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

/// Opens the terminal. Returns `None` if it cannot do what an editor needs.
pub(crate) fn open() -> Option<(Console, Restore)> {
    if var_os("TERM").is_none_or(|term| term == "dumb") {
        return None;
    }
    let reading = Arc::new(AtomicBool::new(false));
    let restore = Restore::new(reading.clone());
    let config = Config::builder().max_history_size(TYPED_LINES).ok()?;
    let config = config.auto_add_history(true).build();
    let mut editor = Editor::<Tab, DefaultHistory>::with_config(config).ok()?;
    let completion = Completion::default();
    editor.set_helper(Some(Tab(completion.clone())));
    editor.bind_sequence(KeyEvent::ctrl('L'), Cmd::ClearScreen);
    let printer = editor.create_external_printer().ok()?;
    let (typed, lines) = mpsc::channel(AHEAD);
    let (outputs, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || edit(editor, &typed, &reading));
    thread::spawn(move || print(printer, receiver));
    let console = Console {
        lines,
        outputs,
        completion,
        reader_gone: pending().boxed(),
    };
    Some((console, restore))
}

fn edit(
    mut editor: Editor<Tab, DefaultHistory>,
    typed: &mpsc::Sender<String>,
    reading: &AtomicBool,
) {
    let history = history_file();
    if let Some(path) = &history {
        let _ = editor.load_history(path); // fails at first, because there is none yet
    }
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
                    return; // because another prompt would be the last thing on the screen
                }
            }
            // Only the second one in a row leaves, because the first one drops the line.
            Err(ReadlineError::Interrupted) if !leaving => leaving = true,
            Err(_) => return drop(typed.blocking_send("/quit".into())),
        }
    }
}

fn print(mut printer: impl ExternalPrinter, mut outputs: mpsc::Receiver<Output>) {
    let colours = var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    while let Some(output) = outputs.blocking_recv() {
        let mut lines = line(&output, colours);
        while let Ok(output) = outputs.try_recv() {
            lines.push_str(&line(&output, colours));
        }
        if printer.print(lines).is_err() {
            return;
        }
    }
}

fn line(output: &Output, colours: bool) -> String {
    match output {
        Output::Status(status) => format!("-- {status}\n"),
        Output::Entry(entry, room, here) => {
            let line = text(entry, room, *here);
            if colours {
                return format!("\x1b[{}m{line}\x1b[0m\n", colour(&entry.nick));
            }
            line + "\n"
        }
    }
}

/// Returns one of six colours that can be read on black and on white, always the same for a nick.
fn colour(nick: &str) -> u8 {
    let sum = |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte);
    31 + nick.bytes().fold(0, sum) % 6
}

/// Returns the file of typed lines, which only their author may read.
fn history_file() -> Option<PathBuf> {
    let var = |name| {
        var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")))?;
    let folder = state.join("chat-client");
    create_dir_all(&folder).ok()?;
    let path = folder.join("typed");
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).mode(0o600).open(&path);
    opened.is_ok().then_some(path)
}

/// Puts the terminal back as it was, when dropped.
pub(crate) struct Restore {
    /// whether the editor shows its prompt
    reading: Arc<AtomicBool>,
    settings: Option<(File, Termios)>,
}

impl Restore {
    fn new(reading: Arc<AtomicBool>) -> Self {
        let mut options = OpenOptions::new();
        let tty = options.read(true).write(true).open("/dev/tty").ok();
        let settings = tty.and_then(|tty| tcgetattr(&tty).ok().map(|settings| (tty, settings)));
        Self { reading, settings }
    }

    /// Puts the terminal back. Doing so again does no harm.
    pub(crate) fn now(&self) {
        let Some((tty, settings)) = &self.settings else {
            return;
        };
        let _ = tcsetattr(tty, OptionalActions::Now, settings);
        if self.reading.swap(false, Relaxed) {
            // Because the editor cannot do it any more: no more bracketed pastes, and a line of
            // its own for what comes next.
            let _ = (&*tty).write_all(b"\x1b[?2004l\n");
        }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.now();
    }
}
