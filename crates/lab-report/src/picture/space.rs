//! The song as a space-time diagram: a column for each buddy, time downwards, a row for each step.
//! PURE.
//!
//! Rows instead of a time scale: a verse is on its way for a tenth of a millisecond and then held
//! for two hundred, so to scale either would be invisible. The times stand in the margin, and a
//! silence is a torn edge. What goes on as it should is folded up, what does not stays open.

use std::collections::HashMap;

use super::diagram::{Diagram, Piece, Screen};
use super::folds::{Stretch, pieces, stretches};
use super::margin::{Head, heads};
use super::measure::{hue, span};
use super::sheet::{Sheet, Slot};
use crate::counts::count;
use crate::life::At;
use crate::song::Song;
use crate::verdict::Verdict;
use part::{Lasting, Part};
use rows::Kind;

pub(super) use legend::legend;
pub(super) use rows::Rows;

mod legend;
mod part;
mod reader;
mod rows;
mod sentence;
mod sign;

/// Rows that stay open around a row that is out of the ordinary: a lap, within these.
const LAP: (usize, usize) = (2, 6);

/// The height of a row, and of one that says nothing in a ring that has many of them.
const ROW: f64 = 34.0;
const LOW_ROW: f64 = 17.0;

/// Returns the rows of a song; `again` has the verdict on each verse that came again.
pub(super) fn read<'a>(song: &'a Song<'a>, again: &'a HashMap<At, Verdict>) -> Rows<'a> {
    reader::read(song, again)
}

/// Returns the diagram of a song.
pub(super) fn draw(rows: &Rows<'_>, screen: Screen) -> Diagram {
    let times = rows.all.iter().map(|row| row.time);
    let sheet = Sheet::new(screen, rows.names.len(), times);
    let stretches = stretches(rows.all.len(), |row| around(rows, row));
    let lasting = lasting(rows, &stretches);
    let zero = rows.all.get(rows.verses.0).map_or(0, |row| row.time);
    let slot = |row: usize| {
        let row = &rows.all[row];
        let is_low = matches!(
            row.kind,
            Kind::Ask { is_first: false } | Kind::Word | Kind::Called
        );
        Slot {
            time: row.time,
            height: if is_low && sheet.is_large() {
                LOW_ROW
            } else {
                ROW
            },
            says: &row.says,
        }
    };
    let pieces = pieces(&stretches, (&sheet, screen), |number, end| {
        let Stretch { from, to, is_open } = stretches[number];
        let part = Part {
            rows,
            sheet: &sheet,
            lasting: &lasting[number],
            layout: sheet.layout(from, end, slot),
            zero,
        };
        match is_open {
            true => Piece::Open(part.draw()),
            false => Piece::Fold {
                cover: part.cover(&folded(rows, from, to, end)),
                inside: part.draw(),
            },
        }
    });
    let names = rows.names.iter().enumerate();
    let all: Vec<Head> = names.map(|it| head(it, rows)).collect();
    let (heads, key) = heads(&sheet, &all);
    Diagram {
        label: format!(
            "Who sang what: {}",
            count(rows.song.roll.len(), "buddy", "buddies")
        ),
        screen,
        used: sheet.used(rows.all.iter().map(|row| row.says.as_slice())),
        heads: Some(heads),
        key,
        pieces,
    }
}

fn head((place, name): (usize, &String), rows: &Rows<'_>) -> Head {
    let address = rows.song.roll.get(place);
    Head {
        name: name.clone(),
        below: address.cloned().unwrap_or_default(),
        class: hue(place),
    }
}

/// Returns how many rows before and after a row stay open.
fn around(rows: &Rows<'_>, row: usize) -> Option<(usize, usize)> {
    let lap = rows.names.len().clamp(LAP.0, LAP.1);
    let (first, last) = rows.verses;
    match &rows.all[row] {
        it if it.is_odd => Some((lap, lap)),
        it if row == 0 && it.kind == Kind::Called => Some((0, lap)),
        _ if row == first => Some((1, lap - 1)),
        _ if row == last => Some((lap - 1, 0)),
        _ => None,
    }
}

/// Returns what stands on a fold with the rows from `from` to `to`, of which those to `end` are in
/// it.
fn folded(rows: &Rows<'_>, from: usize, to: usize, end: usize) -> String {
    let all = &rows.all[from..to];
    let verses = all.iter().filter_map(|row| match row.kind {
        Kind::Verse(left, again, _) => Some((left, again.is_some())),
        _ => None,
    });
    let verses: Vec<(u64, bool)> = verses.collect();
    let took = span(all[all.len() - 1].time - all[0].time);
    let buddies = count(all.len(), "buddy", "buddies");
    let what = match verses.first().zip(verses.last()) {
        Some(((first, _), (last, _))) => {
            let (laps, how) = went(&verses, all.len() / rows.names.len().max(1));
            format!("verses {first} to {last}{laps} in {took}: {how}")
        }
        None if all[0].kind == Kind::Called => format!("the roll call goes on, {buddies}"),
        None if matches!(all[0].kind, Kind::Ask { .. }) => {
            format!("the question goes on, {buddies}")
        }
        None => format!(
            "{} go round, and all go home",
            count(all.len(), "word", "words")
        ),
    };
    match to - end {
        0 => what,
        _ => format!("{what} (the first {} rows)", end - from),
    }
}

/// Returns in words how many laps the verses of a fold are, if that can be said, and how they went:
/// the bottles left of each, and whether it came again.
fn went(verses: &[(u64, bool)], laps: usize) -> (String, String) {
    let again = verses.iter().filter(|(_, again)| *again).count();
    let all = verses[0].0.abs_diff(verses[verses.len() - 1].0) + 1;
    let known = verses.len() as u64;
    match again {
        0 if known < all => (
            String::new(),
            format!("these journals have {known} of {all}"),
        ),
        0 => {
            let laps = (laps > 0).then(|| format!(", {}", count(laps, "lap", "laps")));
            (laps.unwrap_or_default(), "all as it should be".into())
        }
        again if again == verses.len() => (String::new(), "again, as is allowed".into()),
        _ => (String::new(), "some of them again, as is allowed".into()),
    }
}

/// Returns what lasts over the rows of each stretch.
fn lasting(rows: &Rows<'_>, stretches: &[Stretch]) -> Vec<Lasting> {
    let mut all = vec![Lasting::default(); stretches.len()];
    let mut spread = |first: usize, last: Option<usize>, put: &dyn Fn(&mut Lasting)| {
        let begin = stretches.partition_point(|it| it.to <= first);
        let end = last.map_or(stretches.len(), |last| {
            stretches.partition_point(|it| it.from <= last)
        });
        all.get_mut(begin..end).into_iter().flatten().for_each(put);
    };
    for (number, (_, first, last)) in rows.takes.iter().enumerate() {
        spread(*first, Some(*last), &|it| it.takes.push(number));
    }
    for (number, &(_, since, until)) in rows.fading.iter().enumerate() {
        spread(since, until, &|it| it.fading.push(number));
    }
    for (number, &(_, since, until)) in rows.dead.iter().enumerate() {
        spread(since, until, &|it| it.dead.push(number));
    }
    for (number, &(_, since, until)) in rows.doubted.iter().enumerate() {
        spread(since, until, &|it| it.doubted.push(number));
    }
    all
}

#[cfg(test)]
mod tests;
