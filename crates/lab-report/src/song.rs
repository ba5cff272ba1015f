//! A song: who sang what, as the journals tell it. PURE.

use std::collections::{BTreeMap, HashSet};

use common::buddy::Place;
use common::journal::{Event, Hex};

use crate::life::{At, Life};
use crate::messages::{events, name_heard};
use crate::order::Order;

pub use checks::Repeat;

mod checks;

/// A verse, sung or begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verse {
    /// The bottles left.
    pub left: u64,
    /// The line before it was printed.
    pub sing: At,
    /// The line after it was printed.
    pub sang: Option<At>,
}

/// A song, and all lives that sang in it.
#[derive(Debug)]
pub struct Song<'a> {
    /// Its number.
    pub id: Hex,
    /// The bottles at the beginning.
    pub bottles: u64,
    /// The addresses, in the order of the ring.
    pub roll: Vec<String>,
    /// The lives at each place, in the order in which they got the roll.
    pub singers: Vec<Vec<usize>>,
    /// All verses, in the order of the run.
    pub verses: Vec<Verse>,
    /// Why something may be missing in the journals.
    pub gaps: Vec<String>,
    /// All journals of the run.
    pub lives: &'a [Life],
    /// Their order.
    pub order: &'a Order,
}

impl<'a> Song<'a> {
    /// Returns the songs of a run, in the order in which they began.
    #[must_use]
    pub fn all(lives: &'a [Life], order: &'a Order) -> Vec<Self> {
        let mut songs: Vec<Self> = Vec::new();
        for &at in &order.all {
            let Event::Place {
                song,
                bottles,
                place,
                roll,
                ..
            } = &lives[at.life].lines[at.line].event
            else {
                continue;
            };
            let known = songs.iter().position(|known| known.id == *song);
            let index = known.unwrap_or_else(|| {
                songs.push(Self {
                    id: *song,
                    bottles: *bottles,
                    roll: roll.clone(),
                    singers: vec![Vec::new(); roll.len()],
                    verses: Vec::new(),
                    gaps: Vec::new(),
                    lives,
                    order,
                });
                songs.len() - 1
            });
            let song = &mut songs[index];
            if *bottles != song.bottles || *roll != song.roll {
                let file = &lives[at.life].file;
                song.gaps.push(format!(
                    "{file} has another roll, or another number of bottles"
                ));
            }
            if let Some(singers) = song.singers.get_mut(*place as usize) {
                singers.push(at.life);
            }
        }
        for song in &mut songs {
            song.find_verses();
            song.find_gaps();
        }
        songs
    }

    /// Returns the name of a life for people, such as `Buddy 2`.
    #[must_use]
    pub fn name(&self, life: usize) -> String {
        self.lives[life].title()
    }

    /// Returns the name of the buddy at a place. A place without a journal is known by its number.
    #[must_use]
    pub fn name_at(&self, place: Place) -> String {
        let lives = self.singers.get(place as usize);
        let named = lives.and_then(|lives| lives.first());
        named.map_or_else(
            || format!("Buddy {}", u64::from(place) + 1),
            |&life| self.name(life),
        )
    }

    /// Returns the place of a life.
    #[must_use]
    pub fn place(&self, life: usize) -> Option<Place> {
        let place = self
            .singers
            .iter()
            .position(|lives| lives.contains(&life))?;
        Place::try_from(place).ok()
    }

    /// Returns the lives that sang in it.
    pub fn members(&self) -> impl Iterator<Item = usize> {
        self.singers.iter().flatten().copied()
    }

    fn find_verses(&mut self) {
        let members: HashSet<usize> = self.members().collect();
        let mut open: BTreeMap<usize, usize> = BTreeMap::new();
        for &at in self
            .order
            .all
            .iter()
            .filter(|at| members.contains(&at.life))
        {
            match self.lives[at.life].lines[at.line].event {
                Event::Sing { left } => {
                    open.insert(at.life, self.verses.len());
                    self.verses.push(Verse {
                        left,
                        sing: at,
                        sang: None,
                    });
                }
                Event::Sang { left } => {
                    let verse = open.remove(&at.life).map(|index| &mut self.verses[index]);
                    match verse.filter(|verse| verse.left == left) {
                        Some(verse) => verse.sang = Some(at),
                        None => {
                            let file = &self.lives[at.life].file;
                            let gap = format!(
                                "{file} says that verse {left} was sung, not that it began"
                            );
                            self.gaps.push(gap);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Finds what may be missing: a place without a journal, a journal that is not whole, a message
    /// that was heard and that no journal has sent.
    fn find_gaps(&mut self) {
        let mut gaps = Vec::new();
        for (place, lives) in self.singers.iter().enumerate() {
            if lives.is_empty() {
                let name = format!("Buddy {}", place + 1);
                gaps.push(format!(
                    "there is no journal of {name} at {}",
                    self.roll[place]
                ));
            }
        }
        let is_complete = gaps.is_empty();
        for life in self.members().map(|life| &self.lives[life]) {
            gaps.extend(life.gaps());
        }
        let members: HashSet<usize> = self.members().collect();
        let lines = events(self.lives).filter(|(at, _)| members.contains(&at.life));
        for (at, event) in lines {
            let is_orphan = self.order.cause(at).is_none() && !matches!(event, Event::Told { .. });
            if let Some(name) = name_heard(event).filter(|_| is_orphan && is_complete) {
                let file = &self.lives[at.life].file;
                gaps.push(format!(
                    "{file} has heard {name}, and no journal has sent it"
                ));
            }
        }
        self.gaps.extend(gaps);
    }
}

#[cfg(test)]
mod tests;
