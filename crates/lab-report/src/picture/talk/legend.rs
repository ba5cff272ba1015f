//! What the signs of a chat's diagram mean: those that are in it, and no others. PURE.

use maud::{Markup, html};

use super::rows::{Kind, Row, Rows};
use crate::picture::legend::{Item, SIGN, line, list, silence};

/// Returns what the signs mean that are in the diagram of these rows.
pub(crate) fn legend(rows: &Rows<'_>) -> Markup {
    list(SIGN, messages(rows).into_iter().chain(troubles(rows)))
}

/// Returns the signs of messages: on their way, stored, and shown.
fn messages(rows: &Rows<'_>) -> Vec<Item> {
    let some = |is: fn(&Row) -> bool| rows.all.iter().any(is);
    let has = |kind: Kind| rows.all.iter().any(|row| row.kind == kind);
    let number = |half: &str| {
        html! {
            rect class={ "verse h7" (half) } x="6" y="2" width="32" height="20" rx="5" {}
            text.left x="22" y="16.5" { "28" }
        }
    };
    let late = |kind: &str| {
        html! {
            path class={ "msg " (kind) } d="M3 12H29" {}
            circle class={ "seen h0 late-" (kind) } cx="37" cy="12" r="5.5" {}
        }
    };
    let unstored = html! {
        path class="msg dead" d="M36 12H12" {}
        path.cross d="M8 8l8 8m0-8l-8 8" {}
        circle class="talker h0" cx="37" cy="12" r="5" {}
    };
    let sends = html! { circle class="talker h0" cx="22" cy="12" r="5" {} };
    let shown = html! { circle class="seen h0" cx="22" cy="12" r="4.2" {} };
    let (known, unknown) = (has(Kind::Stored(true)), has(Kind::Stored(false)));
    vec![
        (
            some(|row| row.column.is_some() && matches!(row.kind, Kind::Stored(_))),
            "sends",
            sends,
        ),
        (known, "stored under this number", number("")),
        (
            has(Kind::Again),
            "comes again, and is stored already",
            number(" half"),
        ),
        (unknown, "no server’s journal tells of it", number(" half")),
        (some(|row| !row.shown.is_empty()), "shown", shown),
        (
            has(Kind::Reads),
            "shown what was there before",
            late("word"),
        ),
        (has(Kind::CatchesUp), "shown late", late("ask")),
        (has(Kind::Unstored), "sent, and never stored", unstored),
    ]
}

/// Returns the signs of what becomes of processes.
fn troubles(rows: &Rows<'_>) -> Vec<Item> {
    let has = |kind: Kind| rows.all.iter().any(|row| row.kind == kind);
    let loses = html! {
        circle.lostdot cx="22" cy="12" r="8.5" {}
        path.cross d="M18.4 8.4l7.2 7.2m0-7.2l-7.2 7.2" {}
    };
    let killed = html! { path.killed d="M13 3l18 18m0-18l-18 18" {} };
    let comes = html! {
        circle class="born h0" cx="22" cy="12" r="8" {}
        circle class="core h0" cx="22" cy="12" r="3.6" {}
    };
    let leaves = html! { path class="leaves h0" d="M12 12h20" {} };
    vec![
        (has(Kind::Loses), "loses the server", loses),
        (!rows.away.is_empty(), "has no server", line("fading")),
        (has(Kind::Killed), "killed", killed),
        (
            has(Kind::Comes) || has(Kind::Returns),
            "comes, or is there again",
            comes,
        ),
        (has(Kind::Leaves), "leaves", leaves),
        silence(rows.all.iter().map(|row| row.time)),
    ]
}
