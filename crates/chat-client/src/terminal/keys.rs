//! From the bytes of a terminal to the keys that were pressed. PURE.
//!
//! Nothing that was typed is lost: a byte that is not UTF-8 becomes U+FFFD, and a sequence that a
//! slow connection brings in two parts is one key. Only the silence after a byte tells the Esc key
//! from the beginning of a sequence, so the shell says when there was some
//! ([`Keys::silence`]).

/// The bytes around a paste (xterm, "bracketed paste").
const PASTE_BEGINS: &[u8] = b"200";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// The longest sequence of a key, in bytes: the longest that xterm sends has 12.
const MAX_SEQUENCE: usize = 32;

/// A key, or text without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// What is written. It has line ends and other controls only if it was pasted.
    Text(String),
    Ctrl(char),
    Alt(char),
    Enter,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Esc,
    Up,
    Down,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
}

/// What the next bytes are.
enum Found {
    Char(char),
    Key(Key),
    PasteBegins,
    PasteEnds,
    /// a key that means nothing here, or what is left of a broken one
    Nothing,
}

/// Reads bytes, in any portions.
#[derive(Default)]
pub(crate) struct Keys {
    /// the beginning of a character or of a sequence
    unread: Vec<u8>,
    is_pasting: bool,
    /// whether nothing has come since the last bytes for some time
    is_silent: bool,
    /// whether the last key was Esc, by silence
    was_esc: bool,
}

impl Keys {
    /// Returns the keys that `bytes` complete.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        if self.is_pasting && self.is_silent && bytes == [3] {
            // The end of this paste was lost. A paste cannot make a pause and then press Ctrl-C.
            self.is_pasting = false;
        }
        self.is_silent = false;
        if std::mem::take(&mut self.was_esc) && bytes.len() > 1 && matches!(bytes[0], b'[' | b'O') {
            self.unread.push(0x1b); // because no person types both at once: its rest comes late
        }
        self.unread.extend(bytes);
        self.take(false)
    }

    /// Returns the keys of the bytes that waited for more, because none have come.
    pub(crate) fn silence(&mut self) -> Vec<Key> {
        self.is_silent = true;
        let keys = self.take(true);
        self.was_esc = keys == [Key::Esc];
        keys
    }

    /// Returns whether silence would change anything.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.unread.is_empty() || (self.is_pasting && !self.is_silent)
    }

    fn take(&mut self, all: bool) -> Vec<Key> {
        let (mut keys, mut text, mut at) = (Vec::new(), String::new(), 0);
        while at < self.unread.len() {
            let bytes = &self.unread[at..];
            let next = if self.is_pasting {
                pasted(bytes)
            } else {
                typed(bytes)
            };
            let Some((len, found)) = next.or_else(|| all.then(|| alone(bytes, self.is_pasting)))
            else {
                break;
            };
            at += len;
            match found {
                Found::Char(c) => text.push(c),
                Found::Key(key) => {
                    flush(&mut text, &mut keys);
                    keys.push(key);
                }
                Found::PasteBegins => self.is_pasting = true,
                Found::PasteEnds => self.is_pasting = false,
                Found::Nothing => {}
            }
        }
        flush(&mut text, &mut keys);
        self.unread.drain(..at);
        keys
    }
}

fn flush(text: &mut String, keys: &mut Vec<Key>) {
    if !text.is_empty() {
        keys.push(Key::Text(std::mem::take(text)));
    }
}

/// Returns the first character or key of `bytes`, and its length; `None` if more bytes may change
/// it.
fn typed(bytes: &[u8]) -> Option<(usize, Found)> {
    let key = |key| Some((1, Found::Key(key)));
    match bytes[0] {
        b'\r' | b'\n' => key(Key::Enter),
        b'\t' => key(Key::Tab),
        8 | 0x7f => key(Key::Backspace),
        0x1b => escaped(bytes),
        // What the terminal makes of Ctrl and a letter, or one of @ [ \ ] ^ _ (ASCII).
        byte @ ..0x20 => key(Key::Ctrl(char::from(byte | 0x40).to_ascii_lowercase())),
        _ => character(bytes).map(|(len, c)| (len, Found::Char(c))),
    }
}

/// Returns what `bytes` begin with inside a paste: a character, with any line end as a newline, or
/// the end of the paste.
fn pasted(bytes: &[u8]) -> Option<(usize, Found)> {
    match bytes {
        _ if bytes.starts_with(PASTE_ENDS) => Some((PASTE_ENDS.len(), Found::PasteEnds)),
        _ if PASTE_ENDS.starts_with(bytes) => None,
        [b'\r'] => None,
        [b'\r', b'\n', ..] => Some((2, Found::Char('\n'))),
        [b'\r', ..] => Some((1, Found::Char('\n'))),
        _ => character(bytes).map(|(len, c)| (len, Found::Char(c))),
    }
}

/// Returns what an unfinished beginning was, if nothing follows it.
fn alone(bytes: &[u8], is_pasting: bool) -> (usize, Found) {
    match bytes[0] {
        b'\r' => (1, Found::Char('\n')),
        0x1b if is_pasting => (1, Found::Char('\x1b')),
        0x1b => (1, Found::Key(Key::Esc)),
        _ => (bytes.len(), Found::Char(char::REPLACEMENT_CHARACTER)),
    }
}

/// Returns the first character and its length; `None` if it is not complete. Bytes that can be
/// none become one U+FFFD.
fn character(bytes: &[u8]) -> Option<(usize, char)> {
    let bytes = &bytes[..bytes.len().min(4)];
    let (valid, rest) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (valid, error.error_len())
        }
    };
    let first = valid.chars().next().map(|c| (c.len_utf8(), c));
    first.or_else(|| Some((rest?, char::REPLACEMENT_CHARACTER)))
}

/// Returns what a sequence means that begins with Esc.
fn escaped(bytes: &[u8]) -> Option<(usize, Found)> {
    match *bytes.get(1)? {
        b'[' => control_sequence(bytes),
        b'O' => Some((3, plain_key(*bytes.get(2)?))),
        8 | 0x7f => Some((2, Found::Key(Key::Alt('\u{7f}')))),
        // Esc itself, and then another key.
        ..0x20 => Some((1, Found::Key(Key::Esc))),
        _ => character(&bytes[1..]).map(|(len, c)| (1 + len, Found::Key(Key::Alt(c)))),
    }
}

/// Returns what a sequence means that begins with Esc and `[` (ECMA-48, 5.4).
fn control_sequence(bytes: &[u8]) -> Option<(usize, Found)> {
    if bytes.get(2) == Some(&b'[') {
        return bytes.get(3).map(|_| (4, Found::Nothing)); // F1 to F5 on Linux's own console
    }
    let is_parameter = |byte: &u8| matches!(byte, 0x20..=0x3f);
    let parameters = bytes[2..]
        .iter()
        .take_while(|byte| is_parameter(byte))
        .count();
    let (parameters, rest) = bytes[2..].split_at(parameters);
    let len = 2 + parameters.len();
    match rest {
        _ if len > MAX_SEQUENCE => Some((len, Found::Nothing)),
        [] => None,
        [last @ 0x40..=0x7e, ..] => Some((len + 1, meaning(parameters, *last))),
        _ => Some((len, Found::Nothing)),
    }
}

fn meaning(parameters: &[u8], last: u8) -> Found {
    let is_word = parameters.contains(&b';') && matches!(parameters.last(), Some(b'3' | b'5'));
    Found::Key(match (last, parameters) {
        (b'~', PASTE_BEGINS) => return Found::PasteBegins,
        (b'~', b"1" | b"7") => Key::Home,
        (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        (b'C', _) if is_word => Key::WordRight,
        (b'D', _) if is_word => Key::WordLeft,
        (b'Z', _) => Key::BackTab,
        _ => return plain_key(last),
    })
}

fn plain_key(last: u8) -> Found {
    Found::Key(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'F' => Key::End,
        b'H' => Key::Home,
        b'M' => Key::Enter,
        _ => return Found::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Key {
        Key::Text(text.into())
    }

    /// The keys of `bytes`, read at once, and then silence.
    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Keys::default();
        let mut keys = decoder.read(bytes);
        keys.extend(decoder.silence());
        keys
    }

    #[test]
    fn bytes_are_keys() {
        use Key::*;
        let table: [(&[u8], &[Key]); 17] = [
            (b"one\rtwo\n", &[text("one"), Enter, text("two"), Enter]),
            ("\u{65e5}\u{672c} \u{1f642}".as_bytes(), &[text("日本 🙂")]),
            (
                b"\x03\x1a\x1c\x7f\t",
                &[Ctrl('c'), Ctrl('z'), Ctrl('\\'), Backspace, Tab],
            ),
            (
                b"a\x1b[Db\x1bOCc",
                &[text("a"), Left, text("b"), Right, text("c")],
            ),
            (b"\x1b[1;5C\x1b[1;3D\x1b[1;2A", &[WordRight, WordLeft, Up]),
            (
                b"\x1b[1~\x1b[4~\x1b[3~\x1b[H\x1bOF\x1b[Z",
                &[Home, End, Delete, Home, End, BackTab],
            ),
            (b"\x1bf\x1b\x7f\x1b3", &[Alt('f'), Alt('\u{7f}'), Alt('3')]),
            (b"\x1b", &[Esc]),
            (b"\x1b\x1b[A", &[Esc, Up]),
            (b"\x1b\r", &[Esc, Enter]),
            (b"\x1b[15~\x1b[[A\x1b[?1;2c\x1b[Ix", &[text("x")]),
            (
                b"caf\xe9 \xf8 \xf0\x9f\r",
                &[text("caf\u{fffd} \u{fffd} \u{fffd}"), Enter],
            ),
            (b"caf\xe9", &[text("caf"), text("\u{fffd}")]),
            (
                b"\x1b[200~a\rb\r\n\x1b[Ac\t\xff\x1b[201~\r",
                &[text("a\nb\n\x1b[Ac\t\u{fffd}"), Enter],
            ),
            (b"a\x1b[200~b\x1b[201~c\x1b[201~", &[text("abc")]),
            (b"\x1b[\rx", &[Enter, text("x")]),
            (b"\x1b[1234567890123456789012345678901234567890", &[]),
        ];
        for (bytes, expected) in table {
            assert_eq!(
                keys(bytes),
                expected,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn the_portions_do_not_matter() {
        let all = "h\u{e9}\x1b[D\x1b[1;5C日\r\x1bf\x1b[200~a\r\n\u{fffd}b\x1b[201~🙂\x1bOA\x7f";
        let all = [all.as_bytes(), b"\xf0\x9f\xff\xe9."].concat();
        let joined = |keys: Vec<Key>| {
            let mut joined: Vec<Key> = Vec::new();
            for key in keys {
                match (joined.last_mut(), key) {
                    (Some(Key::Text(text)), Key::Text(more)) => text.push_str(&more),
                    (_, key) => joined.push(key),
                }
            }
            joined
        };
        let expected = joined(keys(&all));
        for portion in 1..all.len() {
            let mut decoder = Keys::default();
            let portions = all.chunks(portion);
            let keys: Vec<_> = portions.flat_map(|bytes| decoder.read(bytes)).collect();
            assert_eq!(joined(keys), expected, "in portions of {portion}");
            assert!(!decoder.is_waiting());
        }
    }

    #[test]
    fn the_rest_of_a_sequence_may_come_very_late() {
        let mut decoder = Keys::default();
        for (rest, keys) in [
            (&b"[D"[..], vec![Key::Left]),
            (b"OCx", vec![Key::Right, text("x")]),
            (b"[200~\r\x1b[201~", vec![text("\n")]),
            (b"[", vec![text("[")]),
            (b"no", vec![text("no")]),
        ] {
            assert_eq!(decoder.read(b"\x1b"), []);
            assert_eq!(decoder.silence(), [Key::Esc]);
            assert_eq!(decoder.read(rest), keys);
            assert!(!decoder.is_waiting());
        }
    }

    #[test]
    fn a_paste_without_an_end_is_left_by_ctrl_c_after_a_pause_only() {
        let mut decoder = Keys::default();
        assert_eq!(decoder.read(b"\x1b[200~a\x03"), [text("a\x03")]);
        assert_eq!(decoder.read(b"\x03"), [text("\x03")]);
        assert!(decoder.is_waiting());
        assert_eq!(decoder.silence(), []);
        assert!(!decoder.is_waiting());
        assert_eq!(decoder.read(b"\r\x03"), [text("\n\x03")]);
        assert_eq!(decoder.silence(), []);
        assert_eq!(decoder.read(b"\x03"), [Key::Ctrl('c')]);
        assert_eq!(decoder.read(b"\r"), [Key::Enter]);
    }
}
