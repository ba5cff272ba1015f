//! Text as nobody writes it: controls, marks, what is invisible, what reverses the direction.

use super::input::Input;

/// Characters that a rule somewhere speaks of.
const ODD: [char; 32] = [
    '\0',
    '\n',
    '\r',
    '\t',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{2028}',
    '\u{202e}',
    '\u{2066}',
    '\u{200b}',
    '\u{200d}',
    '\u{feff}',
    '\u{ad}',
    '\u{300}',
    '\u{2de0}',
    '\u{1160}',
    '\u{3164}',
    '\u{fdfa}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{fffd}',
    'ß',
    'İ',
    'ﬁ',
    'а',
    '太',
    'ש',
    '👨',
    '🏽',
    '🇬',
];

/// Returns up to `most` characters: ASCII, odd ones, or any at all.
pub(crate) fn text(input: &mut Input<'_>, most: usize) -> String {
    let length = input.below(most + 1);
    let letters = (0..length).map(|_| match input.byte() {
        ascii @ 0..128 => char::from(ascii),
        odd @ 128..240 => ODD[usize::from(odd) % ODD.len()],
        _ => {
            let any = u32::from_le_bytes([input.byte(), input.byte(), input.byte() % 17, 0]);
            char::from_u32(any).unwrap_or('x')
        }
    });
    letters.collect()
}
