//! Terminal mode: messages appear above the line being typed, whatever is typed.
//!
//! | File | What it holds |
//! |---|---|
//! | `keys` | from bytes to keys |
//! | `line`, `editor` | the text being typed; history, search and completion |
//! | `screen` | where the line stands, and what to write |
//! | `tty` | the terminal's settings, and how they are put back |
//!
//! No kept editor can do it, so this is a small one over the open parts of rustyline (its text and
//! its history). rustyline's own loop does not print while it waits for the second key of a search
//! or a completion, drops what was read behind an Enter, and ends at a byte that is not UTF-8
//! (version 19). reedline's prints always, but it reads through crossterm: a letter behind such a
//! byte is lost, a key that comes in two parts is torn, and each prompt asks the terminal for its
//! cursor and waits two seconds for one that does not answer (reedline 0.52, crossterm 0.29).
//!
//! Writing to a terminal may block, so it has a thread of its own, and reading has another one.

use std::collections::VecDeque;
use std::env::var_os;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, set_permissions};
use std::future::pending;
use std::io::{self, PipeReader, PipeWriter, Read, pipe};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use rustyline::history::{FileHistory, History};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use self::editor::{Act, Editor, empty_history};
use self::keys::{Key, Keys};
use self::screen::Screen;
use self::tty::{Restore, Tty};
use crate::client::Console;
use crate::command::{Command, Manner, is_secret, parse};
use crate::completion::Completion;
use crate::effect::{Output, prompt};
use crate::look::Look;
use crate::pipes::Ends;

mod editor;
mod keys;
mod line;
mod screen;
mod tty;

/// Outputs that wait to be printed, and lines that wait for the conversation.
const AHEAD: usize = 256;

/// Most that is typed ahead of the conversation, in bytes: a long text, line by line. Above it the
/// terminal is not read, so that what is pasted waits there.
const MAX_AHEAD: usize = 1024 * 1024;

/// Most that is read at once, in bytes: what Linux keeps for a terminal.
const MAX_READ: usize = 4096;

/// The silence that tells the Esc key from the beginning of a sequence. As long as a shell's,
/// because a slow connection may bring a sequence in two parts.
const SILENCE: Duration = Duration::from_millis(500);

/// How long after it goes on a stopped program looks at the terminal's settings again, because a
/// shell may put back its own ones only then.
const SHELL_IS_DONE: Duration = Duration::from_millis(200);

/// Opens the terminal, for a person who talks in `room`. Returns `None` if it cannot do what an
/// editor needs. All is printed when all senders of outputs are gone.
pub(crate) fn open(room: &str, has_bell: bool) -> Option<(Console, Ends, Restore)> {
    if var_os("TERM").is_none_or(|term| term == "dumb") {
        return None;
    }
    let tty = Arc::new(Tty::open().ok()?);
    let (input, (stopped, stop)) = (tty.input().ok()?, pipe().ok()?);
    let completion = Completion::default();
    let history = history_file();
    let mut editor = Editor::new(prompt(room).as_str());
    if let Some(path) = &history {
        let _ = editor.history.load(path); // fails at first, because there is none yet
        editor.begin();
    }
    let (typed, lines) = mpsc::channel(AHEAD);
    let (outputs, receiver) = mpsc::channel(AHEAD);
    let (sender, bytes) = mpsc::channel(1);
    let has_colours = var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let shell = Shell {
        tty: tty.clone(),
        keys: Keys::default(),
        unread: VecDeque::new(),
        editor,
        screen: Screen::default(),
        completion: completion.clone(),
        look: Look::new(has_colours, has_bell),
        history,
        kept: empty_history(),
        lines: VecDeque::new(),
        stage: Stage::Editing(stop),
        look_at: None,
    };
    let runtime = Handle::current();
    thread::spawn(move || read(input, stopped, &sender));
    let printed = spawn_blocking(move || {
        let _ = runtime.block_on(shell.serve(bytes, receiver, typed)); // fails if the terminal goes
        Ok(())
    });
    let ends = Ends {
        printed,
        read: Arc::default(),
    };
    let console = Console {
        lines,
        outputs,
        completion,
        manner: Manner::Typed,
        reader_gone: pending().boxed(),
    };
    Some((console, ends, Restore(tty)))
}

/// Reads until `stopped` is closed, so that what is typed after the end is left to the shell.
fn read(mut input: File, stopped: PipeReader, bytes: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; MAX_READ];
    loop {
        let mut ready = [
            PollFd::new(&input, PollFlags::IN),
            PollFd::new(&stopped, PollFlags::IN),
        ];
        // Interrupted by signals, after which it is asked again.
        if poll(&mut ready, None).is_ok() {
            if !ready[1].revents().is_empty() {
                return;
            }
            match input.read(&mut buffer) {
                Ok(n @ 1..) if bytes.blocking_send(buffer[..n].to_vec()).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }
}

enum Stage {
    /// Keys are read, until this is dropped.
    Editing(PipeWriter),
    /// The process is about to stop.
    Suspended(PipeWriter),
    /// The person has left: only messages are printed.
    Over,
}

struct Shell {
    tty: Arc<Tty>,
    keys: Keys,
    /// keys behind a Ctrl-Z
    unread: VecDeque<Key>,
    editor: Editor,
    screen: Screen,
    completion: Completion,
    look: Look,
    history: Option<PathBuf>,
    /// what goes into that file
    kept: FileHistory,
    /// lines that wait for the conversation
    lines: VecDeque<String>,
    stage: Stage,
    /// when to look at the terminal's settings
    look_at: Option<Instant>,
}

impl Shell {
    /// # Errors
    /// If the terminal has gone.
    async fn serve(
        mut self,
        mut bytes: mpsc::Receiver<Vec<u8>>,
        mut outputs: mpsc::Receiver<Output>,
        typed: mpsc::Sender<String>,
    ) -> io::Result<()> {
        let mut resized = signal(SignalKind::window_change())?;
        let mut resumed = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        let mut silence = None;
        self.tty.begin();
        self.draw()?;
        loop {
            let has_room = self.lines.iter().map(String::len).sum::<usize>() < MAX_AHEAD;
            tokio::select! {
                output = outputs.recv() => match output {
                    Some(output) => self.print(output, &mut outputs)?,
                    None => return self.end(),
                },
                read = bytes.recv(), if has_room && matches!(self.stage, Stage::Editing(_)) => {
                    let Some(bytes) = read else {
                        self.act(Act::Leave)?; // because the window was closed
                        continue;
                    };
                    self.unread.extend(self.keys.read(&bytes));
                    silence = self.keys.is_waiting().then(|| Instant::now() + SILENCE);
                    self.press_keys()?;
                }
                permit = typed.reserve(), if !self.lines.is_empty() => {
                    let line = self.lines.pop_front();
                    // Without a permit the line is dropped, because the conversation is over.
                    permit.into_iter().zip(line).for_each(|(permit, line)| permit.send(line));
                }
                () = at(silence) => {
                    silence = None;
                    self.unread.extend(self.keys.silence());
                    self.press_keys()?;
                }
                _ = resized.recv() => self.draw()?,
                _ = resumed.recv() => {
                    self.go_on()?;
                    self.look_at = Some(Instant::now() + SHELL_IS_DONE);
                }
                () = at(self.look_at) => {
                    self.look_at = None;
                    if matches!(self.stage, Stage::Suspended(_)) || self.tty.was_changed() {
                        self.go_on()?;
                    }
                }
            }
        }
    }

    /// Prints an output and all that wait behind it.
    fn print(&mut self, first: Output, outputs: &mut mpsc::Receiver<Output>) -> io::Result<()> {
        let (mut lines, mut next) = (String::new(), Some(first));
        while let Some(output) = next {
            match output {
                Output::Prompt(prompt) => self.editor.set_prompt(prompt.to_string()),
                output => lines.push_str(&self.look.text(&output)),
            }
            next = outputs.try_recv().ok();
        }
        let size = self.tty.size();
        let text = if self.is_editing() {
            self.screen.print(&lines, self.editor.view(), size)
        } else {
            self.screen.wipe() + &lines.replace('\n', "\r\n")
        };
        self.tty.write(&text)
    }

    fn draw(&mut self) -> io::Result<()> {
        if !self.is_editing() {
            return Ok(());
        }
        let drawn = self.screen.draw(self.editor.view(), self.tty.size());
        self.tty.write(&drawn)
    }

    fn is_editing(&self) -> bool {
        matches!(self.stage, Stage::Editing(_)) && self.tty.is_raw()
    }

    /// Does what the keys want that were read, as far as the next Ctrl-Z.
    fn press_keys(&mut self) -> io::Result<()> {
        while self.is_editing()
            && let Some(key) = self.unread.pop_front()
        {
            let completion = &self.completion;
            let complete = |typed: &str| completion.complete(typed);
            if let Some(act) = self.editor.key(key, &complete) {
                self.act(act)?;
            }
        }
        self.draw()
    }

    fn act(&mut self, act: Act) -> io::Result<()> {
        let (size, prompt) = (self.tty.size(), self.editor.view().prompt);
        match act {
            Act::Line(line) => {
                self.tty.write(&self.screen.finish(prompt, &line, size))?;
                if let Some(path) = self.history.as_ref().filter(|_| !is_secret(&line)) {
                    let _ = self.kept.add(&line).and_then(|_| self.kept.append(path));
                }
                let quits = matches!(parse(&line, Manner::Typed), Some(Ok(Command::Quit)));
                self.lines.push_back(line);
                if quits {
                    self.leave()?;
                }
            }
            Act::Dropped(line) => self.tty.write(&self.screen.finish(prompt, &line, size))?,
            Act::Leave => {
                self.lines.push_back("/quit".into());
                self.leave()?;
            }
            Act::Suspend => {
                self.tty.write(&self.screen.wipe())?;
                if let Stage::Editing(stop) = std::mem::replace(&mut self.stage, Stage::Over) {
                    self.stage = Stage::Suspended(stop);
                }
                self.tty.suspend();
                self.look_at = Some(Instant::now() + SHELL_IS_DONE);
            }
            Act::ClearScreen => {
                let cleared = self.screen.clear(self.editor.view(), size);
                self.tty.write(&cleared)?;
            }
            Act::Bell => self.tty.write("\x07")?,
        }
        Ok(())
    }

    /// Takes the terminal again, after a shell has had it.
    fn go_on(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => return Ok(()),
            Stage::Editing(stop) | Stage::Suspended(stop) => self.stage = Stage::Editing(stop),
        }
        self.tty.begin();
        self.screen.forget();
        self.press_keys()
    }

    /// Reads no more keys, and lets Ctrl-C be a signal again.
    fn leave(&mut self) -> io::Result<()> {
        self.stage = Stage::Over;
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let wiped = self.screen.wipe();
        self.tty.pause();
        self.tty.write(&wiped)
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
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
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).ok()?;
    // Because an older version has made it for everybody.
    let _ = set_permissions(&folder, Permissions::from_mode(0o700));
    let path = folder.join("typed");
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).mode(0o600).open(&path);
    opened.is_ok().then_some(path)
}
