//! The signs of a space-time diagram. PURE. A shape always doubles a colour, for those who do not
//! see red, and for print.

use maud::{Markup, html};

use super::rows::Kind;
use crate::picture::measure::{Px, hue};
use crate::verdict::Verdict;

/// Half the width and half the height of the box of a verse.
const BOX: (f64, f64) = (17.0, 11.0);

/// Returns a cross of a half width.
pub(super) fn cross(x: f64, y: f64, half: f64) -> String {
    let full = Px(2.0 * half);
    format!(
        "M{} {}l{full} {full}m0-{full}l-{full} {full}",
        Px(x - half),
        Px(y - half)
    )
}

pub(super) fn diamond(x: f64, y: f64, half: f64) -> String {
    let r = Px(half);
    format!("M{} {}l{r} {r}l-{r} {r}l-{r}-{r}z", Px(x), Px(y - half))
}

/// Returns how far from its middle a sign ends, for an arrow that comes from far by `dx` and `dy`.
pub(super) fn rim(kind: Kind, dx: f64, dy: f64) -> f64 {
    let long = dx.hypot(dy).max(1.0);
    match kind {
        // Where the line meets the side of the box that it comes to first.
        Kind::Verse(..) => {
            let (wide, high) = (
                BOX.0 * long / dx.abs().max(0.1),
                BOX.1 * long / dy.abs().max(0.1),
            );
            wide.min(high) + 1.5
        }
        Kind::Born | Kind::Lost | Kind::Killed => 10.0,
        _ => 7.0,
    }
}

/// Returns the sign of a row in the column `place`.
pub(super) fn sign(kind: Kind, place: usize, x: f64, y: f64) -> Markup {
    let (cx, cy) = (Px(x), Px(y));
    let hue = hue(place);
    match kind {
        Kind::Verse(left, again, is_whole) => verse(left, again, is_whole, hue, x, y),
        Kind::Called => html! { circle class={ "called " (hue) } cx=(cx) cy=(cy) r="4.5" {} },
        Kind::Ask { is_first } => {
            let half = if is_first { 8.0 } else { 6.0 };
            html! { path.asks d=(diamond(x, y, half)) {} }
        }
        Kind::Word => html! { circle class={ "word " (hue) } cx=(cx) cy=(cy) r="5" {} },
        Kind::Deaf => html! { circle.deafdot cx=(cx) cy=(cy) r="4.5" {} },
        Kind::Quiet => ring("quiet", "…", x, y - 3.0, y),
        Kind::Lost => html! {
            circle.lostdot cx=(cx) cy=(cy) r="8.5" {}
            path.cross d=(cross(x, y, 3.6)) {}
        },
        Kind::Back => ring("good", "↺", x, y, y),
        Kind::Fresh => ring("good", "?", x, y, y),
        Kind::Born => html! {
            circle class={ "born " (hue) } cx=(cx) cy=(cy) r="8.5" {}
            circle class={ "core " (hue) } cx=(cx) cy=(cy) r="3.8" {}
        },
        Kind::Killed => html! { path.killed d=(cross(x, y, 9.0)) {} },
        Kind::Left => html! {
            path class={ "leaves " (hue) } d={ "M" (Px(x - 10.0)) " " (cy) "h20" } {}
        },
    }
}

fn verse(left: u64, again: Option<Verdict>, is_whole: bool, hue: &str, x: f64, y: f64) -> Markup {
    let again = match again {
        None => "",
        Some(Verdict::No) => " wrong",
        Some(_) => " again",
    };
    let half = if is_whole { "" } else { " half" };
    // A long number needs a wider box.
    let wide = BOX.0 + 4.0 * left.to_string().len().saturating_sub(3) as f64;
    let (x0, y0) = (Px(x - wide), Px(y - BOX.1));
    html! {
        rect class={ "verse " (hue) (again) (half) } x=(x0) y=(y0)
            width=(Px(2.0 * wide)) height=(Px(2.0 * BOX.1)) rx="7" {}
        text.left x=(Px(x)) y=(Px(y + 4.5)) { (left) }
    }
}

/// A letter in a ring.
fn ring(class: &str, letter: &str, x: f64, baseline: f64, y: f64) -> Markup {
    html! {
        circle class={ "flagdot " (class) } cx=(Px(x)) cy=(Px(y)) r="8.5" {}
        text class={ "flag " (class) } x=(Px(x)) y=(Px(baseline + 4.5)) { (letter) }
    }
}
