//! The text that is being typed, with its cursor. PURE.
//!
//! rustyline's `LineBuffer` knows its graphemes and words; this file says which key does what.

use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer};
use rustyline::{At, Word};

use super::keys::Key;

/// The longest line, in bytes, as through a pipe. A longer one cannot be a message, so what is cut
/// off is refused with the rest.
const MAX_LINE: usize = 64 * 1024;

/// A line with its cursor, and what was cut out last.
pub(crate) struct Line {
    text: LineBuffer,
    cut: Cut,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            text: LineBuffer::with_capacity(MAX_LINE),
            cut: Cut::default(),
        }
    }
}

impl Line {
    /// Returns the text before the cursor, and after it.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.text.as_str().split_at(self.text.pos())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Shows another text, and returns the one before. `cursor` is a boundary of a character.
    pub(crate) fn replace(&mut self, text: &str, cursor: usize) -> String {
        let before = self.text.as_str().to_owned();
        let text = &text[..text.floor_char_boundary(MAX_LINE)];
        self.text.update(text, cursor.min(text.len()), &mut Ignore);
        before
    }

    /// Inserts as much of `text` as there is room for. Returns whether that was all.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let room = MAX_LINE - self.text.len();
        let fits = &text[..text.floor_char_boundary(room)];
        self.text.yank(fits, 1, &mut Ignore);
        fits.len() == text.len()
    }

    /// Does what a key means for the text alone. Returns whether it could.
    pub(crate) fn edit(&mut self, key: &Key) -> bool {
        self.cut.begins_anew = !std::mem::take(&mut self.cut.was_last);
        let (text, cut) = (&mut self.text, &mut self.cut);
        match key {
            Key::Text(typed) => return self.insert(typed),
            Key::Ctrl('y') => {
                let cut = cut.text.clone();
                return self.insert(&cut);
            }
            Key::Alt(c) if !matches!(c, 'b' | 'd' | 'f' | '\u{7f}') => {
                return self.insert(c.encode_utf8(&mut [0; 4])); // because Esc was meant to be a key
            }
            Key::Home | Key::Ctrl('a') => text.set_pos(0),
            Key::End | Key::Ctrl('e') => text.set_pos(text.len()),
            Key::Esc => {}
            Key::Left | Key::Ctrl('b') => return text.move_backward(1),
            Key::Right | Key::Ctrl('f') => return text.move_forward(1),
            Key::WordLeft | Key::Alt('b') => return text.move_to_prev_word(Word::Emacs, 1),
            Key::WordRight | Key::Alt('f') => {
                return text.move_to_next_word(At::AfterEnd, Word::Emacs, 1);
            }
            Key::Backspace => return text.backspace(1, &mut Ignore),
            Key::Delete | Key::Ctrl('d') => return text.delete(1, &mut Ignore).is_some(),
            Key::Ctrl('t') => return text.transpose_chars(&mut Ignore),
            Key::Ctrl('k') => return text.kill_buffer(cut),
            Key::Ctrl('u') => return text.discard_buffer(cut),
            Key::Ctrl('w') => return text.delete_prev_word(Word::Big, 1, cut),
            Key::Alt('\u{7f}') => return text.delete_prev_word(Word::Emacs, 1, cut),
            Key::Alt(_) => return text.delete_word(At::AfterEnd, Word::Emacs, 1, cut),
            _ => return false,
        }
        true
    }
}

/// What was cut out by Ctrl-W, Ctrl-U, Ctrl-K or Alt-D, for Ctrl-Y. Cuts without another key
/// between them are one, as in a shell.
#[derive(Default)]
struct Cut {
    text: String,
    begins_anew: bool,
    was_last: bool,
}

impl DeleteListener for Cut {
    fn delete(&mut self, _: usize, text: &str, direction: Direction) {
        if self.begins_anew {
            self.text.clear();
        }
        match direction {
            Direction::Forward => self.text.push_str(text),
            Direction::Backward => self.text.insert_str(0, text),
        }
        self.was_last = true;
    }
}

/// Takes no notice, because nothing is to be undone.
struct Ignore;

impl DeleteListener for Ignore {
    fn delete(&mut self, _: usize, _: &str, _: Direction) {}
}

impl ChangeListener for Ignore {
    fn insert_char(&mut self, _: usize, _: char) {}

    fn insert_str(&mut self, _: usize, _: &str) {}

    fn replace(&mut self, _: usize, _: &str, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_the_text() {
        use Key::*;
        let word = |text: &str| Text(text.into());
        let table: [(&[Key], &str); 14] = [
            (&[word("ac"), Left, word("b")], "ab|c"),
            (&[word("bc"), Home, word("a"), End, Backspace], "ab|"),
            (&[word("日本👨‍👩‍👧"), Left, Left, Delete], "日|👨‍👩‍👧"),
            (&[word("日本👨‍👩‍👧e\u{301}"), Backspace, Backspace], "日本|"),
            (
                &[word("one two"), WordLeft, WordLeft, WordRight],
                "one| two",
            ),
            (
                &[word("one, two"), Ctrl('w'), Ctrl('w'), Ctrl('y'), Ctrl('y')],
                "one, twoone, two|",
            ),
            (
                &[word("one two"), Alt('b'), Ctrl('k'), Home, Ctrl('y')],
                "two|one ",
            ),
            (&[word("one two"), Alt('b'), Ctrl('u')], "|two"),
            (
                &[word("one two"), Home, Alt('d'), End, Ctrl('y')],
                " twoone|",
            ),
            (&[word("a/b"), Alt('\u{7f}')], "a/|"),
            (&[word("ab"), Ctrl('t'), Ctrl('b'), Ctrl('f')], "ba|"),
            (&[word("x"), Esc, Alt('3'), Alt('x')], "x3x|"),
            (&[word("a\nb"), Home, Right, Right, Ctrl('d')], "a\n|"),
            (&[Left, Right, Backspace, Delete, Ctrl('x'), Ctrl('v')], "|"),
        ];
        for (keys, expected) in table {
            let mut line = Line::default();
            for key in keys {
                line.edit(key);
            }
            let (before, after) = line.parts();
            assert_eq!(format!("{before}|{after}"), expected, "{keys:?}");
        }
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let mut line = Line::default();
        assert!(line.insert(&"é".repeat(MAX_LINE / 2 - 1)));
        assert!(!line.insert("xéé"));
        assert_eq!(line.parts().0.len(), MAX_LINE - 1);
        assert!(!line.edit(&Key::Text("é".into())));
        let long = "é".repeat(MAX_LINE);
        line.replace(&long, long.len());
        assert_eq!(line.parts().0.len(), MAX_LINE);
    }
}
