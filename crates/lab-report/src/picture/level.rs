//! The whole song at a glance: how the beer went down, who sang when, and where it stood still.
//! PURE.

use std::collections::HashMap;
use std::fmt::Write;

use maud::{Markup, html};

use super::diagram::{Diagram, Piece, Screen, Strip};
use super::measure::{Px, hue, short, span, tick, ticks};
use crate::life::At;
use crate::song::{Song, Verse};
use crate::verdict::Verdict;

/// The height of all, and that of the rim and of the floor.
const HEIGHT: f64 = 196.0;
const TOP: f64 = 24.0;
const FLOOR: f64 = 166.0;

/// Most dots: more of them are a line, which the level is already.
const MAX_DOTS: usize = 1500;

/// Most returns: with more of them nothing else would be seen.
const MAX_RETURNS: usize = 40;

/// Returns the beer level of a song.
pub(super) fn draw(song: &Song<'_>, again: &HashMap<At, Verdict>, screen: Screen) -> Diagram {
    let level = Level::new(song, screen);
    let ink = html! {
        (level.axes())
        path.beer d={ (level.foam) "V" (Px(FLOOR)) "H" (Px(level.left)) "Z" } {}
        path.foam d=(level.foam) {}
        (level.dots(again))
        (level.marks())
    };
    let strip = Strip {
        height: HEIGHT,
        ink,
    };
    Diagram {
        label: format!("The level of the beer: {} bottles", song.bottles),
        screen,
        used: screen.width(),
        heads: None,
        key: None,
        pieces: vec![Piece::Open(strip)],
    }
}

/// The glass: a song's verses from left to right, the bottles that are left as its level.
struct Level<'a> {
    song: &'a Song<'a>,
    screen: Screen,
    /// the sides of the glass
    left: f64,
    right: f64,
    /// the first verse, and the time to the last one, in microseconds
    zero: i64,
    took: i64,
    /// the surface of the beer, as a path
    foam: String,
    /// the place of each life
    places: HashMap<usize, usize>,
}

impl<'a> Level<'a> {
    fn new(song: &'a Song<'a>, screen: Screen) -> Self {
        let (left, right) = screen.either((86.0, 1146.0), (40.0, 326.0));
        let times = || song.verses.iter().map(|verse| song.order.time(verse.sing));
        let zero = times().min().unwrap_or_default();
        let places = song.singers.iter().enumerate();
        let places = places.flat_map(|(place, lives)| lives.iter().map(move |&life| (life, place)));
        let mut level = Self {
            song,
            screen,
            left,
            right,
            zero,
            took: (times().max().unwrap_or_default() - zero).max(1),
            foam: format!("M{left} {TOP}"),
            places: places.collect(),
        };
        level.pour();
        level
    }

    /// Draws the surface: what the best informed buddy knew to be left.
    fn pour(&mut self) {
        let (mut best, mut end) = (self.song.bottles, self.left);
        for verse in self
            .song
            .verses
            .iter()
            .filter(|verse| verse.left <= self.song.bottles)
        {
            let x = self.x(self.song.order.time(verse.sing));
            // Less than half a pixel cannot be seen, and would be most of the page.
            if verse.left < best && (x - end > 0.5 || verse.left == 0) {
                let _ = write!(self.foam, "H{}V{}", Px(x), Px(self.y(verse.left)));
                (best, end) = (verse.left, x);
            }
        }
        let _ = write!(self.foam, "H{}", Px(self.right));
    }

    fn x(&self, time: i64) -> f64 {
        self.left + (time - self.zero) as f64 / self.took as f64 * (self.right - self.left)
    }

    fn y(&self, left: u64) -> f64 {
        let share = left as f64 / self.song.bottles.max(1) as f64;
        FLOOR - share.min(1.0) * (FLOOR - TOP)
    }

    /// The bottles at the left, and the times below.
    fn axes(&self) -> Markup {
        let mut marks = vec![self.song.bottles, self.song.bottles / 2, 0];
        marks.dedup();
        html! {
            @for left in marks {
                @let y = self.y(left);
                line.grid x1=(Px(self.left)) x2=(Px(self.right)) y1=(Px(y)) y2=(Px(y)) {}
                text.axis.end x=(Px(self.left - 10.0)) y=(Px(y + 4.0)) { (left) }
            }
            @for time in ticks(self.took, self.screen.either(6, 3)) {
                @let x = self.x(self.zero + time);
                line.tick x1=(Px(x)) x2=(Px(x)) y1=(Px(FLOOR)) y2=(Px(FLOOR + 5.0)) {}
                text.axis.mid x=(Px(x)) y=(Px(FLOOR + 20.0)) { (tick(time)) }
            }
        }
    }

    /// A dot for each verse, in the hue of who sang it, and smaller where there are many. Of very
    /// many only those that came again are drawn.
    fn dots(&self, again: &HashMap<At, Verdict>) -> Markup {
        let verses = &self.song.verses;
        let radius: f64 = match verses.len() {
            0..=130 => 3.8,
            131..=400 => 2.6,
            _ => 1.7,
        };
        let radius = self.screen.either(radius, radius.min(2.4));
        let is_drawn = |verse: &&Verse| verses.len() <= MAX_DOTS || again.contains_key(&verse.sing);
        html! {
            @for verse in verses.iter().filter(is_drawn).take(MAX_DOTS) {
                @let time = self.song.order.time(verse.sing);
                @let place = self.places.get(&verse.sing.life).copied().unwrap_or_default();
                @let class = match again.get(&verse.sing) {
                    None => "",
                    Some(Verdict::No) => " wrong",
                    Some(_) => " again",
                };
                @let class = if class.is_empty() && radius < 2.0 { " tiny" } else { class };
                circle class={ "dot " (hue(place)) (class) } cx=(Px(self.x(time)))
                    cy=(Px(self.y(verse.left))) r=(radius) {
                    @if self.screen == Screen::Desk {
                        title {
                            (verse.left) " · Buddy " (place + 1) " · " (span(time - self.zero))
                        }
                    }
                }
            }
        }
    }

    /// Each death, at the last sign of life; and each return, as another process.
    fn marks(&self) -> Markup {
        let mut marks = self.deaths();
        marks.extend(self.returns());
        marks.sort_by(|a, b| a.at.total_cmp(&b.at));
        html! {
            @for (mark, side) in marks.iter().zip(sides(&marks, self.screen.width())) {
                @let x = Px(mark.at);
                @if let Some(place) = mark.returned {
                    line.return x1=(x) x2=(x) y1=(Px(TOP)) y2=(Px(FLOOR)) {}
                    circle class={ "born small " (hue(place)) } cx=(x) cy="12" r="5.5" {}
                    circle class={ "core " (hue(place)) } cx=(x) cy="12" r="2.4" {}
                } @else {
                    line.death x1=(x) x2=(x) y1=(Px(TOP)) y2=(Px(FLOOR)) {}
                    path.killed.small d={ "M" (Px(mark.at - 5.0)) " 7l10 10m0-10l-10 10" } {}
                }
                @match side {
                    Some(Side::Left) => {
                        text.deathname.end x=(Px(mark.at - 10.0)) y="16" { (mark.name) }
                    }
                    Some(Side::Right) => {
                        text.deathname x=(Px(mark.at + 10.0)) y="16" { (mark.name) }
                    }
                    None => {}
                }
            }
        }
    }

    /// Returns the last line of each killed life, as a mark.
    fn deaths(&self) -> Vec<Mark> {
        let members = self.song.members();
        let killed = members.filter(|&life| self.song.is_killed(life));
        let mark = |life: usize| {
            let line = self.song.lives[life].lines.len().saturating_sub(1);
            Mark {
                at: self.inside(self.song.order.time(At { life, line })),
                name: short(&self.song.name(life), 14),
                returned: None,
            }
        };
        killed.map(mark).collect()
    }

    /// Returns the first line of each life at a place but its first, as a mark.
    fn returns(&self) -> Vec<Mark> {
        let places = self.song.singers.iter().enumerate();
        let again = places.flat_map(|(place, lives)| {
            let mut lives: Vec<i64> = lives.iter().map(|&life| self.begin(life)).collect();
            lives.sort_unstable();
            lives.into_iter().skip(1).map(move |time| (time, place))
        });
        let mark = |(time, place)| Mark {
            at: self.inside(time),
            name: String::new(),
            returned: Some(place),
        };
        again.take(MAX_RETURNS).map(mark).collect()
    }

    fn begin(&self, life: usize) -> i64 {
        self.song.order.time(At { life, line: 0 })
    }

    /// Returns where a time is, or the side of the glass that it is nearest to.
    fn inside(&self, time: i64) -> f64 {
        self.x(time.clamp(self.zero, self.zero + self.took))
    }
}

/// What happened to a process.
#[derive(Clone, Debug)]
struct Mark {
    at: f64,
    /// what stands beside it, if there is room for it
    name: String,
    /// the place, if it came back
    returned: Option<usize>,
}

/// At which side of a mark its name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Returns the side at which the name of each mark stands, the marks from left to right; none if it
/// would stand on another name or mark, or end outside of `width`.
fn sides(marks: &[Mark], width: f64) -> Vec<Option<Side>> {
    let mut free = 0.0;
    let mut sides = Vec::with_capacity(marks.len());
    for (number, mark) in marks.iter().enumerate() {
        let long = 7.6 * mark.name.chars().count() as f64;
        let next = marks.get(number + 1).map_or(width + 7.0, |next| next.at);
        let side = match () {
            () if mark.at + 10.0 + long <= next - 7.0 => Some(Side::Right),
            () if mark.at - 10.0 - long >= free => Some(Side::Left),
            () => None,
        };
        free = mark.at + 7.0;
        if side == Some(Side::Right) {
            free += 3.0 + long;
        }
        sides.push(side);
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_on_another_one() {
        let of = |marks: &[f64]| {
            let mark = |at: &f64| Mark {
                at: *at,
                name: "Buddy 1".into(),
                returned: None,
            };
            let marks: Vec<Mark> = marks.iter().map(mark).collect();
            sides(&marks, 1180.0)
        };
        let (left, right) = (Some(Side::Left), Some(Side::Right));
        assert_eq!(of(&[100.0]), [right]);
        assert_eq!(of(&[1150.0]), [left]);
        assert_eq!(of(&[100.0, 103.0]), [left, right]);
        assert_eq!(of(&[20.0, 30.0, 40.0, 200.0]), [None, None, right, right]);
        assert_eq!(of(&[100.0, 180.0, 183.0]), [right, None, right]);
    }
}
