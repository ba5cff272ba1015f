//! Stdout that cannot be made to obey a server: a terminal gets control characters escaped.
//!
//! A pipe or a file gets every byte as it came, because the next program wants the answer itself.

use std::io::{self, IsTerminal, Write};

use common::cli::printable;

/// Returns stdout, which escapes control characters if it is a terminal.
pub(crate) fn stdout() -> Box<dyn Write + Send> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        Box::new(Screen(stdout))
    } else {
        Box::new(stdout)
    }
}

/// A terminal that shows what it would obey. Each text must be written at once, because a character
/// in two pieces cannot be judged.
struct Screen<W>(W);

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(printable(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_what_it_would_obey() {
        let mut screen = Screen(Vec::new());
        screen
            .write_all("ok\n\u{1b}[2J\n".as_bytes())
            .expect("memory");
        assert_eq!(screen.0, b"ok\n\\u{1b}[2J\n");
    }
}
