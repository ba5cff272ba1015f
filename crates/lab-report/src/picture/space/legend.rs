//! What the signs of a song's diagram mean: those that are in it, and no others. PURE.

use maud::{Markup, html};

use super::rows::{Kind, Row, Rows};
use super::sign::{cross, diamond, sign};
use crate::picture::legend::{Item, SIGN, line, list, silence};
use crate::verdict::Verdict;

/// Returns what the signs mean that are in the diagram of these rows.
pub(crate) fn legend(rows: &Rows<'_>) -> Markup {
    let all = messages(rows).into_iter().chain(states(rows));
    list(SIGN, all.chain(troubles(rows)).chain(lines(rows)))
}

fn some(rows: &Rows<'_>, is: impl Fn(&Row) -> bool) -> bool {
    rows.all.iter().any(is)
}

fn has(rows: &Rows<'_>, kind: Kind) -> bool {
    some(rows, |row| row.kind == kind)
}

/// Returns the sign of a kind, as it is in the diagram.
fn shown(kind: Kind) -> Markup {
    sign(kind, 0, 22.0, 12.0)
}

/// Returns a message on its way, as it is in the diagram.
fn arrow(class: &str) -> Markup {
    html! { path class={ "msg " (class) } d="M5 4L38 19" {} }
}

/// Returns the signs of what goes from one buddy to another.
fn messages(rows: &Rows<'_>) -> Vec<Item> {
    let is_verse = |row: &Row| matches!(row.kind, Kind::Verse(..));
    let is_ask = |row: &Row| matches!(row.kind, Kind::Ask { .. });
    let take = html! {
        rect.take x="2" y="1" width="40" height="22" rx="5" {}
        text.takename x="5" y="15" { "take 2" }
    };
    let ask = html! {
        path class="msg ask" d="M10 6L38 19" {}
        path.asks d=(diamond(9.0, 6.0, 5.5)) {}
    };
    let never = html! {
        path class="msg dead" d="M5 4L28 16" {}
        path.cross d=(cross(30.0, 17.0, 4.0)) {}
    };
    let lost = |is_known| {
        some(rows, move |row| {
            row.stumps.iter().any(|it| it.1 == is_known)
        })
    };
    let whither = html! {
        path class="msg word" d="M5 4L36 18" {}
        circle.deafdot cx="38" cy="19" r="4" {}
    };
    let verse = Kind::Verse(61, None, true);
    vec![
        (
            has(rows, Kind::Called) || has(rows, Kind::Word),
            "the roll call, or a word without a verse",
            shown(Kind::Word),
        ),
        (
            some(rows, is_verse),
            "sings; the bottles that are left",
            shown(verse),
        ),
        (
            some(rows, |row| is_verse(row) && row.from.is_some()),
            "passes the song on",
            arrow("go"),
        ),
        (some(rows, is_ask), "“where were we?”", ask),
        (
            !rows.takes.is_empty(),
            "from the question to the answer",
            take,
        ),
        (lost(true), "never heard", never),
        (lost(false), "a word to one without a journal", whither),
        (
            has(rows, Kind::Deaf),
            "an old word, not heeded",
            shown(Kind::Deaf),
        ),
    ]
}

/// Returns the signs of verses that are not as the others: not sung to their end, or sung again.
fn states(rows: &Rows<'_>) -> Vec<Item> {
    let verse = |again, is_whole| Kind::Verse(61, again, is_whole);
    let is = |like: fn(Option<Verdict>, bool) -> bool| {
        some(
            rows,
            |row| matches!(row.kind, Kind::Verse(_, again, whole) if like(again, whole)),
        )
    };
    let (half, allowed) = (verse(None, false), verse(Some(Verdict::Yes), true));
    let wrong = verse(Some(Verdict::No), true);
    let is_again = is(|again, _| again.is_some_and(|verdict| verdict != Verdict::No));
    vec![
        (
            is(|_, is_whole| !is_whole),
            "begun, perhaps heard",
            shown(half),
        ),
        (is_again, "sung again, as is allowed", shown(allowed)),
        (
            is(|again, _| again == Some(Verdict::No)),
            "sung again, without a cause",
            shown(wrong),
        ),
    ]
}

/// Returns the signs of what a buddy finds out, and of what becomes of it.
fn troubles(rows: &Rows<'_>) -> Vec<Item> {
    let of = |kind: Kind, text| (has(rows, kind), text, shown(kind));
    let told = html! { path class="msg enlist" d="M5 4L38 19" {} };
    vec![
        of(Kind::Killed, "killed"),
        of(Kind::Lost, "gives up on a buddy"),
        of(Kind::Quiet, "has heard nothing for too long"),
        of(Kind::Fresh, "finds a stranger"),
        of(Kind::Born, "a new life"),
        (has(rows, Kind::Born), "is told the roll", told),
        of(Kind::Back, "is answered again"),
        of(Kind::Left, "ends before the song does"),
    ]
}

/// What columns look like while something is the matter, and rows between which there is nothing.
fn lines(rows: &Rows<'_>) -> Vec<Item> {
    let is_missing = rows.columns().any(|(_, lives)| lives.is_empty());
    vec![
        (
            !rows.fading.is_empty(),
            "no sign of life any more",
            line("fading"),
        ),
        (
            !rows.dead.is_empty() || is_missing,
            "no process, or no journal",
            line("never"),
        ),
        (
            !rows.doubted.is_empty(),
            "alive, but given up on",
            line("doubted"),
        ),
        silence(rows.all.iter().map(|row| row.time)),
    ]
}
