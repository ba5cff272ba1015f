//! Which rows are folded up: all that goes as it should, but for a few around what does not. PURE.

/// Fewer rows than this are not folded, because there would be little to gain.
const LEAST: usize = 6;

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
}
