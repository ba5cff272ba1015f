//! Which rows are folded up: all that goes as it should, but for a few around what does not. PURE.

use super::diagram::{Piece, Screen};
use super::margin::rest;
use super::sheet::Sheet;

/// Fewer rows than this are not folded, because there would be little to gain.
const LEAST: usize = 6;

/// Most rows that a fold holds, and most of a diagram: a browser has to draw them, and with more
/// of them a picture helps nobody. On a phone that are fewer.
const MAX_FOLD: usize = 1000;
const MAX_PHONE_FOLD: usize = 100;
const MAX_ROWS: usize = 20_000;

/// Some rows that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The first one.
    pub(super) from: usize,
    /// The one after the last.
    pub(super) to: usize,
    /// Whether they are always to be seen.
    pub(super) is_open: bool,
}

/// Returns the stretches of `count` rows. A row stays open if it is near one for which `around`
/// returns how many before it and how many after it are near.
pub(super) fn stretches(
    count: usize,
    around: impl Fn(usize) -> Option<(usize, usize)>,
) -> Vec<Stretch> {
    let mut is_open = vec![false; count];
    // All below this was looked at, so that rows are not opened again and again.
    let mut done = 0;
    for row in 0..count {
        if let Some((before, after)) = around(row) {
            let end = row.saturating_add(after).saturating_add(1).min(count);
            let begin = row.saturating_sub(before).max(done);
            is_open[begin.min(end)..end].fill(true);
            done = row;
        }
    }
    let mut all: Vec<Stretch> = Vec::new();
    let mut from = 0;
    while from < count {
        let same = is_open[from..]
            .iter()
            .take_while(|it| **it == is_open[from]);
        let to = from + same.count();
        let is_open = is_open[from] || to - from < LEAST;
        match all.last_mut() {
            Some(last) if last.is_open && is_open => last.to = to,
            _ => all.push(Stretch { from, to, is_open }),
        }
        from = to;
    }
    all
}

/// Returns the pieces of a picture. `draw` returns that of a stretch, with its number, up to a row:
/// not always the last one, because there may be too many.
pub(super) fn pieces(
    stretches: &[Stretch],
    (sheet, screen): (&Sheet, Screen),
    mut draw: impl FnMut(usize, usize) -> Piece,
) -> Vec<Piece> {
    let rows = stretches.last().map_or(0, |last| last.to);
    let mut left = MAX_ROWS;
    let mut pieces = Vec::with_capacity(stretches.len());
    for (number, &Stretch { from, to, is_open }) in stretches.iter().enumerate() {
        let fold = screen.either(MAX_FOLD, MAX_PHONE_FOLD);
        let most = if is_open { left } else { left.min(fold) };
        let end = to.min(from + most);
        left -= end - from;
        if end == from {
            pieces.push(Piece::Open(rest(sheet, rows - from)));
            break;
        }
        pieces.push(draw(number, end));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize, odd: &[usize]) -> Vec<(usize, usize, bool)> {
        let all = stretches(count, |row| odd.contains(&row).then_some((2, 1)));
        all.into_iter()
            .map(|it| (it.from, it.to, it.is_open))
            .collect()
    }

    #[test]
    fn what_is_near_stays_open_and_short_folds_are_none() {
        assert_eq!(of(0, &[]), []);
        assert_eq!(of(5, &[]), [(0, 5, true)]);
        assert_eq!(of(6, &[]), [(0, 6, false)]);
        assert_eq!(
            of(20, &[9]),
            [(0, 7, false), (7, 11, true), (11, 20, false)]
        );
        assert_eq!(of(20, &[2, 9, 10, 19]), [(0, 20, true)]);
    }

    #[test]
    fn a_fold_holds_so_many_rows_and_a_picture_too() {
        let drawn = |screen: Screen, is_open: bool| {
            let sheet = Sheet::new(screen, 1, std::iter::empty());
            let (from, to) = (0, MAX_ROWS);
            let more = Stretch {
                from: to,
                to: to + 7,
                is_open: true,
            };
            let mut ends = Vec::new();
            let pieces = pieces(
                &[Stretch { from, to, is_open }, more],
                (&sheet, screen),
                |_, end| {
                    ends.push(end);
                    Piece::Open(rest(&sheet, 0))
                },
            );
            let last = match pieces.last() {
                Some(Piece::Open(strip)) => strip.ink.0.contains("and 7 rows, not drawn"),
                _ => false,
            };
            (ends, last)
        };
        let all = MAX_ROWS + 7;
        assert_eq!(drawn(Screen::Desk, true), (vec![MAX_ROWS], true));
        assert_eq!(drawn(Screen::Desk, false), (vec![MAX_FOLD, all], false));
        assert_eq!(
            drawn(Screen::Phone, false),
            (vec![MAX_PHONE_FOLD, all], false)
        );
    }
}
