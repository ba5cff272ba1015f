//! From bytes as they are read to lines that can be sent. PURE.
//!
//! One line of input is one line of output, whatever is in it:
//!
//! | In the input | Is taken as |
//! |---|---|
//! | `\r\n` at the end of a line | the same as `\n` |
//! | an empty line | a word without letters: its answer is an empty line |
//! | no newline at the end of the input | a line like the others |
//! | bytes that are not UTF-8 | U+FFFD, the replacement character |
//! | a line of more than [`MAX_LINE`] bytes | the end of the work: all lines before it count |

use std::sync::Arc;

/// Longest line in bytes, its newline included: the longest text that a server takes.
pub(crate) const MAX_LINE: usize = common::secret::MAX_TEXT;

/// The most bytes whose newlines are counted at once: a multiple of sixteen that a small sum holds.
const BLOCK: usize = 240;

/// Some consecutive lines, each ended by `\n`, or one text that is not a list. The text is shared
/// and not copied, because chunks are cut off it one by one.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    text: Arc<str>,
    start: usize,
    is_one: bool,
}

impl Lines {
    /// The lines of `text`, which is empty or ends with a newline.
    pub(crate) fn new(text: String) -> Self {
        Self {
            text: text.into(),
            start: 0,
            is_one: false,
        }
    }

    /// The one word that `text` is, line breaks included.
    pub(crate) fn one(text: String) -> Self {
        Self {
            is_one: true,
            ..Self::new(text)
        }
    }

    /// Returns whether this is one text that is not a list.
    pub(crate) fn is_one(&self) -> bool {
        self.is_one
    }

    /// Returns what is left of the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text[self.start..]
    }

    /// Cuts off up to `most` lines, and no more than `bytes` unless the first alone is longer.
    /// Returns them and their number.
    pub(crate) fn cut(&mut self, most: usize, bytes: usize) -> (String, usize) {
        if self.is_one {
            self.start = self.text.len();
            return (self.text.as_ref().to_owned(), 1);
        }
        let (end, count) = first_lines(self.as_str(), most, bytes);
        let lines = self.as_str()[..end].to_owned();
        self.start += end;
        (lines, count)
    }
}

/// Returns the bytes of the first lines, as [`Lines::cut`] cuts them, and their number.
fn first_lines(text: &str, most: usize, bytes: usize) -> (usize, usize) {
    // Bytes, because to look for a `char` costs more in each line.
    let text = text.as_bytes();
    let (mut end, mut count) = (0, 0);
    // Block after block, because the newlines of a block are counted at once.
    for block in text[..bytes.min(text.len())].chunks_exact(BLOCK) {
        let more = newlines(block);
        if count + more > most {
            break;
        }
        end += block.len();
        count += more;
    }
    let whole = text[..end].iter().rposition(is_newline);
    end = whole.map_or(0, |newline| newline + 1);
    let rest = text[end..].split_inclusive(is_newline);
    for line in rest.take(most - count) {
        if count > 0 && end + line.len() > bytes {
            break;
        }
        end += line.len();
        count += 1;
    }
    (end, count)
}

/// Returns whether this byte ends a line. No other character has this byte in it, in UTF-8.
pub(crate) fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Returns the number of lines in a text, each ended by `\n`.
pub(crate) fn count(text: &str) -> usize {
    text.as_bytes().chunks(BLOCK).map(newlines).sum()
}

/// Returns the number of newlines in at most [`BLOCK`] bytes.
fn newlines(block: &[u8]) -> usize {
    // A small sum, because the processor then adds sixteen bytes at once.
    let ends = block.iter().map(|byte| u8::from(is_newline(byte)));
    usize::from(ends.sum::<u8>())
}

/// Makes lines of bytes, however the reads happened to cut them: `one\r\ntw` and then `o\n\nthree`
/// give `one\n`, `two\n\n` and, at the end, `three\n`.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    partial: Vec<u8>,
    seen: u64,
    /// The number of lines that had bytes that are not UTF-8.
    pub(crate) replaced: u64,
    /// The number of the line that was too long, counted from 1. Nothing after it is taken.
    pub(crate) too_long: Option<u64>,
}

impl Cleaner {
    /// Returns the lines that are complete with these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        if self.too_long.is_some() {
            return String::new();
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let (complete, rest) = bytes.split_at(whole.map_or(0, |newline| newline + 1));
        let lines = if complete.is_empty() {
            String::new()
        } else if self.partial.is_empty() {
            self.clean(complete.to_vec())
        } else {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(complete);
            self.clean(joined)
        };
        self.partial.extend_from_slice(rest);
        if self.too_long.is_none() && self.partial.len() >= MAX_LINE {
            self.too_long = Some(self.seen + 1);
        }
        lines
    }

    /// Ends the input. Returns the last line, if it had no newline.
    pub(crate) fn end(&mut self) -> String {
        if self.partial.is_empty() || self.too_long.is_some() {
            return String::new();
        }
        let mut last = std::mem::take(&mut self.partial);
        last.push(b'\n');
        self.clean(last)
    }

    /// Returns whole lines cleaned. `bytes` ends with a newline.
    fn clean(&mut self, bytes: Vec<u8>) -> String {
        // One pass without a copy, because almost every text is clean.
        let text = match String::from_utf8(bytes) {
            Ok(text) if text.len() <= MAX_LINE && !text.contains('\r') => {
                self.seen += count(&text) as u64;
                return text;
            }
            Ok(text) => text.into_bytes(),
            Err(error) => error.into_bytes(),
        };
        let mut clean = String::with_capacity(text.len());
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = String::from_utf8_lossy(line);
            if text.len() >= MAX_LINE {
                self.too_long = Some(self.seen + 1);
                break;
            }
            self.seen += 1;
            self.replaced += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
            clean.push_str(&text);
            clean.push('\n');
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::dice;

    use rand::RngExt;

    /// Returns what comes of `input` when it is read `step` bytes at a time.
    fn cleaned(input: &[u8], step: usize) -> (String, Cleaner) {
        let mut cleaner = Cleaner::default();
        let mut lines: String = input.chunks(step).map(|part| cleaner.push(part)).collect();
        lines += &cleaner.end();
        (lines, cleaner)
    }

    #[test]
    fn every_odd_line_is_one_line_however_the_reads_cut_it() {
        for (input, lines) in [
            (&b""[..], ""),
            (b"\n", "\n"),
            (b"a\nb\n", "a\nb\n"),
            (b"a\nb", "a\nb\n"),
            (b"a\r\nb\r\n\r\n", "a\nb\n\n"),
            (b"one\r\ntwo\n\nthree", "one\ntwo\n\nthree\n"),
            (b"a\rb\n\r", "a\rb\n\n"),
            (b"caf\xc3\xa9\n", "café\n"),
            (b"\xffx\nok\n\xc3", "\u{fffd}x\nok\n\u{fffd}\n"),
        ] {
            for step in 1..=input.len().max(1) {
                assert_eq!(cleaned(input, step).0, lines, "{input:?} by {step}");
            }
        }
        assert_eq!(cleaned(b"\xff\nok\n\xc3", 2).1.replaced, 2);
    }

    #[test]
    fn a_line_over_the_limit_ends_the_input_and_names_itself() {
        let fits = "x".repeat(MAX_LINE - 1);
        for (input, lines, too_long) in [
            (format!("a\n{fits}\nb\n"), format!("a\n{fits}\nb\n"), None),
            (format!("a\n{fits}y\nb\n"), "a\n".to_owned(), Some(2)),
            (format!("{fits}{fits}{fits}"), String::new(), Some(1)),
        ] {
            for step in [1000, MAX_LINE, input.len()] {
                let (got, cleaner) = cleaned(input.as_bytes(), step);
                assert!(got == lines, "the lines before it, by {step}");
                assert_eq!(cleaner.too_long, too_long, "by {step}");
                assert!(cleaner.partial.len() <= 2 * input.len().min(MAX_LINE + step));
            }
        }
    }

    #[test]
    fn all_lines_are_counted_however_many_and_however_short() {
        for lines in [0, 1, 255, 256, 257, 70_000] {
            assert_eq!(count(&"\n".repeat(lines)), lines);
            assert_eq!(count(&"ab\u{10a}\n".repeat(lines)), lines);
        }
    }

    #[test]
    fn lines_are_cut_by_number_and_by_bytes() {
        let mut lines = Lines::new("a\nbb\n\nccc\ndddd\n".to_owned());
        assert_eq!(lines.cut(2, 100), ("a\nbb\n".to_owned(), 2));
        assert_eq!(lines.cut(100, 5), ("\nccc\n".to_owned(), 2));
        assert_eq!(lines.cut(100, 1), ("dddd\n".to_owned(), 1));
        assert_eq!(lines.cut(100, 1), (String::new(), 0));
    }

    #[test]
    fn lines_are_cut_at_the_same_place_in_blocks_and_one_by_one() {
        let mut dice = dice("LINES_SEED");
        for _ in 0..300 {
            let longest = [0, 3, 40, 2 * BLOCK][dice.random_range(0..4)];
            let mut text = String::new();
            for _ in 0..dice.random_range(0..200) {
                text += &"x".repeat(dice.random_range(0..=longest));
                text.push('\n');
            }
            let most = dice.random_range(1..=250);
            let bytes = dice.random_range(1..=4 * BLOCK);
            let (mut end, mut count) = (0, 0);
            for line in text.split_inclusive('\n').take(most) {
                if count > 0 && end + line.len() > bytes {
                    break;
                }
                end += line.len();
                count += 1;
            }
            let found = first_lines(&text, most, bytes);
            assert_eq!(found, (end, count), "{most} of {text:?} in {bytes} bytes");
        }
    }
}
