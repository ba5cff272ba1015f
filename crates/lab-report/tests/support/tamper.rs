//! Real journals that were changed afterwards: one line is removed, changed, doubled or moved, or
//! the clocks of the machines are hours apart. One file for all crates, taken in by `#[path]`, so
//! that each program's tests hand over what the program itself has written.
//!
//! A line that a promise rests on must not be missed without a word: the verdict is then not yes.
//! What each kind of line must lead to is in [`must_be_missed`] and [`must_be_noticed`]. All other
//! lines tell of something that is no promise, such as a try in vain, and yes is still true.
//!
//! `TAMPER_SEED=N` repeats a run that printed N.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lab_report::life::{At, Life};
use lab_report::order::Order;
use lab_report::run::Run;
use lab_report::verdict::Verdict;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// Most lines of a kind that are tampered with, in each way: a test has a second.
const SAMPLES: usize = 3;

/// The journals of a run, line by line.
#[derive(Clone)]
struct Journals(Vec<Vec<Value>>);

impl Journals {
    fn read(folder: &Path) -> Self {
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("a folder of journals")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        let journal = |text: String| -> Vec<Value> {
            // Without a torn last line.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines = whole.lines();
            lines
                .map(|line| serde_json::from_str(line).expect("a line"))
                .collect()
        };
        let text = |file| fs::read_to_string(file).expect("text");
        Self(files.iter().map(text).map(journal).collect())
    }

    fn lives(&self) -> (Vec<Life>, Vec<String>) {
        let (mut lives, mut strangers) = (Vec::new(), Vec::new());
        for (number, lines) in self.0.iter().enumerate() {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            match Life::parse(&format!("journal {number}"), &text) {
                Ok(life) => lives.push(life),
                Err(why) => strangers.push(why),
            }
        }
        (lives, strangers)
    }

    fn verdict(&self) -> (Verdict, String) {
        let (lives, strangers) = self.lives();
        let order = Order::new(&lives);
        let report = Run::new(&lives, &order, strangers).report;
        (report.verdict(), format!("{report:#?}"))
    }

    /// Returns the lines of a kind: the journal and the line of each.
    fn of(&self, kind: &str) -> impl Iterator<Item = (usize, usize)> {
        let all = self.0.iter().enumerate().flat_map(|(journal, lines)| {
            let lines = lines.iter().enumerate();
            lines.map(move |(line, it)| (journal, line, it))
        });
        all.filter(move |(.., it)| it["e"] == kind)
            .map(|(journal, line, _)| (journal, line))
    }

    /// Returns how many lines of these kinds have this value under a key.
    fn count(&self, kinds: &[&str], key: &str, value: &Value) -> usize {
        let lines = self.0.iter().flatten();
        let alike = |line: &&Value| {
            kinds.iter().any(|kind| line["e"] == *kind) && line.get(key) == Some(value)
        };
        lines.filter(alike).count()
    }

    /// Returns whether a later line of the same journal is of one of these kinds.
    fn goes_on(&self, (journal, line): (usize, usize), kinds: &[&str]) -> bool {
        let later = self.0[journal][line + 1..].iter();
        let mut alike = later.filter(|it| kinds.iter().any(|kind| it["e"] == *kind));
        alike.next().is_some()
    }

    fn is_of(&self, journal: usize, program: &str) -> bool {
        self.0[journal][0]["program"] == program
    }
}

/// Returns whether the verdict must not be yes without this line.
fn must_be_missed(all: &Journals, (journal, line): (usize, usize)) -> bool {
    let it = &all.0[journal][line];
    let text = |key: &str| it[key].as_str().unwrap_or_default();
    let heard = |kinds: &[&str]| all.count(kinds, "id", &it["id"]) > 0;
    match it["e"].as_str().unwrap_or_default() {
        // The list's own journal tells all of it.
        "begin" | "place" | "stored" | "read" => true,
        // Another one has sung it as well, because this one was killed before it told.
        "sing" | "sang" => all.count(&[text("e")], "left", &it["left"]) == 1,
        "say" => heard(&["hear", "place"]),
        "call" => heard(&["called"]),
        // From it alone the singer knows that it is its turn, unless it was asked before.
        "hear" => {
            let sings = all.0[journal].get(line + 1);
            let is_turn = sings.is_some_and(|next| next["e"] == "sing") && text("word") == "go";
            let mut before = all.0[journal][..line].iter();
            is_turn && before.all(|before| before.get("mark") != Some(&it["mark"]))
        }
        // A reader may have left before the last one.
        "shown" | "acked" => all.goes_on((journal, line), &["shown", "acked"]),
        // Given to the same server twice, the answer fits either.
        "give" => answer(all, journal, it).is_some() && gives_like(all, journal, it) == 1,
        "got" => it["counts"] == true,
        "out" => !all.goes_on((journal, line), &["out"]),
        // A process whose journal has no end was killed. Of a list that leaves a doubt.
        "end" => all.is_of(journal, "secret-client"),
        _ => false,
    }
}

/// Returns the line that says that a call was answered, and that the answer counts.
fn answer<'a>(all: &'a Journals, journal: usize, give: &Value) -> Option<&'a Value> {
    all.0[journal].iter().find(|it| {
        it["e"] == "got"
            && it["counts"] == true
            && ["server", "first"].iter().all(|key| it[key] == give[key])
    })
}

/// Returns how often this call was made at this server.
fn gives_like(all: &Journals, journal: usize, give: &Value) -> usize {
    let is_like = |it: &&Value| {
        ["e", "server", "first"]
            .iter()
            .all(|key| it[key] == give[key])
    };
    all.0[journal].iter().filter(is_like).count()
}

/// Returns the keys of this line that must not be changed without a verdict that is not yes.
fn must_be_noticed(all: &Journals, at: (usize, usize)) -> &'static [&'static str] {
    let (journal, line) = at;
    let it = &all.0[journal][line];
    let is_missed = must_be_missed(all, at);
    match it["e"].as_str().unwrap_or_default() {
        "place" => &["song", "bottles", "place", "roll"],
        "sing" | "sang" | "say" | "call" if !is_missed => &[],
        "sing" | "sang" => &["left"],
        "say" if it["word"] == "enlist" => &["id", "to"],
        "say" => &["id", "to", "word", "mark"],
        "hear" => &["id", "word", "mark"],
        "call" | "called" => &["id"],
        "stored" => &["numbers", "texts", "room", "epoch"],
        "acked" => &["numbers", "id"],
        "shown" if is_missed => &["number", "text", "room", "epoch"],
        "shown" => &["number", "text"],
        "give" if is_missed => &["first", "words", "server"],
        "got" if is_missed => &["first", "server", "counts"],
        "out" if is_missed => &["upto"],
        "read" => &["lines"],
        "end" if is_missed || all.is_of(journal, "buddy") => &["why"],
        _ => &[],
    }
}

/// Changes a value, and keeps its type.
fn change(value: &mut Value) {
    match value {
        Value::Bool(it) => *it = !*it,
        Value::Number(it) => *value = (it.as_u64().expect("whole") + 1).into(),
        Value::String(it) => {
            // Numbers stay numbers, of whatever base.
            let last = it.pop();
            it.push(if last == Some('1') { '2' } else { '1' });
        }
        Value::Array(all) => change(all.first_mut().expect("not empty")),
        _ => panic!("{value}"),
    }
}

/// Asserts that the journals in `folder` are yes, and that none that was tampered with is a false
/// yes. All of `kinds` must be there.
pub(crate) fn check(folder: &Path, kinds: &[&str]) {
    let seed: u64 = std::env::var("TAMPER_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("TAMPER_SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let all = Journals::read(folder);
    let (verdict, report) = all.verdict();
    assert_eq!(verdict, Verdict::Yes, "{report}");
    for kind in kinds {
        assert!(all.of(kind).next().is_some(), "no line tells of {kind}");
    }
    let found = all.0.iter().flatten();
    let found: BTreeSet<&str> = found.filter_map(|line| line["e"].as_str()).collect();
    for kind in found {
        let lines: Vec<(usize, usize)> = all.of(kind).collect();
        for &at in lines.sample(&mut dice, SAMPLES) {
            remove(&all, at);
            change_each(&all, at);
            // Of a server of a list nothing is read.
            if !all.is_of(at.0, "secret-server") {
                double(&all, at);
                displace(&all, at, &mut dice);
            }
        }
    }
}

fn assert_not_yes(journals: &Journals, what: &str, all: &Journals, at: (usize, usize)) {
    let (verdict, report) = journals.verdict();
    let it = &all.0[at.0][at.1];
    assert_ne!(verdict, Verdict::Yes, "{what}: {it}\n{report}");
}

fn remove(all: &Journals, at: (usize, usize)) {
    let mut without = all.clone();
    without.0[at.0].remove(at.1);
    if must_be_missed(all, at) {
        assert_not_yes(&without, "removed", all, at);
    } else {
        without.verdict();
    }
}

fn change_each(all: &Journals, at: (usize, usize)) {
    for key in must_be_noticed(all, at) {
        let mut other = all.clone();
        change(&mut other.0[at.0][at.1][key]);
        assert_not_yes(&other, &format!("{key} changed"), all, at);
    }
}

fn double(all: &Journals, at: (usize, usize)) {
    let mut twice = all.clone();
    let line = twice.0[at.0][at.1].clone();
    twice.0[at.0].insert(at.1, line);
    assert_not_yes(&twice, "doubled", all, at);
}

/// Moves a line to another place, where another time was.
fn displace(all: &Journals, (journal, line): (usize, usize), dice: &mut SmallRng) {
    let lines = &all.0[journal];
    let other = dice.random_range(0..lines.len());
    if lines[other]["t"] == lines[line]["t"] {
        return;
    }
    let mut moved = all.clone();
    let it = moved.0[journal].remove(line);
    moved.0[journal].insert(other, it);
    assert_not_yes(&moved, "moved", all, (journal, line));
}

/// Asserts that clocks which are hours apart and run fast by 1000 millionths change nothing but the
/// times: each process of the journals in `folder` gets a machine of its own. The lines of `kinds`
/// must come in the same order, and each clock's lead must be within its stated error. The last of
/// them in a process that was killed may come anywhere, because it may have told nobody of it.
pub(crate) fn check_clocks(folder: &Path, kinds: &[&str]) {
    const HOUR: i64 = 3_600_000_000;
    let all = Journals::read(folder);
    let order_of = |journals: &Journals| {
        let (lives, _) = journals.lives();
        let order = Order::new(&lives);
        let is_kind = |at: &At| {
            let lines = &all.0[at.life];
            let is_kind = |line: &Value| kinds.iter().any(|kind| line["e"] == *kind);
            let is_last = !lines[at.line + 1..].iter().any(is_kind);
            let has_end = lines.iter().any(|line| line["e"] == "end");
            is_kind(&lines[at.line]) && (has_end || !is_last)
        };
        let sequence: Vec<At> = order.all.iter().copied().filter(is_kind).collect();
        (sequence, order)
    };
    let (before, _) = order_of(&all);
    assert!(!before.is_empty(), "something to compare");
    for drift in [0, 1000] {
        let mut other = all.clone();
        let mut leads: BTreeMap<String, i64> = BTreeMap::new();
        let mut longest = 0;
        for (number, lines) in other.0.iter_mut().enumerate() {
            let lead = HOUR * (number as i64 * 3 - 4);
            let machine = format!("machine {number}");
            lines[0]["machine"] = machine.clone().into();
            leads.insert(machine, lead);
            // Every other clock runs fast.
            let ppm = drift * (number as i64 % 2);
            let mut steady = 0;
            for line in lines {
                let t = line["t"].as_i64().expect("a time");
                steady = t + t * ppm / 1_000_000;
                line["t"] = steady.into();
                if let Some(w) = line["w"].as_i64() {
                    line["w"] = (w + lead + t * ppm / 1_000_000).into();
                }
            }
            longest = longest.max(steady);
        }
        let (verdict, report) = other.verdict();
        assert_eq!(verdict, Verdict::Yes, "{report}");
        let (after, order) = order_of(&other);
        let text = |order: &[At]| {
            let line = |at: &At| all.0[at.life][at.line].to_string();
            order.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let (one, other) = (text(&before), text(&after));
        assert_eq!(before, after, "a drift of {drift}:\n{one}\n\n{other}");
        let is_reference = |machine: &str| {
            order
                .clock_of(machine)
                .is_some_and(|it| (it.ahead, it.error) == (0, Some(0)))
        };
        let reference = leads.iter().find(|(machine, _)| is_reference(machine));
        let reference = *reference.expect("one is compared with").1;
        for (machine, lead) in &leads {
            let clock = order.clock_of(machine).expect("a clock");
            if let Some(error) = clock.error {
                let wrong = (clock.ahead - (lead - reference)).abs();
                let most = error + longest * drift / 1_000_000;
                assert!(wrong <= most, "{machine}: {wrong} µs, {clock:?}");
            }
        }
    }
}
