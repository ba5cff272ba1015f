//! Reads a song's lines into the rows of its diagram. PURE.
//!
//! What is ordinary and needs no row is left out: an answer, a ping, a try. A line that brings the
//! next verse has no row either, because the verse that follows it at once is the row of both.

use std::collections::{BTreeMap, HashMap, HashSet};

use common::buddy::{MAX_BUDDIES, Mark};
use common::journal::{Event, Word};

use super::rows::{Kind, Row, Rows, is_first, number};
use super::sentence;
use crate::life::At;
use crate::picture::measure::short;
use crate::song::Song;
use crate::verdict::Verdict;

mod deaths;

/// In a ring with more buddies than this a question that goes round is folded up.
const MAX_LAP: usize = 30;

/// Reads the lines of a run in their order.
struct Reader<'a> {
    rows: Rows<'a>,
    again: &'a HashMap<At, Verdict>,
    places: HashMap<usize, usize>,
    killed: HashSet<usize>,
    whole: HashSet<At>,
    /// all lines whose message was heard
    heard: HashSet<At>,
    /// the row at which each life is
    here: HashMap<usize, usize>,
    /// the row of each line that said something
    said: HashMap<At, usize>,
    /// the message that brings the next verse of a life
    came: HashMap<usize, At>,
    /// the places that have had the roll
    placed: HashSet<usize>,
    tries: HashMap<(usize, usize), usize>,
    /// the dead of whom nobody knows yet, by their places
    dying: HashMap<usize, Vec<usize>>,
    // In order, so that the same journals have the same page.
    open_doubts: BTreeMap<usize, usize>,
    open_graves: BTreeMap<usize, usize>,
    /// whether the last verse came again, as is allowed
    is_again: bool,
    /// the verses that were sung so far; none if a journal is missing, because nobody knows then
    sung: Option<HashSet<u64>>,
    /// the repairs by the names of their takes, each with its number in the list
    takes: HashMap<String, usize>,
}

/// Returns the rows of a song; `again` has the verdict on each verse that came again.
pub(super) fn read<'a>(song: &'a Song<'a>, again: &'a HashMap<At, Verdict>) -> Rows<'a> {
    let mut reader = Reader::new(song, again);
    for &at in &song.lines {
        reader.read(at);
    }
    let unnoticed = reader.dying.drain().flat_map(|(_, lives)| lives);
    let mut unnoticed: Vec<usize> = unnoticed.collect();
    unnoticed.sort_unstable();
    for life in unnoticed {
        let line = song.lives[life].lines.len() - 1;
        reader.bury(life, At { life, line });
    }
    let mut rows = reader.rows;
    let last = |(place, since)| (place, since, None);
    rows.dead.extend(reader.open_graves.into_iter().map(last));
    let is_verse = |row: &Row| matches!(row.kind, Kind::Verse(..));
    rows.verses = (
        rows.all.iter().position(is_verse).unwrap_or_default(),
        rows.all.iter().rposition(is_verse).unwrap_or_default(),
    );
    rows.doubted
        .extend(reader.open_doubts.into_iter().map(last));
    rows
}

/// Returns whether all journals of a song are there, to their ends.
fn is_whole(song: &Song<'_>) -> bool {
    let is_there = song.singers.iter().all(|lives| !lives.is_empty());
    is_there && song.members().all(|life| !song.lives[life].is_cut)
}

impl<'a> Reader<'a> {
    fn new(song: &'a Song<'a>, again: &'a HashMap<At, Verdict>) -> Self {
        let name = |place: usize| {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            short(&song.name_at(place), 24)
        };
        let places = song.singers.iter().enumerate();
        let places = places.flat_map(|(place, lives)| lives.iter().map(move |&life| (life, place)));
        let order = song.order;
        Self {
            rows: Rows {
                song,
                names: (0..song.roll.len().min(MAX_BUDDIES)).map(name).collect(),
                all: Vec::new(),
                verses: (0, 0),
                takes: Vec::new(),
                fading: Vec::new(),
                dead: Vec::new(),
                doubted: Vec::new(),
            },
            again,
            places: places.collect(),
            killed: song
                .members()
                .filter(|&life| song.is_killed(life))
                .collect(),
            whole: song
                .verses
                .iter()
                .filter(|v| v.sang.is_some())
                .map(|v| v.sing)
                .collect(),
            heard: song
                .lines
                .iter()
                .filter_map(|&at| order.cause(at))
                .collect(),
            here: HashMap::new(),
            said: HashMap::new(),
            came: HashMap::new(),
            placed: HashSet::new(),
            tries: HashMap::new(),
            dying: HashMap::new(),
            open_doubts: BTreeMap::new(),
            open_graves: BTreeMap::new(),
            takes: HashMap::new(),
            is_again: false,
            sung: is_whole(song).then(HashSet::new),
        }
    }

    /// Reads one line. Before it come the deaths that it notices, and after it a death of its own.
    fn read(&mut self, at: At) {
        let place = self.places.get(&at.life).copied();
        // No ring is greater, so a longer roll is a false one.
        let Some(place) = place.filter(|&place| place < self.rows.names.len()) else {
            return;
        };
        let life = &self.rows.song.lives[at.life];
        let event = &life.lines[at.line].event;
        let about = match event {
            Event::Unheard { to, .. } => Some(*to as usize),
            Event::Lost { place, .. } | Event::Fresh { place } => Some(*place as usize),
            Event::Place { .. } => Some(place),
            _ => None,
        };
        for life in about
            .and_then(|place| self.dying.remove(&place))
            .unwrap_or_default()
        {
            self.bury(life, at);
        }
        match event {
            Event::Hear { word, heed, .. } => self.hear(at, place, *word, *heed),
            Event::Say { to, word, .. } => self.say(at, place, *to as usize, *word),
            Event::Sing { left } => self.sing(at, place, *left),
            event => self.note(at, place, event),
        }
        if self.killed.contains(&at.life) && at.line + 1 == life.lines.len() {
            self.dying.entry(place).or_default().push(at.life);
        }
    }

    fn push(&mut self, at: At, place: usize, kind: Kind) -> usize {
        let row = self.rows.all.len();
        self.rows.all.push(Row {
            at,
            time: self.rows.song.order.time(at),
            place,
            kind,
            from: None,
            stumps: Vec::new(),
            says: Vec::new(),
            is_odd: false,
        });
        self.here.insert(at.life, row);
        row
    }

    /// Adds a row that is out of the ordinary.
    fn push_odd(&mut self, at: At, place: usize, kind: Kind, says: String) -> usize {
        let row = self.push(at, place, kind);
        let it = &mut self.rows.all[row];
        (it.is_odd, it.says) = (true, vec![says]);
        row
    }

    fn name(&self, place: usize) -> String {
        let known = self.rows.names.get(place).cloned();
        known.unwrap_or_else(|| format!("place {place}"))
    }

    /// Returns the row whence the message came that `at` has heard.
    fn source(&self, at: At) -> Option<usize> {
        let cause = self.rows.song.order.cause(at)?;
        self.said.get(&cause).copied()
    }

    /// A verse begins. It is out of the ordinary if it came before, was not sung to its end, or
    /// comes before its turn.
    fn sing(&mut self, at: At, place: usize, left: u64) {
        let again = self.again.get(&at).copied();
        let is_whole = self.whole.contains(&at);
        let me = self.name(place);
        let row = self.push(at, place, Kind::Verse(left, again, is_whole));
        let heard = self.came.remove(&at.life);
        let from = heard.and_then(|heard| self.source(heard));
        // Of allowed repeats that follow each other the first one says enough: a buddy that was
        // stopped for long may sing the whole rest alone.
        let says = again.filter(|verdict| *verdict != Verdict::Yes || !self.is_again);
        self.is_again = again == Some(Verdict::Yes);
        let is_early = self.sung.as_mut().is_some_and(|sung| {
            sung.insert(left);
            again.is_none() && left < self.rows.song.bottles && !sung.contains(&(left + 1))
        });
        let it = &mut self.rows.all[row];
        it.from = from;
        it.is_odd = says.is_some() || !is_whole || is_early;
        it.says
            .extend(says.map(|verdict| sentence::again(&me, left, verdict)));
        it.says.extend(is_early.then(|| sentence::early(&me, left)));
        self.trust(place, row);
    }

    /// A buddy that sings is given up on no more.
    fn trust(&mut self, place: usize, row: usize) {
        if let Some(since) = self.open_doubts.remove(&place) {
            self.rows.doubted.push((place, since, Some(row)));
        }
    }

    /// A word came. That of a verse waits for the verse, which follows within a few lines.
    fn hear(&mut self, at: At, place: usize, word: Word, heed: bool) {
        let lines = &self.rows.song.lives[at.life].lines[at.line + 1..];
        let mut soon = lines.iter().take(4).map(|line| &line.event);
        let soon = soon.find(|event| matches!(event, Event::Sing { .. } | Event::Hear { .. }));
        if heed && word == Word::Go && matches!(soon, Some(Event::Sing { .. })) {
            self.came.insert(at.life, at);
            return;
        }
        if word == Word::Enlist && !heed {
            return; // the roll has been right round
        }
        let from = self.source(at);
        let before = self.here.get(&at.life).copied();
        let row = match (word, heed) {
            (_, false) => {
                let says = format!(
                    "An old word comes to {}: it is not heeded",
                    self.name(place)
                );
                self.push_odd(at, place, Kind::Deaf, says)
            }
            (Word::Ask, true) => self.push(at, place, Kind::Ask { is_first: false }),
            (Word::Go | Word::Enlist, true) => self.push(at, place, Kind::Word),
        };
        self.rows.all[row].from = from;
        if !heed {
            // What it says next has nothing to do with a word that it did not heed.
            self.here.extend(before.map(|before| (at.life, before)));
        } else if word == Word::Ask {
            self.rows.all[row].is_odd = self.rows.names.len() <= MAX_LAP;
            self.take(at, row);
        }
    }

    /// The row is part of a repair.
    fn take(&mut self, at: At, row: usize) {
        let event = &self.rows.song.lives[at.life].lines[at.line].event;
        let (Event::Hear { id, .. } | Event::Say { id, .. }) = event else {
            return;
        };
        let end = id.rfind(':').unwrap_or(id.len());
        let all = &mut self.rows.takes;
        let take = *self.takes.entry(id[..end].to_owned()).or_insert_with(|| {
            all.push((number(id), row, row));
            all.len() - 1
        });
        all[take].2 = all[take].2.max(row);
    }

    /// A word is sent: from the row at which its sender is, so that its arrow begins there. If no
    /// line has heard it, the arrow is a stump.
    fn say(&mut self, at: At, place: usize, to: usize, word: Word) {
        let event = &self.rows.song.lives[at.life].lines[at.line].event;
        let Event::Say { id, mark, .. } = event else {
            return;
        };
        if word == Word::Ask && is_first(id) {
            let (me, number) = (self.name(place), number(id));
            let says = format!("{me} calls take {number}: “where were we?”");
            self.push_odd(at, place, Kind::Ask { is_first: true }, says);
        }
        let Some(&row) = self.here.get(&at.life) else {
            return;
        };
        self.said.insert(at, row);
        if word == Word::Ask {
            self.take(at, row);
        }
        // The last word of all finds that its receiver has gone home.
        let is_last = *mark == Mark::Home;
        if self.heard.contains(&at) || to >= self.rows.names.len() || is_last {
            return;
        }
        let is_known = !self.rows.song.singers[to].is_empty();
        let name = self.name(to);
        let it = &mut self.rows.all[row];
        if it.stumps.contains(&(to, is_known)) {
            return;
        }
        it.stumps.push((to, is_known));
        if is_known {
            it.is_odd = true;
            it.says.push(format!("{name} does not hear it"));
        }
    }

    /// All other lines: the roll call, the roll, and what one buddy finds out about another one.
    fn note(&mut self, at: At, place: usize, event: &Event) {
        let me = self.name(place);
        match event {
            Event::Called { .. } => {
                let row = self.push(at, place, Kind::Called);
                self.rows.all[row].from = self.source(at);
            }
            Event::Call { .. } => {
                let row = match self.here.get(&at.life) {
                    Some(&row) => row,
                    None if self.heard.contains(&at) => self.push(at, place, Kind::Called),
                    None => return,
                };
                self.said.insert(at, row);
            }
            Event::Place { .. } => self.enter(at, place),
            Event::Unheard { to, .. } => {
                *self.tries.entry((at.life, *to as usize)).or_default() += 1;
            }
            Event::Lost { place: gone, why } => self.lose(at, place, *gone as usize, why),
            Event::Back { place: other } => {
                let says = format!("{} answers {me} again", self.name(*other as usize));
                let before = self.here.get(&at.life).copied();
                self.push_odd(at, place, Kind::Back, says);
                self.here.extend(before.map(|before| (at.life, before)));
            }
            Event::Fresh { place: other } if self.placed.contains(&(*other as usize)) => {
                let name = self.name(*other as usize);
                let says = format!("{me} finds a stranger at the address of {name}");
                self.push_odd(at, place, Kind::Fresh, says);
            }
            Event::Quiet => {
                let says = format!("{me} has heard nothing of the song for too long");
                self.push_odd(at, place, Kind::Quiet, says);
            }
            Event::End { why } if why != "home" => {
                let says = sentence::left(&me, why);
                let row = self.push_odd(at, place, Kind::Left, says);
                self.open_graves.insert(place, row);
            }
            _ => {}
        }
    }
}
