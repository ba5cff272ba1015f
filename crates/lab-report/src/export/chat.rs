//! The rooms of a chat as spans: each post, until it is acknowledged; each store; each message that
//! was shown. PURE.

use std::collections::{BTreeMap, HashMap};

use common::journal::{Event, Hex};

use super::spans::{Mark, Role, Span, Task};
use crate::counts;
use crate::lanes::Lanes;
use crate::life::At;
use crate::run::Run;

/// A room in one log.
type Key = (String, Hex);

/// Returns each room as a task.
pub(super) fn tasks(run: &Run<'_>) -> Vec<Task> {
    let room = |room: &crate::chat::Room<'_>| {
        let window = room.windows.first().map(|window| window.life);
        let task = Task {
            name: format!("room {}", room.name),
            id: u64::try_from(room.epoch.0).unwrap_or_default(),
            life: window.unwrap_or_default(),
            is_nested: true,
            spans: Vec::new(),
            marks: Vec::new(),
        };
        ((room.name.clone(), room.epoch), task)
    };
    let mut rooms = run.rooms.iter().map(room).collect();
    for (life, it) in run.lives.iter().enumerate() {
        let mut reader = Reader {
            rooms: &mut rooms,
            open: BTreeMap::new(),
            posts: HashMap::new(),
            lanes: HashMap::new(),
        };
        for (line, it) in it.lines.iter().enumerate() {
            reader.read(At { life, line }, &it.event);
        }
        let last = At {
            life,
            line: it.lines.len().saturating_sub(1),
        };
        if it.end().is_none() && !it.is_cut {
            reader.mark(last, &format!("{} was killed", it.title()));
        }
    }
    rooms.into_values().collect()
}

/// Reads the lines of one life.
struct Reader<'a, 'b> {
    rooms: &'a mut BTreeMap<Key, Task>,
    /// the log of each room that a client is in
    open: BTreeMap<&'b str, Hex>,
    /// each post that is not acknowledged: its room, its span, and its lane
    posts: HashMap<&'b str, (Key, usize, usize)>,
    /// the lanes of the posts in each room, because a client may have several under way
    lanes: HashMap<&'b str, Lanes>,
}

impl<'b> Reader<'_, 'b> {
    fn read(&mut self, at: At, event: &'b Event) {
        match event {
            Event::Online { rooms, .. } => {
                let keys = rooms.iter().map(|(room, _, epoch)| (room.as_str(), *epoch));
                self.open = keys.collect();
                self.mark(at, "is online");
            }
            Event::Offline { why } => self.mark(at, &format!("loses the server: {why}")),
            Event::End { why } => self.mark(at, &format!("ends: {why}")),
            Event::Post { room, id, count } => self.post(at, room, id, *count),
            Event::Acked { id, numbers } => self.acknowledge(at, id, numbers),
            Event::Stored {
                room,
                numbers,
                epoch,
                ..
            } => {
                let name = format!("stores {}", range(numbers));
                let mut span = Span::new(at, &format!("{room}: stores"), name, Role::Server);
                (span.heard, span.said) = (vec![at], vec![at]);
                self.put(&(room.clone(), *epoch), span);
            }
            Event::Shown {
                room,
                epoch,
                number,
                ..
            } => {
                let name = format!("shows {number}");
                let mut span = Span::new(at, &format!("{room}: shows"), name, Role::Consumer);
                span.heard.push(at);
                self.put(&(room.clone(), *epoch), span);
            }
            Event::Gone { room, epoch, first } => {
                if let Some(task) = self.rooms.get_mut(&(room.clone(), *epoch)) {
                    let says = format!("what was before {first} is not kept");
                    task.marks.push(Mark { at, says });
                }
            }
            _ => {}
        }
    }

    /// Returns the number of the span in its room.
    fn put(&mut self, key: &Key, span: Span) -> Option<usize> {
        let task = self.rooms.get_mut(key)?;
        task.spans.push(span);
        Some(task.spans.len() - 1)
    }

    /// Marks all rooms that the client is in.
    fn mark(&mut self, at: At, says: &str) {
        for (room, epoch) in &self.open {
            if let Some(task) = self.rooms.get_mut(&((*room).to_owned(), *epoch)) {
                let says = says.to_owned();
                task.marks.push(Mark { at, says });
            }
        }
    }

    /// A post is sent, or sent again.
    fn post(&mut self, at: At, room: &'b str, id: &'b str, count: u64) {
        if let Some((key, number, _)) = self.posts.get(id) {
            if let Some(span) = self.rooms.get_mut(key).map(|task| &mut task.spans[*number]) {
                span.last = at;
                span.said.push(at);
            }
            return;
        }
        let Some(epoch) = self.open.get(room) else {
            return;
        };
        let key = (room.to_owned(), *epoch);
        let lane = self.lanes.entry(room).or_default().take();
        let title = format!("{room}: sends #{}", lane + 1);
        let name = format!("sends {}", counts::count(count, "message", "messages"));
        let mut span = Span::new(at, &title, name, Role::Client);
        span.said.push(at);
        span.failed = Some("not acknowledged".into());
        if let Some(number) = self.put(&key, span) {
            self.posts.insert(id, (key, number, lane));
        }
    }

    /// A post is acknowledged, so its span ends and its lane is free.
    fn acknowledge(&mut self, at: At, id: &str, numbers: &[u64]) {
        let Some((key, number, lane)) = self.posts.remove(id) else {
            return;
        };
        if let Some(lanes) = self.lanes.get_mut(key.0.as_str()) {
            lanes.free(lane);
        }
        if let Some(span) = self.rooms.get_mut(&key).map(|task| &mut task.spans[number]) {
            span.last = at;
            span.heard.push(at);
            span.failed = None;
            span.facts.push(("numbers", range(numbers)));
        }
    }
}

/// Returns the first and the last of some numbers, which rise.
fn range(numbers: &[u64]) -> String {
    match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(first), _) => first.to_string(),
        _ => "nothing".into(),
    }
}
