//! A stretch of a chat's rows, drawn. PURE. A message has three heights: who sends it, where it is
//! stored, and who is shown it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use maud::{Markup, html};

use super::rows::{Kind, Row, Rows, SERVER, range};
use crate::picture::diagram::Strip;
use crate::picture::margin::{Beside, cover, row, silence};
use crate::picture::measure::{Px, hue, short, span};
use crate::picture::sheet::{Layout, Sheet};

/// How far above its number a message is sent, and how far below it is shown.
const SENT: f64 = -15.0;
const SHOWN: f64 = 15.0;

/// A stretch of rows.
pub(super) struct Part<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) sheet: &'a Sheet,
    /// What lasts over its rows: numbers of the lists in [`Rows`].
    pub(super) lives: &'a [usize],
    pub(super) away: &'a [usize],
    pub(super) layout: Layout,
    /// The time of the first row of all.
    pub(super) zero: i64,
}

/// Returns the class of the colour of a column.
pub(super) fn class(column: usize) -> &'static str {
    column.checked_sub(1).map_or("h7", hue)
}

impl Part<'_> {
    /// Returns the stretch with all rows.
    pub(super) fn draw(&self) -> Strip {
        let ink = html! {
            (self.lifelines("life", self.layout.height))
            @for &(y, gap) in &self.layout.breaks { (silence(self.sheet, y, gap)) }
            @for row in self.layout.from..self.layout.to() { (self.row(row)) }
        };
        Strip {
            height: self.layout.height,
            ink,
        }
    }

    /// Returns what stands for the stretch while it is folded up.
    pub(super) fn cover(&self, text: &str) -> Strip {
        cover(self.sheet, text, |height| self.lifelines("dots", height))
    }

    /// Draws a line for each column while its process is there, and another over the time in which
    /// it has no server; one path for each hue, because a page may have thousands of lines.
    fn lifelines(&self, kind: &str, height: f64) -> Markup {
        let y = |row: usize| self.layout.y(row).min(height);
        let line = |column: usize, since: Option<usize>, until: Option<usize>| {
            let (top, foot) = (since.map_or(0.0, y), until.map_or(height, y));
            format!("M{} {}V{}", Px(self.sheet.x(column)), Px(top), Px(foot))
        };
        let mut solid: BTreeMap<&str, String> = BTreeMap::new();
        for &number in self.lives {
            let (column, since, until) = self.rows.lives[number];
            if !self.sheet.has_line(column) {
                continue;
            }
            solid
                .entry(class(column))
                .or_default()
                .push_str(&line(column, since, until));
        }
        let mut away = String::new();
        for &number in self.away {
            let (column, since, until) = self.rows.away[number];
            away.push_str(&line(column, since, until));
        }
        html! {
            @let thin = if self.sheet.is_thin() { " thin" } else { "" };
            @for (hue, d) in solid { path class={ (kind) " " (hue) (thin) } d=(d) {} }
            @if !away.is_empty() { path.hidden d=(away) {} path.fading d=(away) {} }
        }
    }

    /// A row: its sign, its time, and what is said.
    fn row(&self, number: usize) -> Markup {
        let it = &self.rows.all[number];
        let (x, y) = (
            self.sheet.x(it.column.unwrap_or(SERVER)),
            self.layout.y(number),
        );
        let before = number.checked_sub(1).map(|above| self.rows.all[above].time);
        let beside = Beside {
            time: it.time - self.zero,
            before: before.map(|before| it.time - before),
            says: &it.says,
            is_odd: it.is_odd,
            tip: self.tip(it),
            x,
            y,
            foot: y + self.layout.halves[number - self.layout.from],
        };
        row(self.sheet, &self.sign(it, x, y), &beside)
    }

    /// Who, when, and which line of which file.
    fn tip(&self, row: &Row) -> String {
        let life = &self.rows.room.lives[row.at.life];
        let file = Path::new(&life.file).file_name().unwrap_or_default();
        let file = short(&file.to_string_lossy(), 60);
        let (time, line) = (span(row.time - self.zero), row.at.line + 1);
        match row.kind {
            Kind::Stored(_) => {
                let (took, readers) = (span(row.took), row.shown.len());
                format!("{time} · shown to {readers} within {took} · {file}, line {line}")
            }
            _ => format!("{time} · {file}, line {line}"),
        }
    }

    /// The sign of a row, whose middle is at `x` and `y`.
    fn sign(&self, row: &Row, x: f64, y: f64) -> Markup {
        let (cx, cy, hue) = (Px(x), Px(y), class(row.column.unwrap_or(SERVER)));
        match row.kind {
            Kind::Stored(is_known) => self.message(row, if is_known { "" } else { " half" }, y),
            Kind::Again => self.message(row, " half", y),
            Kind::Unstored => {
                let server = self.sheet.x(SERVER);
                let to = x + (server - x) * 0.5;
                html! {
                    path class="msg dead" d={ "M" (cx) " " (cy) "H" (Px(to)) } {}
                    path.cross d={ "M" (Px(to - 4.0)) " " (Px(y - 4.0)) "l8 8m0-8l-8 8" } {}
                    circle class={ "talker " (hue) } cx=(cx) cy=(cy) r="5" {}
                }
            }
            Kind::Reads | Kind::CatchesUp => {
                let kind = if row.kind == Kind::Reads {
                    "word"
                } else {
                    "ask"
                };
                let (from, to) = (Px(self.sheet.x(SERVER)), Px(x - 9.0));
                html! {
                    path class={ "msg " (kind) } d={ "M" (from) " " (cy) "H" (to) } {}
                    circle class={ "seen late-" (kind) " " (hue) } cx=(cx) cy=(cy) r="6" {}
                }
            }
            Kind::Comes | Kind::Returns => html! {
                circle class={ "born " (hue) } cx=(cx) cy=(cy) r="8" {}
                circle class={ "core " (hue) } cx=(cx) cy=(cy) r="3.6" {}
            },
            Kind::Loses => html! {
                circle.lostdot cx=(cx) cy=(cy) r="8.5" {}
                path.cross d={ "M" (Px(x - 3.6)) " " (Px(y - 3.6)) "l7.2 7.2m0-7.2l-7.2 7.2" } {}
            },
            Kind::Killed => html! {
                path.killed d={ "M" (Px(x - 9.0)) " " (Px(y - 9.0)) "l18 18m0-18l-18 18" } {}
            },
            Kind::Leaves => html! {
                path class={ "leaves " (hue) } d={ "M" (Px(x - 10.0)) " " (cy) "h20" } {}
            },
        }
    }

    /// A message: from its sender to its number on the server's line, and on to the readers.
    fn message(&self, row: &Row, half: &str, y: f64) -> Markup {
        let server = self.sheet.x(SERVER);
        let number = range(row.numbers);
        let wide = 14.0 + 3.9 * number.chars().count() as f64;
        let mut lines = String::new();
        for &column in &row.shown {
            let (x, y1, y2) = (Px(self.sheet.x(column)), Px(y + 2.0), Px(y + SHOWN));
            let _ = write!(lines, "M{} {y1}L{x} {y2}", Px(server));
        }
        html! {
            @if !lines.is_empty() { path class="msg seen-by" d=(lines) {} }
            @if let Some(sender) = row.column {
                @let x = self.sheet.x(sender);
                @let share = (wide + 2.0) / (x - server).abs().max(1.0);
                path class="msg go" d={
                    "M" (Px(x)) " " (Px(y + SENT)) "L" (Px(server + (x - server) * share)) " "
                    (Px(y + SENT * share))
                } {}
                circle class={ "talker " (class(sender)) } cx=(Px(x)) cy=(Px(y + SENT)) r="5" {}
            }
            rect class={ "verse h7" (half) } x=(Px(server - wide)) y=(Px(y - 10.0))
                width=(Px(2.0 * wide)) height="20" rx="5" {}
            text.left x=(Px(server)) y=(Px(y + 4.5)) { (number) }
            @for &column in &row.shown {
                circle class={ "seen " (class(column)) } cx=(Px(self.sheet.x(column)))
                    cy=(Px(y + SHOWN)) r="4.2" {}
            }
        }
    }
}
