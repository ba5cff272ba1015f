//! Whether the ring would survive the death of any one buddy: who can reach whom. PURE.
//!
//! The roll call proves that each buddy reaches its next. If that next dies, each must reach the
//! one after it, and nothing has tried that way yet. So each tries one buddy ahead, the one after
//! its next, and says so if it cannot reach it: enough for any one death, and after it the next one
//! ahead is tried. Each also calls the buddy two places behind, which is the one that tries to
//! reach it. That one sees where the call comes from: behind a router that is an address which no
//! other buddy may know.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use common::buddy::{Addresses, Caller, Place};

/// The heartbeat of the song at which the buddy ahead is tried: after its own call from behind.
const TRIED_AT: u32 = 3;

/// How many heartbeats a complaint waits. If the buddy ahead has died, its own neighbour finds out
/// by then and says so.
const SETTLED: u32 = 4;

/// What one buddy knows of the ways to the others.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    beats: u32,
    /// the buddy ahead that is tried
    ahead: Option<Place>,
    /// why it cannot be reached, and since which heartbeat
    missed: Option<(String, u32)>,
    /// the buddy to which next passes the song, as next has said, and at which heartbeat
    after_next: Option<(Place, Place, u32)>,
    /// where buddies were seen that are not there on the roll
    seen: BTreeMap<Place, String>,
}

impl Reach {
    /// Counts a heartbeat of the song at place `me` of `size`. Returns the places to ping now, and
    /// the buddy ahead that cannot be reached, with the reason, once.
    pub(crate) fn beat(
        &mut self,
        size: Place,
        me: Place,
        next: Place,
    ) -> (Vec<Place>, Option<(Place, String)>) {
        self.beats = self.beats.saturating_add(1);
        let mut places = Vec::new();
        let has_behind = size > 3; // otherwise it is the buddy after me
        if self.beats == 1 && has_behind {
            places.push((me + size - 2) % size);
        }
        let said = self
            .after_next
            .filter(|&(of, to, _)| of == next && to < size);
        let ahead = said.map_or((next + 1) % size, |(_, ahead, _)| ahead);
        let is_new = self.ahead != Some(ahead);
        if is_new {
            self.missed = None;
        }
        if is_new && ahead != me && next != me && (self.beats >= TRIED_AT || !has_behind) {
            self.ahead = Some(ahead);
            places.push(ahead);
        }
        // Next still counts on it, and would know by now if it were dead.
        let said_at = said.map_or(0, |(.., beat)| beat);
        let is_settled = |missed: &mut (String, u32)| said_at >= missed.1 + SETTLED;
        let missed = self.missed.take_if(is_settled);
        (places, missed.map(|(why, _)| (ahead, why)))
    }

    /// Learns from next to which buddy it passes the song, because that one is needed if it dies.
    pub(crate) fn next_passes_to(&mut self, next: Place, to: Place) {
        self.after_next = Some((next, to, self.beats));
    }

    /// Learns that `place` has answered.
    pub(crate) fn reached(&mut self, place: Place) {
        if self.ahead == Some(place) {
            self.missed = None;
        }
    }

    /// Learns that `place` cannot be reached.
    pub(crate) fn missed(&mut self, place: Place, why: String) {
        if self.ahead == Some(place) {
            self.missed.get_or_insert((why, self.beats));
        }
    }

    /// Learns from where `by` calls.
    pub(crate) fn saw(&mut self, by: Caller, from: IpAddr, roll: &[Addresses]) {
        let address = SocketAddr::new(from, by.port).to_string();
        let on_roll = roll.get(by.place as usize);
        if by.port > 0 && on_roll.is_some_and(|known| known.iter().all(|it| it != address)) {
            self.seen.insert(by.place, address);
        }
    }

    /// Returns where `place` can be reached, the best address first.
    pub(crate) fn addresses(&self, place: Place, roll: &[Addresses]) -> Vec<String> {
        let on_roll = roll.get(place as usize).into_iter();
        let on_roll = on_roll.flat_map(Addresses::dialable).map(str::to_owned);
        on_roll.chain(self.seen.get(&place).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pings of a few heartbeats.
    fn pings(reach: &mut Reach, size: Place, next: &[Place]) -> Vec<Vec<Place>> {
        let beat = |next: &Place| reach.beat(size, 0, *next).0;
        next.iter().map(beat).collect()
    }

    #[test]
    fn one_behind_is_called_first_and_then_one_ahead_of_each_next() {
        let mut reach = Reach::default();
        let calls = pings(&mut reach, 5, &[1, 1, 1, 1, 2, 2, 3, 4]);
        let none = Vec::new;
        let expected = [
            vec![3],
            none(),
            vec![2],
            none(),
            vec![3],
            none(),
            vec![4],
            none(),
        ];
        assert_eq!(calls, expected);
        let calls = pings(&mut Reach::default(), 3, &[1, 1, 1]);
        assert_eq!(calls, [vec![2], none(), none()]);
        for (size, next) in [(2, 1), (1, 0)] {
            assert!(
                pings(&mut Reach::default(), size, &[next; 9])
                    .concat()
                    .is_empty()
            );
        }
    }

    #[test]
    fn one_ahead_that_cannot_be_reached_is_complained_about_once_unless_it_is_dead() {
        let mut reach = Reach::default();
        let complaints = |reach: &mut Reach, to: Option<Place>| -> Vec<_> {
            let beat = |_| {
                if let Some(to) = to {
                    reach.next_passes_to(1, to);
                }
                reach.beat(3, 0, 1).1
            };
            (0..9).filter_map(beat).collect()
        };
        assert_eq!(complaints(&mut reach, Some(2)), []);
        reach.missed(1, "not ahead".into());
        reach.missed(2, "no answer".into());
        assert_eq!(complaints(&mut reach, None), [], "next says nothing");
        assert_eq!(
            complaints(&mut reach, Some(2)),
            [(2, "no answer".into())],
            "next counts on it"
        );
        reach.missed(2, "refused".into());
        assert_eq!(complaints(&mut reach, Some(0)), [], "next has lost it");
    }

    #[test]
    fn an_address_that_was_seen_is_tried_last() {
        let mut reach = Reach::default();
        let roll = ["a:1".into(), "10.0.0.2:2,0.0.0.0:9".into()];
        let by = |place, port| Caller { place, port };
        let from = |n| IpAddr::from([10, 0, 0, n]);
        reach.saw(by(1, 2), from(2), &roll);
        reach.saw(by(1, 0), from(3), &roll);
        reach.saw(by(7, 2), from(3), &roll);
        assert_eq!(reach.addresses(1, &roll), ["10.0.0.2:2"]);
        reach.saw(by(1, 2), from(3), &roll);
        assert_eq!(reach.addresses(1, &roll), ["10.0.0.2:2", "10.0.0.3:2"]);
        assert_eq!(reach.addresses(7, &roll), [""; 0]);
    }
}
