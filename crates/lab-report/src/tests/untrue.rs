//! Journals that are not true: whatever they say, they are judged and drawn.
//!
//! `SEED=N` repeats a run that printed N.

use serde_json::{Value, json};

use super::ring::Ring;
use super::{LIST, chatted, numbered};
use crate::life::Life;
use crate::order::Order;
use crate::run::Run;
use crate::{export, picture};

/// The numbers of splitmix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// The lines of some journals: a song, a chat or a list.
fn journals(dice: &mut Dice) -> Vec<Vec<Value>> {
    let texts = match dice.below(3) {
        0 => {
            let mut ring = Ring::new(3, 5);
            ring.sing(3);
            ring.kill(2);
            ring.home();
            ring.journals
        }
        1 => chatted().journals,
        _ => vec![numbered(LIST)],
    };
    let line = |line: &str| serde_json::from_str(line).expect("a line");
    let lines = |text: &String| text.lines().map(line).collect();
    texts.iter().map(lines).collect()
}

/// Puts other values into one that is not an object.
fn change(value: &mut Value, dice: &mut Dice) {
    let far = [
        0,
        1,
        7,
        u32::MAX.into(),
        1 << 52,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    let texts = [
        "",
        "0",
        "over",
        "home",
        "s1:18446744073709551615",
        "</script><b>\"'&\u{1b}",
    ];
    match value {
        Value::Number(_) => *value = json!(far[dice.below(far.len())]),
        Value::String(_) => *value = json!(texts[dice.below(texts.len())]),
        Value::Bool(is) => *is = !*is,
        Value::Array(all) if dice.below(2) == 0 => drop(all.pop()),
        Value::Array(all) if !all.is_empty() => {
            let number = dice.below(all.len());
            change(&mut all[number], dice);
        }
        _ => {}
    }
}

/// Changes a line, says it again, leaves it out, or puts it elsewhere.
fn lie(lines: &mut Vec<Value>, dice: &mut Dice) {
    let number = dice.below(lines.len());
    let other = dice.below(lines.len());
    match dice.below(8) {
        0 => lines.insert(number, lines[other].clone()),
        1 if lines.len() > 1 => drop(lines.remove(number)),
        2 => lines.swap(number, other),
        _ => {
            let fields = lines[number].as_object_mut().expect("a line");
            let field = dice.below(fields.len());
            let (name, value) = fields.iter_mut().nth(field).expect("one");
            // Without these it is another line, or none.
            if !["e", "v", "program"].contains(&name.as_str()) {
                change(value, dice);
            }
        }
    }
}

#[test]
fn journals_that_are_not_true_are_judged_and_drawn() {
    let first = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..100, |seed| seed..seed + 1) {
        println!("SEED={seed}");
        let mut dice = Dice(seed);
        let mut journals = journals(&mut dice);
        for _ in 0..=dice.below(6) {
            let journal = dice.below(journals.len());
            lie(&mut journals[journal], &mut dice);
        }
        let text = |lines: &Vec<Value>| lines.iter().map(|line| format!("{line}\n")).collect();
        let texts = journals.iter().map(text);
        let lives: Vec<Life> = texts
            .filter_map(|text: String| Life::parse("journal", &text).ok())
            .collect();
        let order = Order::new(&lives);
        let run = Run::new(&lives, &order, Vec::new());
        let page = picture::page(&run);
        assert!(
            !page.contains("</script><b>"),
            "a text of a journal is no part of the page"
        );
        drop((
            export::perfetto(&run),
            export::otlp(&run),
            export::shiviz(&run),
        ));
    }
}
