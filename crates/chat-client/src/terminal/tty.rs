//! The terminal itself: its settings, its size, and what is written to it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr,
    tcgetwinsize, tcsetattr,
};

use super::screen::Size;

/// The width of a window that says it has none, as a new pseudo-terminal does.
const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// Pastes are marked (xterm, "bracketed paste"), or not any more.
const MARK_PASTES: &str = "\x1b[?2004h";
const MARK_NO_PASTES: &str = "\x1b[?2004l";

/// A terminal that can be put back as it was.
pub(crate) struct Tty {
    input: File,
    output: File,
    /// its settings before
    settings: Termios,
    /// whether each key is read by itself
    is_raw: AtomicBool,
    /// whether it was put back for good
    is_over: AtomicBool,
}

impl Tty {
    /// Takes stdin and stdout.
    pub(crate) fn open() -> io::Result<Self> {
        let settings = tcgetattr(io::stdin())?;
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self {
            input: File::from(io::stdin().as_fd().try_clone_to_owned()?),
            output,
            settings,
            is_raw: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        })
    }

    /// Returns what can be read.
    pub(crate) fn input(&self) -> io::Result<File> {
        self.input.try_clone()
    }

    pub(crate) fn size(&self) -> Size {
        let size = tcgetwinsize(&self.output).ok();
        let or = |n: Option<u16>, default| usize::from(n.filter(|&n| n > 0).unwrap_or(default));
        Size {
            columns: or(size.map(|size| size.ws_col), COLUMNS),
            rows: or(size.map(|size| size.ws_row), ROWS),
        }
    }

    /// # Errors
    /// If the terminal has gone.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        (&self.output).write_all(text.as_bytes())
    }

    /// Lets each key be read by itself, and not be shown. Does nothing after the end.
    pub(crate) fn begin(&self) {
        if self.is_over.load(SeqCst) {
            return;
        }
        let mut raw = self.settings.clone();
        raw.input_modes.remove(
            InputModes::BRKINT
                | InputModes::ICRNL
                | InputModes::IGNCR
                | InputModes::INLCR
                | InputModes::INPCK
                | InputModes::ISTRIP
                | InputModes::IXON,
        );
        raw.control_modes.insert(ControlModes::CS8);
        raw.local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        self.is_raw.store(true, SeqCst);
        // Now, because waiting for the output could take for ever, and what was typed ahead stays.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &raw);
        let _ = self.write(MARK_PASTES);
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.is_raw.load(SeqCst)
    }

    /// Returns whether a shell has put its own settings back since [`Tty::begin`].
    pub(crate) fn was_changed(&self) -> bool {
        let now = tcgetattr(&self.input);
        now.is_ok_and(|now| now.local_modes.contains(LocalModes::ICANON))
    }

    /// Puts the terminal back, below the line that is on the screen. Doing so again does no harm.
    pub(crate) fn pause(&self) {
        if self.is_raw.swap(false, SeqCst) {
            let _ = tcsetattr(&self.input, OptionalActions::Now, &self.settings);
            let _ = self.write(MARK_NO_PASTES);
        }
    }

    /// Stops this process and those that a shell has started with it, as Ctrl-Z does. Returns
    /// before they stop, and does nothing where no shell could make them go on.
    pub(crate) fn suspend(&self) {
        self.pause();
        let _ = kill_current_process_group(Signal::TSTP);
    }
}

/// Puts the terminal back as it was, when dropped.
pub(crate) struct Restore(pub(crate) Arc<Tty>);

impl Restore {
    /// Puts the terminal back for good.
    pub(crate) fn now(&self) {
        self.0.is_over.store(true, SeqCst);
        if self.0.is_raw.load(SeqCst) {
            self.0.pause();
            // A row of its own for what comes next, because the line may still be there.
            let _ = self.0.write("\r\n\x1b[J");
        }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.now();
    }
}
