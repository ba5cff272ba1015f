//! What is shown while the work goes on: a bar where stderr is a terminal, and notices.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the bar is drawn anew.
pub(crate) const REDRAW: Duration = Duration::from_millis(100);

/// A bar and notices above it, or only notices.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for `bytes` of input if stderr is a terminal. Without a number it only counts, because
    /// the input then has no known end.
    pub fn on_terminal(bytes: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            return Self::default();
        }
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{bar:24.cyan} {percent:>3}% {msg}, {eta} left",
            ),
            None => (ProgressBar::no_length(), "{spinner} {msg}"),
        };
        // A wrong template would show in the first run. The default bar is then good enough,
        // because no work depends on it.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar: Some(bar) }
    }

    /// Returns whether there is a bar to [`show`](Self::show).
    pub(crate) fn shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Redraws the bar, if there is one.
    pub(crate) fn show(&self, bytes: u64, message: String) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(message);
        }
    }

    /// Prints a line on stderr, above the bar.
    pub(crate) fn say(&self, line: &str) {
        // Ignores a closed stderr, because the work can be done without it.
        let say = || drop(writeln!(io::stderr(), "{line}"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
