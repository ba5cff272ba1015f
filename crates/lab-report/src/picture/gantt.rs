//! Which server had which words, and when: a band for each server, a lane for each call that it had
//! at once. Below, what was answered, and what was written in order. PURE.

use std::fmt::Write;

use common::journal::Back;
use maud::{Markup, html};

use super::diagram::{Diagram, Piece, Screen, Strip};
use super::measure::{Px, hue, short, span, tick, ticks, wrap};
use crate::counts::count;
use crate::list::{Fate, List, stages};
pub(super) use bars::Bars;
use bars::{Band, Bar};
pub(super) use legend::legend;

mod bars;
mod legend;

/// The height of the times at the top, of the least band, and between two bands.
const TOP: f64 = 28.0;
const LEAST: f64 = 36.0;
const GAP: f64 = 16.0;
/// The height of the curves.
const CURVES: f64 = 110.0;
/// The height of a lane.
const LANE: f64 = 15.0;
/// The height of a hill.
const HILL: f64 = 88.0;
/// The steps of a hill, on a desk and on a phone.
const STEPS: (usize, usize) = (440, 164);
/// Most lines of an address.
const MAX_NAME: usize = 4;
/// Most times that a band shows at which its server was away.
const MAX_AWAY: usize = 200;

/// The letters of an address in a line, and the height of a line.
const LETTERS: (usize, usize) = (21, 44);
const LINE: f64 = 16.0;

/// Returns all that is drawn of a list.
pub(super) fn read(list: &List<'_>) -> Bars {
    Bars::new(list)
}

/// Returns the chart of a list.
pub(super) fn draw(bars: &Bars, screen: Screen) -> Diagram {
    let chart = Chart::new(bars, screen);
    let servers = count(bars.bands.len(), "server", "servers");
    let strip = Strip {
        height: chart.floor + CURVES + screen.either(56.0, 72.0),
        ink: chart.draw(),
    };
    Diagram {
        label: format!("Which of {servers} had which words"),
        screen,
        used: screen.width(),
        heads: None,
        key: None,
        pieces: vec![Piece::Open(strip)],
    }
}

/// The chart, and where things are in it.
struct Chart<'a> {
    bars: &'a Bars,
    screen: Screen,
    /// between these the time goes
    left: f64,
    right: f64,
    /// the top of each band, and its name in lines
    tops: Vec<(f64, Vec<String>)>,
    /// the end of all bands
    floor: f64,
    /// the lines of the list
    words: u64,
}

impl<'a> Chart<'a> {
    fn new(bars: &'a Bars, screen: Screen) -> Self {
        let (left, right) = screen.either((176.0, 1060.0), (4.0, 332.0));
        let (mut tops, mut floor) = (Vec::new(), TOP);
        for band in bars.bands.values() {
            let mut name = wrap(&band.address, screen.either(LETTERS.0, LETTERS.1));
            name.truncate(MAX_NAME);
            // This stands beside the band of a server on a desk, and above it on a phone.
            let lines = name.len() + screen.either(1, 2) + usize::from(band.is_hill());
            let said = LINE * lines as f64 + 4.0;
            if screen == Screen::Phone {
                floor += said;
            }
            tops.push((floor, name));
            floor += screen.either(height(band).max(said), height(band)) + GAP;
        }
        let most = |curve: &[(i64, u64)]| curve.iter().map(|(_, words)| *words).max().unwrap_or(0);
        let most = most(&bars.answered).max(most(&bars.written));
        let words = bars.lines.unwrap_or_default().max(most).max(1);
        Self {
            bars,
            screen,
            left,
            right,
            tops,
            floor,
            words,
        }
    }

    /// Returns where a time is. One before the first call, or after the last line, is at the side.
    fn x(&self, time: i64) -> f64 {
        let (from, to) = (self.bars.from, self.bars.to.max(self.bars.from + 1));
        let share = (time.clamp(from, to) - from) as f64 / (to - from) as f64;
        self.left + share * (self.right - self.left)
    }

    fn draw(&self) -> Markup {
        let foot = self.floor + 14.0 + CURVES;
        html! {
            @for time in ticks(self.bars.to - self.bars.from, self.screen.either(6, 3)) {
                @let x = self.x(self.bars.from + time);
                @let text = tick(time);
                line.grid x1=(Px(x)) x2=(Px(x)) y1="20" y2=(Px(foot)) {}
                // A time at the side would end outside.
                @let half = 3.4 * text.chars().count() as f64;
                @let x = x.clamp(half, (self.screen.width() - half).max(half));
                text.axis.mid x=(Px(x)) y="14" { (text) }
            }
            @for ((number, band), (top, name)) in self.bars.bands.iter().zip(&self.tops) {
                (self.band(*number, band, *top, name))
            }
            (self.curves())
        }
    }

    /// All that is drawn of a server.
    fn band(&self, number: usize, band: &Band, top: f64, name: &[String]) -> Markup {
        let height = height(band);
        html! {
            (self.said(band, top, name))
            @for away in band.away.iter().take(MAX_AWAY) { (self.away(away, top, height)) }
            @if band.is_hill() { (self.hill(number, band, top)) } @else {
                @for bar in &band.bars { (self.bar(number, &band.address, bar, top)) }
            }
            (self.line(top + height + GAP / 2.0))
        }
    }

    /// Who a server is, and what it did.
    fn said(&self, band: &Band, top: f64, name: &[String]) -> Markup {
        let all = self.bars.answered.last().map_or(0, |it| it.1);
        let share = 100.0 * band.words as f64 / all.max(1) as f64;
        let words = count(band.words, "word", "words");
        let share = format!("{share:.0} %");
        let workers = count(band.workers, "worker", "workers");
        let hill = band
            .is_hill()
            .then(|| format!("up to {} calls at once", band.lanes));
        let lines = name.len() + 2 + usize::from(hill.is_some());
        let top = top + self.screen.either(13.0, 8.0 - LINE * lines as f64);
        let y = |line: usize| Px(top + LINE * line as f64);
        let right = Px(self.right + 16.0);
        let x = Px(self.screen.either(0.0, self.left));
        html! {
            @for (line, text) in name.iter().enumerate() { text.name x=(x) y=(y(line)) { (text) } }
            text.quiet x=(x) y=(y(name.len())) { (workers) }
            @if let Some(hill) = hill { text.quiet x=(x) y=(y(name.len() + 1)) { (hill) } }
            @if self.screen == Screen::Desk {
                text.name x=(right) y=(y(0)) { (words) }
                text.quiet x=(right) y=(y(1)) { (share) }
            } @else {
                text.quiet x=(x) y=(y(lines - 1)) { (words) ", " (share) " of all" }
            }
        }
    }

    /// A time in which a server could not be called, with the cause if there is room for it.
    fn away(&self, (from, to, why): &(i64, i64, String), top: f64, height: f64) -> Markup {
        let (a, b) = (self.x(*from), self.x(*to));
        let why = if why.is_empty() {
            "not reached yet"
        } else {
            why
        };
        // The address is in the cause, and stands beside it already.
        let end = why.rsplit(": ").next().unwrap_or(why);
        html! {
            @if b - a > 0.5 {
                rect.away x=(Px(a)) y=(Px(top - 4.0)) width=(Px(b - a)) height=(Px(height + 8.0)) {
                    title { (short(why, 200)) ", for " (span(to - from)) }
                }
                @let letters = ((b - a - 12.0) / 7.2) as usize;
                @if letters >= 8 {
                    text.awayname x=(Px(a + 6.0)) y=(Px(top + height - 1.0)) {
                        (short(end, letters))
                    }
                }
            }
        }
    }

    /// A call. One that counts shows its stages; of the others the shape shows what became of them.
    fn bar(&self, server: usize, address: &str, bar: &Bar, top: f64) -> Markup {
        let top = top + bar.lane as f64 * LANE;
        let (a, b) = (self.x(bar.from), self.x(bar.to));
        let (y, h) = (Px(top), Px(LANE - 1.5));
        let wide = Px((b - a).max(0.8));
        let class = match (bar.is_second, bar.is_again) {
            (true, _) => " second",
            (_, true) => " regiven",
            _ => "",
        };
        let hue = hue(server);
        html! {
            g class=(hue) {
                @if self.screen == Screen::Desk { title { (tip(address, bar)) } }
                @match bar.call.end {
                    Some((_, Fate::Counts { waited, worked })) => {
                        @let [begin, middle, end] = self.stages(bar, waited, worked);
                        @if b - a - (end - begin) > 1.0 {
                            rect.way x=(Px(a)) y=(y) width=(wide) height=(h) {}
                        }
                        @if middle - begin > 0.3 {
                            rect.waited x=(Px(begin)) y=(y) width=(Px(middle - begin)) height=(h) {}
                        }
                        rect class={ "worked" (class) } x=(Px(middle)) y=(y)
                            width=(Px((end - middle).max(0.8))) height=(h) rx="2" {}
                    }
                    Some((_, Fate::Claim)) => {
                        rect class="worked claim" x=(Px(a)) y=(y) width=(wide) height=(h) rx="2" {}
                    }
                    Some((_, Fate::Back(Back::Beaten))) => {
                        rect.late x=(Px(a)) y=(y) width=(wide) height=(h) rx="2" {}
                    }
                    Some((_, Fate::Lost | Fate::Back(_))) => {
                        rect.gone x=(Px(a)) y=(y) width=(wide) height=(h) rx="2" {}
                    }
                    None => rect.way x=(Px(a)) y=(y) width=(wide) height=(h) {},
                }
            }
        }
    }

    /// Returns where the words began to wait, where the work began, and where it ended.
    fn stages(&self, bar: &Bar, waited: u64, worked: u64) -> [f64; 3] {
        let stages = stages(bar.to - bar.from, waited, worked);
        stages.map(|micros| self.x(bar.from + micros))
    }

    /// The calls that were out at once: those that were lost on top, then those that came too late.
    fn hill(&self, server: usize, band: &Band, top: f64) -> Markup {
        let steps = self.screen.either(STEPS.0, STEPS.1);
        let step = |time: i64| {
            let share = (self.x(time) - self.left) / (self.right - self.left);
            ((share * steps as f64) as usize).min(steps - 1)
        };
        let mut changes = vec![[0_i64; 3]; steps + 1];
        for bar in &band.bars {
            let kind = match bar.call.end {
                Some((_, Fate::Counts { .. } | Fate::Claim)) | None => 0,
                Some((_, Fate::Back(Back::Beaten))) => 1,
                Some((_, Fate::Lost | Fate::Back(_))) => 2,
            };
            changes[step(bar.from)][kind] += 1;
            changes[step(bar.to) + 1][kind] -= 1;
        }
        let mut sum = [0_i64; 3];
        let mut sums = Vec::with_capacity(steps);
        for change in &changes[..steps] {
            (0..3).for_each(|kind| sum[kind] += change[kind]);
            sums.push([sum[0], sum[0] + sum[1], sum[0] + sum[1] + sum[2]]);
        }
        let most = sums.iter().map(|sum| sum[2]).max().unwrap_or(0).max(1);
        let area = |upto: usize| {
            let mut d = format!("M{} {}", self.left, Px(top + HILL));
            let mut before = 0;
            for (number, sum) in sums.iter().enumerate() {
                if sum[upto] != before {
                    let x = self.left + (self.right - self.left) * number as f64 / steps as f64;
                    let y = top + HILL * (1.0 - sum[upto] as f64 / most as f64);
                    let _ = write!(d, "H{}V{}", Px(x), Px(y));
                    before = sum[upto];
                }
            }
            let _ = write!(d, "H{}V{}Z", self.right, Px(top + HILL));
            d
        };
        html! {
            g class={ "hill " (hue(server)) } {
                path.gone d=(area(2)) {}
                path.late d=(area(1)) {}
                path.worked d=(area(0)) {}
            }
        }
    }

    fn line(&self, y: f64) -> Markup {
        let (left, right, y) = (Px(self.left), Px(self.right), Px(y));
        html! { line.grid x1=(left) x2=(right) y1=(y) y2=(y) {} }
    }

    /// How many words were answered by each moment, and how many were written. The space between
    /// the curves is what waits for an earlier answer.
    fn curves(&self) -> Markup {
        let y = |words: u64| self.floor + 14.0 + CURVES * (1.0 - words as f64 / self.words as f64);
        let curve = |points: &[(i64, u64)]| {
            let (mut d, mut end) = (format!("M{} {}", self.left, Px(y(0))), self.left);
            for (number, &(time, words)) in points.iter().enumerate() {
                let x = self.x(time);
                // Less than half a pixel cannot be seen, and would be most of the page.
                if x - end > 0.5 || number + 1 == points.len() {
                    let _ = write!(d, "H{}V{}", Px(x), Px(y(words)));
                    end = x;
                }
            }
            d + &format!("H{}", self.right)
        };
        let foot = y(0) + 22.0;
        let words = count(self.words, "word", "words");
        let (x2, foot2) = self
            .screen
            .either((self.left + 100.0, foot), (self.left, foot + LINE));
        let order = self.screen.either(
            "╌ written in order: this waits for the earliest answer that is missing",
            "╌ written in order, as answers come in",
        );
        html! {
            @let (class, x, up) = self.screen.either(
                ("axis end", self.left - 8.0, -4.0),
                ("axis near", self.left, 4.0),
            );
            text class=(class) x=(Px(x)) y=(Px(y(self.words) - up)) { (words) }
            (self.line(y(self.words))) (self.line(y(0)))
            path.answered d=(curve(&self.bars.answered)) {}
            path.written d=(curve(&self.bars.written)) {}
            text.answeredname x=(Px(self.left)) y=(Px(foot)) { "— answered" }
            text.writtenname x=(Px(x2)) y=(Px(foot2)) { (order) }
        }
    }
}

/// Returns the height of a band, without what stands above it on a phone.
fn height(band: &Band) -> f64 {
    if band.is_hill() {
        HILL
    } else {
        (band.lanes as f64 * LANE).max(LEAST)
    }
}

/// Returns what is shown where a pointer rests on a call.
fn tip(address: &str, bar: &Bar) -> String {
    let fate = match bar.call.end {
        Some((_, Fate::Counts { waited, worked })) => {
            let time = |micros: u64| span(i64::try_from(micros).unwrap_or(i64::MAX));
            format!("waited {}, worked on {}", time(waited), time(worked))
        }
        Some((_, Fate::Claim)) => "has to be confirmed".into(),
        Some((_, Fate::Lost)) => "lost".into(),
        Some((_, Fate::Back(Back::Beaten))) => "another server was first".into(),
        Some((_, Fate::Back(Back::Busy))) => "the server had no room".into(),
        Some((_, Fate::Back(Back::Failed))) => "failed".into(),
        None => "no answer".into(),
    };
    let (first, words) = (bar.call.first.saturating_add(1), bar.call.words);
    let words = count(words, "word", "words");
    let took = span(bar.to - bar.from);
    format!(
        "{words} from line {first} · {} · {took}: {fate}",
        short(address, 100)
    )
}
