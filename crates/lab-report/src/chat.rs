//! A chat room: what was said, stored and shown, as the journals tell it. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::journal::{Event, Hex, Text};

use crate::life::{At, Life};
use crate::order::Order;
use crate::verdict::Verdict;

mod checks;

/// A message of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The line at which a server has stored it, for the first time.
    pub stored: Option<At>,
    /// The line at which its sender has the acknowledgement.
    pub acked: Option<At>,
    /// Each line at which it was shown.
    pub shown: Vec<At>,
    /// Each check of its text that was written down.
    pub texts: BTreeSet<Text>,
}

/// A stretch of numbers that one client reads without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The client's life.
    pub life: usize,
    /// It reads what comes after this number.
    pub after: u64,
    /// The last number that it was shown, or has sent itself.
    pub last: u64,
    /// No message below this number is kept for it.
    pub first: u64,
    /// The numbers that it was shown, in that order.
    pub shown: Vec<u64>,
    /// The numbers of its own messages.
    pub own: BTreeSet<u64>,
}

/// A room in one log. A server that has lost its log begins another one.
#[derive(Debug)]
pub struct Room<'a> {
    /// Its name.
    pub name: String,
    /// The number of the log.
    pub epoch: Hex,
    /// All messages that are known, by their numbers.
    pub messages: BTreeMap<u64, Message>,
    /// What each client reads.
    pub windows: Vec<Window>,
    /// Why something may be missing in the journals.
    pub gaps: Vec<String>,
    /// Acknowledgements that do not fit what was stored, as sentences.
    mismatches: Vec<(Verdict, String)>,
    /// All journals of the run.
    pub lives: &'a [Life],
    /// Their order.
    pub order: &'a Order,
}

impl<'a> Room<'a> {
    /// Returns the rooms of a run, by name.
    #[must_use]
    pub fn all(lives: &'a [Life], order: &'a Order) -> Vec<Self> {
        let mut rooms = Rooms {
            lives,
            order,
            rooms: BTreeMap::new(),
            stored: BTreeMap::new(),
            posts: HashMap::new(),
            open: BTreeMap::new(),
        };
        for &at in &order.all {
            rooms.read(at);
        }
        rooms.end()
    }
}

type Key = (String, Hex);

/// A post: the name of its sender, and its id there.
type Post<'a> = (&'a str, u64);

/// Returns the post that gives a call its name. The others of the call have the ids after it.
fn named(id: &str) -> Post<'_> {
    let (sender, number) = id.rsplit_once(':').unwrap_or((id, ""));
    (sender, number.parse().unwrap_or_default())
}

/// Reads the lines of a run in their order.
struct Rooms<'a> {
    lives: &'a [Life],
    order: &'a Order,
    rooms: BTreeMap<Key, Room<'a>>,
    /// where each post was stored. One by one, because a call that was lost is made again with what
    /// was said since, or with less, and a server then stores only what is new in it
    stored: BTreeMap<Post<'a>, (Key, u64)>,
    /// the room of each post, by its client and its name
    posts: HashMap<(usize, &'a str), &'a str>,
    /// the rooms that each client is in, each with the number of its window
    open: BTreeMap<usize, BTreeMap<Key, usize>>,
}

impl<'a> Rooms<'a> {
    fn room(&mut self, key: &Key) -> &mut Room<'a> {
        let (lives, order) = (self.lives, self.order);
        self.rooms.entry(key.clone()).or_insert_with(|| Room {
            name: key.0.clone(),
            epoch: key.1,
            messages: BTreeMap::new(),
            windows: Vec::new(),
            gaps: Vec::new(),
            mismatches: Vec::new(),
            lives,
            order,
        })
    }

    /// Reads one line, in the order of the run.
    fn read(&mut self, at: At) {
        match &self.lives[at.life].lines[at.line].event {
            Event::Online { rooms, .. } => self.online(at.life, rooms),
            Event::Post { room, id, .. } => {
                self.posts.insert((at.life, id), room);
            }
            Event::Stored {
                room,
                id,
                numbers,
                texts,
                epoch,
                ..
            } => self.store(at, (room.clone(), *epoch), id, numbers, texts),
            Event::Acked { id, numbers } => self.acknowledge(at, id, numbers),
            Event::Shown {
                room,
                epoch,
                number,
                text,
                ..
            } => {
                let key = (room.clone(), *epoch);
                let message = self.room(&key).messages.entry(*number).or_default();
                message.shown.push(at);
                message.texts.insert(*text);
                let window = self.window(at.life, &key, number.saturating_sub(1));
                window.shown.push(*number);
                window.last = window.last.max(*number);
            }
            Event::Gone { room, epoch, first } => {
                let window = self.window(at.life, &(room.clone(), *epoch), *first);
                window.first = window.first.max(*first);
            }
            _ => {}
        }
    }

    /// Returns the open window of a client, and opens one if there is none.
    fn window(&mut self, life: usize, key: &Key, after: u64) -> &mut Window {
        let known = self.open.get(&life).and_then(|open| open.get(key)).copied();
        let room = self.room(key);
        let index = known.unwrap_or(room.windows.len());
        if known.is_none() {
            room.windows.push(Window {
                life,
                after,
                last: after,
                first: 0,
                shown: Vec::new(),
                own: BTreeSet::new(),
            });
            self.open
                .entry(life)
                .or_default()
                .insert(key.clone(), index);
        }
        &mut self.room(key).windows[index]
    }

    /// A client that is in again reads on. A room that it has left is over for it.
    fn online(&mut self, life: usize, rooms: &[(String, u64, Hex)]) {
        let keys: BTreeSet<Key> = rooms
            .iter()
            .map(|(room, _, epoch)| (room.clone(), *epoch))
            .collect();
        self.open
            .entry(life)
            .or_default()
            .retain(|key, _| keys.contains(key));
        for (room, after, epoch) in rooms {
            self.window(life, &(room.clone(), *epoch), *after);
        }
    }

    /// A server has stored posts under these numbers. Each post must have one number for ever.
    fn store(&mut self, at: At, key: Key, id: &'a str, numbers: &'a [u64], texts: &[Text]) {
        let room = self.room(&key);
        for (index, number) in numbers.iter().enumerate() {
            let message = room.messages.entry(*number).or_default();
            message.stored.get_or_insert(at);
            message.texts.extend(texts.get(index));
        }
        let (sender, first) = named(id);
        for (id, number) in (first..=u64::MAX).zip(numbers) {
            let post = (key.clone(), *number);
            let (_, before) = self.stored.entry((sender, id)).or_insert(post);
            if before != number {
                let what = format!("{sender}:{id} was stored as {before}, and again as {number}");
                self.room(&key).mismatches.push((Verdict::No, what));
            }
        }
    }

    /// A client has the numbers of its posts: they must be those under which a server stored them.
    fn acknowledge(&mut self, at: At, id: &'a str, numbers: &[u64]) {
        let name = self.lives[at.life].title();
        let (sender, first) = named(id);
        let posts = || (first..=u64::MAX).map(|id| (sender, id)).zip(numbers);
        let missing = posts().find(|(post, _)| !self.stored.contains_key(post));
        let Some(((_, missing), _)) = missing else {
            for (post, number) in posts() {
                let stored = self.stored.get(&post).cloned();
                stored
                    .into_iter()
                    .for_each(|stored| self.compare(at, post, *number, &stored));
            }
            return;
        };
        // The room is known from the client's own line.
        let room = self.posts.get(&(at.life, id)).copied();
        let open = self.open.get(&at.life).into_iter().flat_map(BTreeMap::keys);
        let mut keys = open.filter(|key| Some(key.0.as_str()) == room);
        if let Some(key) = keys.next().cloned() {
            self.own(at, &key, numbers);
            let is_whole = self
                .servers()
                .all(|life| life.end().is_some() && !life.is_cut);
            let verdict = if is_whole && self.servers().count() > 0 {
                Verdict::No
            } else {
                Verdict::Unknown
            };
            let post = format!("{sender}:{missing}");
            let what = format!("{name} has {post} acknowledged, and no server's journal has it");
            self.room(&key).mismatches.push((verdict, what));
        } else if let Some(key) = self.rooms.keys().next().cloned() {
            // It belongs to no room, and the doubt has to be said in one.
            let what = format!("{name} has {id} acknowledged, and has not sent it");
            self.room(&key).mismatches.push((Verdict::Unknown, what));
        }
    }

    /// Compares the number of an acknowledged post with where it was stored.
    fn compare(&mut self, at: At, (sender, id): Post<'_>, number: u64, stored: &(Key, u64)) {
        let (key, stored) = stored;
        if *stored != number {
            let name = self.lives[at.life].title();
            let what =
                format!("{name} has {sender}:{id} acknowledged as {number}, and it is {stored}");
            self.room(key).mismatches.push((Verdict::No, what));
        }
        self.own(at, key, &[number]);
    }

    /// Counts messages as read by their sender, because a client knows its own already.
    fn own(&mut self, at: At, key: &Key, numbers: &[u64]) {
        let first = numbers.first().copied().unwrap_or_default();
        let window = self.window(at.life, key, first.saturating_sub(1));
        window.own.extend(numbers);
        window.last = window
            .last
            .max(numbers.iter().copied().max().unwrap_or_default());
        for number in numbers {
            let message = self.room(key).messages.entry(*number).or_default();
            message.acked.get_or_insert(at);
        }
    }

    fn servers(&self) -> impl Iterator<Item = &'a Life> + use<'a> {
        self.lives
            .iter()
            .filter(|life| life.program == "chat-server")
    }

    /// Returns the rooms, each with what may be missing in the journals.
    fn end(self) -> Vec<Room<'a>> {
        let mut gaps = Vec::new();
        if self.servers().count() == 0 {
            gaps.push("there is no journal of the chat-server".to_owned());
        }
        let chat = self
            .lives
            .iter()
            .filter(|life| life.program.starts_with("chat-"));
        for life in chat {
            gaps.extend(life.gaps());
        }
        let with_gaps = |mut room: Room<'a>| {
            room.gaps.extend(gaps.iter().cloned());
            // What was there before the first that was stored is from an earlier run.
            let stored = |(number, message): (&u64, &Message)| message.stored.map(|_| *number);
            let first = room.messages.iter().find_map(stored).unwrap_or(u64::MAX);
            let later = room.messages.range(first..);
            for (number, _) in later.filter(|(_, message)| message.stored.is_none()) {
                room.gaps.push(format!("no journal has stored {number}"));
            }
            room
        };
        self.rooms.into_values().map(with_gaps).collect()
    }
}

#[cfg(test)]
mod tests;
