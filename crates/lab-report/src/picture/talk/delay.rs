//! A chat at a glance: for each message and each reader the time from stored to shown. PURE.

use maud::html;

use super::rows::Rows;
use crate::picture::diagram::{Diagram, Piece, Strip};
use crate::picture::measure::{Px, hue, span, ticks};

const WIDTH: f64 = 1180.0;
const LEFT: f64 = 86.0;
const RIGHT: f64 = 1146.0;
const TOP: f64 = 26.0;
/// The height of a power of ten.
const POWER: f64 = 24.0;

/// Most dots: every so many are left out beyond it.
const MAX_DOTS: usize = 2000;

/// Returns the overview of a room; nothing if nothing was shown.
pub(super) fn draw(rows: &Rows<'_>, zero: i64) -> Option<Diagram> {
    let all = &rows.delays;
    let took = || all.iter().map(|(_, took, _)| (*took).max(1) as f64);
    let (low, high) = (took().reduce(f64::min)?, took().reduce(f64::max)?);
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    let high = high.max(low + 1.0);
    let end = all.iter().map(|(stored, ..)| stored - zero).max()?.max(1);
    let floor = TOP + POWER * (high - low);
    let x = |time: i64| LEFT + (time as f64 / end as f64) * (RIGHT - LEFT);
    let y = |power: f64| floor - POWER * (power - low);
    let powers = (0..=(high - low) as i32).map(|step| low + f64::from(step));
    let step = all.len().div_ceil(MAX_DOTS);
    let ink = html! {
        text.axis x=(Px(LEFT)) y="14" { "from stored to shown, for each message and reader" }
        @for power in powers {
            @let y = y(power);
            line.grid x1=(Px(LEFT)) x2=(Px(RIGHT)) y1=(Px(y)) y2=(Px(y)) {}
            text.axis.end x=(Px(LEFT - 10.0)) y=(Px(y + 4.0)) { (span(10_f64.powf(power) as i64)) }
        }
        @for time in ticks(end) {
            text.axis.mid x=(Px(x(time))) y=(Px(floor + 20.0)) { (span(time)) }
        }
        @for (stored, took, column) in all.iter().step_by(step) {
            @let power = ((*took).max(1) as f64).log10();
            circle class={ "dot " (hue(column.saturating_sub(1))) } cx=(Px(x(stored - zero)))
                cy=(Px(y(power))) r="3" {}
        }
    };
    Some(Diagram {
        label: "How long each message took from stored to shown".into(),
        width: WIDTH,
        heads: None,
        pieces: vec![Piece::Open(Strip {
            height: floor + 34.0,
            ink,
        })],
    })
}
