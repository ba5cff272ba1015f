//! Figures of benchmarks: a row each, around the line where both are equal. PURE.

use maud::{Markup, html};

use super::diagram::{Diagram, Piece, Strip};
use super::measure::{Px, short};
use crate::figures::Figure;

const WIDTH: f64 = 1180.0;
/// The sides of the scale. Names and numbers stand at the left of it, so that a phone shows them.
const LEFT: f64 = 420.0;
const RIGHT: f64 = 1140.0;

/// The heights of the scale's numbers, of a name, and of a figure.
const HEAD: f64 = 34.0;
const NAME: f64 = 40.0;
const ROW: f64 = 24.0;

/// The farthest powers of two on the scale. What is beyond is drawn at its end.
const MOST: f64 = 20.0;

/// The letters of a name.
const LETTERS: usize = 52;

/// Returns the figures as one diagram.
pub(super) fn draw(figures: &[Figure]) -> Diagram {
    let scale = Scale::new(figures);
    let mut y = 0.0;
    let mut above: Option<&Figure> = None;
    let rows = figures.iter().map(|figure| {
        let bench = above.is_none_or(|above| above.bench != figure.bench);
        let what = bench || above.is_none_or(|above| above.what != figure.what);
        above = Some(figure);
        html! {
            @if bench {
                text.name x="0" y=(Px(place(&mut y, NAME))) { (short(&figure.bench, LETTERS)) }
            }
            @if what {
                text x="16" y=(Px(place(&mut y, ROW))) { (short(&figure.what, LETTERS)) }
            }
            (scale.row(figure, place(&mut y, ROW)))
        }
    });
    let rows: Vec<Markup> = rows.collect();
    let height = y + ROW / 2.0;
    let ink = html! {
        @for power in scale.ticks() {
            @let x = scale.x(power);
            line class=(if power == 0.0 { "even" } else { "grid" }) x1=(Px(x)) x2=(Px(x)) y1="0"
                y2=(Px(height)) {}
        }
        @for row in &rows { (row) }
    };
    Diagram {
        label: "Figures of benchmarks, as ratios to their baselines".into(),
        width: WIDTH,
        heads: Some(scale.head()),
        pieces: vec![Piece::Open(Strip { height, ink })],
    }
}

/// Returns where the text of the next line stands, and moves `y` past that.
fn place(y: &mut f64, height: f64) -> f64 {
    *y += height;
    *y - ROW / 2.0 + 4.0
}

/// Powers of two, from left to right.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    /// Returns a scale that has all ratios of the figures, and the halves and the doubles of 1.
    fn new(figures: &[Figure]) -> Self {
        let ratios = figures.iter().flat_map(|figure| &figure.ratios);
        let (mut least, mut most) = (-1.0_f64, 1.0_f64);
        for ratio in ratios {
            let power = ratio.log2();
            least = least.min(power.floor().max(-MOST));
            most = most.max(power.ceil().min(MOST));
        }
        Self { least, most }
    }

    fn x(&self, power: f64) -> f64 {
        let power = power.clamp(self.least, self.most);
        LEFT + (power - self.least) / (self.most - self.least) * (RIGHT - LEFT)
    }

    /// Returns the powers at which there is a line, a dozen at most; 0 is one of them.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = ((self.most - self.least) / 12.0).ceil();
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

    /// A dot at the median, a bar over all repetitions, and a line to where both are equal.
    fn row(&self, figure: &Figure, y: f64) -> Markup {
        let (median, least, most) = figure.spread();
        let [from, dot, to] = [least, median, most].map(|ratio| self.x(ratio.log2()));
        let middle = Px(y - 4.0);
        let class = if median < 1.0 { "less" } else { "more" };
        let each: Vec<String> = figure.ratios.iter().map(|ratio| number(*ratio)).collect();
        html! {
            g class={ "figure " (class) } {
                title { (short(&each.join(" "), 400)) }
                text.quiet x="32" y=(Px(y)) { (short(&figure.at, LETTERS)) }
                line.stem x1=(Px(self.x(0.0))) x2=(Px(dot)) y1=(middle) y2=(middle) {}
                line.range x1=(Px(from)) x2=(Px(to)) y1=(middle) y2=(middle) {}
                circle.median cx=(Px(dot)) cy=(middle) r="5" {}
                text.end.name x=(Px(LEFT - 24.0)) y=(Px(y)) { (number(median)) }
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
