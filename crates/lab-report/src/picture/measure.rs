//! How numbers, times, texts and hues stand in a picture. PURE.

use std::fmt::{self, Display};

use common::cli::printable;
use maud::Render;

/// The hues for processes, in the order of their places, then again: neighbours always differ. Red
/// and amber are not among them, because they mean loss and doubt.
const HUES: [&str; 8] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"];

/// Returns the class of the hue of one of many.
pub(super) fn hue(number: usize) -> &'static str {
    HUES[number % HUES.len()]
}

/// A length in pixels, written with one decimal at most, because a page has thousands of them.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `+ 0.0`, because -0 would be written as such.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

impl Render for Px {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(&self.to_string());
    }
}

/// Returns a duration in microseconds as short as it can be read: `217 µs`, `61 ms`, `2.23 s`.
pub(super) fn span(micros: i64) -> String {
    let sign = if micros < 0 { "−" } else { "" };
    let size = micros.unsigned_abs();
    let parts = |unit: f64| size as f64 / unit;
    match size {
        0 => "0".into(),
        1..1_000 => format!("{sign}{size} µs"),
        1_000..9_950 => format!("{sign}{:.1} ms", parts(1e3)),
        9_950..10_000 => format!("{sign}10 ms"),
        10_000..1_000_000 => format!("{sign}{} ms", size / 1000),
        1_000_000..100_000_000 => format!("{sign}{:.2} s", parts(1e6)),
        100_000_000..6_000_000_000 => format!("{sign}{:.0} s", parts(1e6)),
        _ => format!("{sign}{:.1} h", parts(3.6e9)),
    }
}

/// Returns a time on an axis: a [`span`] without the zeros at its end.
pub(super) fn tick(micros: i64) -> String {
    let text = span(micros);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => text,
    }
}

/// Returns `text` without what a viewer would obey instead of showing it, and with `most` letters
/// at most, because a name comes from another person's file.
pub(super) fn short(text: &str, most: usize) -> String {
    // A letter becomes ten at most, so that a long text is not read to its end.
    let begin: String = text.chars().take(most + 1).collect();
    let shown = printable(&begin).replace('\n', " ");
    if shown.chars().count() <= most {
        return shown;
    }
    let kept = shown.chars().take(most.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// Returns the lines of `text`, each of at most `wide` letters. A number stays with the word before
/// it, and a unit with its number: `Buddy` alone is nobody.
pub(super) fn wrap(text: &str, wide: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for words in together(&printable(text), wide) {
        let mut rest: Vec<char> = words.chars().collect();
        while !rest.is_empty() {
            let piece: String = rest.drain(..rest.len().min(wide.max(1))).collect();
            let more = piece.chars().count() + 1;
            match lines.last_mut() {
                Some(last) if last.chars().count() + more <= wide => {
                    last.push(' ');
                    last.push_str(&piece);
                }
                _ => lines.push(piece),
            }
        }
    }
    lines
}

/// Returns the words of `text`, some of them with what belongs to them, if that is not too wide.
fn together(text: &str, wide: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        let bare = word.trim_end_matches(|c: char| c.is_ascii_punctuation());
        let belongs = is_number || ["µs", "ms", "s", "h"].contains(&bare);
        match all.last_mut().filter(|_| belongs) {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= wide => {
                last.push(' ');
                last.push_str(word);
            }
            _ => all.push(word.to_owned()),
        }
    }
    all
}

/// Returns the lines of `text` as [`wrap`] does, and none of them much shorter than the others: a
/// single word in the last one looks like a mistake.
pub(super) fn balanced(text: &str, wide: usize) -> Vec<String> {
    let lines = wrap(text, wide);
    if lines.len() < 2 {
        return lines;
    }
    let least = (wide / 2).max(1);
    let mut narrow = (least..wide).map(|wide| wrap(text, wide));
    let same = narrow.find(|it| it.len() == lines.len());
    same.unwrap_or(lines)
}

/// Returns round numbers from 0 to `end`: some `many`, and at most one more.
pub(super) fn ticks(end: i64, many: i64) -> Vec<i64> {
    let rough = end / many;
    let mut power = 1;
    while power * 10 <= rough {
        power *= 10;
    }
    let steps = [1, 2, 5, 10].map(|times| times * power);
    let step = steps.into_iter().find(|&step| step >= rough);
    let step = step.unwrap_or(power).max(1);
    (0..=many)
        .map(|n| n * step)
        .take_while(|&t| t <= end)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let table = [
            (0, "0"),
            (217, "217 µs"),
            (4_200, "4.2 ms"),
            (9_960, "10 ms"),
            (61_400, "61 ms"),
            (2_230_000, "2.23 s"),
            (-12_000, "−12 ms"),
            (7_200_000_000, "2.0 h"),
        ];
        for (micros, text) in table {
            assert_eq!(span(micros), text);
        }
        let ticks = [0, 500_000, 1_000_000, 1_500_000, 20_000_000];
        assert_eq!(ticks.map(tick), ["0", "500 ms", "1 s", "1.5 s", "20 s"]);
        assert_eq!(
            [Px(1.0), Px(1.25), Px(-0.01)].map(|px| px.to_string()),
            ["1", "1.3", "0"]
        );
    }

    #[test]
    fn texts_fit_and_do_not_turn_round() {
        assert_eq!(short("Buddy 1", 10), "Buddy 1");
        assert_eq!(short("a\u{202e}b\n", 20), "a\\u{202e}b ");
        assert_eq!(short("abcdefghijkl", 5), "abcd…");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert!(wrap(" ", 3).is_empty());
        assert_eq!(
            wrap("gives up on Buddy 2: in 1.27 s: done", 17),
            ["gives up on", "Buddy 2:", "in 1.27 s: done"]
        );
        assert_eq!(balanced("one two three", 13), ["one two three"]);
        assert_eq!(
            balanced("one two three four", 13),
            ["one two", "three four"]
        );
        assert_eq!(balanced("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(balanced("a b", 1), ["a", "b"]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(6_230_000, 6), [0, 2_000_000, 4_000_000, 6_000_000]);
        assert_eq!(ticks(6_230_000, 3), [0, 5_000_000]);
        assert_eq!(ticks(0, 6), [0]);
        for end in [1, 5, 6, 7, 61, 99, 1_000, 59_999_999, i64::MAX / 100] {
            for many in [3, 6] {
                let ticks = ticks(end, many);
                let most = many as usize + 1;
                assert!((1..=most).contains(&ticks.len()), "{end}: {ticks:?}");
            }
        }
    }
}
