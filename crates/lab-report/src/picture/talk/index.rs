//! The lines of each room, found once: a run may have many rooms. PURE.

use std::collections::{HashMap, HashSet};

use common::journal::Event;

use crate::life::{At, Life};

/// Which lines belong to which room, and to which process.
#[derive(Debug, Default)]
pub(crate) struct Index<'a> {
    /// The lines about messages, by the name of the room.
    of_room: HashMap<&'a str, Vec<At>>,
    /// The lines about a process, by its life: it begins, comes, goes and ends.
    of_life: HashMap<usize, Vec<At>>,
    /// All posts that were stored.
    pub(super) posts: HashSet<&'a str>,
}

impl<'a> Index<'a> {
    /// Reads the lines of a run.
    pub(crate) fn new(lives: &'a [Life]) -> Self {
        let mut index = Self::default();
        for (life, it) in lives.iter().enumerate() {
            for (line, event) in it.lines.iter().map(|line| &line.event).enumerate() {
                index.put(At { life, line }, event, line + 1 == it.lines.len());
            }
        }
        index
    }

    fn put(&mut self, at: At, event: &'a Event, is_last: bool) {
        let room = match event {
            Event::Stored { room, id, .. } => {
                self.posts.insert(id);
                Some(room)
            }
            Event::Post { room, .. } | Event::Shown { room, .. } => Some(room),
            _ => None,
        };
        if let Some(room) = room {
            self.of_room.entry(room).or_default().push(at);
        }
        let is_about_life = matches!(
            event,
            Event::Begin { .. } | Event::Online { .. } | Event::Offline { .. } | Event::End { .. }
        );
        if is_last || is_about_life {
            self.of_life.entry(at.life).or_default().push(at);
        }
    }

    /// Returns the lines about a room, and those about these processes. Some are there twice.
    pub(super) fn lines(&self, room: &str, lives: impl Iterator<Item = usize>) -> Vec<At> {
        let about_lives = lives.filter_map(|life| self.of_life.get(&life));
        let all = self.of_room.get(room).into_iter().chain(about_lives);
        all.flatten().copied().collect()
    }
}
