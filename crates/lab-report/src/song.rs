//! A song: who sang what, as the journals tell it. PURE.

use std::collections::{BTreeMap, HashMap};

use common::buddy::Place;
use common::journal::{Event, Hex};

use crate::life::{At, Life};
use crate::order::Order;

pub use again::Repeat;

mod again;
mod checks;
mod gaps;

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
    /// The lives that were called to a place, and ended before they got the roll, where no other
    /// one got it.
    pub absent: Vec<(Place, usize)>,
    /// All verses, in the order of the run.
    pub verses: Vec<Verse>,
    /// Why something may be missing in the journals.
    pub gaps: Vec<String>,
    /// All journals of the run.
    pub lives: &'a [Life],
    /// Their order.
    pub order: &'a Order,
    /// The lines of all who sang in it, in the order of the run. A run may have many songs.
    pub lines: Vec<At>,
    /// Whether one who sang in it has gone home, because nobody does before the song is over. While
    /// it is not, a journal without an end may be that of a buddy that still sings.
    pub is_over: bool,
    places: HashMap<usize, Place>,
}

impl<'a> Song<'a> {
    /// Returns the songs of a run, in the order in which they began.
    #[must_use]
    pub fn all(lives: &'a [Life], order: &'a Order) -> Vec<Self> {
        let mut songs: Vec<Self> = Vec::new();
        let mut known: HashMap<Hex, usize> = HashMap::new();
        let mut seated: HashMap<usize, usize> = HashMap::new();
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
            // A process sings one song. Otherwise each of its songs would hold all of its lines.
            if let Some(&index) = seated.get(&at.life) {
                let file = &lives[at.life].file;
                songs[index].gaps.push(format!("{file} has a roll again"));
                continue;
            }
            let index = *known.entry(*song).or_insert_with(|| {
                songs.push(Self {
                    id: *song,
                    bottles: *bottles,
                    roll: roll.clone(),
                    singers: vec![Vec::new(); roll.len()],
                    absent: Vec::new(),
                    verses: Vec::new(),
                    gaps: Vec::new(),
                    lives,
                    order,
                    lines: Vec::new(),
                    is_over: false,
                    places: HashMap::new(),
                });
                songs.len() - 1
            });
            songs[index].seat(at.life, *place, *bottles, roll);
            seated.insert(at.life, index);
        }
        for song in &mut songs {
            song.find_lines();
            song.find_verses();
            let mut members = song.singers.iter().flatten();
            song.is_over = members.any(|&life| lives[life].end() == Some("home"));
        }
        for (life, it) in lives.iter().enumerate() {
            if let Some((id, place)) = it.called()
                && let Some(&index) = known.get(&id)
            {
                songs[index].leave_empty(life, place);
            }
        }
        songs.iter_mut().for_each(Self::find_gaps);
        songs
    }

    /// A life has the roll.
    fn seat(&mut self, life: usize, place: Place, bottles: u64, roll: &[String]) {
        if bottles != self.bottles || *roll != self.roll {
            let file = &self.lives[life].file;
            self.gaps.push(format!(
                "{file} has another roll, or another number of bottles"
            ));
        }
        if let Some(singers) = self.singers.get_mut(place as usize) {
            singers.push(life);
            self.places.entry(life).or_insert(place);
        }
    }

    fn find_lines(&mut self) {
        let lines = |&life: &usize| {
            let lines = 0..self.lives[life].lines.len();
            lines.map(move |line| At { life, line })
        };
        let mut all: Vec<At> = self.places.keys().flat_map(lines).collect();
        all.sort_unstable_by_key(|at| self.order.rank(*at));
        self.lines = all;
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
        self.places.get(&life).copied()
    }

    /// Returns the lives that sang in it.
    pub fn members(&self) -> impl Iterator<Item = usize> {
        self.singers.iter().flatten().copied()
    }

    fn find_verses(&mut self) {
        let mut open: BTreeMap<usize, usize> = BTreeMap::new();
        for &at in &self.lines {
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
}

#[cfg(test)]
mod tests;
