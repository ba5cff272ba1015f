//! The search engine of `explore` and `wirings`: visits every state that a world can reach, and
//! stops at the first broken promise with a transcript of how it came about.
//!
//! A state is remembered by its fingerprint only, with the state before it and the number of the
//! event between them. That is enough for the transcript, because [`World::events`] returns the
//! same events each time: the search lets them happen once more.
//!
//! `cargo test` searches a list of small worlds, `EXPLORE=all` a list of large ones as well, and
//! `EXPLORE=NAME` the world of that name.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

/// A promise that was broken, in words.
pub(crate) type Broken = String;

/// One state of everything there is.
pub(crate) trait World: Clone + Hash {
    /// What can happen.
    type Event: Copy + Debug;

    /// Whether it is promised that nothing goes on for ever. Such a world is searched depth first,
    /// because a state that leads back to itself is then met on the path to it. Any other world is
    /// searched breadth first, because that finds a shortest transcript.
    const COMES_TO_REST: bool;

    /// Returns the states to begin with, each with what sets it apart from the others.
    fn starts(name: &str) -> Vec<(String, Self)>;

    /// Returns everything that can happen in this state.
    fn events(&self) -> Vec<Self::Event>;

    /// Lets `event` happen. Fails if that breaks a promise.
    fn happen(&mut self, event: Self::Event) -> Result<(), Broken>;

    /// Checks what is promised of a state rather than of an event. A costly check can use the
    /// fingerprint to draw a sample of the states.
    fn check(&self, fingerprint: u64) -> Result<(), Broken>;

    /// Prints what else there is to say of a run that broke a promise. `events` lead there from the
    /// first start of `name`.
    fn look_back(_name: &str, _events: &[Self::Event]) {}
}

/// A promise that was broken, and the events that led there.
struct Fault<E> {
    events: Vec<E>,
    why: Broken,
}

/// Returns how many of each noun `"3 buddies, 1 crash"` names. A noun is given by its first
/// letters, because it may stand in the plural.
pub(crate) fn counts<const N: usize>(name: &str, nouns: [&str; N]) -> [u8; N] {
    let mut counts = [0; N];
    for part in name.split(", ") {
        let (number, noun) = part.split_once(' ').expect("a number and a noun");
        let which = nouns.iter().position(|first| noun.starts_with(first));
        counts[which.expect("a noun of this world")] = number.parse().expect("a small number");
    }
    counts
}

/// Returns one event a line.
pub(crate) fn lines(events: impl IntoIterator<Item: Debug>) -> String {
    let lines = events.into_iter().map(|event| format!("{event:?}\n"));
    lines.collect()
}

/// Searches the worlds that `EXPLORE` asks for, and prints how large each is. A world whose name
/// ends in `"2 million"` is searched up to that many states, because all need too much memory.
pub(crate) fn explore<W: World>(small: &[&str], large: &[&str]) {
    let which = std::env::var("EXPLORE").unwrap_or_default();
    let names = match which.as_str() {
        "" => small.to_vec(),
        "all" => [small, large].concat(),
        name => vec![name],
    };
    println!("starts    states transitions  world");
    for name in names {
        let limited = name.strip_suffix(" million");
        let limited = limited.and_then(|rest| rest.rsplit_once(", "));
        let (world, millions) = limited.unwrap_or((name, "1000"));
        let most = millions.parse::<usize>().expect("a number") * 1_000_000;
        let (mut starts, mut states, mut transitions) = (0, 0, 0);
        for (which, start) in W::starts(world) {
            let search = Search::run(&start, most).unwrap_or_else(|fault| {
                W::look_back(world, &fault.events);
                let (events, why) = (lines(fault.events), fault.why);
                panic!("{name} {which}: after\n{events}{why}")
            });
            starts += 1;
            states += search.seen.len();
            transitions += search.transitions;
        }
        println!("{starts:>6} {states:>9} {transitions:>11}  {name}");
        assert!(states > starts, "{name}: nothing happens");
    }
}

/// What may come next: the number of each event, and the state that it leads to.
type Steps<W> = Vec<(usize, u64, W)>;

struct Search<'a, W> {
    start: &'a W,
    /// per state: the state before it, and the number of the event that led from there to here
    seen: HashMap<u64, (u64, usize)>,
    transitions: usize,
}

impl<'a, W: World> Search<'a, W> {
    fn run(start: &'a W, most: usize) -> Result<Self, Fault<W::Event>> {
        let first = fingerprint(start);
        let mut search = Self {
            start,
            seen: HashMap::from([(first, (first, 0))]),
            transitions: 0,
        };
        if W::COMES_TO_REST {
            search.deepen(first, start, &mut Vec::new())?;
            return Ok(search);
        }
        let mut frontier = VecDeque::from([(first, start.clone())]);
        while let Some((here, world)) = frontier.pop_front()
            && search.seen.len() < most
        {
            for (index, there, then) in search.look(here, &world)? {
                if let Entry::Vacant(new) = search.seen.entry(there) {
                    new.insert((here, index));
                    frontier.push_back((there, then));
                }
            }
        }
        Ok(search)
    }

    /// Searches all that may come of the state `here`, to which `path` leads.
    fn deepen(&mut self, here: u64, world: &W, path: &mut Vec<u64>) -> Result<(), Fault<W::Event>> {
        /// Finds states that grow without an end, because all others take some hundred events.
        const DEEPEST: usize = 500;
        path.push(here);
        for (index, there, then) in self.look(here, world)? {
            if path.contains(&there) || path.len() > DEEPEST {
                return Err(self.after(here, Some(index), "it goes on for ever".into()));
            }
            if let Entry::Vacant(new) = self.seen.entry(there) {
                new.insert((here, index));
                self.deepen(there, &then, path)?;
            }
        }
        path.pop();
        Ok(())
    }

    /// Checks one state, and returns what each of its events leads to.
    fn look(&mut self, here: u64, world: &W) -> Result<Steps<W>, Fault<W::Event>> {
        let broken = |index, why: Broken| self.after(here, index, why);
        world.check(here).map_err(|why| broken(None, why))?;
        let mut next = Vec::new();
        for (index, event) in world.events().into_iter().enumerate() {
            let mut then = world.clone();
            let happened = then.happen(event);
            happened.map_err(|why| broken(Some(index), why))?;
            next.push((index, fingerprint(&then), then));
        }
        self.transitions += next.len();
        Ok(next)
    }

    /// Returns what leads to the state `at` and to its event `last`, and then `why`.
    fn after(&self, mut at: u64, last: Option<usize>, why: Broken) -> Fault<W::Event> {
        let mut way = Vec::from_iter(last);
        while let Some(&(before, index)) = self.seen.get(&at).filter(|(before, _)| *before != at) {
            way.push(index);
            at = before;
        }
        let mut world = self.start.clone();
        let events = way.into_iter().rev().map(|index| {
            let event = world.events()[index];
            // Only the last event fails, and its failure is `why`.
            _ = world.happen(event);
            event
        });
        Fault {
            events: events.collect(),
            why,
        }
    }
}

/// Returns 64 bits for a state: among ten million, two share them once in 370,000 searches. The
/// standard hasher would take three times as long, because it is made for keys that an enemy picks.
fn fingerprint(state: &impl Hash) -> u64 {
    let mut mixer = Mixer(0);
    state.hash(&mut mixer);
    mixer.finish()
}

/// Multiplies and folds, a word at a time: the steps of MurmurHash's finalizer (Appleby, 2011).
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk
                .iter()
                .fold(1, |word, byte| word << 8 | u64::from(*byte));
            self.write_u64(word);
        }
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.0 ^= self.0 >> 29;
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
