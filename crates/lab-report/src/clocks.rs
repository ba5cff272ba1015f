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
    /// For each piece of the run: its middle by the clock of reference, and each machine's lead.
    pieces: Vec<(i64, Vec<i64>)>,
    /// What people are told.
    pub(crate) all: Vec<Clock>,
}

impl Clocks {
    /// Compares the clocks of `machines` machines with that of machine `reference`.
    pub(crate) fn new(flights: &[Flight], machines: usize, reference: usize) -> Self {
        let (whole, mut is_even) = compare(flights, machines, reference);
        let lead = |estimates: &[Estimate]| -> Vec<i64> {
            estimates.iter().map(|(ahead, _)| *ahead).collect()
        };
        let mut pieces = vec![(0, lead(&whole))];
        let mut by_time = flights.to_vec();
        by_time.sort_by_key(|flight| flight.sent - whole[flight.from].0);
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
                    (middle.sent - whole[middle.from].0, lead(&estimates))
                })
                .collect();
        }
        let drift = |machine: usize| {
            let (Some((from, then)), Some((to, now))) = (pieces.first(), pieces.last()) else {
                return 0;
            };
            let gain = (now[machine] - then[machine]).saturating_mul(1_000_000);
            gain.checked_div(to - from).unwrap_or_default()
        };
        let clock = |(machine, &(ahead, error)): (usize, &Estimate)| Clock {
            ahead,
            error,
            drift: drift(machine),
        };
        let all = whole.iter().enumerate().map(clock).collect();
        Self { pieces, all }
    }

    /// Returns what the clock of reference shows when that of `machine` shows `time`.
    pub(crate) fn common(&self, machine: usize, time: i64) -> i64 {
        let about = time - self.all[machine].ahead;
        let after = self.pieces.partition_point(|(middle, _)| *middle <= about);
        let lead = |piece: usize| (self.pieces[piece].0, self.pieces[piece].1[machine]);
        let ahead = if after == 0 {
            lead(0).1
        } else if after == self.pieces.len() {
            lead(after - 1).1
        } else {
            let ((t0, v0), (t1, v1)) = (lead(after - 1), lead(after));
            let (run, rise) = (i128::from(t1 - t0).max(1), i128::from(v1 - v0));
            let share = rise * i128::from(about - t0) / run;
            v0 + i64::try_from(share).unwrap_or_default()
        };
        time - ahead
    }
}

/// How far a clock is ahead, and by how much that may be wrong.
type Estimate = (i64, Option<i64>);

/// Returns an estimate for each machine, and whether no bound is broken.
fn compare(flights: &[Flight], machines: usize, reference: usize) -> (Vec<Estimate>, bool) {
    // bound[a][b]: b's clock is ahead of a's by at most this.
    let mut bound = vec![vec![FAR; machines]; machines];
    for (machine, row) in bound.iter_mut().enumerate() {
        row[machine] = 0;
    }
    for flight in flights {
        let took = flight.received - flight.sent;
        let bound = &mut bound[flight.from][flight.to];
        *bound = took.min(*bound);
    }
    // The shortest paths (Floyd and Warshall).
    for over in 0..machines {
        for from in 0..machines {
            if bound[from][over] == FAR {
                continue;
            }
            for to in 0..machines {
                if bound[over][to] < FAR {
                    bound[from][to] = bound[from][to].min(bound[from][over] + bound[over][to]);
                }
            }
        }
    }
    let is_even = (0..machines).all(|machine| bound[machine][machine] >= 0);
    let estimate = |machine: usize| {
        let (most, least) = (bound[reference][machine], bound[machine][reference]);
        match (most < FAR, least < FAR) {
            // Rounded down, because then the rounded middles satisfy every bound as well.
            (true, true) => (
                (most - least).div_euclid(2),
                Some(((most + least + 1) / 2).max(0)),
            ),
            // One bound only: as little correction as satisfies it.
            (true, false) => (most.min(0), None),
            (false, true) => ((-least).max(0), None),
            (false, false) => (0, None),
        }
    };
    ((0..machines).map(estimate).collect(), is_even)
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
}
