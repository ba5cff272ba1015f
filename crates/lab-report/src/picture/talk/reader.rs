//! Reads the lines of a room into the rows of its diagram. PURE.
//!
//! A message is one row: where it is stored. Each client that was shown it in time is a dot in that
//! row, so that an ordinary message takes no more room however many read it. What is not ordinary
//! gets a row of its own with a sentence: a client that comes, loses the server, reads what was
//! there before it came, or catches up with what it missed.

use std::collections::{HashMap, HashSet};

use common::journal::{Event, Hex};

use super::index::Index;
use super::rows::{Kind, Row, Rows, SERVER, range};
use crate::chat::Room;
use crate::life::At;
use crate::picture::measure::{short, span};

/// A message that is shown later than this after it was stored, in microseconds, is late.
const LATE: i64 = 300_000;

/// Reads the lines in the order of the run, and keeps what a later line may need.
struct Reader<'a> {
    rows: Rows<'a>,
    /// the column of each life; all lives of the server share one
    columns: HashMap<usize, usize>,
    /// the row of each message
    stored: HashMap<u64, usize>,
    index: &'a Index<'a>,
    /// the posts that have a row
    seen: HashSet<&'a str>,
    /// when each client came, and when it came the last time
    online: HashMap<usize, (i64, i64)>,
    /// since which row each life is there, or is away
    here: HashMap<usize, Option<usize>>,
    away: HashMap<usize, usize>,
    /// the row in which each client catches up
    catching: HashMap<usize, usize>,
}

/// Returns the rows of a room.
pub(super) fn read<'a>(room: &'a Room<'a>, index: &'a Index<'a>) -> Rows<'a> {
    let mut reader = Reader::new(room, index);
    let mut lines = index.lines(&room.name, reader.columns.keys().copied());
    lines.sort_unstable_by_key(|at| room.order.rank(*at));
    lines.dedup();
    for at in lines {
        reader.read(at);
    }
    reader.end()
}

impl<'a> Reader<'a> {
    fn new(room: &'a Room<'a>, index: &'a Index<'a>) -> Self {
        let mut names = vec!["server".to_owned()];
        let mut columns = HashMap::new();
        for (life, it) in room.lives.iter().enumerate() {
            if it.program == "chat-server" {
                columns.insert(life, SERVER);
            }
        }
        for window in &room.windows {
            columns.entry(window.life).or_insert_with(|| {
                names.push(short(&room.lives[window.life].title(), 24));
                names.len() - 1
            });
        }
        Self {
            index,
            rows: Rows {
                room,
                names,
                all: Vec::new(),
                lives: Vec::new(),
                away: Vec::new(),
                delays: Vec::new(),
            },
            columns,
            stored: HashMap::new(),
            seen: HashSet::new(),
            online: HashMap::new(),
            here: HashMap::new(),
            away: HashMap::new(),
            catching: HashMap::new(),
        }
    }

    /// Returns whether a line is about this room in this log: another log has other numbers.
    fn is_here(&self, room: &str, epoch: Hex) -> bool {
        self.rows.room.name == room && self.rows.room.epoch == epoch
    }

    fn is_in(&self, rooms: &[(String, u64, Hex)]) -> bool {
        let mut rooms = rooms.iter();
        rooms.any(|(name, _, epoch)| self.is_here(name, *epoch))
    }

    /// Adds a row that says nothing yet, and returns its number.
    fn push(&mut self, at: At, column: Option<usize>, kind: Kind) -> usize {
        self.rows.all.push(Row {
            at,
            time: self.rows.room.order.time(at),
            column,
            kind,
            numbers: (0, 0),
            shown: Vec::new(),
            took: 0,
            says: Vec::new(),
            is_odd: false,
        });
        self.rows.all.len() - 1
    }

    /// Adds a row with a sentence. It is out of the ordinary, unless somebody only comes or leaves.
    fn say(&mut self, at: At, column: usize, kind: Kind, says: String) -> usize {
        let row = self.push(at, Some(column), kind);
        self.rows.all[row].is_odd = !matches!(kind, Kind::Comes | Kind::Leaves);
        self.rows.all[row].says.push(says);
        row
    }

    fn read(&mut self, at: At) {
        let Some(&column) = self.columns.get(&at.life) else {
            return;
        };
        let room = self.rows.room;
        let life = &room.lives[at.life];
        let me = match column {
            SERVER => "the server".to_owned(),
            _ => self.rows.names[column].clone(),
        };
        match &life.lines[at.line].event {
            Event::Begin { .. } if column == SERVER => self.start(at),
            Event::Online { rooms, .. } if self.is_in(rooms) => self.online(at, column, &me),
            Event::Offline { why } if self.here.contains_key(&at.life) => {
                let says = format!("{me} loses the server: {}", short(why, 120));
                let row = self.say(at, column, Kind::Loses, says);
                self.away.entry(at.life).or_insert(row);
                self.catching.remove(&at.life);
            }
            Event::Post { room: name, id, .. } if *name == room.name => {
                self.post(at, column, id, &me);
            }
            Event::Stored {
                room: name,
                id,
                numbers,
                epoch,
                ..
            } if self.is_here(name, *epoch) => {
                self.store(at, id, numbers);
            }
            Event::Shown {
                room: name,
                epoch,
                number,
                ..
            } if self.is_here(name, *epoch) => {
                self.show(at, column, *number);
            }
            Event::End { why } if self.here.contains_key(&at.life) => {
                let says = match why.as_str() {
                    "done" | "left" | "stopped" if column == SERVER => format!("{me} is stopped"),
                    "done" | "left" => format!("{me} leaves"),
                    why => format!("{me} ends: {}", short(why, 120)),
                };
                let row = self.say(at, column, Kind::Leaves, says);
                self.leave(at.life, column, row);
            }
            _ => {}
        }
        // A journal that ends without a word, and was not full, is that of a process that was
        // killed.
        if at.line + 1 == life.lines.len() && self.here.contains_key(&at.life) && !life.is_cut {
            let pid = life.pid;
            let says = format!("{me} (process {pid}) was killed: its journal ends here");
            let row = self.say(at, column, Kind::Killed, says);
            self.leave(at.life, column, row);
        }
    }

    /// A server is started: the first one is there from the beginning.
    fn start(&mut self, at: At) {
        let is_first = self.rows.lives.iter().all(|(column, ..)| *column != SERVER)
            && !self
                .here
                .keys()
                .any(|life| self.columns.get(life) == Some(&SERVER));
        let pid = self.rows.room.lives[at.life].pid;
        let since = (!is_first).then(|| {
            let says = format!("the server is started again as process {pid}");
            self.say(at, SERVER, Kind::Returns, says)
        });
        self.here.insert(at.life, since);
    }

    /// A client is in the room: for the first time, or again after it had lost the server.
    fn online(&mut self, at: At, column: usize, me: &str) {
        let time = self.rows.room.order.time(at);
        let known = self.online.get(&at.life).copied();
        let first = known.map_or(time, |(first, _)| first);
        self.catching.remove(&at.life);
        if let Some(since) = self.away.remove(&at.life) {
            let row = self.say(
                at,
                column,
                Kind::Returns,
                format!("{me} is connected again"),
            );
            self.rows.away.push((column, Some(since), Some(row)));
            self.online.insert(at.life, (first, time));
        } else if known.is_none() {
            let row = self.say(at, column, Kind::Comes, format!("{me} comes in"));
            self.here.insert(at.life, Some(row));
            self.online.insert(at.life, (first, time));
        }
    }

    /// Of each post that is not stored the first try has a row.
    fn post(&mut self, at: At, column: usize, id: &'a str, me: &str) {
        if !self.index.posts.contains(id) && self.seen.insert(id) {
            let says = format!("{me} sends a message that no server has stored");
            self.say(at, column, Kind::Unstored, says);
        }
    }

    /// A server has stored posts. The same posts may come again, because a client whose call was
    /// lost cannot know whether they were stored.
    fn store(&mut self, at: At, id: &'a str, numbers: &[u64]) {
        let cause = self.rows.room.order.cause(at);
        let sender = cause
            .and_then(|cause| self.columns.get(&cause.life))
            .copied();
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
            return;
        };
        let is_again = !self.seen.insert(id);
        let kind = if is_again {
            Kind::Again
        } else {
            Kind::Stored(true)
        };
        let row = self.push(at, sender, kind);
        self.rows.all[row].numbers = (first, last);
        if is_again {
            let says = format!(
                "{} comes again, and is stored already",
                range((first, last))
            );
            let it = &mut self.rows.all[row];
            (it.is_odd, it.says) = (true, vec![says]);
            return;
        }
        for number in numbers {
            self.stored.entry(*number).or_insert(row);
        }
    }

    /// A client was shown a message: in time, as part of what was there before it came, or late.
    /// What is late or old follows in one go, so that one row stands for all of it.
    fn show(&mut self, at: At, column: usize, number: u64) {
        let time = self.rows.room.order.time(at);
        let known = self.stored.get(&number).copied();
        let row = known.unwrap_or_else(|| {
            let row = self.push(at, None, Kind::Stored(false));
            self.rows.all[row].numbers = (number, number);
            self.stored.insert(number, row);
            row
        });
        let stored = self.rows.all[row].time;
        let took = time - stored;
        let (first, last) = self
            .online
            .get(&at.life)
            .copied()
            .unwrap_or((stored, stored));
        if known.is_some() && stored >= first {
            self.rows.delays.push((stored, took, column));
        }
        let kind = match () {
            () if stored < first => Kind::Reads,
            () if took > LATE || stored < last => Kind::CatchesUp,
            () => {
                self.catching.remove(&at.life);
                let it = &mut self.rows.all[row];
                it.took = it.took.max(took);
                it.shown.push(column);
                return;
            }
        };
        let open = self.catching.get(&at.life).copied();
        let open = open.filter(|&open| self.rows.all[open].kind == kind);
        let row = open.unwrap_or_else(|| {
            let row = self.push(at, Some(column), kind);
            let it = &mut self.rows.all[row];
            (it.numbers, it.is_odd) = ((number, number), kind == Kind::CatchesUp);
            row
        });
        self.catching.insert(at.life, row);
        let it = &mut self.rows.all[row];
        it.numbers.1 = number;
        it.took = it.took.max(took);
    }

    /// A process is gone: its line, and the time without a server, end in this row.
    fn leave(&mut self, life: usize, column: usize, row: usize) {
        let since = self.here.remove(&life).flatten();
        self.rows.lives.push((column, since, Some(row)));
        if let Some(since) = self.away.remove(&life) {
            self.rows.away.push((column, Some(since), Some(row)));
        }
    }

    /// Returns the rows. Who is still there has a line to the foot. Rows that stand for many
    /// messages get their sentence only here, because it says how many there were.
    fn end(mut self) -> Rows<'a> {
        let column = |life: &usize| self.columns.get(life).copied().unwrap_or_default();
        let mut here: Vec<_> = self
            .here
            .iter()
            .map(|(life, since)| (column(life), *since))
            .collect();
        here.sort_unstable();
        self.rows.lives.extend(
            here.into_iter()
                .map(|(column, since)| (column, since, None)),
        );
        let away = self
            .away
            .iter()
            .map(|(life, since)| (column(life), Some(*since), None));
        self.rows.away.extend(away);
        for row in &mut self.rows.all {
            let name = row.column.map_or("", |column| &self.rows.names[column]);
            let (numbers, took) = (range(row.numbers), span(row.took));
            match row.kind {
                Kind::CatchesUp => {
                    row.says
                        .push(format!("{name} catches up: {numbers}, up to {took} late"));
                }
                Kind::Reads => row
                    .says
                    .push(format!("{name} reads what is there: {numbers}")),
                Kind::Stored(false) => {
                    row.says
                        .push(format!("no server’s journal tells of {numbers}"));
                }
                _ => {}
            }
        }
        self.rows
    }
}
