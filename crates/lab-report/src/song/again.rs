//! Which verses came again, and whether they may. PURE.
//!
//! A verse may come again only if all who sang it were killed, or if one of its singers was not in
//! good standing: `buddy/src/ring.rs` says what that is.

use std::collections::{HashMap, HashSet};

use common::buddy::Place;
use common::journal::{Event, Word};

use super::Song;
use crate::life::At;
use crate::verdict::Verdict;

impl Song<'_> {
    /// Returns each verse that came again. It may, if all who sang it before were killed, or if one
    /// of its singers was not in good standing in between.
    #[must_use]
    pub fn again(&self) -> Vec<Repeat> {
        let doubts = self.doubts();
        let mut all = Vec::new();
        let endless: HashSet<usize> = self
            .members()
            .filter(|&life| self.has_no_end(life))
            .collect();
        let killed: HashSet<usize> = endless
            .iter()
            .copied()
            .filter(|&life| !self.may_live(life))
            .collect();
        for (left, verses) in self.by_verse().iter().rev() {
            let first = verses[0];
            // Of those who sang it so far, each once, because a verse may come again very often.
            let mut singers = HashSet::from([first.sing.life]);
            let mut places = HashSet::from([self.place(first.sing.life)]);
            for again in &verses[1..] {
                let life = again.sing.life;
                places.insert(self.place(life));
                let was_dead = |&life: &usize| {
                    endless.contains(&life) && !self.is_cause_of_last(again.sing, life)
                };
                let excuse = || {
                    doubts.iter().find(|doubt| {
                        places.contains(&Some(doubt.place))
                            && self.is_between(doubt, first.sing, again.sing)
                    })
                };
                let were_dead = singers.iter().all(was_dead);
                let (verdict, why) = if were_dead && singers.is_subset(&killed) {
                    let why = "allowed, the first was killed before it could tell";
                    (Verdict::Yes, why.to_owned())
                } else if let Some(doubt) = excuse() {
                    (Verdict::Yes, self.excuse(doubt))
                } else if were_dead {
                    let why = "allowed if the first was killed before it could tell";
                    (Verdict::Unknown, why.to_owned())
                } else {
                    (self.unless_gap(), "without a cause".to_owned())
                };
                all.push(Repeat {
                    left: *left,
                    first: first.sing.life,
                    sing: again.sing,
                    verdict,
                    why,
                });
                singers.insert(life);
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

    /// Returns whether the last line of a life came of the line `at`. If not, and it was killed, it
    /// may have been killed before.
    fn is_cause_of_last(&self, at: At, life: usize) -> bool {
        let line = self.lives[life].lines.len().saturating_sub(1);
        self.order.is_cause(at, At { life, line })
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
