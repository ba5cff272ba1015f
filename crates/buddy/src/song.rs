//! The words of the song. PURE.

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
    let (number, bottles) = count(left);
    let wall = " of beer on the wall, ";
    if left > 0 {
        let rest = " of beer. Take one down, pass it around...";
        return line.extend([&number, bottles, wall, &number, bottles, rest]);
    }
    let store = " of beer. Go to the store and buy some more, ";
    line.extend(["No more", bottles, wall, &number, bottles, store]);
    let (number, bottles) = count(of);
    line.extend([&number, bottles, " of beer on the wall."]);
}

/// Returns a number of bottles in words.
fn count(n: u64) -> (String, &'static str) {
    match n {
        0 => ("no more".into(), " bottles"),
        1 => ("1".into(), " bottle"),
        n => (n.to_string(), " bottles"),
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
