//! What stands beside the columns of a space-time diagram: times, silences and sentences; and the
//! heads above them. PURE.

use maud::{Markup, html};

use super::diagram::{Screen, Strip};
use super::measure::{Px, balanced, short, span, wrap};
use super::sheet::{LINE, Says, Sheet};
use crate::counts::count;

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

/// The height of heads with names, without what is below them; and of heads with numbers.
const NAMES: f64 = 44.0;
const NUMBERS: f64 = 46.0;

/// Returns the heads of all columns, and the names that are not shown in full there.
pub(super) fn heads(sheet: &Sheet, heads: &[Head]) -> (Strip, Option<Markup>) {
    let is_whole = |(column, head): (usize, &Head)| {
        let shown = if sheet.is_numbered() {
            format!("Buddy {}", column + 1)
        } else {
            title(sheet, &head.name)
        };
        shown == head.name
    };
    let key = (!heads.iter().enumerate().all(is_whole)).then(|| key(heads));
    let ink = html! {
        @for (column, head) in heads.iter().enumerate() {
            g {
                title { (head.name) " " (short(&head.below, 260)) }
                @if sheet.is_numbered() { (numbered(sheet, column, head)) } @else {
                    (named(sheet, column, head))
                }
            }
        }
    };
    let lines = heads.iter().map(|head| below(sheet, &head.below).len());
    let height = if sheet.is_numbered() {
        NUMBERS
    } else {
        NAMES + 13.0 * lines.max().unwrap_or(0) as f64
    };
    (Strip { height, ink }, key)
}

/// Returns as much of a name as there is room for.
fn title(sheet: &Sheet, name: &str) -> String {
    let (side, letter) = sheet.screen.either((26.0, 8.0), (14.0, 7.3));
    short(name, ((sheet.apart() - side) / letter) as usize)
}

fn named(sheet: &Sheet, column: usize, head: &Head) -> Markup {
    let middle = sheet.x(column);
    let x = Px(middle);
    let apart = sheet.apart();
    let name = title(sheet, &head.name);
    let wide = (apart - 6.0).min(112.0_f64.max(8.0 * name.chars().count() as f64 + 20.0));
    let class = sheet.screen.either("head", "head small");
    html! {
        rect class={ "headbox " (head.class) } x=(Px(middle - wide / 2.0)) y="8"
            width=(Px(wide)) height="26" rx="13" {}
        text class=(class) x=(x) y="25.5" { (name) }
        @for (line, text) in below(sheet, &head.below).iter().enumerate() {
            text.sub x=(x) y=(Px(49.0 + 13.0 * line as f64)) { (text) }
        }
    }
}

/// Returns what stands below a name, in two lines at most: an address has its port in the second.
fn below(sheet: &Sheet, text: &str) -> Vec<String> {
    let letters = (sheet.apart() / 6.6).max(4.0) as usize;
    let is_short = text.chars().count() <= letters;
    match text.rsplit_once(':').filter(|_| !is_short) {
        Some((host, port)) => vec![short(host, letters), short(&format!(":{port}"), letters)],
        None => wrap(text, letters).into_iter().take(2).collect(),
    }
}

fn numbered(sheet: &Sheet, column: usize, head: &Head) -> Markup {
    let x = Px(sheet.x(column));
    let radius = (sheet.apart() / 2.0 - 2.0).min(14.0);
    let number = sheet.has_number(column).then_some(column + 1);
    html! {
        @if radius >= 12.0 {
            circle class={ "headbox " (head.class) } cx=(x) cy="24" r=(Px(radius)) {}
            text.head x=(x) y="28.5" { (column + 1) }
        } @else if let Some(number) = number {
            text class={ "number " (head.class) } x=(x) y="26" { (number) }
            path class={ "life " (head.class) } d={ "M" (x) " 34V46" } {}
        }
    }
}

/// All columns with their names.
fn key(heads: &[Head]) -> Markup {
    html! {
        ol.names {
            @for head in heads {
                li class=(head.class) { (head.name) " " small { (short(&head.below, 260)) } }
            }
        }
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
    pub(super) y: f64,
    /// The end of the sign's room: on a phone sentences begin here.
    pub(super) foot: f64,
}

/// Returns a row: a sign, and what stands beside it.
pub(super) fn row(sheet: &Sheet, sign: &Markup, beside: &Beside<'_>) -> Markup {
    html! {
        g class=(if beside.is_odd { "row odd" } else { "row" }) {
            // A phone has no pointer that could rest.
            @if sheet.screen == Screen::Desk { title { (beside.tip) } }
            (time(sheet, beside.time, beside.before, beside.y))
            (sign)
            (says(sheet, beside))
        }
    }
}

/// Returns the time of a row that is `before` microseconds after the one above.
fn time(sheet: &Sheet, time: i64, before: Option<i64>, y: f64) -> Markup {
    let (x, y) = (Px(sheet.left()), Px(y + 4.0));
    html! {
        @match before.filter(|before| *before < SOON) {
            Some(before) => text class="time soon" x=(x) y=(y) { "+" (span(before)) },
            None => text.time x=(x) y=(y) { (span(time)) },
        }
    }
}

/// Returns a torn edge: for so long nothing happened.
pub(super) fn silence(sheet: &Sheet, y: f64, gap: i64) -> Markup {
    let (left, right) = (sheet.left() + 8.0, sheet.edge() - 8.0);
    let waves = ((right - left) / 12.0).floor();
    let mut d = format!("M{} {}q3-4 6 0", Px(left), Px(y));
    for _ in 1..(2.0 * waves) as usize {
        d.push_str("t6 0");
    }
    html! {
        rect.card x=(Px(left)) y=(Px(y - 4.0)) width=(Px(right - left)) height="8" {}
        path.silence d=(d) {}
        text.gap x=(Px(sheet.left())) y=(Px(y + 4.0)) {
            (sheet.screen.either("⋮ ", "")) (span(gap))
        }
    }
}

/// Returns the sentences of a row.
fn says(sheet: &Sheet, beside: &Beside<'_>) -> Markup {
    let lines = sheet.lines(beside.says);
    let middle = beside.y + 4.5 - LINE * (lines.len().saturating_sub(1)) as f64 / 2.0;
    let is_left = beside.x > sheet.width() / 2.0;
    let (class, x, top) = match sheet.says() {
        Says::Right => ("says", sheet.edge(), middle),
        Says::Near if is_left => ("says near end", beside.x - 26.0, middle),
        Says::Near => ("says near", beside.x + 26.0, middle),
        Says::Below => ("says near", sheet.left() + 8.0, beside.foot + 11.0),
    };
    html! {
        @for (number, line) in lines.iter().enumerate() {
            text class=(class) x=(Px(x)) y=(Px(top + LINE * number as f64)) { (line) }
        }
    }
}

/// The height of what stands for a fold, if it is one line.
const COVER: f64 = 46.0;

/// Returns the pill that stands for rows that are folded up, over what `lines` draws down to a
/// height.
pub(super) fn cover(sheet: &Sheet, text: &str, lines: impl Fn(f64) -> Markup) -> Strip {
    let room = sheet.screen.either(640.0, sheet.width() - 8.0);
    let said = balanced(text, ((room - 60.0) / 7.2) as usize);
    let letters = said.iter().map(|line| line.chars().count()).max();
    let wide = 7.4 * letters.unwrap_or_default() as f64 + 56.0;
    // In the middle of the columns, as far as there is room for it.
    let middle = (sheet.left() + sheet.edge()) / 2.0;
    let most = (sheet.width() - wide / 2.0 - 2.0).max(sheet.width() / 2.0);
    let middle = middle.max(wide / 2.0 + 2.0).min(most);
    let more = LINE * said.len().saturating_sub(1) as f64;
    let ink = html! {
        (lines(COVER + more))
        rect.pill x=(Px(middle - wide / 2.0)) y="9" width=(Px(wide)) height=(Px(28.0 + more))
            rx="14" {}
        @for (number, line) in said.iter().enumerate() {
            text.pilltext x=(Px(middle)) y=(Px(27.5 + LINE * number as f64)) {
                @if number == 0 { tspan.shut { "▸ " } tspan.open { "▾ " } }
                (line)
            }
        }
    };
    Strip {
        height: COVER + more,
        ink,
    }
}

/// Returns a strip that says how many rows are not drawn.
pub(super) fn rest(sheet: &Sheet, rows: usize) -> Strip {
    let middle = Px((sheet.left() + sheet.edge()) / 2.0);
    let ink = html! {
        text.pilltext x=(middle) y="27.5" { "and " (count(rows, "row", "rows")) ", not drawn" }
    };
    Strip { height: COVER, ink }
}
