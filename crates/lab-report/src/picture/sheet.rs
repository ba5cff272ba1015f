//! Where things are in a space-time diagram: columns from left to right, rows downwards. PURE.

use super::diagram::Screen;
use super::measure::balanced;

/// The height of a line of a sentence.
pub(super) const LINE: f64 = 16.0;

/// The height of a silence.
const BREAK: f64 = 26.0;

/// The width of the room for sentences at the right, at least; and of a letter there.
const SAYS: f64 = 360.0;
const LETTER: f64 = 7.1;

/// The least width of a diagram with sentences there.
const LEAST: f64 = 660.0;

/// With more columns than this a sentence stands beside what it is about.
const LARGE: usize = 8;

/// The most letters of a line there.
const NEAR_LETTERS: usize = 78;

/// The greatest distance of two columns, of few and of many.
const APART: f64 = 160.0;
const LARGE_APART: f64 = 96.0;

/// Columns that are nearer than this have numbers instead of names.
const NAMED: f64 = 60.0;

/// Numbers of columns are not nearer than this.
const NUMBERED: f64 = 26.0;

/// Lines of columns that are nearer than the first are thin, and than the second are not drawn.
const THIN: f64 = 24.0;
const DENSE: f64 = 7.0;

/// A silence of more than this many halves of the usual step is drawn.
const LONG: i64 = 5;

/// A step that is shorter than this, in microseconds, is never a silence.
const SHORT: i64 = 20_000;

/// The geometry of a diagram. All of its columns are in sight, whatever their number: in each row
/// there is one sign, so that those of neighbours cannot touch.
#[derive(Debug)]
pub(super) struct Sheet {
    /// For what it is.
    pub(super) screen: Screen,
    columns: usize,
    apart: f64,
    /// what is more than this is a silence, in microseconds
    silence: i64,
}

/// Where sentences stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// At the right of all columns.
    Right,
    /// Beside what they are about.
    Near,
    /// Below what they are about.
    Below,
}

/// What decides where a row is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    /// Its time.
    pub(super) time: i64,
    /// The least height that it needs.
    pub(super) height: f64,
    /// What is said beside it.
    pub(super) says: &'a [String],
}

/// Where the rows of a stretch are.
#[derive(Debug)]
pub(super) struct Layout {
    /// The number of the first row.
    pub(super) from: usize,
    /// The middle of each row.
    pub(super) middles: Vec<f64>,
    /// Half the height of each row.
    pub(super) halves: Vec<f64>,
    /// The end of each row, below what is said there.
    pub(super) feet: Vec<f64>,
    /// The silences: the height, and the microseconds.
    pub(super) breaks: Vec<(f64, i64)>,
    /// The height of all.
    pub(super) height: f64,
}

impl Sheet {
    /// Returns the geometry of `columns` columns, and of rows at these times.
    pub(super) fn new(
        screen: Screen,
        columns: usize,
        times: impl Iterator<Item = i64> + Clone,
    ) -> Self {
        let pairs = times.clone().zip(times.skip(1));
        let mut steps: Vec<i64> = pairs.map(|(a, b)| b - a).collect();
        steps.retain(|&step| step > 500);
        steps.sort_unstable();
        let usual = steps.get(steps.len() / 2).copied().unwrap_or_default();
        let mut sheet = Self {
            screen,
            columns,
            apart: 0.0,
            silence: usual.max(SHORT) / 2 * LONG,
        };
        let (says, most) = match sheet.says() {
            Says::Right => (SAYS, APART),
            Says::Near | Says::Below => (0.0, LARGE_APART),
        };
        let room = screen.width() - sheet.left() - 2.0 * sheet.side() - says;
        sheet.apart = (room / columns.max(1) as f64).min(most);
        sheet
    }

    /// Returns where sentences stand.
    pub(super) fn says(&self) -> Says {
        match self.screen {
            Screen::Phone => Says::Below,
            Screen::Desk if self.is_large() => Says::Near,
            Screen::Desk => Says::Right,
        }
    }

    /// Returns whether there are many columns.
    pub(super) fn is_large(&self) -> bool {
        self.columns > LARGE
    }

    /// Returns whether columns have numbers instead of names.
    pub(super) fn is_numbered(&self) -> bool {
        self.apart < NAMED || self.is_large()
    }

    /// Returns whether the lines of columns have to be thin.
    pub(super) fn is_thin(&self) -> bool {
        self.apart < THIN
    }

    /// Returns whether the line of a column is drawn while nothing is the matter with it.
    pub(super) fn has_line(&self, column: usize) -> bool {
        self.apart >= DENSE || self.has_number(column)
    }

    /// Returns whether the number of a column is drawn: of many columns some have one.
    pub(super) fn has_number(&self, column: usize) -> bool {
        let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
        let mut steps = steps.into_iter();
        let step = steps.find(|&step| step as f64 * self.apart >= NUMBERED);
        let step = step.unwrap_or(1000);
        let is_first = column == 0 && (step - 1) as f64 * self.apart >= NUMBERED;
        is_first || (column + 1).is_multiple_of(step)
    }

    /// Returns where the times end.
    pub(super) fn left(&self) -> f64 {
        self.screen.either(86.0, 50.0)
    }

    /// Returns the width of the margin at both sides of the columns.
    fn side(&self) -> f64 {
        // Among many columns the box of a verse is wider than the distance of two.
        match self.screen {
            Screen::Desk if self.is_large() => 26.0,
            Screen::Desk => 20.0,
            Screen::Phone if self.columns > 4 => 22.0,
            Screen::Phone => 10.0,
        }
    }

    /// Returns the middle of a column.
    pub(super) fn x(&self, place: usize) -> f64 {
        self.left() + self.side() + self.apart * (place as f64 + 0.5)
    }

    /// Returns where a line from one column to another ends that does not get there. It is nearest
    /// to the other one, because nothing went to those between them.
    pub(super) fn short_of(&self, from: usize, to: usize) -> f64 {
        self.x(to) - (self.x(to) - self.x(from)).signum() * self.apart * 0.4
    }

    /// Returns where the columns end, and sentences begin.
    pub(super) fn edge(&self) -> f64 {
        self.left() + 2.0 * self.side() + self.apart * self.columns as f64
    }

    /// Returns the distance of two columns.
    pub(super) fn apart(&self) -> f64 {
        self.apart
    }

    /// Returns the width of the whole diagram.
    pub(super) fn width(&self) -> f64 {
        self.screen.width()
    }

    /// Returns how much of that is used, if these are the sentences of all rows.
    pub(super) fn used<'a>(&self, says: impl Iterator<Item = &'a [String]>) -> f64 {
        if self.says() != Says::Right {
            return self.width();
        }
        let lines = says.flat_map(|says| self.lines(says));
        let letters = lines.map(|line| line.chars().count()).max();
        let end = self.edge() + LETTER * letters.unwrap_or_default() as f64;
        // What stands for a fold is as wide as this.
        end.max(LEAST).min(self.width())
    }

    /// Returns whether nothing happened for long, if this many microseconds are between two rows.
    pub(super) fn is_silence(&self, gap: i64) -> bool {
        gap > self.silence
    }

    /// Returns a sentence in lines.
    pub(super) fn lines(&self, says: &[String]) -> Vec<String> {
        let room = match self.says() {
            Says::Right => self.width() - self.edge(),
            Says::Near => LETTER * NEAR_LETTERS as f64,
            Says::Below => self.width() - self.left() - 8.0,
        };
        let letters = (room / LETTER) as usize;
        says.iter().flat_map(|it| balanced(it, letters)).collect()
    }

    /// Returns where the rows from `from` to `to` are.
    pub(super) fn layout<'a>(
        &self,
        from: usize,
        to: usize,
        slot: impl Fn(usize) -> Slot<'a>,
    ) -> Layout {
        let mut layout = Layout {
            from,
            middles: Vec::with_capacity(to - from),
            halves: Vec::with_capacity(to - from),
            feet: Vec::with_capacity(to - from),
            breaks: Vec::new(),
            height: 0.0,
        };
        for row in from..to {
            let it = slot(row);
            let before = row.checked_sub(1).map_or(it.time, |row| slot(row).time);
            if self.is_silence(it.time - before) {
                let middle = layout.height + BREAK / 2.0;
                layout.breaks.push((middle, it.time - before));
                layout.height += BREAK;
            }
            let says = LINE * self.lines(it.says).len() as f64;
            let (sign, below) = match self.says() {
                Says::Below if it.says.is_empty() => (it.height, 0.0),
                Says::Below => (it.height, says + 4.0),
                Says::Right | Says::Near => (it.height.max(says + 4.0), 0.0),
            };
            layout.middles.push(layout.height + sign / 2.0);
            layout.halves.push(sign / 2.0);
            layout.height += sign + below;
            layout.feet.push(layout.height);
        }
        layout
    }
}

impl Layout {
    /// Returns the number of the row after the last one.
    pub(super) fn to(&self) -> usize {
        self.from + self.middles.len()
    }

    /// Returns the middle of a row. One that is above is at the top, one that is below at the foot.
    pub(super) fn y(&self, row: usize) -> f64 {
        match row.checked_sub(self.from) {
            None => 0.0,
            Some(index) => self.middles.get(index).copied().unwrap_or(self.height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(screen: Screen, columns: usize) -> Sheet {
        Sheet::new(screen, columns, [0, 100_000, 200_000].into_iter())
    }

    #[test]
    fn all_columns_are_in_sight_on_every_screen() {
        for screen in [Screen::Desk, Screen::Phone] {
            for columns in 1..=1000 {
                let sheet = of(screen, columns);
                assert!(sheet.edge() <= sheet.width(), "{screen:?} {columns}");
                // The box of a verse of a thousand bottles does not touch the times.
                assert!(sheet.x(0) - 21.0 >= sheet.left(), "{screen:?} {columns}");
                assert!(sheet.x(columns - 1) + 21.0 <= sheet.width());
            }
        }
    }

    #[test]
    fn some_columns_have_a_number_and_no_two_numbers_touch() {
        for screen in [Screen::Desk, Screen::Phone] {
            for columns in (1..=1000).filter(|&columns| of(screen, columns).is_numbered()) {
                let sheet = of(screen, columns);
                let numbers = (0..columns).filter(|&column| sheet.has_number(column));
                let at: Vec<f64> = numbers.map(|column| sheet.x(column)).collect();
                assert!(at.len() >= 2, "{screen:?} {columns}");
                let is_free = |pair: &[f64]| pair[1] - pair[0] >= NUMBERED - 0.1;
                assert!(at.windows(2).all(is_free), "{screen:?} {columns}: {at:?}");
            }
        }
        let numbers = |columns| {
            let sheet = of(Screen::Desk, columns);
            let numbers = (0..columns).filter(move |&column| sheet.has_number(column));
            numbers.map(|column| column + 1).collect::<Vec<_>>()
        };
        assert_eq!(numbers(9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(numbers(100)[..3], [1, 5, 10]);
    }

    #[test]
    fn alone_a_diagram_is_as_wide_as_its_sentences() {
        let used = |columns, says: &str| {
            let says = [says.to_owned()];
            of(Screen::Desk, columns).used([says.as_slice()].into_iter())
        };
        assert_eq!(used(3, ""), 660.0);
        assert_eq!(used(3, &"x".repeat(60)), 606.0 + 60.0 * LETTER);
        assert_eq!(used(3, &"x".repeat(900)), 606.0 + 75.0 * LETTER);
        assert_eq!(used(24, ""), 1180.0);
    }

    #[test]
    fn what_is_not_heard_ends_nearest_to_the_one_that_does_not_hear_it() {
        let sheet = of(Screen::Desk, 8);
        for (from, to) in (0..8).flat_map(|from| (0..8).map(move |to| (from, to))) {
            let end = sheet.short_of(from, to);
            let far = |column: &usize| (sheet.x(*column) - end).abs();
            let nearest = (0..8).min_by(|a, b| far(a).total_cmp(&far(b)));
            assert_eq!(nearest, Some(to), "from {from}");
        }
    }

    #[test]
    fn sentences_are_beside_the_columns_on_a_desk_and_below_the_signs_on_a_phone() {
        let says =
            ["Buddy 3 (process 1002) was killed: its last sign of life was 140 ms before".into()];
        let slot = |_| Slot {
            time: 0,
            height: 34.0,
            says: &says,
        };
        let at = |screen| {
            let layout = of(screen, 3).layout(0, 2, slot);
            (layout.middles, layout.halves, layout.feet, layout.height)
        };
        let desk = (vec![17.0, 51.0], vec![17.0; 2], vec![34.0, 68.0], 68.0);
        assert_eq!(at(Screen::Desk), desk);
        let phone = (vec![17.0, 87.0], vec![17.0; 2], vec![70.0, 140.0], 140.0);
        assert_eq!(at(Screen::Phone), phone);
    }
}
