//! A text that is too long for one message, in pieces. PURE.

use common::chat::MAX_BODY;

/// Most pieces that are offered: more would take the room for half a minute, and a file is better
/// sent as one.
const MOST: usize = 32;

/// Returns the pieces of `text`, each short enough for a message, cut after a line or a word where
/// there is one. `None` if there would be too many.
pub(crate) fn pieces(text: &str) -> Option<Vec<String>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.trim().is_empty() {
        let (piece, behind) = rest.split_at(cut(rest));
        // A message of blanks would be refused.
        if !piece.trim().is_empty() {
            pieces.push(piece.trim_end().to_owned());
        }
        rest = behind;
        if pieces.len() > MOST {
            return None;
        }
    }
    Some(pieces)
}

/// Returns how many bytes the next piece has: at least one character.
fn cut(text: &str) -> usize {
    if text.len() <= MAX_BODY {
        return text.len();
    }
    let fits = &text[..text.floor_char_boundary(MAX_BODY)];
    let line = fits.rfind('\n');
    let place = line.or_else(|| fits.rfind(' ')).map(|at| at + 1);
    // Not after a very short line, because that would make many pieces.
    place.filter(|&at| at > MAX_BODY / 2).unwrap_or(fits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fit_and_lose_nothing_but_blanks() {
        let lines: String = (0..2000).map(|n| format!("line {n}\n")).collect();
        let words = "word ".repeat(3000);
        let glyphs = "語".repeat(5000);
        for text in [&lines, &words, &glyphs] {
            let pieces = pieces(text).expect("few");
            assert!(pieces.iter().all(|piece| piece.len() <= MAX_BODY));
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(bare(&pieces.concat()), bare(text));
        }
        let first = pieces(&lines).expect("few").remove(0);
        assert!(lines.contains(&format!("{first}\n")), "cut after a line");
    }

    #[test]
    fn a_whole_book_is_not_offered() {
        assert_eq!(
            pieces(&"x".repeat(MAX_BODY * MOST)).map(|all| all.len()),
            Some(MOST)
        );
        assert_eq!(pieces(&"x".repeat(MAX_BODY * MOST + 1)), None);
    }
}
