//! One order of all that happened, on any number of machines, without a common clock. PURE.
//!
//! *Cause before effect* is certain: the lines of a life are in order, and a message is heard after
//! it was sent. All verdicts rest on that alone. *When* is an [estimate](crate::clocks), and
//! decides only between lines of which neither caused the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

use crate::clocks::{Clock, Clocks, Flight};
use crate::life::{At, Life};
use crate::messages::{Causes, causes};

/// All that happened, in order.
#[derive(Debug)]
pub struct Order {
    /// All lines, each after its causes.
    pub all: Vec<At>,
    /// The clock of each machine, with the machine's name.
    pub clocks: Vec<(String, Clock)>,
    /// How many messages were heard before they were sent, in spite of all: journals that
    /// contradict each other.
    pub contradictions: usize,
    /// How many lines were moved behind their cause.
    pub moved: usize,
    /// By how many microseconds at most.
    pub furthest: i64,
    /// what names each machine, in the order of `clocks`
    machines: Vec<String>,
    causes: Causes,
    orphans: HashSet<At>,
    times: Vec<Vec<i64>>,
    /// the position of each line in `all`
    ranks: Vec<Vec<usize>>,
}

impl Order {
    /// Puts the lines of `lives` into an order.
    #[must_use]
    pub fn new(lives: &[Life]) -> Self {
        let (causes, orphans) = causes(lives);
        let machines: BTreeSet<&str> = lives.iter().map(|life| &*life.machine).collect();
        let (clocks, times) = set_clocks(lives, &causes);
        let mut order = Self {
            all: Vec::new(),
            clocks,
            machines: machines.into_iter().map(str::to_owned).collect(),
            contradictions: 0,
            moved: 0,
            furthest: 0,
            ranks: times.iter().map(|times| vec![0; times.len()]).collect(),
            causes,
            orphans,
            times,
        };
        order.sort();
        order
    }

    /// Returns the time of a line, in microseconds by the clock of reference.
    #[must_use]
    pub fn time(&self, at: At) -> i64 {
        self.times[at.life][at.line]
    }

    /// Returns the line of another life that caused this one, if one did.
    #[must_use]
    pub fn cause(&self, at: At) -> Option<At> {
        self.causes[at.life][at.line]
    }

    /// Returns the clock of a [machine](Life::machine).
    #[must_use]
    pub fn clock_of(&self, machine: &str) -> Option<Clock> {
        let machines = &self.machines;
        let number = machines.binary_search_by(|it| it.as_str().cmp(machine));
        Some(self.clocks.get(number.ok()?)?.1)
    }

    /// Returns whether this line has a message that no journal has sent.
    #[must_use]
    pub fn is_orphan(&self, at: At) -> bool {
        self.orphans.contains(&at)
    }

    /// Returns the position of a line in the order.
    #[must_use]
    pub fn rank(&self, at: At) -> usize {
        self.ranks[at.life][at.line]
    }

    /// Returns whether `earlier` is a cause of `later`, over any number of steps. Takes as long as
    /// there are lines between them.
    #[must_use]
    pub fn is_cause(&self, earlier: At, later: At) -> bool {
        if self.rank(later) < self.rank(earlier) {
            return false; // because causes come first
        }
        // The lines of each life that are known to be causes: all below this.
        let mut known: HashMap<usize, usize> = HashMap::new();
        let mut todo = vec![later];
        while let Some(at) = todo.pop() {
            if at.life == earlier.life && at.line >= earlier.line {
                return at != earlier || later != earlier;
            }
            let below = known.entry(at.life).or_default();
            let lines = *below..=at.line;
            *below = (*below).max(at.line + 1);
            let causes = lines.filter_map(|line| self.causes[at.life][line]);
            todo.extend(causes.filter(|cause| self.rank(*cause) >= self.rank(earlier)));
        }
        false
    }

    /// Causes first, otherwise by time. What would be before its cause is moved behind it.
    fn sort(&mut self) {
        // The lines that wait for each line.
        let mut waiting: HashMap<At, Vec<At>> = HashMap::new();
        for (life, causes) in self.causes.iter().enumerate() {
            for (line, cause) in causes.iter().enumerate() {
                if let Some(cause) = cause {
                    waiting.entry(*cause).or_default().push(At { life, line });
                }
            }
        }
        let mut queue = Queue {
            next: vec![0; self.times.len()],
            is_done: self
                .times
                .iter()
                .map(|times| vec![false; times.len()])
                .collect(),
            ready: BinaryHeap::new(),
        };
        for life in 0..self.times.len() {
            queue.offer(self, life);
        }
        while let Some(at) = self.pop(&mut queue) {
            self.put(at);
            queue.is_done[at.life][at.line] = true;
            queue.next[at.life] = at.line + 1;
            queue.offer(self, at.life);
            for waits in waiting.remove(&at).unwrap_or_default() {
                if queue.next[waits.life] == waits.line {
                    queue.offer(self, waits.life);
                }
            }
        }
    }

    /// Returns the next line. If all that remain wait for each other, journals contradict each
    /// other: the earliest goes first, and its message is forgotten.
    fn pop(&mut self, queue: &mut Queue) -> Option<At> {
        if let Some(Reverse((_, at))) = queue.ready.pop() {
            return Some(at);
        }
        let heads = queue.next.iter().enumerate();
        let heads = heads.map(|(life, &line)| At { life, line });
        let at = heads
            .filter(|at| at.line < self.times[at.life].len())
            .min_by_key(|at| self.time(*at))?;
        self.causes[at.life][at.line] = None;
        self.contradictions += 1;
        Some(at)
    }

    fn put(&mut self, at: At) {
        let before = at.line.checked_sub(1).map(|line| At { line, ..at });
        let earliest = before
            .into_iter()
            .chain(self.cause(at))
            .map(|at| self.time(at))
            .max();
        let late = earliest.map_or(0, |earliest| earliest - self.time(at));
        if late > 0 {
            self.moved += 1;
            self.furthest = self.furthest.max(late);
            self.times[at.life][at.line] += late;
        }
        self.ranks[at.life][at.line] = self.all.len();
        self.all.push(at);
    }
}

/// What may come next.
struct Queue {
    /// the first line of each life that is not in the order
    next: Vec<usize>,
    is_done: Vec<Vec<bool>>,
    ready: BinaryHeap<Reverse<(i64, At)>>,
}

impl Queue {
    /// The next line of `life` may come, unless it waits for its cause.
    fn offer(&mut self, order: &Order, life: usize) {
        let at = At {
            life,
            line: self.next[life],
        };
        let is_there = at.line < order.times[life].len();
        let is_caused = |cause: At| self.is_done[cause.life][cause.line];
        if is_there && order.cause(at).is_none_or(is_caused) {
            self.ready.push(Reverse((order.time(at), at)));
        }
    }
}

/// Returns the machines' clocks, and the time of each line by the clock of reference: that of the
/// machine with the most lines.
fn set_clocks(lives: &[Life], causes: &Causes) -> (Vec<(String, Clock)>, Vec<Vec<i64>>) {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for life in lives {
        *lines.entry(&life.machine).or_default() += life.lines.len();
    }
    let machines: Vec<&str> = lines.keys().copied().collect();
    let of =
        |life: usize| machines.partition_point(|machine| *machine < lives[life].machine.as_str());
    let reference =
        (0..machines.len()).max_by_key(|&machine| (lines[machines[machine]], Reverse(machine)));
    let walls: Vec<Vec<i64>> = lives.iter().map(Life::walls).collect();
    let mut flights = Vec::new();
    for (life, causes) in causes.iter().enumerate() {
        for (line, cause) in causes.iter().enumerate() {
            if let Some(cause) = cause {
                let flight = Flight {
                    from: of(cause.life),
                    to: of(life),
                    sent: walls[cause.life][cause.line],
                    received: walls[life][line],
                };
                flights.extend((flight.from != flight.to).then_some(flight));
            }
        }
    }
    let clocks = Clocks::new(&flights, machines.len(), reference.unwrap_or_default());
    let common = |(life, walls): (usize, &Vec<i64>)| -> Vec<i64> {
        walls
            .iter()
            .map(|&time| clocks.common(of(life), time))
            .collect()
    };
    let times = walls.iter().enumerate().map(common).collect();
    let host = |machine: &&str| {
        let life = lives.iter().find(|life| life.machine == **machine);
        life.map_or_else(String::new, |life| life.host.clone())
    };
    let named = machines
        .iter()
        .map(host)
        .zip(clocks.all.iter().copied())
        .collect();
    (named, times)
}

#[cfg(test)]
mod tests;
