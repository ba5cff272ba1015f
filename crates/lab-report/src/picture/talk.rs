//! A room of a chat as a space-time diagram: the server first, then a column for each client. PURE.

use super::diagram::{Diagram, Piece, Screen};
use super::folds::{Stretch, pieces, stretches};
use super::margin::{Head, heads};
use super::measure::span;
use super::sheet::{Sheet, Slot};
use crate::chat::Room;
use crate::counts::count;
pub(super) use index::Index;
pub(super) use legend::legend;
use part::{Part, class};
pub(super) use rows::Rows;
use rows::{Kind, Row, SERVER};

mod delay;
mod index;
mod legend;
mod part;
mod reader;
mod rows;

/// Rows that stay open around a row that is out of the ordinary.
const AROUND: usize = 1;

/// The height of a message, and of all other rows.
const MESSAGE: f64 = 50.0;
const ROW: f64 = 30.0;

/// Returns the rows of a room.
pub(super) fn read<'a>(room: &'a Room<'a>, index: &'a Index<'a>) -> Rows<'a> {
    reader::read(room, index)
}

/// Returns whether there is something for the overview: a message that was shown.
pub(super) fn has_overview(rows: &Rows<'_>) -> bool {
    !rows.delays.is_empty()
}

/// Returns the overview of a room.
pub(super) fn overview(rows: &Rows<'_>, screen: Screen) -> Diagram {
    delay::draw(rows, zero(rows), screen)
}

fn zero(rows: &Rows<'_>) -> i64 {
    rows.all.first().map_or(0, |row| row.time)
}

/// Returns the diagram of a room.
pub(super) fn draw(rows: &Rows<'_>, screen: Screen) -> Diagram {
    let zero = zero(rows);
    let times = rows.all.iter().map(|row| row.time);
    let sheet = Sheet::new(screen, rows.names.len(), times);
    let stretches = stretches(rows.all.len(), |row| around(rows, row));
    let (lives, away) = (
        spread(&rows.lives, &stretches),
        spread(&rows.away, &stretches),
    );
    let slot = |row: usize| {
        let row = &rows.all[row];
        Slot {
            time: row.time,
            height: if is_message(row) { MESSAGE } else { ROW },
            says: &row.says,
        }
    };
    let pieces = pieces(&stretches, (&sheet, screen), |number, end| {
        let Stretch { from, to, is_open } = stretches[number];
        let part = Part {
            rows,
            sheet: &sheet,
            lives: &lives[number],
            away: &away[number],
            layout: sheet.layout(from, end, slot),
            zero,
        };
        match is_open {
            true => Piece::Open(part.draw()),
            false => Piece::Fold {
                cover: part.cover(&folded(&rows.all[from..to], end - from)),
                inside: part.draw(),
            },
        }
    });
    let names = rows.names.iter().enumerate();
    let all: Vec<Head> = names
        .map(|(column, name)| head(rows, column, name))
        .collect();
    let (heads, key) = heads(&sheet, &all);
    Diagram {
        label: format!(
            "Who said what: {}",
            count(rows.names.len() - 1, "client", "clients")
        ),
        screen,
        used: sheet.used(rows.all.iter().map(|row| row.says.as_slice())),
        heads: Some(heads),
        key,
        pieces,
    }
}

fn head(rows: &Rows<'_>, column: usize, name: &str) -> Head {
    let below = if column == SERVER {
        let is_server = |(column, ..): &&rows::Stretch| *column == SERVER;
        match rows.lives.iter().filter(is_server).count() {
            0 => "no journal".into(),
            lives => count(lives, "process", "processes"),
        }
    } else {
        String::new()
    };
    Head {
        name: name.to_owned(),
        below,
        class: class(column),
    }
}

fn is_message(row: &Row) -> bool {
    matches!(row.kind, Kind::Stored(_) | Kind::Again)
}

/// Returns how many rows before and after a row stay open.
fn around(rows: &Rows<'_>, row: usize) -> Option<(usize, usize)> {
    let is_first = row == 0;
    let is_last = row + 1 == rows.all.len();
    let it = &rows.all[row];
    match it.kind {
        _ if it.is_odd => Some((AROUND, AROUND)),
        Kind::Comes | Kind::Leaves => Some((AROUND, AROUND)),
        _ if is_first || is_last => Some((AROUND, AROUND)),
        _ => None,
    }
}

/// Returns what stands on a fold with these rows, of which `drawn` are in it.
fn folded(all: &[Row], drawn: usize) -> String {
    let messages = || all.iter().filter(|row| is_message(row));
    let first = messages().next().map_or(0, |row| row.numbers.0);
    let last = messages().next_back().map_or(0, |row| row.numbers.1);
    let took = span(messages().map(|row| row.took).max().unwrap_or_default());
    let what =
        format!("messages {first} to {last}, each shown to all who were there within {took}");
    match all.len() - drawn {
        0 => what,
        _ => format!("{what} (the first {drawn} rows)"),
    }
}

/// Returns for each stretch of rows the numbers of those that last over some of it.
fn spread(all: &[rows::Stretch], stretches: &[Stretch]) -> Vec<Vec<usize>> {
    let mut lasting = vec![Vec::new(); stretches.len()];
    for (number, &(_, since, until)) in all.iter().enumerate() {
        let begin = stretches.partition_point(|it| since.is_some_and(|since| it.to <= since));
        let end = stretches.partition_point(|it| until.is_none_or(|until| it.from <= until));
        let some = lasting.get_mut(begin..end).into_iter().flatten();
        some.for_each(|it: &mut Vec<usize>| it.push(number));
    }
    lasting
}
