//! Texts of other people, made harmless for a terminal and for a page. PURE.

use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Returns `text` with the characters escaped that a terminal obeys instead of showing them:
/// control characters but for the newline, and those that turn the direction of writing (Unicode TR
/// 9).
pub fn printable(text: &str) -> Cow<'_, str> {
    const TURNS: [RangeInclusive<char>; 3] = [
        '\u{200e}'..='\u{200f}',
        '\u{202a}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
    ];
    let turns = |c: char| TURNS.iter().any(|range| range.contains(&c));
    let is_obeyed = |c: char| (c.is_control() && c != '\n') || turns(c);
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_obeyed(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.into()
}
