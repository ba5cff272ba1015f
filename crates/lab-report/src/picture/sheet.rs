//! Where things are in a space-time diagram: columns from left to right, rows downwards. PURE.

use super::measure::wrap;

/// The times end here.
pub(super) const LEFT: f64 = 86.0;

/// The height of a line of a sentence.
pub(super) const LINE: f64 = 16.0;

/// The height of a silence.
const BREAK: f64 = 26.0;

/// The width of the room for sentences, at the right.
const SAYS: f64 = 360.0;

/// The letters of a line there.
const LETTERS: usize = 46;

/// With more columns than this a sentence stands beside what it is about.
const LARGE: usize = 8;

/// The usual width of a whole diagram: that of the page.
const PAGE: f64 = 1180.0;

/// The least and the greatest distance of two columns.
const APART: (f64, f64) = (84.0, 160.0);
const LARGE_APART: (f64, f64) = (42.0, 96.0);

/// A silence of more than this many halves of the usual step is drawn.
const LONG: i64 = 5;

/// A step that is shorter than this, in microseconds, is never a silence.
const SHORT: i64 = 20_000;

/// The geometry of a diagram.
#[derive(Debug)]
pub(super) struct Sheet {
    columns: usize,
    apart: f64,
    /// what is more than this is a silence, in microseconds
    silence: i64,
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
    /// The silences: the height, and the microseconds.
    pub(super) breaks: Vec<(f64, i64)>,
    /// The height of all.
    pub(super) height: f64,
}

impl Sheet {
    /// Returns the geometry of `columns` columns, and of rows at these times.
    pub(super) fn new(columns: usize, times: impl Iterator<Item = i64> + Clone) -> Self {
        let (room, (least, most)) = if columns > LARGE {
            (PAGE - LEFT - 50.0, LARGE_APART)
        } else {
            (PAGE - LEFT - 40.0 - SAYS, APART)
        };
        let pairs = times.clone().zip(times.skip(1));
        let mut steps: Vec<i64> = pairs.map(|(a, b)| b - a).collect();
        steps.retain(|&step| step > 500);
        steps.sort_unstable();
        let usual = steps.get(steps.len() / 2).copied().unwrap_or_default();
        Self {
            columns,
            apart: (room / columns.max(1) as f64).clamp(least, most),
            silence: usual.max(SHORT) / 2 * LONG,
        }
    }

    /// Returns whether sentences stand beside what they are about.
    pub(super) fn is_large(&self) -> bool {
        self.columns > LARGE
    }

    /// Returns the middle of a column.
    pub(super) fn x(&self, place: usize) -> f64 {
        LEFT + 20.0 + self.apart * (place as f64 + 0.5)
    }

    /// Returns where the columns end, and sentences begin.
    pub(super) fn edge(&self) -> f64 {
        LEFT + 40.0 + self.apart * self.columns as f64
    }

    /// Returns the distance of two columns.
    pub(super) fn apart(&self) -> f64 {
        self.apart
    }

    /// Returns the width of the whole diagram.
    pub(super) fn width(&self) -> f64 {
        let says = if self.is_large() { 300.0 } else { SAYS };
        let needed = self.edge() + says;
        if self.is_large() && needed < PAGE {
            PAGE
        } else {
            needed
        }
    }

    /// Returns a sentence in lines.
    pub(super) fn lines(&self, says: &[String]) -> Vec<String> {
        says.iter().flat_map(|it| wrap(it, LETTERS)).collect()
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
            breaks: Vec::new(),
            height: 0.0,
        };
        for row in from..to {
            let it = slot(row);
            let before = row.checked_sub(1).map_or(it.time, |row| slot(row).time);
            if it.time - before > self.silence {
                let middle = layout.height + BREAK / 2.0;
                layout.breaks.push((middle, it.time - before));
                layout.height += BREAK;
            }
            let says = LINE * self.lines(it.says).len() as f64 + 4.0;
            let half = it.height.max(says) / 2.0;
            layout.middles.push(layout.height + half);
            layout.halves.push(half);
            layout.height += 2.0 * half;
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
