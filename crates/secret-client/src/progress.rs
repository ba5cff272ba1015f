//! What is said while the work goes on: a bar where stderr is a terminal, and notices.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the bar is drawn anew.
pub const REDRAW: Duration = Duration::from_millis(100);

/// A bar, or nothing but notices.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for `bytes` of input if stderr is a terminal. Without a number, for input that has
    /// no known end, it only counts.
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
        // A template that is wrong shows in the first run; the default bar then does as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar: Some(bar) }
    }

    /// Whether there is a bar to [`show`](Self::show).
    pub fn shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Redraws the bar, if there is one.
    pub fn show(&self, bytes: u64, message: String) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(message);
        }
    }

    /// Says a line on stderr, above the bar.
    pub fn say(&self, line: &str) {
        // A closed stderr is no reason not to do the work.
        let say = || drop(writeln!(io::stderr(), "{line}"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
