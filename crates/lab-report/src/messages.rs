//! Which line caused which: a message is heard after it was sent, and both lines have its name.
//! PURE.

use std::collections::{HashMap, HashSet};

use common::buddy::{Mark, Place};
use common::journal::{Event, Hex, name};

use crate::life::{At, Life};

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
    let answers = Answers::new(lives);
    let mut orphans = HashSet::new();
    let mut cause = |at: At, event: &Event| {
        let from = match (event, name_heard(event)) {
            (Event::Told { place, mark }, _) => answers.cause(at, *place, *mark),
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

/// Returns the names of the messages that leave with `event`.
fn names_sent(event: &Event) -> Vec<String> {
    match event {
        Event::Call { id, .. } | Event::Say { id, .. } | Event::Post { id, .. } => vec![id.clone()],
        Event::Stored {
            room,
            id,
            numbers,
            epoch,
            again,
            ..
        } => {
            // What was sent again may have been shown before: by a server that was killed when it
            // had stored it and not written that down, or by the one after it.
            let numbers = numbers.iter().filter(|_| !again);
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

/// How far the song had got at each place, line by line. An answer in the ring has no name. It left
/// its place after that place had got as far as the answer shows, so the first line that has got
/// so far is a cause.
struct Answers {
    of: HashMap<usize, (Hex, Place)>,
    /// the lines at which a place got further, each with its mark
    reached: HashMap<(Hex, Place), Vec<(At, Mark)>>,
}

impl Answers {
    fn new(lives: &[Life]) -> Self {
        let mut of = HashMap::new();
        let mut reached: HashMap<_, Vec<(At, Mark)>> = HashMap::new();
        for (at, event) in events(lives) {
            let mark = match event {
                Event::Place {
                    song,
                    place,
                    bottles,
                    ..
                } => {
                    of.insert(at.life, (*song, *place));
                    Mark::Left(*bottles)
                }
                Event::Hear { mark, .. } | Event::Told { mark, .. } | Event::Say { mark, .. } => {
                    *mark
                }
                Event::Sang { left } => Mark::after(*left),
                _ => continue,
            };
            let Some(here) = of.get(&at.life) else {
                continue;
            };
            let lines = reached.entry(*here).or_default();
            // A later life begins anew.
            let last = lines.last().filter(|(last, _)| last.life == at.life);
            if last.is_none_or(|(_, last)| *last < mark) {
                lines.push((at, mark));
            }
        }
        Self { of, reached }
    }

    /// Returns the cause of the answer of `place` that the line `at` heard, which showed `mark`.
    fn cause(&self, at: At, place: Place, mark: Mark) -> Option<At> {
        let (song, _) = self.of.get(&at.life)?;
        let lines = self.reached.get(&(*song, place))?;
        // With two lives at the place it cannot be known which of them answered. Their lines are
        // grouped by life, so it is enough to compare the ends.
        if lines.first()?.0.life != lines.last()?.0.life {
            return None;
        }
        let first = lines.partition_point(|(_, reached)| *reached < mark);
        lines.get(first).map(|(at, _)| *at)
    }
}
