//! Where the line stands on the screen, and what to write so that messages appear above it. PURE.
//!
//! The line is the last thing on the screen. It is wiped before a message, and drawn again below
//! it. Only rows that hold the line for certain are wiped, because a stale copy of the line is
//! better than a lost message. So each row is ended here, and never by the terminal: a window may
//! change its width before it shows what was drawn for the old one. A wider window then has as many
//! rows of the line as were drawn, and a narrower one has more.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::editor::View;
use crate::clean::Clean;

/// The size of a window, in characters. Both are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// A grapheme as it is shown, and its width in columns.
struct Cell {
    shown: Clean,
    width: usize,
}

/// What is on the screen, as far as it is known.
#[derive(Default)]
pub(crate) struct Screen {
    /// the rows of the line above the cursor, if there is a line
    above: Option<usize>,
}

impl Screen {
    /// Returns what wipes the line, with the cursor where it began.
    pub(crate) fn wipe(&mut self) -> String {
        match self.above.take() {
            Some(above) => up(above) + "\r\x1b[J",
            None => String::new(),
        }
    }

    /// Returns what shows `lines`, each with a line end, above the line.
    pub(crate) fn print(&mut self, lines: &str, view: View<'_>, size: Size) -> String {
        self.wipe() + &lines.replace('\n', "\r\n") + &self.draw(view, size)
    }

    /// Returns what draws the line where it stands already, or where the cursor is.
    pub(crate) fn draw(&mut self, view: View<'_>, size: Size) -> String {
        let wiped = self.wipe();
        let mut cells = cells(view.prompt, size);
        cells.extend(self::cells(view.before_cursor, size));
        let cursor = cells.len();
        cells.extend(self::cells(view.after_cursor, size));
        let widths: Vec<_> = cells.iter().map(|cell| cell.width).collect();
        let rows = Rows::of(&widths, size.columns);
        let cursor_row = rows.row_of(cursor);
        // At most half of the window, so that there is room for messages.
        let most = (size.rows / 2).max(1);
        let first = cursor_row.saturating_sub(most - 1);
        let last = rows.last().min(first + most - 1);
        let end = rows.cells(last).end;
        let mut drawn = wiped;
        for row in first..=last {
            if row > first {
                drawn += "\r\n";
            }
            drawn += &text(&cells[rows.cells(row)]);
        }
        if cursor < end {
            // Drawn again up to the cursor, because only the terminal knows how wide it draws.
            drawn += &up(last - cursor_row);
            drawn += "\r";
            drawn += &text(&cells[rows.begins[cursor_row]..cursor]);
        }
        self.above = Some(cursor_row - first);
        drawn
    }

    /// Returns what leaves `line` on the screen, whole, with the cursor on the next row.
    pub(crate) fn finish(&mut self, prompt: &str, line: &str, size: Size) -> String {
        let wiped = self.wipe();
        wiped + &text(&cells(prompt, size)) + &text(&cells(line, size)) + "\r\n"
    }

    /// Returns what clears the screen and draws the line at its top.
    pub(crate) fn clear(&mut self, view: View<'_>, size: Size) -> String {
        self.above = None;
        "\x1b[H\x1b[2J".to_owned() + &self.draw(view, size)
    }

    /// Forgets what is on the screen but the row of the cursor, because a shell has written there.
    pub(crate) fn forget(&mut self) {
        self.above = Some(0);
    }
}

fn up(rows: usize) -> String {
    match rows {
        0 => String::new(),
        rows => format!("\x1b[{rows}A"),
    }
}

fn cells(text: &str, size: Size) -> Vec<Cell> {
    let cell = |grapheme| {
        let shown = Clean::new(grapheme);
        let width = shown.as_str().width().min(2).min(size.columns);
        Cell { shown, width }
    };
    text.graphemes(true).map(cell).collect()
}

fn text(cells: &[Cell]) -> String {
    cells.iter().map(|cell| cell.shown.as_str()).collect()
}

/// How cells are spread over rows, as terminals do it: a wide cell is not split, and behind a full
/// row there is one for the cursor.
struct Rows {
    /// the first cell of each row, and the end of the last one
    begins: Vec<usize>,
}

impl Rows {
    fn of(widths: &[usize], columns: usize) -> Self {
        let (mut begins, mut end) = (vec![0], 0);
        for (at, width) in widths.iter().enumerate() {
            if end + width > columns {
                begins.push(at);
                end = 0;
            }
            end += width;
        }
        if end == columns {
            begins.push(widths.len());
        }
        begins.push(widths.len());
        Self { begins }
    }

    /// Returns the cells of a row.
    fn cells(&self, row: usize) -> Range<usize> {
        self.begins[row]..self.begins[row + 1]
    }

    fn last(&self) -> usize {
        self.begins.len() - 2
    }

    /// Returns the row of a cell, or of the cursor behind the last cell.
    fn row_of(&self, cell: usize) -> usize {
        let begins = &self.begins[..=self.last()];
        begins.partition_point(|&begin| begin <= cell) - 1
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use vt100::Parser;

    use super::*;

    const SIZE: Size = Size {
        columns: 10,
        rows: 8,
    };

    fn view<'a>(before_cursor: &'a str, after_cursor: &'a str) -> View<'a> {
        let prompt = "> ";
        View {
            prompt,
            before_cursor,
            after_cursor,
        }
    }

    fn terminal(size: Size) -> Parser {
        let mut terminal = Parser::default();
        resize(&mut terminal, size);
        terminal
    }

    /// Changes the size as terminals do that wrap no line anew.
    fn resize(terminal: &mut Parser, size: Size) {
        let unit = |n| u16::try_from(n).ok().and_then(NonZero::new).expect("small");
        terminal
            .screen_mut()
            .set_size(unit(size.rows), unit(size.columns));
    }

    /// The rows of the screen, and `|` before the cursor.
    fn rows(terminal: &Parser) -> Vec<String> {
        let screen = terminal.screen();
        let (row, column) = screen.cursor_position();
        let mut rows: Vec<_> = screen.rows(0, u16::MAX).collect();
        let after = screen
            .rows(column, u16::MAX)
            .nth(row.into())
            .expect("a row");
        let row = &mut rows[usize::from(row)];
        let before = row.strip_suffix(&after).unwrap_or(row);
        *row = format!("{before}|{after}");
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    #[test]
    fn messages_appear_above_the_line() {
        let (mut screen, mut terminal) = (Screen::default(), terminal(SIZE));
        let mut show = |text: String| {
            terminal.process(text.as_bytes());
            rows(&terminal)
        };
        assert_eq!(show(screen.draw(view("", ""), SIZE)), ["> |"]);
        assert_eq!(show(screen.draw(view("hello", ""), SIZE)), ["> hello|"]);
        let printed = screen.print("ann: hi\n", view("hello", ""), SIZE);
        assert_eq!(show(printed), ["ann: hi", "> hello|"]);
        // Two rows; one that is just full; the cursor inside; wide cells; a newline.
        let drawn = screen.draw(view("hello you", ""), SIZE);
        assert_eq!(show(drawn), ["ann: hi", "> hello yo", "u|"]);
        let drawn = screen.draw(view("hello yo", ""), SIZE);
        assert_eq!(show(drawn), ["ann: hi", "> hello yo", "|"]);
        let printed = screen.print("bob: ha\n", view("hel", "lo you"), SIZE);
        assert_eq!(show(printed), ["ann: hi", "bob: ha", "> hel|lo yo", "u"]);
        let drawn = screen.draw(view("hello yo", "u"), SIZE);
        assert_eq!(show(drawn), ["ann: hi", "bob: ha", "> hello yo", "|u"]);
        let drawn = screen.draw(view("1234567日", "本\n\u{1b}x"), SIZE);
        assert_eq!(show(drawn), ["ann: hi", "bob: ha", "> 1234567", "日|本⏎␛x"]);
        let finished = screen.finish("> ", "1234567日本", SIZE);
        let printed = screen.draw(view("", ""), SIZE);
        let expected = ["ann: hi", "bob: ha", "> 1234567", "日本", "> |"];
        assert_eq!(show(finished + &printed), expected);
        assert_eq!(show(screen.clear(view("a", ""), SIZE)), ["> a|"]);
    }

    #[test]
    fn a_long_line_leaves_half_of_the_window_to_the_messages() {
        let (mut screen, mut terminal) = (Screen::default(), terminal(SIZE));
        let long = "x".repeat(95);
        for (before, after, shown) in [
            (
                long.as_str(),
                "",
                ["xxxxxxxxxx", "xxxxxxxxxx", "xxxxxxxxxx", "xxxxxxx|"],
            ),
            (
                "",
                &long,
                ["> |xxxxxxxx", "xxxxxxxxxx", "xxxxxxxxxx", "xxxxxxxxxx"],
            ),
        ] {
            for n in 1..20 {
                let line = format!("message {n}\n");
                let printed = screen.print(&line, view(before, after), SIZE);
                terminal.process(printed.as_bytes());
            }
            let rows = rows(&terminal);
            let messages = ["message 16", "message 17", "message 18", "message 19"];
            assert_eq!(rows, [messages, shown].concat());
        }
        let finished = screen.finish("> ", &long, SIZE);
        terminal.process(finished.as_bytes());
        assert!(
            rows(&terminal)[..6].iter().all(|row| row == "xxxxxxxxxx"),
            "all of it"
        );
    }

    /// Changes the width as terminals do that wrap each line anew.
    fn rewrap(terminal: &Parser, size: Size) -> Parser {
        let screen = terminal.screen();
        let (cursor_row, cursor_column) = screen.cursor_position();
        let (mut before, mut all) = (String::new(), String::new());
        for (row, text) in (0..).zip(screen.rows(0, u16::MAX)) {
            if row == cursor_row {
                let part = screen.rows(0, cursor_column).nth(row as usize);
                before = all.clone() + &part.unwrap_or_default();
            }
            all += &text;
            if !screen.row_wrapped(row) {
                all += "\r\n";
            }
        }
        let all = all.trim_end();
        let mut wrapped = self::terminal(size);
        wrapped.process(before.as_bytes());
        let (row, column) = wrapped.screen().cursor_position();
        wrapped.process(all.strip_prefix(&before).unwrap_or_default().as_bytes());
        wrapped.process(format!("\x1b[{};{}H", row + 1, column + 1).as_bytes());
        wrapped
    }

    /// When a terminal shows what was drawn for another width, and what it does with old rows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Change {
        /// Afterwards, and each line is wrapped anew.
        WrapsAnew,
        /// Afterwards, and rows stay as they are.
        Stays,
        /// Before, and the program does not know it yet.
        IsUnknown,
    }

    #[test]
    fn no_change_of_the_width_costs_a_message() {
        let messages: Vec<_> = (1..=4).map(|n| format!("ann: {n}")).collect();
        let text = "a line of some length that is being typed in a window";
        for (from, to) in [
            (10, 40),
            (40, 10),
            (10, 9),
            (9, 10),
            (13, 80),
            (80, 13),
            (7, 8),
        ] {
            for cursor in 0..=text.len() {
                for change in [Change::WrapsAnew, Change::Stays, Change::IsUnknown] {
                    let size = |columns| Size { columns, rows: 60 };
                    let (mut screen, mut terminal) = (Screen::default(), terminal(size(from)));
                    if change == Change::IsUnknown {
                        resize(&mut terminal, size(to));
                    }
                    let line = view(&text[..cursor], &text[cursor..]);
                    let lines = messages.join("\n") + "\n";
                    terminal.process(screen.print(&lines, line, size(from)).as_bytes());
                    let known = match change {
                        Change::WrapsAnew => {
                            terminal = rewrap(&terminal, size(to));
                            to
                        }
                        Change::Stays => {
                            resize(&mut terminal, size(to));
                            to
                        }
                        Change::IsUnknown => from,
                    };
                    let printed = screen.print("bob: 5\n", line, size(known));
                    terminal.process(printed.as_bytes());
                    let rows = rows(&terminal);
                    let what = format!("{from} to {to}, cursor at {cursor}, {change:?}: {rows:?}");
                    assert_eq!(rows[..4], messages, "{what}");
                    let last = rows.iter().rposition(|row| row == "bob: 5").expect(&what);
                    // A wider window keeps no stale copy of the line either.
                    assert!(last == 4 || to < from, "{what}");
                    let drawn = rows[last + 1..].concat().replace('|', "");
                    assert!(drawn.starts_with("> a line"), "{what}");
                }
            }
        }
    }
}
