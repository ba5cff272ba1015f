//! Figures of benchmarks: a row each, around the line where both are equal. PURE.

use maud::{Markup, html};

use super::diagram::{Diagram, Piece, Screen, Strip};
use super::measure::{Px, balanced, short};
use crate::figures::Figure;

/// The heights of the scale's numbers, of a name, and of a line.
const HEAD: f64 = 34.0;
const NAME: f64 = 40.0;
const ROW: f64 = 24.0;
const LINE: f64 = 16.0;

/// The farthest powers of two on the scale. What is beyond is drawn at its end.
const MOST: f64 = 20.0;

/// The most letters of a text: more are not a title.
const MAX_LETTERS: usize = 400;

/// Returns the figures as one diagram. On a desk names and numbers stand at the left of the scale;
/// on a phone they stand above their bars.
pub(super) fn draw(figures: &[Figure], screen: Screen) -> Diagram {
    let scale = Scale::new(figures, screen);
    // A piece for each benchmark, so that paper has a place to end a page.
    let benches = figures.chunk_by(|a, b| a.bench == b.bench);
    Diagram {
        label: "Figures of benchmarks, as ratios to their baselines".into(),
        screen,
        used: screen.width(),
        heads: Some(scale.head()),
        key: None,
        pieces: benches
            .map(|bench| Piece::Open(scale.bench(bench)))
            .collect(),
    }
}

/// Returns where the text of the next line stands, and moves `y` past that.
fn place(y: &mut f64, height: f64) -> f64 {
    *y += height;
    *y - ROW / 2.0 + 4.0
}

/// Returns a text in lines. None of it is left out: it says what was measured.
fn lines(text: &str, letters: usize) -> impl Iterator<Item = String> {
    balanced(&short(text, MAX_LETTERS), letters).into_iter()
}

/// Powers of two, from left to right.
struct Scale {
    screen: Screen,
    /// its sides
    left: f64,
    right: f64,
    least: f64,
    most: f64,
}

impl Scale {
    /// Returns a scale that has all ratios of the figures, and the halves and the doubles of 1.
    fn new(figures: &[Figure], screen: Screen) -> Self {
        let ratios = figures.iter().flat_map(|figure| &figure.ratios);
        let (mut least, mut most) = (-1.0_f64, 1.0_f64);
        for ratio in ratios {
            let power = ratio.log2();
            least = least.min(power.floor().max(-MOST));
            most = most.max(power.ceil().min(MOST));
        }
        let (left, right) = screen.either((420.0, 1140.0), (16.0, 316.0));
        Self {
            screen,
            left,
            right,
            least,
            most,
        }
    }

    fn x(&self, power: f64) -> f64 {
        let power = power.clamp(self.least, self.most);
        let share = (power - self.least) / (self.most - self.least);
        self.left + share * (self.right - self.left)
    }

    /// Returns the powers at which there is a line, as many as can be read; 0 is one of them.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let many = self.screen.either(12.0, 8.0);
        let step = ((self.most - self.least) / many).ceil();
        let first = (self.least / step).ceil();
        let last = (self.most / step).floor();
        (0..=(last - first) as u32).map(move |n| (first + f64::from(n)) * step)
    }

    fn head(&self) -> Strip {
        let name = |power: f64| match power {
            ..0.0 => format!("1/{}", (-power).exp2()),
            _ => format!("{}×", power.exp2()),
        };
        let ink = html! {
            @for power in self.ticks() {
                text.axis.mid x=(Px(self.x(power))) y="22" { (name(power)) }
            }
        };
        Strip { height: HEAD, ink }
    }

    /// The figures of a benchmark.
    fn bench(&self, figures: &[Figure]) -> Strip {
        let mut y = NAME;
        let name = figures.first().map_or("", |figure| &figure.bench);
        let mut above: Option<&str> = None;
        let rows = figures.iter().map(|figure| {
            let is_known = above == Some(&figure.what);
            above = Some(&figure.what);
            html! {
                @if !is_known { (self.what(&figure.what, &mut y)) }
                (self.row(figure, &mut y))
            }
        });
        let rows: Vec<Markup> = rows.collect();
        let height = y + ROW / 2.0;
        let ink = html! {
            @for power in self.ticks() {
                @let x = Px(self.x(power));
                @let class = if power == 0.0 { "even" } else { "grid" };
                line class=(class) x1=(x) x2=(x) y1="0" y2=(Px(height)) {}
            }
            text.name.near x="0" y=(Px(NAME - ROW / 2.0 + 4.0)) { (short(name, 40)) }
            @for row in &rows { (row) }
        };
        Strip { height, ink }
    }

    /// What some figures measure.
    fn what(&self, text: &str, y: &mut f64) -> Markup {
        let x = Px(self.screen.either(16.0, 0.0));
        html! {
            @for (number, line) in lines(text, self.screen.either(80, 42)).enumerate() {
                @let y = Px(place(y, if number == 0 { ROW } else { LINE }));
                text.near x=(x) y=(y) { (line) }
            }
        }
    }

    /// A dot at the median, a bar over all repetitions, and a line to where both are equal.
    fn row(&self, figure: &Figure, y: &mut f64) -> Markup {
        let (median, least, most) = figure.spread();
        let [from, dot, to] = [least, median, most].map(|ratio| self.x(ratio.log2()));
        let class = if median < 1.0 { "less" } else { "more" };
        let each: Vec<String> = figure.ratios.iter().map(|ratio| number(*ratio)).collect();
        let (x, letters) = self.screen.either((32.0, 44), (0.0, 38));
        let right = self.screen.either(self.left - 24.0, self.screen.width());
        html! {
            g class={ "figure " (class) } {
                title { (short(&each.join(" "), 400)) }
                @let lines: Vec<String> = lines(&figure.at, letters).collect();
                @for line in lines.iter().take(lines.len().saturating_sub(1)) {
                    text.quiet.near x=(Px(x)) y=(Px(place(y, LINE))) { (line) }
                }
                @let last = place(y, ROW);
                text.quiet.near x=(Px(x)) y=(Px(last)) { (lines.last().map_or("", String::as_str)) }
                text.end.name.near x=(Px(right)) y=(Px(last)) { (number(median)) "×" }
                @let below = self.screen.either(0.0, 16.0);
                @let middle = Px(place(y, below) - 4.0);
                line.stem x1=(Px(self.x(0.0))) x2=(Px(dot)) y1=(middle) y2=(middle) {}
                line.range x1=(Px(from)) x2=(Px(to)) y1=(middle) y2=(middle) {}
                circle.median cx=(Px(dot)) cy=(middle) r="5" {}
            }
        }
    }
}

/// Returns a ratio with some three digits.
fn number(ratio: f64) -> String {
    match ratio {
        ..0.1 => format!("{ratio:.3}"),
        ..10.0 => format!("{ratio:.2}"),
        ..100.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}
