//! What stands beside the columns of a space-time diagram: times, silences and sentences; and the
//! heads above them. PURE.

use maud::{Markup, html};

use super::diagram::Strip;
use super::measure::{Px, count, short, span};
use super::sheet::{LEFT, LINE, Sheet};

/// A time less than this after the row above is given as what has passed since, in microseconds.
const SOON: i64 = 10_000;

/// What stands at the head of a column.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// The name.
    pub(super) name: String,
    /// What is below it.
    pub(super) below: String,
    /// The class of its colour.
    pub(super) class: &'static str,
}

/// Returns the heads of all columns.
pub(super) fn heads(sheet: &Sheet, heads: &[Head]) -> Strip {
    let letters = ((sheet.apart() - 22.0) / 8.0) as usize;
    let wide = (sheet.apart() - 10.0).min(112.0);
    let ink = html! {
        @for (column, head) in heads.iter().enumerate() {
            @let middle = sheet.x(column);
            @let x = Px(middle);
            g {
                title { (head.name) " " (short(&head.below, 260)) }
                @if sheet.is_large() {
                    circle class={ "headbox " (head.class) } cx=(x) cy="24" r="14" {}
                    text.head x=(x) y="28.5" { (column + 1) }
                } @else {
                    rect class={ "headbox " (head.class) } x=(Px(middle - wide / 2.0)) y="8"
                        width=(Px(wide)) height="26" rx="13" {}
                    text.head x=(x) y="25.5" { (short(&head.name, letters.min(13))) }
                    text.sub x=(x) y="49" { (short(&head.below, letters.max(10) + 4)) }
                }
            }
        }
    };
    Strip {
        height: if sheet.is_large() { 46.0 } else { 58.0 },
        ink,
    }
}

/// What stands beside a sign, and where the sign is.
pub(super) struct Beside<'a> {
    /// Since the zero of the diagram, in microseconds.
    pub(super) time: i64,
    /// Since the row above, if there is one.
    pub(super) before: Option<i64>,
    /// What is said.
    pub(super) says: &'a [String],
    /// Whether the row is out of the ordinary.
    pub(super) is_odd: bool,
    /// What is shown where a pointer rests.
    pub(super) tip: String,
    /// The middle of the sign.
    pub(super) x: f64,
    /// The middle of the row.
    pub(super) y: f64,
}

/// Returns a row: a sign, and what stands beside it.
pub(super) fn row(sheet: &Sheet, sign: &Markup, beside: &Beside<'_>) -> Markup {
    html! {
        g class=(if beside.is_odd { "row odd" } else { "row" }) {
            title { (beside.tip) }
            (time(beside.time, beside.before, beside.y))
            (sign)
            (says(sheet, beside.says, beside.x, beside.y))
        }
    }
}

/// Returns the time of a row that is `before` microseconds after the one above.
fn time(time: i64, before: Option<i64>, y: f64) -> Markup {
    let y = Px(y + 4.0);
    html! {
        @match before.filter(|before| *before < SOON) {
            Some(before) => text class="time soon" x=(Px(LEFT)) y=(y) { "+" (span(before)) },
            None => text.time x=(Px(LEFT)) y=(y) { (span(time)) },
        }
    }
}

/// Returns a torn edge: for so long nothing happened.
pub(super) fn silence(sheet: &Sheet, y: f64, gap: i64) -> Markup {
    let (left, right) = (LEFT + 8.0, sheet.edge() - 8.0);
    let waves = ((right - left) / 12.0).floor();
    let mut d = format!("M{} {}q3-4 6 0", Px(left), Px(y));
    for _ in 1..(2.0 * waves) as usize {
        d.push_str("t6 0");
    }
    html! {
        rect.card x=(Px(left)) y=(Px(y - 4.0)) width=(Px(right - left)) height="8" {}
        path.silence d=(d) {}
        text.gap x=(Px(LEFT)) y=(Px(y + 4.0)) { "⋮ " (span(gap)) }
    }
}

/// Returns the sentences of the row whose sign is at `x` and `y`.
fn says(sheet: &Sheet, says: &[String], x: f64, y: f64) -> Markup {
    let lines = sheet.lines(says);
    let top = y + 4.5 - LINE * (lines.len().saturating_sub(1)) as f64 / 2.0;
    let is_left = x > sheet.width() * 0.6;
    let (class, x) = match (sheet.is_large(), is_left) {
        (false, _) => ("says", sheet.edge()),
        (true, false) => ("says near", x + 26.0),
        (true, true) => ("says near end", x - 26.0),
    };
    html! {
        @for (number, line) in lines.iter().enumerate() {
            text class=(class) x=(Px(x)) y=(Px(top + LINE * number as f64)) { (line) }
        }
    }
}

/// Returns the pill that stands for rows that are folded up, over what `lines` draws.
pub(super) fn cover(sheet: &Sheet, text: &str, lines: &Markup) -> Strip {
    let middle = (LEFT + sheet.edge().min(1180.0)) / 2.0;
    let wide = 7.4 * text.chars().count() as f64 + 56.0;
    let ink = html! {
        (lines)
        rect.pill x=(Px(middle - wide / 2.0)) y="9" width=(Px(wide)) height="28" rx="14" {}
        text.pilltext x=(Px(middle)) y="27.5" { "▸ " (text) }
    };
    Strip { height: COVER, ink }
}

/// Returns a strip that says how many rows are not drawn.
pub(super) fn rest(sheet: &Sheet, rows: usize) -> Strip {
    let middle = Px((LEFT + sheet.edge().min(1180.0)) / 2.0);
    let ink = html! {
        text.pilltext x=(middle) y="27.5" { "and " (count(rows, "row", "rows")) ", not drawn" }
    };
    Strip { height: COVER, ink }
}

/// The height of what stands for a fold.
pub(super) const COVER: f64 = 46.0;
