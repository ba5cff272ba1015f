//! Which server had which words, and when: a band for each server, a lane for each call that it had
//! at once. Below, what was answered, and what was written in order. PURE.

use std::fmt::Write;

use common::journal::Back;
use maud::{Markup, html};

use super::diagram::{Diagram, Piece, Strip};
use super::measure::{Px, count, hue, short, span, ticks};
use crate::list::{Fate, List};
use bars::{Band, Bar, Bars};

mod bars;

const WIDTH: f64 = 1180.0;
/// Between these the time goes.
const LEFT: f64 = 176.0;
const RIGHT: f64 = 1060.0;
/// The height of the times at the top, of the least band, and between two bands.
const TOP: f64 = 28.0;
const LEAST: f64 = 36.0;
const GAP: f64 = 16.0;
/// The height of the curves.
const CURVES: f64 = 110.0;
/// The height of a lane.
const LANE: f64 = 15.0;
/// With more lanes, or more calls, a band is a hill: its height is the number of calls at once.
const MAX_LANES: usize = 12;
const MAX_BARS: usize = 1200;
/// In a lane with more of them, most are less than two pixels wide.
const MAX_LANE_BARS: usize = 440;
const HILL: f64 = 88.0;
/// The steps of a hill.
const STEPS: usize = 440;
/// Most times that a band shows at which its server was away.
const MAX_AWAY: usize = 200;

/// Returns how long a list took, in microseconds.
pub(super) fn took(list: &List<'_>) -> i64 {
    let bars = Bars::new(list);
    bars.to - bars.from
}

/// Returns the chart of a list.
pub(super) fn draw(list: &List<'_>) -> Diagram {
    let chart = Chart::new(list);
    let servers = count(chart.bars.bands.len(), "server", "servers");
    let strip = Strip {
        height: chart.floor + CURVES + 56.0,
        ink: chart.draw(),
    };
    Diagram {
        label: format!("Which of {servers} had which words"),
        width: WIDTH,
        heads: None,
        pieces: vec![Piece::Open(strip)],
    }
}

struct Chart {
    bars: Bars,
    /// the top of each band
    tops: Vec<f64>,
    /// the end of all bands
    floor: f64,
    /// the lines of the list
    words: u64,
}

impl Chart {
    fn new(list: &List<'_>) -> Self {
        let bars = Bars::new(list);
        let (mut tops, mut floor) = (Vec::new(), TOP);
        for band in bars.bands.values() {
            tops.push(floor);
            floor += height(band) + GAP;
        }
        let most = |curve: &[(i64, u64)]| curve.iter().map(|(_, words)| *words).max().unwrap_or(0);
        let words = list.lines.unwrap_or_default();
        let words = words
            .max(most(&bars.answered))
            .max(most(&bars.written))
            .max(1);
        Self {
            bars,
            tops,
            floor,
            words,
        }
    }

    fn x(&self, time: i64) -> f64 {
        let (from, to) = (self.bars.from, self.bars.to.max(self.bars.from + 1));
        let share = (time.clamp(from, to) - from) as f64 / (to - from) as f64;
        LEFT + share * (RIGHT - LEFT)
    }

    fn draw(&self) -> Markup {
        let foot = self.floor + 14.0 + CURVES;
        html! {
            @for time in ticks(self.bars.to - self.bars.from) {
                @let x = Px(self.x(self.bars.from + time));
                line.grid x1=(x) x2=(x) y1="20" y2=(Px(foot)) {}
                text.axis.mid x=(x) y="14" { (span(time)) }
            }
            @for ((number, band), &top) in self.bars.bands.iter().zip(&self.tops) {
                (self.band(*number, band, top))
            }
            (self.curves())
        }
    }

    fn band(&self, number: usize, band: &Band, top: f64) -> Markup {
        let (all, height) = (self.bars.answered.last().map_or(0, |it| it.1), height(band));
        let share = 100.0 * band.words as f64 / all.max(1) as f64;
        let right = Px(RIGHT + 16.0);
        html! {
            text.name x="0" y=(Px(top + 13.0)) {
                title { (short(&band.address, 260)) } (short(&band.address, 21))
            }
            text.quiet x="0" y=(Px(top + 29.0)) { (count(band.workers, "worker", "workers")) }
            @if is_hill(band) {
                text.quiet x="0" y=(Px(top + 45.0)) { "up to " (band.lanes) " calls at once" }
            }
            text.name x=(right) y=(Px(top + 13.0)) { (band.words) " words" }
            text.quiet x=(right) y=(Px(top + 29.0)) { (format!("{share:.0} %")) }
            @for away in band.away.iter().take(MAX_AWAY) { (self.away(away, top, height)) }
            @if is_hill(band) { (self.hill(number, band, top)) } @else {
                @for bar in &band.bars { (self.bar(number, &band.address, bar, top)) }
            }
            (line(top + height + GAP / 2.0))
        }
    }

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
                title { (tip(address, bar)) }
                @match bar.call.end {
                    Some((_, Fate::Counts { waited, worked })) => {
                        @let (begin, middle, end) = self.stages(bar, waited, worked);
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

    /// Returns where the words began to wait, where the work began, and where it ended. What is
    /// left of the round trip is split in two, because it is not known which way was the longer.
    fn stages(&self, bar: &Bar, waited: u64, worked: u64) -> (f64, f64, f64) {
        let whole = bar.to - bar.from;
        let clamp = |micros: u64| i64::try_from(micros).unwrap_or(whole).clamp(0, whole);
        let (waited, worked) = (clamp(waited), clamp(worked));
        let way = (whole - waited - worked).max(0) / 2;
        let begin = bar.from + way;
        (
            self.x(begin),
            self.x(begin + waited),
            self.x((begin + waited + worked).min(bar.to)),
        )
    }

    /// The calls that were out at once: those that were lost on top, then those that came too late.
    fn hill(&self, server: usize, band: &Band, top: f64) -> Markup {
        let step = |time: i64| {
            let share = (self.x(time) - LEFT) / (RIGHT - LEFT);
            ((share * STEPS as f64) as usize).min(STEPS - 1)
        };
        let mut changes = vec![[0_i64; 3]; STEPS + 1];
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
        let mut sums = Vec::with_capacity(STEPS);
        for change in &changes[..STEPS] {
            (0..3).for_each(|kind| sum[kind] += change[kind]);
            sums.push([sum[0], sum[0] + sum[1], sum[0] + sum[1] + sum[2]]);
        }
        let most = sums.iter().map(|sum| sum[2]).max().unwrap_or(0).max(1);
        let area = |upto: usize| {
            let mut d = format!("M{LEFT} {}", Px(top + HILL));
            let mut before = 0;
            for (number, sum) in sums.iter().enumerate() {
                if sum[upto] != before {
                    let x = LEFT + (RIGHT - LEFT) * number as f64 / STEPS as f64;
                    let y = top + HILL * (1.0 - sum[upto] as f64 / most as f64);
                    let _ = write!(d, "H{}V{}", Px(x), Px(y));
                    before = sum[upto];
                }
            }
            let _ = write!(d, "H{RIGHT}V{}Z", Px(top + HILL));
            d
        };
        html! {
            g class=(hue(server)) {
                path.gone d=(area(2)) {}
                path.late d=(area(1)) {}
                path.worked d=(area(0)) {}
            }
        }
    }

    fn curves(&self) -> Markup {
        let y = |words: u64| self.floor + 14.0 + CURVES * (1.0 - words as f64 / self.words as f64);
        let curve = |points: &[(i64, u64)]| {
            let (mut d, mut end) = (format!("M{LEFT} {}", Px(y(0))), LEFT);
            for (number, &(time, words)) in points.iter().enumerate() {
                let x = self.x(time);
                // Less than half a pixel cannot be seen, and would be most of the page.
                if x - end > 0.5 || number + 1 == points.len() {
                    let _ = write!(d, "H{}V{}", Px(x), Px(y(words)));
                    end = x;
                }
            }
            d + &format!("H{RIGHT}")
        };
        let foot = Px(y(0) + 22.0);
        html! {
            text.axis.end x=(Px(LEFT - 8.0)) y=(Px(y(self.words) + 4.0)) { (self.words) " words" }
            (line(y(self.words))) (line(y(0)))
            path.answered d=(curve(&self.bars.answered)) {}
            path.written d=(curve(&self.bars.written)) {}
            text.answeredname x=(Px(LEFT)) y=(foot) { "— answered" }
            text.writtenname x=(Px(LEFT + 100.0)) y=(foot) {
                "╌ written in order: this waits for the earliest answer that is missing"
            }
        }
    }
}

fn height(band: &Band) -> f64 {
    if is_hill(band) {
        HILL
    } else {
        (band.lanes as f64 * LANE).max(LEAST)
    }
}

fn is_hill(band: &Band) -> bool {
    band.lanes > MAX_LANES || band.bars.len() > MAX_BARS.min(MAX_LANE_BARS * band.lanes)
}

fn line(y: f64) -> Markup {
    html! { line.grid x1=(Px(LEFT)) x2=(Px(RIGHT)) y1=(Px(y)) y2=(Px(y)) {} }
}

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

/// Returns what the bars mean.
pub(super) fn legend() -> Markup {
    let item = |ink: Markup, text: &str| {
        html! { li { svg.h0 width="34" height="18" viewBox="0 0 34 18" { (ink) } (text) } }
    };
    let bar = |class: &str| {
        html! { rect class=(class) x="2" y="3" width="30" height="12" rx="2" {} }
    };
    let stages = html! {
        rect.way x="2" y="3" width="30" height="12" {}
        rect.waited x="7" y="3" width="8" height="12" {}
        rect.worked x="15" y="3" width="12" height="12" {}
    };
    html! {
        ul.legend {
            (item(stages, "on the way, waiting there, worked on"))
            (item(bar("worked second"), "a second copy"))
            (item(bar("late"), "another server was first"))
            (item(bar("gone"), "lost"))
            (item(bar("worked regiven"), "given out again"))
            (item(bar("away"), "not reachable"))
        }
    }
}
