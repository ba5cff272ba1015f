//! Journals of a small ring, written line by line.

use std::fmt::Write;

use super::super::Song;
use crate::order::Order;
use crate::tests::{lives, said};
use crate::verdict::Verdict;

/// Writes journals as a ring of three would: bottles go from 2 down, each verse by the next buddy.
pub(super) struct Pen {
    pub(super) lives: Vec<String>,
    now: u64,
    hop: u64,
}

impl Pen {
    pub(super) fn new(bottles: u64) -> Self {
        let mut pen = Self {
            lives: vec![String::new(); 3],
            now: 0,
            hop: 0,
        };
        for place in 0..3 {
            pen.begin(place, place, bottles);
        }
        pen
    }

    pub(super) fn begin(&mut self, life: usize, place: usize, bottles: u64) {
        let begin = format!(
            "\"w\":{},\"e\":\"begin\",\"v\":1,\"program\":\"buddy\",\
             \"life\":\"{life}\",\
             \"host\":\"lab\",\"machine\":\"m\",\"pid\":{}",
            1_700_000_000_000_000 + self.now,
            100 + life
        );
        self.note(life, &begin);
        let name = place + 1;
        self.note(
            life,
            &format!(
                "\"e\":\"place\",\"song\":\"7\",\"bottles\":{bottles},\"place\":{place},\
                 \"name\":\"Buddy {name}\",\"roll\":[\"a:1\",\"b:1\",\"c:1\"]"
            ),
        );
    }

    pub(super) fn note(&mut self, life: usize, event: &str) {
        self.now += 10;
        let now = self.now;
        writeln!(self.lives[life], r#"{{"t":{now},{event}}}"#).expect("a text");
    }

    pub(super) fn sing(&mut self, life: usize, left: u64) {
        self.note(life, &format!(r#""e":"sing","left":{left}"#));
        self.note(life, &format!(r#""e":"sang","left":{left}"#));
    }

    pub(super) fn pass(&mut self, from: usize, to: usize, mark: &str) {
        let said = self.say(from, to, mark);
        self.hear(to, &said);
    }

    /// Returns what was said, for [`hear`](Self::hear).
    pub(super) fn say(&mut self, from: usize, place: usize, mark: &str) -> String {
        self.hop += 1;
        let said = format!(r#""id":"1:7:{}","word":"go","mark":"{mark}""#, self.hop);
        self.note(from, &format!(r#""e":"say","to":{place},{said}"#));
        said
    }

    pub(super) fn hear(&mut self, life: usize, said: &str) {
        self.note(life, &format!(r#""e":"hear",{said},"heed":true"#));
    }

    pub(super) fn end(&mut self, life: usize, why: &str) {
        self.note(life, &format!(r#""e":"end","why":"{why}""#));
    }

    /// A whole song of 2 bottles.
    pub(super) fn song() -> Self {
        let mut pen = Self::new(2);
        pen.sing(0, 2);
        pen.pass(0, 1, "1");
        pen.sing(1, 1);
        pen.pass(1, 2, "0");
        pen.sing(2, 0);
        for life in 0..3 {
            pen.end(life, "home");
        }
        pen
    }

    pub(super) fn judge(&self) -> (Vec<Verdict>, String) {
        let lives = lives(&self.lives, |number| format!("file{number}"));
        let order = Order::new(&lives);
        said(&Song::all(&lives, &order)[0].judge())
    }
}
