//! A chat at a glance: for each message and each reader the time from stored to shown. PURE.
//!
//! The scale has powers of ten, because a delivery takes a fraction of a millisecond, and one after
//! a lost connection takes seconds.

use maud::html;

use super::rows::Rows;
use crate::picture::diagram::{Diagram, Piece, Screen, Strip};
use crate::picture::measure::{Px, hue, tick, ticks};

const TOP: f64 = 26.0;
/// The height of a power of ten.
const POWER: f64 = 24.0;

/// Most dots: every so many are left out beyond it.
const MAX_DOTS: usize = 2000;

/// Returns the overview of a room in which something was shown.
pub(super) fn draw(rows: &Rows<'_>, zero: i64, screen: Screen) -> Diagram {
    let (left, right) = screen.either((86.0, 1146.0), (50.0, 320.0));
    let all = &rows.delays;
    let took = || all.iter().map(|(_, took, _)| (*took).max(1) as f64);
    let (low, high) = (took().fold(f64::MAX, f64::min), took().fold(1.0, f64::max));
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    let high = high.max(low + 1.0);
    let end = all
        .iter()
        .map(|(stored, ..)| stored - zero)
        .max()
        .unwrap_or(0)
        .max(1);
    let floor = TOP + POWER * (high - low);
    let x = |time: i64| left + (time as f64 / end as f64) * (right - left);
    let y = |power: f64| floor - POWER * (power - low);
    let powers = (0..=(high - low) as i32).map(|step| low + f64::from(step));
    let step = all.len().div_ceil(MAX_DOTS);
    let title = screen.either(
        "from stored to shown: a dot for each message and reader, in the reader’s colour",
        "from stored to shown, in the reader’s colour",
    );
    let ink = html! {
        text.axis x=(Px(screen.either(left, 0.0))) y="14" { (title) }
        @for power in powers {
            @let y = y(power);
            line.grid x1=(Px(left)) x2=(Px(right)) y1=(Px(y)) y2=(Px(y)) {}
            @let micros = 10_f64.powf(power).round() as i64;
            text.axis.end x=(Px(left - 10.0)) y=(Px(y + 4.0)) { (tick(micros)) }
        }
        @for time in ticks(end, screen.either(6, 3)) {
            text.axis.mid x=(Px(x(time))) y=(Px(floor + 20.0)) { (tick(time)) }
        }
        @for (stored, took, column) in all.iter().step_by(step) {
            @let power = ((*took).max(1) as f64).log10();
            circle class={ "dot " (hue(column.saturating_sub(1))) } cx=(Px(x(stored - zero)))
                cy=(Px(y(power))) r="3" {}
        }
    };
    Diagram {
        label: "How long each message took from stored to shown".into(),
        screen,
        used: screen.width(),
        heads: None,
        key: None,
        pieces: vec![Piece::Open(Strip {
            height: floor + 34.0,
            ink,
        })],
    }
}
