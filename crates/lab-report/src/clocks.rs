//! What the clocks of several machines show at the same moment. PURE.
//!
//! A message from machine a to b arrives after it was sent. So b's clock is ahead of a's by at most
//! (received - sent), and the least of all messages counts. These bounds, added along every path
//! between two machines, leave each clock an interval. Its middle is the estimate, half its width
//! the error. With one round trip this is what NTP does (RFC 5905, section 8). Here all messages
//! count, because in a ring words go one way only. The middles satisfy every bound at once, so no
//! message arrives before it was sent.
//!
//! A clock that runs unevenly can break a bound. Then the run is cut into pieces, short enough that
//! in each of them no bound is broken, and between the middles of the pieces the clocks run evenly.
//!
//! No verdict rests on any of this: times are for drawing.

use std::collections::BTreeMap;

/// A message from one machine to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    /// The sender's machine.
    pub(crate) from: usize,
    /// The receiver's machine.
    pub(crate) to: usize,
    /// When it was sent, in microseconds by the sender's clock.
    pub(crate) sent: i64,
    /// When it was received, in microseconds by the receiver's clock.
    pub(crate) received: i64,
}

/// What is known of the clock of a machine, compared with the machine of reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clock {
    /// The microseconds that it is ahead.
    pub ahead: i64,
    /// By how much that may be wrong; nothing if no message shows it.
    pub error: Option<i64>,
    /// How much faster it runs, in millionths.
    pub drift: i64,
}

/// Stands for "no bound". Two of them can be added.
const FAR: i64 = i64::MAX / 4;

/// Most pieces of a run: with more, a piece has too few messages to show anything.
const MAX_PIECES: usize = 256;

/// The clocks of all machines, at any time.
#[derive(Debug)]
pub(crate) struct Clocks {
    /// For each machine, its lead at some moments by the clock of reference.
    leads: Vec<Vec<(i64, i64)>>,
    /// What people are told.
    pub(crate) all: Vec<Clock>,
}

impl Clocks {
    /// Compares the clocks of `machines` machines with that of machine `reference`.
    pub(crate) fn new(flights: &[Flight], machines: usize, reference: usize) -> Self {
        let (whole, mut is_even) = compare(flights, machines, reference);
        let mut by_time = flights.to_vec();
        by_time.sort_by_key(|flight| flight.sent - whole[flight.from].0);
        // For each piece of the run: its middle, and what is known of each machine there.
        let mut pieces = vec![(0, whole.clone())];
        let mut count = 1;
        while !is_even && count < MAX_PIECES {
            count *= 2;
            let size = by_time.len().div_ceil(count).max(1);
            is_even = true;
            pieces = by_time
                .chunks(size)
                .map(|piece| {
                    let (estimates, fits) = compare(piece, machines, reference);
                    is_even &= fits;
                    let middle = piece[piece.len() / 2];
                    (middle.sent - whole[middle.from].0, estimates)
                })
                .collect();
        }
        let (leads, all) = (0..machines)
            .map(|machine| {
                // Only of the pieces in which it was in touch both ways, because a machine that is
                // silent in one is as far ahead there as before and after.
                let all = pieces.iter().map(|(middle, all)| (*middle, all[machine]));
                let mut known: Vec<_> = all.filter(|(_, (_, error))| error.is_some()).collect();
                if known.is_empty() {
                    known.push((0, whole[machine]));
                }
                clock(&known)
            })
            .unzip();
        Self { leads, all }
    }

    /// Returns what the clock of reference shows when that of `machine` shows `time`.
    pub(crate) fn common(&self, machine: usize, time: i64) -> i64 {
        let about = time - self.all[machine].ahead;
        let leads = &self.leads[machine];
        let after = leads.partition_point(|(middle, _)| *middle <= about);
        let ahead = if after == 0 {
            leads[0].1
        } else if after == leads.len() {
            leads[after - 1].1
        } else {
            let ((t0, v0), (t1, v1)) = (leads[after - 1], leads[after]);
            let (run, rise) = (i128::from(t1 - t0).max(1), i128::from(v1 - v0));
            let share = rise * i128::from(about - t0) / run;
            v0 + i64::try_from(share).unwrap_or_default()
        };
        time - ahead
    }
}

/// Returns the leads of a clock, and what people are told of it: how far it was ahead in the middle
/// of the run, and how fast it ran from the first of the moments to the last.
fn clock(known: &[(i64, Estimate)]) -> (Vec<(i64, i64)>, Clock) {
    let leads: Vec<(i64, i64)> = known.iter().map(|&(at, (ahead, _))| (at, ahead)).collect();
    let (_, (ahead, error)) = known[known.len() / 2];
    let ((from, then), (to, now)) = (leads[0], leads[leads.len() - 1]);
    let gain = (now - then).saturating_mul(1_000_000);
    let drift = gain.checked_div(to - from).unwrap_or_default();
    let clock = Clock {
        ahead,
        error,
        drift,
    };
    (leads, clock)
}

/// How far a clock is ahead, and by how much that may be wrong.
type Estimate = (i64, Option<i64>);

/// Returns an estimate for each machine, and whether no bound is broken.
fn compare(flights: &[Flight], machines: usize, reference: usize) -> (Vec<Estimate>, bool) {
    // By pair of machines: the second one's clock is ahead of the first one's by at most this.
    let mut bounds: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for flight in flights {
        let took = flight.received - flight.sent;
        let bound = bounds.entry((flight.from, flight.to)).or_insert(took);
        *bound = took.min(*bound);
    }
    let there: Vec<Bound> = bounds
        .iter()
        .map(|(&(a, b), &bound)| (a, b, bound))
        .collect();
    let back: Vec<Bound> = there.iter().map(|&(a, b, bound)| (b, a, bound)).collect();
    let (most, fits) = shortest(&there, machines, reference);
    let (least, fits_back) = shortest(&back, machines, reference);
    let estimate = |(&most, &least): (&i64, &i64)| match (most < FAR, least < FAR) {
        // Rounded down, because then the rounded middles satisfy every bound as well.
        (true, true) => (
            (most - least).div_euclid(2),
            Some(((most + least + 1) / 2).max(0)),
        ),
        // One bound only: as little correction as satisfies it.
        (true, false) => (most.min(0), None),
        (false, true) => ((-least).max(0), None),
        (false, false) => (0, None),
    };
    let estimates = most.iter().zip(&least).map(estimate).collect();
    (estimates, fits && fits_back)
}

/// One machine, another one, and the length of the way from the first to the second.
type Bound = (usize, usize, i64);

/// Returns the shortest way from `start` to each machine (Bellman and Ford), and whether there is
/// one: a circle of negative length makes ways shorter with each round. Then they have at most as
/// many steps as there are machines, because a way that may be of any length, as Floyd and Warshall
/// make it, doubles with each machine, and ten drifting clocks seem hours apart.
fn shortest(bounds: &[Bound], machines: usize, start: usize) -> (Vec<i64>, bool) {
    let mut lengths = vec![FAR; machines];
    if let Some(length) = lengths.get_mut(start) {
        *length = 0;
    }
    for _ in 0..machines {
        let mut is_done = true;
        for &(from, to, bound) in bounds {
            let length = lengths[from].saturating_add(bound).max(-FAR);
            if lengths[from] < FAR && length < lengths[to] {
                (lengths[to], is_done) = (length, false);
            }
        }
        if is_done {
            return (lengths, true);
        }
    }
    (lengths, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(from: usize, to: usize, sent: i64, received: i64) -> Flight {
        Flight {
            from,
            to,
            sent,
            received,
        }
    }

    #[test]
    fn one_round_trip_is_what_ntp_does() {
        // Machine 1 is 1000 ahead; 10 there, 30 back.
        let flights = [flight(0, 1, 0, 1010), flight(1, 0, 1020, 50)];
        let clocks = Clocks::new(&flights, 2, 0);
        let clock = clocks.all[1];
        assert_eq!((clock.ahead, clock.error), (990, Some(20)));
        assert_eq!(clocks.common(1, 1990), 1000);
        assert_eq!(clocks.common(0, 1000), 1000);
    }

    #[test]
    fn in_a_ring_words_go_one_way_only() {
        let flights = [
            flight(0, 1, 0, 5_005),
            flight(1, 2, 5_005, -2_990),
            flight(2, 0, -2_990, 15),
        ];
        let clocks = Clocks::new(&flights, 3, 0);
        for flight in flights {
            let [sent, received] = [(flight.from, flight.sent), (flight.to, flight.received)]
                .map(|(machine, time)| clocks.common(machine, time));
            assert!(sent <= received, "{flight:?}: {sent} > {received}");
        }
        for (machine, lead) in [(1, 5_000), (2, -3_000)] {
            let clock = clocks.all[machine];
            let wrong = (clock.ahead - lead).abs();
            assert!(wrong <= clock.error.expect("known"), "{clock:?}");
        }
    }

    #[test]
    fn a_clock_that_no_message_ties_is_not_known() {
        let clocks = Clocks::new(&[flight(0, 1, 100, 50)], 3, 0);
        assert_eq!((clocks.all[1].ahead, clocks.all[1].error), (-50, None));
        assert_eq!(clocks.all[2], Clock::default());
    }

    #[test]
    fn a_clock_that_runs_fast_is_followed() {
        // Machine 1 gains a thousandth; words go there and back in 50 each.
        let flights: Vec<Flight> = (0..1000)
            .map(|i: i64| i * 1000)
            .flat_map(|t| {
                let fast = |t: i64| t + t / 1000;
                [
                    flight(0, 1, t, fast(t + 50)),
                    flight(1, 0, fast(t + 50), t + 100),
                ]
            })
            .collect();
        let clocks = Clocks::new(&flights, 2, 0);
        let drift = clocks.all[1].drift;
        assert!((900..1100).contains(&drift), "{drift}");
    }

    /// A ring of 20 machines of which now and then one asks another one: a circle of messages in
    /// which the clocks drift apart is found again and again.
    #[test]
    fn many_clocks_that_drift_are_not_taken_for_hours_apart() {
        const MACHINES: usize = 20;
        let shows = |machine: usize, t: i64| {
            let rate = (machine as i64 * 37) % 100 - 50;
            t + t * rate / 1_000_000 + machine as i64 * 1000
        };
        let mut flights = Vec::new();
        for round in 0..100 {
            for from in 0..MACHINES {
                let t = round * 6_000_000 + from as i64 * 1000;
                let far = (from * 7 + round as usize) % MACHINES;
                for to in [(from + 1) % MACHINES, far] {
                    if to != from {
                        flights.push(flight(from, to, shows(from, t), shows(to, t + 300)));
                    }
                }
            }
        }
        let clocks = Clocks::new(&flights, MACHINES, 0);
        for machine in 0..MACHINES {
            let (ahead, lead) = (clocks.all[machine].ahead, machine as i64 * 1000);
            assert!((ahead - lead).abs() < 60_000, "{machine}: {ahead}");
            for t in [0, 300_000_000, 600_000_000] {
                let wrong = (clocks.common(machine, shows(machine, t)) - shows(0, t)).abs();
                assert!(wrong < 10_000, "{machine} at {t}: {wrong}");
            }
        }
    }

    #[test]
    fn a_machine_that_is_silent_for_a_while_stays_as_far_ahead_as_it_is() {
        const HOUR: i64 = 3_600_000_000;
        // Machine 1 gains a thousandth; machine 2 speaks at the beginning and at the end.
        let fast = |t: i64| t + t / 1000;
        let mut flights = Vec::new();
        for t in (0..1000).map(|i: i64| i * 1000) {
            flights.push(flight(0, 1, t, fast(t + 50)));
            flights.push(flight(1, 0, fast(t + 50), t + 100));
            if !(50_000..950_000).contains(&t) {
                flights.push(flight(0, 2, t, t + 50 + HOUR));
                flights.push(flight(2, 0, t + 50 + HOUR, t + 100));
            }
        }
        let clocks = Clocks::new(&flights, 3, 0);
        for t in [0, 300_000, 500_000, 999_000] {
            let wrong = (clocks.common(2, t + HOUR) - t).abs();
            assert!(wrong < 1000, "at {t}: {wrong}");
        }
    }

    #[test]
    fn clocks_without_sense_are_no_panic() {
        let far = i64::MAX / 8;
        let all = (0..70).flat_map(|from| (0..70).map(move |to| (from, to)));
        let flights: Vec<Flight> = all
            .filter(|(from, to)| from != to)
            .map(|(from, to)| flight(from, to, far, -far))
            .collect();
        let clocks = Clocks::new(&flights, 70, 0);
        for machine in 0..70 {
            for time in [far, -far] {
                assert!(clocks.common(machine, time) <= i64::MAX / 2);
            }
        }
    }
}
