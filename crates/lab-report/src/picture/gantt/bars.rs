//! The calls of a list as bars: when, in which lane, and whether somebody else had the words. PURE.

use std::collections::BTreeMap;

use common::journal::Event;

use crate::lanes::Lanes;
use crate::list::{Call, Fate, List};

/// With more lanes, or more calls, a band is a hill.
const MAX_LANES: usize = 12;
const MAX_BARS: usize = 1200;
/// In a lane with more of them, most are less than two pixels wide.
const MAX_LANE_BARS: usize = 440;

/// A call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    /// The call.
    pub(super) call: Call,
    /// When it was made, in microseconds since the journal began.
    pub(super) from: i64,
    /// When it ended. An open one ends with the journal.
    pub(super) to: i64,
    /// The lane, from 0.
    pub(super) lane: usize,
    /// Whether another server had these words at the same time.
    pub(super) is_second: bool,
    /// Whether these words had been taken back from a server.
    pub(super) is_again: bool,
}

/// What a server did.
#[derive(Clone, Debug, Default)]
pub(super) struct Band {
    /// Its address.
    pub(super) address: String,
    /// The number of calls it works on at once, as it says.
    pub(super) workers: usize,
    /// Its calls, in the order in which they were made.
    pub(super) bars: Vec<Bar>,
    /// The number of lanes: the most calls that it had at once.
    pub(super) lanes: usize,
    /// The words whose answers count.
    pub(super) words: u64,
    /// When it could not be called, and the cause.
    pub(super) away: Vec<(i64, i64, String)>,
}

impl Band {
    /// Returns whether it is drawn as a hill, whose height is the number of calls at once, because
    /// a bar for each call would be too small to be seen.
    pub(super) fn is_hill(&self) -> bool {
        let lanes = MAX_BARS.min(MAX_LANE_BARS * self.lanes);
        self.lanes > MAX_LANES || self.bars.len() > lanes
    }
}

/// All that is drawn of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bars {
    /// Each server, by its number.
    pub(super) bands: BTreeMap<usize, Band>,
    /// The times at which calls were answered, each with the words that had been answered by then.
    pub(super) answered: Vec<(i64, u64)>,
    /// The times at which answers were written, each with the words that had been written by then.
    pub(super) written: Vec<(i64, u64)>,
    /// The lines of the list, if the client says how many there are.
    pub(super) lines: Option<u64>,
    /// The first call, and the last line, in microseconds since the journal began.
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Ranges of lines, each with its first line, and the line after its last.
#[derive(Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    fn put(&mut self, (first, end): (u64, u64)) {
        let known = self.0.entry(first).or_default();
        *known = end.max(*known);
    }

    fn touches(&self, (first, end): (u64, u64)) -> bool {
        let before = self.0.range(..end).next_back();
        before.is_some_and(|(_, known)| *known > first)
    }
}

impl Bars {
    /// Returns how long a list took, in microseconds.
    pub(crate) fn took(&self) -> i64 {
        self.to - self.from
    }

    pub(super) fn new(list: &List<'_>) -> Self {
        let time = |line: usize| list.life.lines.get(line).map_or(0, |line| micros(line.t));
        let end = list.life.lines.len().saturating_sub(1);
        let mut bars = Self {
            from: list.calls.first().map_or(0, |call| time(call.given)),
            to: time(end),
            lines: list.lines,
            ..Self::default()
        };
        for (&server, address) in &list.servers {
            let band = bars.bands.entry(server).or_default();
            band.address.clone_from(address);
        }
        bars.read(list);
        // Each call twice: as it begins, and as it ends.
        let mut moments: Vec<(usize, bool, usize)> = Vec::new();
        for (number, call) in list.calls.iter().enumerate() {
            moments.push((call.given, false, number));
            moments.extend(call.end.map(|(line, _)| (line, true, number)));
        }
        moments.sort_unstable();
        let mut sweep = Sweep {
            bars,
            lane: vec![0; list.calls.len()],
            lanes: BTreeMap::new(),
            open: Ranges::default(),
            back: Ranges::default(),
        };
        for (line, is_end, number) in moments {
            let call = list.calls[number];
            if is_end {
                sweep.end(number, &call, time(line));
            } else {
                let to = call.end.map_or(end, |(line, _)| line);
                sweep.begin(number, call, time(line), time(to));
            }
        }
        sweep.bars
    }

    /// Reads what is not about calls.
    fn read(&mut self, list: &List<'_>) {
        let mut down: BTreeMap<usize, (i64, String)> = BTreeMap::new();
        for line in &list.life.lines {
            let now = micros(line.t);
            match &line.event {
                Event::Server { server, .. } => {
                    down.entry(*server).or_insert((now, String::new()));
                }
                Event::Up { server, workers } => {
                    let since = down.remove(server);
                    let band = self.bands.entry(*server).or_default();
                    band.workers = *workers;
                    band.away
                        .extend(since.map(|(since, why)| (since, now, why)));
                }
                Event::Down { server, why } => {
                    down.entry(*server)
                        .and_modify(|(_, known)| known.clone_from(why))
                        .or_insert_with(|| (now, why.clone()));
                }
                Event::Out { upto } => self.written.push((now, *upto)),
                _ => {}
            }
        }
        for (server, (since, why)) in down {
            let band = self.bands.entry(server).or_default();
            band.away.push((since, self.to, why));
        }
    }
}

/// Goes through the calls in time.
struct Sweep {
    bars: Bars,
    /// the lane of each call
    lane: Vec<usize>,
    /// the lanes of each server
    lanes: BTreeMap<usize, Lanes>,
    /// the lines that a server has now
    open: Ranges,
    /// the lines that were taken back
    back: Ranges,
}

impl Sweep {
    fn begin(&mut self, number: usize, call: Call, from: i64, to: i64) {
        let range = range(&call);
        let band = self.bars.bands.entry(call.server).or_default();
        let lanes = self.lanes.entry(call.server).or_default();
        let lane = lanes.take();
        band.lanes = lanes.count;
        self.lane[number] = lane;
        band.bars.push(Bar {
            call,
            from,
            to,
            lane,
            is_second: self.open.touches(range),
            is_again: self.back.touches(range),
        });
        self.open.put(range);
    }

    fn end(&mut self, number: usize, call: &Call, now: i64) {
        let lanes = self.lanes.entry(call.server).or_default();
        lanes.free(self.lane[number]);
        self.open.0.remove(&call.first);
        match call.end {
            Some((_, Fate::Counts { .. })) => {
                let words = call.words as u64;
                let band = self.bars.bands.entry(call.server).or_default();
                band.words = band.words.saturating_add(words);
                let before = self.bars.answered.last().map_or(0, |(_, words)| *words);
                self.bars.answered.push((now, before.saturating_add(words)));
            }
            Some((_, Fate::Lost | Fate::Back(_))) => self.back.put(range(call)),
            _ => {}
        }
    }
}

fn range(call: &Call) -> (u64, u64) {
    (call.first, call.first.saturating_add(call.words as u64))
}

fn micros(t: u64) -> i64 {
    i64::try_from(t).unwrap_or(i64::MAX).min(i64::MAX / 16)
}
