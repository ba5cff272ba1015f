//! What the signs of a picture mean: those that are in it, and no others. PURE.

use maud::{Markup, html};

use super::diagram::Screen;
use super::sheet::Sheet;

/// A sign: whether it is in the picture, the words, and how it is drawn.
pub(super) type Item = (bool, &'static str, Markup);

/// The width and the height in which signs are drawn.
pub(super) const SIGN: (u32, u32) = (44, 24);

/// Returns the legend of a picture, with signs of this size.
pub(super) fn list((width, height): (u32, u32), items: impl IntoIterator<Item = Item>) -> Markup {
    let view = format!("0 0 {width} {height}");
    html! {
        ul.legend {
            @for (_, text, ink) in items.into_iter().filter(|(is_there, ..)| *is_there) {
                li { svg width=(width) height=(height) viewBox=(view) { (ink) } (text) }
            }
        }
    }
}

/// Returns the line of a column.
pub(super) fn line(class: &str) -> Markup {
    html! { path class=(class) d="M22 0V24" {} }
}

/// Returns the sign between rows with nothing between them, of a picture with rows at these times.
pub(super) fn silence(times: impl Iterator<Item = i64> + Clone) -> Item {
    let sheet = Sheet::new(Screen::Desk, 1, times.clone());
    let mut gaps = times.clone().zip(times.skip(1)).map(|(a, b)| b - a);
    let wave = html! { path.silence d="M4 12q3-4 6 0t6 0t6 0t6 0t6 0t6 0" {} };
    let is_there = gaps.any(|gap| sheet.is_silence(gap));
    (is_there, "nothing happened for so long", wave)
}
