//! A program on a terminal: what is typed goes in as bytes, and what it draws is seen as rows.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::num::NonZero;
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, tcgetattr};
use vt100::Parser;

/// The longest wait for something on the screen: far above what a slow machine needs.
const LIMIT: Duration = Duration::from_secs(60);

/// The rows of the screen.
const ROWS: u16 = Parser::DEFAULT_ROWS.get();

/// Rows that are kept above the screen: more than a test prints.
const KEPT: usize = 100_000;

/// A terminal with a program on it.
pub(crate) struct Terminal {
    pty: Arc<Pty>,
    pub(crate) child: Child,
    screen: Arc<Screen>,
    /// ends the thread that reads, when dropped
    stop: PipeWriter,
    reader: JoinHandle<()>,
}

struct Screen {
    drawn: Mutex<Parser>,
    changed: Condvar,
}

impl Screen {
    /// Changes what is drawn.
    fn update(&self, change: impl FnOnce(&mut Parser)) {
        change(&mut self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

impl Terminal {
    /// Starts `command` on a terminal of its own.
    pub(crate) fn start(command: Command) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        let parser = Parser::new(Parser::DEFAULT_ROWS, Parser::DEFAULT_COLS, KEPT);
        let screen = Arc::new(Screen {
            drawn: Mutex::new(parser),
            changed: Condvar::new(),
        });
        let command = command.env("TERM", "xterm-256color").env("NO_COLOR", "1");
        let child = command.env("PS1", "$ ").spawn(pts).expect("a program");
        let pty = Arc::new(pty);
        let (stopped, stop) = pipe().expect("a pipe");
        let (output, shown) = (pty.clone(), screen.clone());
        let reader = spawn(move || read(&output, &stopped, &shown));
        let terminal = Self {
            pty,
            child,
            screen,
            stop,
            reader,
        };
        terminal.resize(Parser::DEFAULT_COLS.get());
        terminal
    }

    /// Closes the window, and returns the program that was on it.
    pub(crate) fn close(self) -> Child {
        drop(self.stop);
        self.reader.join().expect("no panic");
        self.child
    }

    /// Makes the window narrower or wider.
    pub(crate) fn resize(&self, columns: u16) {
        let new = NonZero::new(columns).expect("some");
        let change = |parser: &mut Parser| parser.screen_mut().set_size(Parser::DEFAULT_ROWS, new);
        self.screen.update(change);
        self.pty
            .resize(Size::new(ROWS, columns))
            .expect("a terminal");
    }

    /// Types these bytes, at once.
    pub(crate) fn type_in(&self, bytes: &[u8]) {
        (&*self.pty).write_all(bytes).expect("a terminal");
    }

    /// Waits until the last rows, those of two screens, are as wanted.
    pub(crate) fn wait_until(&self, what: &str, is_wanted: impl Fn(&[String]) -> bool) {
        self.wait(what, |parser| is_wanted(&last_rows(parser, 2)));
    }

    fn wait(&self, what: &str, is_done: impl Fn(&mut Parser) -> bool) {
        let until = Instant::now() + LIMIT;
        let mut parser = self
            .screen
            .drawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if is_done(&mut parser) {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            let seen = parser.screen().contents();
            assert!(
                !left.is_zero(),
                "no {what} on the screen:
{seen}"
            );
            let waited = self.screen.changed.wait_timeout(parser, left);
            parser = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until a row ends with `text`.
    pub(crate) fn shows(&self, text: &str) {
        self.wait_until(text, |rows| rows.iter().any(|row| row.ends_with(text)));
    }

    /// Waits until `text` is the last row, but for spaces behind it.
    pub(crate) fn ends_with(&self, text: &str) {
        self.wait_until(text, |rows| {
            let mut rows = rows.iter().map(|row| row.trim_end());
            rows.rfind(|row| !row.is_empty()) == Some(text)
        });
    }

    /// Waits until the cursor is at the beginning of an empty row.
    pub(crate) fn is_left_with_a_row_for_the_next_program(&self) {
        self.wait("empty row", |parser| {
            let (row, column) = parser.screen().cursor_position();
            let text = parser.screen().rows(0, u16::MAX).nth(row.into());
            column == 0 && text.is_some_and(|text| text.is_empty())
        });
    }

    /// Returns all rows that were ever on the screen.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut parser = self
            .screen
            .drawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last_rows(&mut parser, usize::MAX)
    }

    /// Returns whether the terminal shows what is typed, and reads it by lines, as a shell leaves
    /// it to programs.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&*self.pty).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

/// Reads what the program draws, until it ends or the window is closed.
fn read(mut output: &Pty, stopped: &PipeReader, screen: &Screen) {
    let mut portion = [0; 4096];
    loop {
        let output_fd = output.as_fd();
        let mut ready = [
            PollFd::from_borrowed_fd(output_fd, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        if poll(&mut ready, None).is_err() || !ready[1].revents().is_empty() {
            return;
        }
        // It fails when the program has closed its end.
        let Ok(n @ 1..) = output.read(&mut portion) else {
            return;
        };
        screen.update(|parser| parser.process(&portion[..n]));
    }
}

/// Returns the rows of the last screens.
fn last_rows(parser: &mut Parser, screens: usize) -> Vec<String> {
    let screen = parser.screen_mut();
    let mut above = screen
        .scrollback_len()
        .min(screens.saturating_mul(ROWS.into()));
    let mut rows = Vec::new();
    while above > 0 {
        screen.set_scrollback(above);
        let all = screen.rows(0, u16::MAX);
        rows.extend(all.take(above.min(ROWS.into())));
        above = above.saturating_sub(ROWS.into());
    }
    screen.set_scrollback(0);
    rows.extend(screen.rows(0, u16::MAX));
    rows
}
