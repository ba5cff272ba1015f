//! Which verses came again, and whether they may. PURE.
//!
//! A verse may come again only if all who sang it were killed, or if one of its singers was not in
//! good standing: `buddy/src/ring.rs` says what that is.

use std::collections::{HashMap, HashSet};

use common::buddy::Place;
use common::journal::{Event, Word};

use super::{Song, Verse};
use crate::life::At;
use crate::verdict::Verdict;

impl Song<'_> {
    /// Returns each verse that came again. It may, if all who sang it before were killed, or if one
    /// of its singers was not in good standing in between.
    #[must_use]
    pub fn again(&self) -> Vec<Repeat> {
        let doubts = self.doubts();
        let mut all = Vec::new();
        for (left, verses) in self.by_verse().iter().rev() {
            for (index, again) in verses.iter().enumerate().skip(1) {
                let before = &verses[..index];
                let first = before[0];
                let mut find = |verdict, why| {
                    all.push(Repeat {
                        left: *left,
                        first: first.sing.life,
                        sing: again.sing,
                        verdict,
                        why,
                    });
                };
                let was_dead = |verse: &Verse| self.was_dead(verse.sing.life, again.sing);
                if before.iter().all(was_dead) {
                    let why = "allowed, the first was killed before it could tell".to_owned();
                    find(Verdict::Yes, why);
                    continue;
                }
                let places: HashSet<Option<Place>> = verses[..=index]
                    .iter()
                    .map(|verse| self.place(verse.sing.life))
                    .collect();
                let excuse = doubts.iter().find(|doubt| {
                    places.contains(&Some(doubt.place))
                        && self.is_between(doubt, first.sing, again.sing)
                });
                match excuse {
                    Some(doubt) => find(Verdict::Yes, self.excuse(doubt)),
                    None => find(self.unless_gap(), "without a cause".to_owned()),
                }
            }
        }
        all
    }

    fn excuse(&self, doubt: &Doubt) -> String {
        let (name, by) = (self.name_at(doubt.place), self.name(doubt.since.life));
        if self.place(doubt.since.life) == Some(doubt.place) {
            format!("allowed, {by} was new and did not have the song from a buddy in good standing")
        } else {
            format!("allowed, {by} had given up on {name}")
        }
    }

    /// Returns whether a life may have been killed before the line `at`: it was killed, and none of
    /// its lines came of that one. It is enough to look at the last.
    fn was_dead(&self, life: usize, at: At) -> bool {
        let line = self.lives[life].lines.len().saturating_sub(1);
        self.is_killed(life) && !self.order.is_cause(at, At { life, line })
    }

    /// Returns whether `doubt` may have lasted at a moment between two lines: it did not begin
    /// because of the second, and what ended it did not cause the first.
    fn is_between(&self, doubt: &Doubt, first: At, second: At) -> bool {
        let began_late = self.order.is_cause(second, doubt.since);
        let ended_early = doubt
            .until
            .is_some_and(|until| self.order.is_cause(until, first));
        !began_late && !ended_early
    }

    /// Returns each time in which a buddy was not in good standing: since another one gave up on
    /// it, or since a new life took its place.
    fn doubts(&self) -> Vec<Doubt> {
        let mut doubts: Vec<Doubt> = Vec::new();
        // The numbers of those that have not ended, by place.
        let mut open: HashMap<Place, Vec<usize>> = HashMap::new();
        // The passes of buddies in good standing. One that arrives late counts as of that moment.
        let mut sound: HashSet<At> = HashSet::new();
        for &at in &self.lines {
            let Some(here) = self.place(at.life) else {
                continue;
            };
            let new = match &self.lives[at.life].lines[at.line].event {
                Event::Lost { place, .. } => Some(*place),
                Event::Place { .. } => self.is_later_life(at.life, here).then_some(here),
                Event::Say { word: Word::Go, .. } => {
                    if open.get(&here).is_none_or(Vec::is_empty) {
                        sound.insert(at);
                    }
                    None
                }
                // The song comes to it from a buddy in good standing, passed on after the doubt.
                Event::Hear {
                    word: Word::Go,
                    heed: true,
                    ..
                } => {
                    if let Some(said) = self.order.cause(at).filter(|said| sound.contains(said)) {
                        open.entry(here).or_default().retain(|&number| {
                            let Doubt { since, until, .. } = &mut doubts[number];
                            let ends = since.life == at.life || self.order.is_cause(*since, said);
                            *until = ends.then_some(at);
                            !ends
                        });
                    }
                    None
                }
                _ => None,
            };
            if let Some(place) = new {
                open.entry(place).or_default().push(doubts.len());
                doubts.push(Doubt {
                    place,
                    since: at,
                    until: None,
                });
            }
        }
        doubts
    }

    /// Returns whether another life had the roll at this place before.
    fn is_later_life(&self, life: usize, place: Place) -> bool {
        let lives = self.singers.get(place as usize);
        lives.is_some_and(|lives| lives.first() != Some(&life))
    }
}

/// A verse that came again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The bottles left.
    pub left: u64,
    /// The life that sang it first.
    pub first: usize,
    /// The line before it was printed.
    pub sing: At,
    /// Whether it may come again.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub why: String,
}

/// A time in which a buddy was not in good standing.
struct Doubt {
    /// the buddy's place
    place: Place,
    /// the line that gave up on it, or with which a new life began
    since: At,
    /// the line at which it had the song again
    until: Option<At>,
}
