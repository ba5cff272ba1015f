//! A stretch of rows, drawn. PURE.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use maud::{Markup, html};

use super::rows::{Kind, Row, Rows};
use super::sign::{cross, rim, sign};
use crate::picture::diagram::Strip;
use crate::picture::margin::{Beside, cover, row, silence};
use crate::picture::measure::{Px, hue, short, span};
use crate::picture::sheet::{Layout, Sheet};

/// What lasts over rows of a stretch: numbers of the lists in [`Rows`].
#[derive(Clone, Debug, Default)]
pub(super) struct Lasting {
    pub(super) takes: Vec<usize>,
    pub(super) fading: Vec<usize>,
    pub(super) dead: Vec<usize>,
    pub(super) doubted: Vec<usize>,
}

/// A stretch of rows.
pub(super) struct Part<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) sheet: &'a Sheet,
    pub(super) lasting: &'a Lasting,
    pub(super) layout: Layout,
    /// The time of the first verse.
    pub(super) zero: i64,
}

impl Part<'_> {
    /// Returns the stretch with all rows.
    pub(super) fn draw(&self) -> Strip {
        let numbers = || self.layout.from..self.layout.to();
        let ink = html! {
            (self.bands())
            (self.lifelines("life", self.layout.height))
            (self.doubts())
            @for &(y, gap) in &self.layout.breaks { (silence(self.sheet, y, gap)) }
            @for row in numbers() { (self.stumps(row)) (self.arrow(row)) }
            (self.stub())
            @for row in numbers() { (self.row(row)) }
        };
        Strip {
            height: self.layout.height,
            ink,
        }
    }

    /// Returns what stands for the stretch while it is folded up.
    pub(super) fn cover(&self, text: &str) -> Strip {
        cover(self.sheet, text, |height| self.lifelines("dots", height))
    }

    /// Tints each repair, from its question to its answer.
    fn bands(&self) -> Markup {
        let (left, right) = (self.sheet.left() + 8.0, self.sheet.edge() - 8.0);
        let (from, to) = (self.layout.from, self.layout.to());
        let top = |row: usize| self.layout.middles[row - from] - self.layout.halves[row - from];
        html! {
            @for &take in &self.lasting.takes {
                @let (name, first, last) = &self.rows.takes[take];
                @let (begin, end) = ((*first).clamp(from, to - 1), (*last).clamp(from, to - 1));
                @let (top, foot) = (top(begin), self.layout.feet[end - from]);
                rect.take x=(Px(left)) y=(Px(top)) width=(Px(right - left))
                    height=(Px(foot - top)) rx="6" {}
                @if *first >= from {
                    // The first sign must not stand on it.
                    @let is_near = self.sheet.x(self.rows.all[begin].place) < left + 64.0;
                    @let (class, x) = match is_near {
                        true => ("takename end", right - 8.0),
                        false => ("takename", left + 8.0),
                    };
                    text class=(class) x=(Px(x)) y=(Px(top + 14.0)) { "take " (name) }
                }
            }
        }
    }

    /// Draws a line for each column while its process lives, in one path for each hue.
    fn lifelines(&self, class: &str, height: f64) -> Markup {
        let y = |row: usize| self.layout.y(row).min(height);
        let gaps = [
            (&self.lasting.fading, &self.rows.fading),
            (&self.lasting.dead, &self.rows.dead),
        ];
        let mut holes: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        let mut dotted = String::new();
        for (is_dead, (numbers, all)) in gaps.into_iter().enumerate() {
            for &number in numbers {
                let (place, since, until) = all[number];
                let (top, foot) = (y(since), until.map_or(height, y));
                holes.entry(place).or_default().push((top, foot));
                if is_dead == 0 {
                    let x = Px(self.sheet.x(place));
                    let _ = write!(dotted, "M{x} {}V{}", Px(top), Px(foot));
                }
            }
        }
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        let mut faint = String::new();
        let columns = self.rows.columns();
        for (place, lives) in columns.filter(|(place, _)| self.sheet.has_line(*place)) {
            let x = Px(self.sheet.x(place));
            let mut at = 0.0;
            let mut holes = holes.remove(&place).unwrap_or_default();
            holes.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            if lives.is_empty() {
                let _ = write!(faint, "M{x} 0V{}", Px(height));
                continue;
            }
            let line = lines.entry(hue(place)).or_default();
            for (top, foot) in holes.into_iter().chain([(height, height)]) {
                let _ = write!(faint, "M{x} {}V{}", Px(top), Px(foot));
                if top > at {
                    let _ = write!(line, "M{x} {}V{}", Px(at), Px(top));
                }
                at = foot.max(at);
            }
        }
        html! {
            @if !faint.is_empty() { path.never d=(faint) {} }
            @let thin = if self.sheet.is_thin() { " thin" } else { "" };
            @for (hue, d) in lines { path class={ (class) " " (hue) (thin) } d=(d) {} }
            @if !dotted.is_empty() { path.fading d=(dotted) {} }
        }
    }

    /// Marks the columns of living buddies that others have given up on.
    fn doubts(&self) -> Markup {
        let mut d = String::new();
        for &number in &self.lasting.doubted {
            let (place, since, until) = self.rows.doubted[number];
            let (top, foot) = (self.layout.y(since), until.map(|row| self.layout.y(row)));
            let foot = Px(foot.unwrap_or(self.layout.height));
            let _ = write!(d, "M{} {}V{foot}", Px(self.sheet.x(place)), Px(top));
        }
        html! { @if !d.is_empty() { path.doubted d=(d) {} } }
    }

    fn stumps(&self, number: usize) -> Markup {
        let row = &self.rows.all[number];
        let half = self.layout.halves[number - self.layout.from];
        let (x, y) = (self.sheet.x(row.place), self.layout.y(number));
        // Its sign stays inside of the row, because a stretch may end there.
        let end = y + half - 6.0;
        html! {
            @for &(to, is_known) in &row.stumps {
                @if is_known {
                    @let to = self.sheet.short_of(row.place, to);
                    path class="msg dead" d=(straight((x, y), (to, end))) {}
                    path.cross d=(cross(to, end, 4.0)) {}
                } @else {
                    @let to = self.sheet.x(to);
                    path class="msg word" d=(straight((x, y), (to, end))) {}
                    circle.deafdot cx=(Px(to)) cy=(Px(end)) r="4.5" {}
                }
            }
        }
    }

    /// The message that came to a row.
    fn arrow(&self, number: usize) -> Markup {
        let row = &self.rows.all[number];
        let Some(from) = row.from.filter(|&from| from != number) else {
            return html! {};
        };
        let (x, y) = (self.sheet.x(row.place), self.layout.y(number));
        let mut start = (self.sheet.x(self.rows.all[from].place), self.layout.y(from));
        if from < self.layout.from {
            // It comes from another stretch, half of the way.
            start.0 += (x - start.0) / 2.0;
        }
        let (dx, dy) = (x - start.0, y - start.1);
        let share = rim(row.kind, dx, dy) / dx.hypot(dy).max(1.0);
        let end = (x - dx * share, y - dy * share);
        path(row, start, end)
    }

    /// The message that goes on in the next stretch.
    fn stub(&self) -> Markup {
        let Some(next) = self.rows.all.get(self.layout.to()) else {
            return html! {};
        };
        match next
            .from
            .filter(|from| (self.layout.from..self.layout.to()).contains(from))
        {
            None => html! {},
            Some(from) => {
                let (x, to) = (
                    self.sheet.x(self.rows.all[from].place),
                    self.sheet.x(next.place),
                );
                let end = ((x + to) / 2.0, self.layout.height);
                html! { g.cut { (path(next, (x, self.layout.y(from)), end)) } }
            }
        }
    }

    fn row(&self, number: usize) -> Markup {
        let it = &self.rows.all[number];
        let (x, y) = (self.sheet.x(it.place), self.layout.y(number));
        let before = number.checked_sub(1).map(|above| self.rows.all[above].time);
        let beside = Beside {
            time: it.time - self.zero,
            before: before.map(|before| it.time - before),
            says: &it.says,
            is_odd: it.is_odd,
            tip: self.tip(it),
            x,
            y,
            foot: y + self.layout.halves[number - self.layout.from],
        };
        row(self.sheet, &sign(it.kind, it.place, x, y), &beside)
    }

    /// Who, when, and which line of which file.
    fn tip(&self, row: &Row) -> String {
        let life = &self.rows.song.lives[row.at.life];
        let file = Path::new(&life.file).file_name().unwrap_or_default();
        let name = self.rows.names.get(row.place).map_or("", String::as_str);
        let (time, line) = (span(row.time - self.zero), row.at.line + 1);
        format!(
            "{name} · {time} · {}, line {line}",
            short(&file.to_string_lossy(), 60)
        )
    }
}

/// The line of the message that came to `row`.
fn path(row: &Row, start: (f64, f64), end: (f64, f64)) -> Markup {
    let class = match row.kind {
        Kind::Verse(..) => "msg go",
        Kind::Ask { .. } => "msg ask",
        Kind::Deaf => "msg deaf",
        Kind::Born => "msg enlist",
        _ => "msg word",
    };
    html! { path class=(class) d=(straight(start, end)) {} }
}

fn straight(start: (f64, f64), end: (f64, f64)) -> String {
    let (x1, y1, x2, y2) = (Px(start.0), Px(start.1), Px(end.0), Px(end.1));
    format!("M{x1} {y1}L{x2} {y2}")
}
