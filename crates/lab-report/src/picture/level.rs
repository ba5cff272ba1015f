//! The whole song at a glance: how the beer went down, who sang when, and where it stood still.
//! PURE.

use std::collections::HashMap;
use std::fmt::Write;

use maud::{Markup, html};

use super::diagram::{Diagram, Piece, Strip};
use super::measure::{Px, hue, short, span, ticks};
use crate::life::At;
use crate::song::{Song, Verse};
use crate::verdict::Verdict;

const WIDTH: f64 = 1180.0;
const HEIGHT: f64 = 196.0;
/// The sides of the glass.
const LEFT: f64 = 86.0;
const RIGHT: f64 = 1146.0;
/// The rim and the floor.
const TOP: f64 = 24.0;
const FLOOR: f64 = 166.0;

/// Most dots: more of them are a line, which the level is already.
const MAX_DOTS: usize = 1500;

/// Most deaths with a name: more of them cover each other.
const MAX_NAMES: usize = 40;

/// Returns the beer level of a song.
pub(super) fn draw(song: &Song<'_>, again: &HashMap<At, Verdict>) -> Diagram {
    let level = Level::new(song);
    let ink = html! {
        (level.axes())
        path.beer d={ (level.foam) "V" (Px(FLOOR)) "H" (Px(LEFT)) "Z" } {}
        path.foam d=(level.foam) {}
        (level.dots(again))
        (level.deaths())
    };
    let strip = Strip {
        height: HEIGHT,
        ink,
    };
    Diagram {
        label: format!("The level of the beer: {} bottles", song.bottles),
        width: WIDTH,
        heads: None,
        pieces: vec![Piece::Open(strip)],
    }
}

struct Level<'a> {
    song: &'a Song<'a>,
    /// the first verse, and the time to the last one, in microseconds
    zero: i64,
    took: i64,
    /// the surface of the beer, as a path
    foam: String,
    /// the place of each life
    places: HashMap<usize, usize>,
}

impl<'a> Level<'a> {
    fn new(song: &'a Song<'a>) -> Self {
        let times = || song.verses.iter().map(|verse| song.order.time(verse.sing));
        let zero = times().min().unwrap_or_default();
        let places = song.singers.iter().enumerate();
        let places = places.flat_map(|(place, lives)| lives.iter().map(move |&life| (life, place)));
        let mut level = Self {
            song,
            zero,
            took: (times().max().unwrap_or_default() - zero).max(1),
            foam: format!("M{LEFT} {TOP}"),
            places: places.collect(),
        };
        level.pour();
        level
    }

    /// Draws the surface: what the best informed buddy knew to be left.
    fn pour(&mut self) {
        let (mut best, mut end) = (self.song.bottles, LEFT);
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
        let _ = write!(self.foam, "H{}", Px(RIGHT));
    }

    fn x(&self, time: i64) -> f64 {
        LEFT + (time - self.zero) as f64 / self.took as f64 * (RIGHT - LEFT)
    }

    fn y(&self, left: u64) -> f64 {
        let share = left as f64 / self.song.bottles.max(1) as f64;
        FLOOR - share.min(1.0) * (FLOOR - TOP)
    }

    fn axes(&self) -> Markup {
        let mut marks = vec![self.song.bottles, self.song.bottles / 2, 0];
        marks.dedup();
        html! {
            @for left in marks {
                @let y = self.y(left);
                line.grid x1=(Px(LEFT)) x2=(Px(RIGHT)) y1=(Px(y)) y2=(Px(y)) {}
                text.axis.end x=(Px(LEFT - 10.0)) y=(Px(y + 4.0)) { (left) }
            }
            @for time in ticks(self.took) {
                @let x = self.x(self.zero + time);
                line.tick x1=(Px(x)) x2=(Px(x)) y1=(Px(FLOOR)) y2=(Px(FLOOR + 5.0)) {}
                text.axis.mid x=(Px(x)) y=(Px(FLOOR + 20.0)) { (span(time)) }
            }
        }
    }

    fn dots(&self, again: &HashMap<At, Verdict>) -> Markup {
        let verses = &self.song.verses;
        let radius = match verses.len() {
            0..=130 => 3.8,
            131..=400 => 2.6,
            _ => 1.7,
        };
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
                    title { (verse.left) " · Buddy " (place + 1) " · " (span(time - self.zero)) }
                }
            }
        }
    }

    /// Each death, at the last sign of life.
    fn deaths(&self) -> Markup {
        let killed = self
            .song
            .members()
            .filter(|&life| self.song.is_killed(life));
        let last = |life: usize| At {
            life,
            line: self.song.lives[life].lines.len().saturating_sub(1),
        };
        let deaths = killed.map(|life| (self.song.order.time(last(life)), life));
        let mut deaths: Vec<(i64, usize)> = deaths.collect();
        deaths.sort_unstable();
        let end = self.zero + self.took;
        let x = |time: i64| self.x(time.clamp(self.zero, end));
        html! {
            @for (number, &(time, life)) in deaths.iter().enumerate().take(MAX_NAMES) {
                @let at = x(time);
                // Of two that are close, one stands to either side.
                @let is_near = deaths.get(number + 1).is_some_and(|(next, _)| x(*next) - at < 90.0);
                line.death x1=(Px(at)) x2=(Px(at)) y1=(Px(TOP)) y2=(Px(FLOOR)) {}
                path.killed.small d={ "M" (Px(at - 5.0)) " 7l10 10m0-10l-10 10" } {}
                @let name = short(&self.song.name(life), 14);
                @if is_near || at > RIGHT - 80.0 {
                    text.deathname.end x=(Px(at - 10.0)) y="16" { (name) }
                } @else {
                    text.deathname x=(Px(at + 10.0)) y="16" { (name) }
                }
            }
        }
    }
}
