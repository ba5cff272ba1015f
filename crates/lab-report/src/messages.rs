//! Which line caused which: a message is heard after it was sent, and both lines have its name.
//! PURE.

use std::collections::{HashMap, HashSet};

use common::buddy::{Mark, Place};
use common::journal::{Event, Hex, name};

use crate::life::{At, Life, song_called};

/// For each line of each life, the line of another life that caused it, if one did.
pub(crate) type Causes = Vec<Vec<Option<At>>>;

/// Returns the causes of all lines, and the lines with a message that no line has sent.
pub(crate) fn causes(lives: &[Life]) -> (Causes, HashSet<At>) {
    let walls: Vec<Vec<i64>> = lives.iter().map(Life::walls).collect();
    let mut sent: HashMap<String, At> = HashMap::new();
    for (at, event) in events(lives) {
        for name in names_sent(event) {
            // The first try, because it came before all later ones. Two lives may have sent it,
            // when a restarted server is asked to store again what it has stored.
            let time = |at: At| walls[at.life][at.line];
            let first = sent.entry(name).or_insert(at);
            if time(at) < time(*first) {
                *first = at;
            }
        }
    }
    let answers = Answers::new(lives, &walls, &sent);
    let sung: HashSet<Hex> = events(lives).filter_map(|(_, event)| song(event)).collect();
    let is_sung = |id: &str| song_called(id).is_some_and(|song| sung.contains(&song));
    let mut orphans = HashSet::new();
    let mut cause = |at: At, event: &Event| {
        let from = match (event, name_heard(event)) {
            (Event::Told { place, mark }, _) => answers.cause(at, *place, *mark),
            // A stranger may call with any name, and a buddy that passes its calls on may send that
            // very name later. With the id of a song that was sung none can, because it is random.
            (Event::Called { id }, _) if !is_sung(id) => None,
            (_, Some(name)) => {
                let from = sent.get(&name).copied();
                // A buddy that is alone calls itself. It passes nothing to itself.
                let is_call = matches!(event, Event::Called { .. });
                let from = from.filter(|from| is_call || from.life != at.life);
                orphans.extend(from.is_none().then_some(at));
                from
            }
            _ => None,
        };
        // What a process tells itself is in order anyhow.
        from.filter(|from| from.life != at.life)
    };
    let mut causes: Causes = lives
        .iter()
        .map(|life| vec![None; life.lines.len()])
        .collect();
    for (at, event) in events(lives) {
        causes[at.life][at.line] = cause(at, event);
    }
    (causes, orphans)
}

/// Returns each line and what happened.
pub(crate) fn events(lives: &[Life]) -> impl Iterator<Item = (At, &Event)> {
    lives.iter().enumerate().flat_map(|(life, it)| {
        let lines = it.lines.iter().enumerate();
        lines.map(move |(line, it)| (At { life, line }, &it.event))
    })
}

/// Returns the song of which `event` brings the roll.
fn song(event: &Event) -> Option<Hex> {
    match event {
        Event::Place { song, .. } => Some(*song),
        _ => None,
    }
}

/// Returns the names of the messages that leave with `event`.
fn names_sent(event: &Event) -> Vec<String> {
    match event {
        Event::Call { id, .. } | Event::Say { id, .. } | Event::Post { id, .. } => vec![id.clone()],
        Event::Stored {
            room,
            id,
            numbers,
            epoch,
            known,
            ..
        } => {
            // What was sent again may have been shown before: by a server that was killed when it
            // had stored it and not written that down, or by the one after it. A call may have
            // both, because what was typed since is sent with it.
            let known: HashSet<&u64> = known.iter().collect();
            let numbers = numbers.iter().filter(|number| !known.contains(number));
            let entries = numbers.map(|&number| entry(room, *epoch, number));
            entries.chain([acknowledgement(id)]).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the name of the message that came with `event`.
pub(crate) fn name_heard(event: &Event) -> Option<String> {
    match event {
        Event::Called { id } | Event::Hear { id, .. } | Event::Stored { id, .. } => {
            Some(id.clone())
        }
        Event::Place { id, .. } => id.clone(),
        Event::Acked { id, .. } => Some(acknowledgement(id)),
        Event::Shown {
            room,
            epoch,
            number,
            ..
        } => Some(entry(room, *epoch, *number)),
        _ => None,
    }
}

fn entry(room: &str, epoch: Hex, number: u64) -> String {
    name::entry(room, u64::try_from(epoch.0).unwrap_or_default(), number)
}

fn acknowledgement(id: &str) -> String {
    format!("stored:{id}")
}

/// The lines at which a life got further in the song, each with its mark.
type Reached = Vec<(At, Mark)>;

/// How far the song had got in each life at each place, line by line. An answer in the ring has no
/// name. It left its place after that place had got as far as the answer shows, so the first line
/// that has got so far is a cause.
struct Answers<'a> {
    lives: &'a [Life],
    /// the time of each line, by the clock of its machine
    walls: &'a [Vec<i64>],
    of: HashMap<usize, (Hex, Place)>,
    /// by place, one for each life
    reached: HashMap<(Hex, Place), Vec<Reached>>,
}

impl<'a> Answers<'a> {
    fn new(lives: &'a [Life], walls: &'a [Vec<i64>], sent: &HashMap<String, At>) -> Self {
        let mut of = HashMap::new();
        let mut reached: HashMap<_, Vec<Reached>> = HashMap::new();
        for (at, event) in events(lives) {
            let mark = match event {
                Event::Place {
                    song,
                    place,
                    bottles,
                    id,
                    ..
                } => {
                    of.insert(at.life, (*song, *place));
                    // Who gets the roll late learns how far the song is from the same message.
                    let brought = id.as_ref().and_then(|id| sent.get(id));
                    match brought.map(|at| &lives[at.life].lines[at.line].event) {
                        Some(Event::Say { mark, .. }) => *mark,
                        _ => Mark::Left(*bottles),
                    }
                }
                // Of a pass that it does not heed, it does not take the mark.
                Event::Hear {
                    mark, heed: true, ..
                }
                | Event::Told { mark, .. }
                | Event::Say { mark, .. } => *mark,
                Event::Sang { left } => Mark::after(*left),
                _ => continue,
            };
            let Some(here) = of.get(&at.life) else {
                continue;
            };
            let all = reached.entry(*here).or_default();
            let is_here = |lines: &Reached| {
                lines
                    .first()
                    .is_some_and(|(first, _)| first.life == at.life)
            };
            match all.last_mut().filter(|lines| is_here(lines)) {
                Some(lines) if lines.last().is_none_or(|(_, last)| *last < mark) => {
                    lines.push((at, mark));
                }
                Some(_) => {}
                None => all.push(vec![(at, mark)]),
            }
        }
        Self {
            lives,
            walls,
            of,
            reached,
        }
    }

    /// Returns the cause of the answer of `place` that the line `at` heard, which showed `mark`.
    ///
    /// Of two lives that may have answered it is the earlier one: it had ended when the later one
    /// took its address, so what it did came before the answer in any case. Only a clock that both
    /// share can tell which it is.
    fn cause(&self, at: At, place: Place, mark: Mark) -> Option<At> {
        let (song, _) = self.of.get(&at.life)?;
        let first = |lines: &Reached| {
            let first = lines.partition_point(|(_, reached)| *reached < mark);
            let (at, reached) = lines.get(first)?;
            // A mark that this life never had is not from this life.
            (*reached == mark).then_some(*at)
        };
        let lives = self.reached.get(&(*song, place))?;
        let mut firsts = lives.iter().filter_map(first);
        let one = firsts.next()?;
        let began = |at: At| self.walls[at.life].first();
        let machine = |at: At| &self.lives[at.life].machine;
        firsts.try_fold(one, |one, other| {
            let is_shared = machine(one) == machine(other);
            is_shared.then(|| std::cmp::min_by_key(one, other, |at| began(*at)))
        })
    }
}

#[cfg(test)]
mod tests;
