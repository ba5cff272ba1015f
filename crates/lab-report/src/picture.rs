//! The report as one page: no other file, no network, readable without a script. PURE.
//!
//! | File | What it draws |
//! |---|---|
//! | `card` | what was judged, and the clocks of the machines |
//! | `level` | a song at a glance |
//! | `space` | a song, step by step |
//! | `talk` | a room of a chat |
//! | `gantt` | a word list |
//! | `bench` | figures of benchmarks |
//! | `diagram`, `sheet`, `margin`, `folds` | what they are made of |
//! | `measure` | how numbers, times and texts stand in them |

use std::collections::{BTreeSet, HashMap};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chat::Room;
use crate::counts::count;
use crate::figures::Figure;
use crate::life::At;
use crate::list::List;
use crate::run::Run;
use crate::song::Song;
use crate::verdict::Verdict;
use diagram::{Screen, both};
use measure::{short, span};
use talk::Index;

mod bench;
mod card;
mod diagram;
mod folds;
mod gantt;
mod legend;
mod level;
mod margin;
mod measure;
mod sheet;
mod space;
mod talk;

const STYLE: &str = include_str!("picture/style.css");
const SCRIPT: &str = include_str!("picture/script.js");

/// The browser fetches nothing, whatever a journal says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Returns the page about a run.
#[must_use]
pub fn page(run: &Run<'_>) -> String {
    let (songs, rooms) = (run.songs.len(), run.rooms.len());
    let index = Index::new(run.lives);
    let sections = html! {
        (card::verdicts(run))
        @for (number, song) in run.songs.iter().enumerate() {
            section id={ "s" (number) } { (song_section(song)) }
        }
        @for (number, room) in run.rooms.iter().enumerate() {
            section id={ "s" (songs + number) } { (room_section(room, &index)) }
        }
        @for (number, list) in run.lists.iter().enumerate() {
            section id={ "s" (songs + rooms + number) } { (list_section(list)) }
        }
        (card::journals(run))
    };
    document("Lab report", &sections)
}

/// Returns the page about figures of benchmarks.
#[must_use]
pub fn figures(figures: &[Figure]) -> String {
    let facts = [
        "each against its baseline in the same run".to_owned(),
        "to the right is better".to_owned(),
        "a dot at the median, a bar over all repetitions".to_owned(),
    ];
    let section = html! {
        section {
            (title("Benchmarks", &facts))
            (both(|screen| bench::draw(figures, screen)))
        }
    };
    document("Benchmarks", &section)
}

/// Returns the diagram of figures alone, as an SVG.
#[must_use]
pub fn figures_alone(figures: &[Figure]) -> String {
    bench::draw(figures, Screen::Desk)
        .svg(STYLE, &defs())
        .into_string()
}

/// Returns a whole page, with the style and the script inside, so that it is one file.
fn document(title: &str, sections: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                svg.defs width="0" height="0" aria-hidden="true" { (defs()) }
                main { (sections) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Returns the first diagram of a run alone, as an SVG; nothing if there is none.
#[must_use]
pub fn first(run: &Run<'_>) -> Option<String> {
    let desk = Screen::Desk;
    let song = || {
        let song = run.songs.first()?;
        Some(space::draw(&space::read(song, &again(song)), desk))
    };
    let room = || {
        let index = Index::new(run.lives);
        Some(talk::draw(&talk::read(run.rooms.first()?, &index), desk))
    };
    let list = || Some(gantt::draw(&gantt::read(run.lists.first()?), desk));
    let diagram = song().or_else(room).or_else(list)?;
    Some(diagram.svg(STYLE, &defs()).into_string())
}

/// Returns the verdict on each verse that came again.
fn again(song: &Song<'_>) -> HashMap<At, Verdict> {
    let all = song.again().into_iter();
    all.map(|repeat| (repeat.sing, repeat.verdict)).collect()
}

/// A song: the level of the beer, then each step.
fn song_section(song: &Song<'_>) -> Markup {
    let again = again(song);
    let rows = space::read(song, &again);
    let times = || song.verses.iter().map(|verse| song.order.time(verse.sing));
    let took = times().max().unwrap_or_default() - times().min().unwrap_or_default();
    let killed = song.members().filter(|&life| song.is_killed(life)).count();
    let verses = count(song.verses.len(), "verse", "verses");
    let verses = match again.len() {
        0 => verses,
        again => format!("{verses}, {again} of them again,"),
    };
    let mut facts = vec![
        count(song.roll.len(), "buddy", "buddies"),
        verses + " in " + &span(took),
    ];
    if killed > 0 {
        facts.push(format!("{killed} killed"));
    }
    let bottles = count(song.bottles, "bottle", "bottles");
    html! {
        (title(&format!("{bottles} of beer"), &facts))
        (both(|screen| level::draw(song, &again, screen)))
        (space::legend(&rows))
        (keys())
        (both(|screen| space::draw(&rows, screen)))
    }
}

/// A room: how long each message took, then each step.
fn room_section(room: &Room<'_>, index: &Index<'_>) -> Markup {
    let rows = talk::read(room, index);
    let readers: BTreeSet<usize> = room.windows.iter().map(|window| window.life).collect();
    let facts = [
        count(room.messages.len(), "message", "messages"),
        count(readers.len(), "client", "clients"),
    ];
    html! {
        (title(&format!("Room {}", short(&room.name, 60)), &facts))
        @if talk::has_overview(&rows) { (both(|screen| talk::overview(&rows, screen))) }
        (talk::legend(&rows))
        (keys())
        (both(|screen| talk::draw(&rows, screen)))
    }
}

/// A word list: one chart over time, because its calls overlap and steps would show nothing.
fn list_section(list: &List<'_>) -> Markup {
    let bars = gantt::read(list);
    let words = list.lines;
    let words = words.map_or_else(
        || "Secret words".into(),
        |words| count(words, "secret word", "secret words"),
    );
    let facts = [
        count(list.servers.len(), "server", "servers"),
        count(list.calls.len(), "call", "calls"),
        span(bars.took()),
    ];
    html! {
        (title(&words, &facts))
        (gantt::legend(&bars))
        (both(|screen| gantt::draw(&bars, screen)))
    }
}

fn title(text: &str, facts: &[String]) -> Markup {
    html! { header { h2 { (text) } p.facts { (facts.join(" · ")) } } }
}

/// What the script does. It shows this, because nothing of it works without.
fn keys() -> Markup {
    html! {
        p.keys hidden {
            span.troubles {
                button type="button" data-key="p" { "previous trouble " kbd { "p" } } " "
                button type="button" data-key="n" { "next trouble " kbd { "n" } } " "
            }
            button.folds type="button" data-key="o" { "unfold all " kbd { "o" } }
        }
    }
}

/// What the style refers to: tips of arrows, the colours of the beer, hatching.
fn defs() -> Markup {
    let hatch = |id: &str| {
        html! {
            pattern id=(id) width="6" height="6" patternUnits="userSpaceOnUse"
                patternTransform="rotate(45)" {
                rect class={ (id) "-paper" } width="6" height="6" {}
                path class={ (id) "-ink" } d="M1.5 0V6" {}
            }
        }
    };
    html! {
        defs {
            @for kind in ["go", "ask", "word", "deaf", "enlist"] {
                marker id={ "tip-" (kind) } class={ "tip " (kind) } viewBox="0 0 10 10" refX="9"
                    refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"
                    orient="auto" { path d="M0 1L10 5L0 9z" {} }
            }
            linearGradient id="beer" x1="0" x2="0" y1="0" y2="1" {
                stop.light offset="0" {}
                stop.dark offset="1" {}
            }
            (hatch("hatch-lost"))
            (hatch("hatch-late"))
        }
    }
}

#[cfg(test)]
mod tests;
