//! The words of the song. PURE.

use std::fmt::Write;

/// The line that is sung with `left` bottles on the wall, in a song that began with `of`.
///
/// ```
/// assert_eq!(
///     buddy::song::verse(1, 99),
///     "1 bottle of beer on the wall, 1 bottle of beer. Take one down, pass it around..."
/// );
/// ```
pub fn verse(left: u64, of: u64) -> String {
    let mut line = String::new();
    add_verse(&mut line, left, of);
    line
}

/// Adds that line to the end of `line`, in pieces, so that it is not copied from buffer to buffer.
pub(crate) fn add_verse(line: &mut String, left: u64, of: u64) {
    if left == 0 {
        line.push_str(
            "No more bottles of beer on the wall, no more bottles of beer. \
             Go to the store and buy some more, ",
        );
        add_count(line, of);
        return line.push_str(" of beer on the wall.");
    }
    let begin = line.len();
    add_count(line, left);
    let count = begin..line.len();
    line.push_str(" of beer on the wall, ");
    line.extend_from_within(count);
    line.push_str(" of beer. Take one down, pass it around...");
}

/// Adds a number of bottles in words.
fn add_count(line: &mut String, n: u64) {
    match n {
        0 => line.push_str("no more bottles"),
        1 => line.push_str("1 bottle"),
        // Never fails, because a string takes all that is written to it.
        n => drop(write!(line, "{n} bottles")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_holds_down_to_the_last_bottle() {
        assert_eq!(
            verse(99, 99),
            "99 bottles of beer on the wall, 99 bottles of beer. \
             Take one down, pass it around..."
        );
        assert_eq!(
            verse(0, 99),
            "No more bottles of beer on the wall, no more bottles of beer. \
             Go to the store and buy some more, 99 bottles of beer on the wall."
        );
        assert!(verse(0, 1).ends_with("buy some more, 1 bottle of beer on the wall."));
        assert!(verse(0, 0).ends_with("buy some more, no more bottles of beer on the wall."));
        assert!(verse(u64::MAX, u64::MAX).starts_with("18446744073709551615 bottles"));
    }
}
