//! Journals as a ring of any size would write them.

use std::fmt::Write;

use crate::life::Life;

/// A ring that sings, and what its buddies have written down.
pub(crate) struct Ring {
    /// The text of each journal.
    pub(crate) journals: Vec<String>,
    /// The life at each place; none while it is dead.
    here: Vec<Option<usize>>,
    names: Vec<String>,
    now: u64,
    bottles: u64,
    /// the next verse
    next: u64,
    /// who has the song
    holder: usize,
    take: u64,
    hop: u64,
    /// the microseconds for which a verse is held
    tempo: u64,
    /// those whom the others have given up on
    gone: Vec<usize>,
}

impl Ring {
    /// The buddies have been called, and have the roll.
    pub(crate) fn new(buddies: usize, bottles: u64) -> Self {
        let names = (1..=buddies).map(|number| format!("Buddy {number}"));
        Self::named(names.collect(), bottles)
    }

    pub(crate) fn named(names: Vec<String>, bottles: u64) -> Self {
        let buddies = names.len();
        let mut ring = Self {
            journals: Vec::new(),
            here: vec![None; buddies],
            names,
            now: 0,
            bottles,
            next: bottles,
            holder: 0,
            take: 1,
            hop: 0,
            tempo: 61_000,
            gone: Vec::new(),
        };
        (0..buddies).for_each(|place| ring.begin(place));
        for place in 0..buddies {
            let next = (place + 1) % buddies;
            let call = format!("call:7:1:{place}");
            ring.note(place, &format!(r#""e":"call","id":"{call}","next":"n""#));
            ring.note(next, &format!(r#""e":"called","id":"{call}""#));
        }
        ring.enter(0, None);
        for place in 1..buddies {
            ring.enlist(place - 1, place);
        }
        ring
    }

    /// Returns the lives of which journals are left.
    pub(crate) fn lives(&self) -> Vec<Life> {
        super::lives(&self.journals, |number| {
            format!("journals/buddy-{number}.jsonl")
        })
    }

    fn begin(&mut self, place: usize) {
        let life = self.journals.len();
        self.journals.push(String::new());
        self.here[place] = Some(life);
        let begin = format!(
            "\"w\":{},\"e\":\"begin\",\"v\":1,\"program\":\"buddy\",\"life\":\"{life:x}\",\
             \"host\":\"lab\",\"machine\":\"m\",\"pid\":{}",
            1_700_000_000_000_000 + self.now,
            1000 + life
        );
        self.note(place, &begin);
    }

    /// Writes a line into the journal of the buddy at a place.
    pub(crate) fn note(&mut self, place: usize, event: &str) {
        self.now += 130;
        let life = self.here[place].expect("alive");
        writeln!(self.journals[life], r#"{{"t":{},{event}}}"#, self.now).expect("a text");
    }

    fn enter(&mut self, place: usize, id: Option<&str>) {
        let name = serde_json::to_string(&self.names[place]).expect("a text");
        let roll: Vec<String> = (0..self.here.len())
            .map(|n| format!("10.0.0.{n}:8032"))
            .collect();
        let roll = serde_json::to_string(&roll).expect("a text");
        let id = id.map_or_else(String::new, |id| format!(r#","id":"{id}""#));
        let bottles = self.bottles;
        let event = format!(
            "\"e\":\"place\",\"song\":\"7\",\"bottles\":{bottles},\"place\":{place},\
             \"name\":{name},\"roll\":{roll}{id}"
        );
        self.note(place, &event);
    }

    fn enlist(&mut self, by: usize, place: usize) {
        let (take, hop, next) = (self.take, self.hop, self.next);
        let id = format!("enlist:{place}:{take:x}:7:{hop}");
        let say = format!(r#""e":"say","to":{place},"id":"{id}","word":"enlist","mark":"{next}""#);
        self.note(by, &say);
        self.enter(place, Some(&id));
    }

    /// A word goes from one to the other. Returns whether it was heard.
    fn pass(&mut self, from: usize, to: usize, word: &str, mark: &str) -> bool {
        self.hop += 1;
        let id = format!("{:x}:7:{}", self.take, self.hop);
        let what = format!(r#""id":"{id}","word":"{word}","mark":"{mark}""#);
        self.note(from, &format!(r#""e":"say","to":{to},{what}"#));
        if self.here[to].is_some() {
            self.note(to, &format!(r#""e":"hear",{what},"heed":true"#));
            return true;
        }
        for _ in 0..4 {
            let why = "connection refused";
            self.note(
                from,
                &format!(r#""e":"unheard","to":{to},"id":"{id}","why":"{why}""#),
            );
            self.now += 30_000;
        }
        false
    }

    /// The one after `place` on whom nobody has given up.
    fn after(&self, place: usize) -> usize {
        let size = self.here.len();
        let mut others = (1..=size).map(|n| (place + n) % size);
        others
            .find(|other| !self.gone.contains(other))
            .expect("one lives")
    }

    /// Sings on until `left` is the next verse.
    pub(crate) fn sing(&mut self, left: u64) {
        while self.next > left {
            let verse = self.next;
            self.verse(verse);
            self.next -= 1;
            self.now += self.tempo;
            self.pass_on();
        }
    }

    fn verse(&mut self, left: u64) {
        let holder = self.holder;
        self.note(holder, &format!(r#""e":"sing","left":{left}"#));
        self.note(holder, &format!(r#""e":"sang","left":{left}"#));
    }

    /// The song goes to the next, or over one that is dead, after a question.
    fn pass_on(&mut self) {
        let (from, to) = (self.holder, self.after(self.holder));
        let mark = self.next.to_string();
        if from == to || self.pass(from, to, "go", &mark) {
            self.holder = to;
            return;
        }
        let why = "connection refused";
        self.note(from, &format!(r#""e":"lost","place":{to},"why":"{why}""#));
        self.gone.push(to);
        self.ask();
        self.holder = self.after(from);
        self.pass(from, self.holder, "go", &mark);
    }

    /// A question goes right round.
    pub(crate) fn ask(&mut self) {
        self.take += 1;
        self.hop = 0;
        let mark = self.next.to_string();
        let mut at = self.holder;
        loop {
            let to = self.after(at);
            if to == at {
                return;
            }
            self.pass(at, to, "ask", &mark);
            at = to;
            if at == self.holder {
                return;
            }
        }
    }

    /// The buddy at a place is killed. If it has the song, it has just sung, and told nobody.
    pub(crate) fn kill(&mut self, place: usize) {
        if self.holder != place {
            self.here[place] = None;
            return;
        }
        let left = self.next;
        self.verse(left);
        self.here[place] = None;
        let size = self.here.len();
        self.holder = (place + size - 1) % size;
        self.now += 140_000;
        let (by, mark) = (self.holder, self.next);
        let why = "connection refused";
        self.note(
            by,
            &format!(r#""e":"unheard","to":{place},"id":"1:7:0","why":"{why}""#),
        );
        self.note(by, &format!(r#""e":"lost","place":{place},"why":"{why}""#));
        self.gone.push(place);
        self.ask();
        self.holder = self.after(by);
        self.pass(by, self.holder, "go", &mark.to_string());
    }

    /// A buddy comes back as a new process, and the one that has the song finds it.
    pub(crate) fn restart(&mut self, place: usize) {
        self.begin(place);
        let holder = self.holder;
        self.note(holder, &format!(r#""e":"fresh","place":{place}"#));
        self.enlist(holder, place);
        self.note(holder, &format!(r#""e":"back","place":{place}"#));
        self.gone.retain(|gone| *gone != place);
        self.ask();
    }

    /// The buddy that has the song gives up on its next, which lives, and passes it over.
    pub(crate) fn doubt(&mut self) {
        let (from, to) = (self.holder, self.after(self.holder));
        let why = "the request exceeded its deadline";
        self.note(from, &format!(r#""e":"lost","place":{to},"why":"{why}""#));
        self.gone.push(to);
        self.ask();
    }

    /// The buddy that has the song is killed in the middle of its verse.
    pub(crate) fn kill_in_verse(&mut self) {
        let place = self.holder;
        self.note(place, &format!(r#""e":"sing","left":{}"#, self.next));
        self.here[place] = None;
        let size = self.here.len();
        let mut others = (1..size).map(|n| (place + size - n) % size);
        let before = others.find(|other| self.here[*other].is_some() && !self.gone.contains(other));
        self.holder = before.expect("one lives");
        self.pass_on();
    }

    /// An old word comes to a buddy.
    pub(crate) fn old_word(&mut self, place: usize) {
        let what = r#""id":"1:7:1","word":"go","mark":"1","heed":false"#;
        self.note(place, &format!(r#""e":"hear",{what}"#));
    }

    /// Sings to the end, and all go home.
    pub(crate) fn home(&mut self) {
        self.sing(0);
        self.verse(0);
        for mark in ["over", "home"] {
            for _ in 0..self.here.len() - self.gone.len() {
                let to = self.after(self.holder);
                if to != self.holder {
                    self.pass(self.holder, to, "go", mark);
                }
                self.holder = to;
            }
        }
        for place in 0..self.here.len() {
            if self.here[place].is_some() {
                self.note(place, r#""e":"end","why":"home""#);
            }
        }
    }
}
