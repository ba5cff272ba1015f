//! What the bars of a list's chart mean: those that are in it, and no others. PURE.

use common::journal::Back;
use maud::{Markup, html};

use super::bars::{Band, Bar, Bars};
use crate::list::Fate;
use crate::picture::legend::{Item, list};

/// Returns what the bars mean.
pub(crate) fn legend(bars: &Bars) -> Markup {
    let all = || bars.bands.values().flat_map(|band| &band.bars);
    let some = |is: fn(&Bar) -> bool| all().any(is);
    // In a hill a call has no bar of its own.
    let alone = bars.bands.values().filter(|band| !band.is_hill());
    let alone = || alone.clone().flat_map(|band| &band.bars);
    let is_late = |bar: &Bar| matches!(bar.call.end, Some((_, Fate::Back(Back::Beaten))));
    let is_lost = |bar: &Bar| match bar.call.end {
        Some((_, Fate::Lost)) => true,
        Some((_, Fate::Back(back))) => back != Back::Beaten,
        _ => false,
    };
    let is_claim = |bar: &Bar| matches!(bar.call.end, Some((_, Fate::Claim)));
    let is_away = bars.bands.values().any(|band| !band.away.is_empty());
    let bar = |class: &str| {
        html! { rect class=(class) x="2" y="3" width="30" height="12" rx="2" {} }
    };
    let stages = html! {
        rect.way x="2" y="3" width="30" height="12" {}
        rect.waited x="7" y="3" width="8" height="12" {}
        rect.worked x="15" y="3" width="12" height="12" {}
    };
    let hill = html! { path.worked d="M2 16V10H8V6H14V3H20V8H26V12H32V16Z" {} };
    let is_again = alone().any(|bar| bar.is_again && !bar.is_second);
    let items = [
        (
            alone().next().is_some(),
            "on the way, waiting there, worked on",
            stages,
        ),
        (
            bars.bands.values().any(Band::is_hill),
            "calls that are out at once",
            hill,
        ),
        (
            alone().any(|bar| bar.is_second),
            "a second copy",
            bar("worked second"),
        ),
        (is_again, "given out again", bar("worked regiven")),
        (some(is_claim), "has to be confirmed", bar("worked claim")),
        (some(is_late), "another server was first", bar("late")),
        (some(is_lost), "lost, or refused", bar("gone")),
        (is_away, "not reachable", bar("away")),
    ];
    let hued = |(is_there, text, ink): Item| (is_there, text, html! { g.h0 { (ink) } });
    list((34, 18), items.map(hued))
}
