//! Writes the journals of a ring of any size, as its buddies would, to see what a report costs:
//!
//! ```text
//! cargo run --release -p lab-report --example made_up_ring -- 100 1000 DIR
//! time cargo run --release -p lab-report -- DIR --html report.html
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What a verse takes, in microseconds.
const VERSE: u64 = 200_000;

/// Journals in the making.
struct Ring {
    journals: Vec<String>,
    now: u64,
}

impl Ring {
    fn note(&mut self, place: usize, event: &str) {
        self.now += 90;
        let now = self.now;
        // Cannot fail, because a text takes all.
        let _ = writeln!(self.journals[place], r#"{{"t":{now},"e":{event}}}"#);
    }

    /// The buddies have the roll.
    fn new(buddies: usize, bottles: usize) -> Self {
        let mut ring = Self {
            journals: vec![String::new(); buddies],
            now: 0,
        };
        let roll: Vec<String> = (0..buddies)
            .map(|n| format!("10.0.0.1:{}", 8000 + n))
            .collect();
        let roll = roll.join("\",\"");
        for place in 0..buddies {
            let begin = format!(
                "\"begin\",\"w\":{},\"v\":1,\"program\":\"buddy\",\"life\":\"{place:x}\",\
                 \"host\":\"lab\",\"machine\":\"m\",\"pid\":{}",
                1_700_000_000_000_000 + ring.now,
                1000 + place
            );
            ring.note(place, &begin);
        }
        for place in 0..buddies {
            let id = format!("enlist:{place}:0:0:0");
            if place > 0 {
                let say =
                    format!(r#""say","to":{place},"id":"{id}","word":"enlist","mark":"{bottles}""#);
                ring.note(place - 1, &say);
            }
            let id = match place {
                0 => String::new(),
                _ => format!(",\"id\":\"{id}\""),
            };
            let got = format!(
                "\"place\",\"song\":\"7\",\"bottles\":{bottles},\"place\":{place},\
                 \"name\":\"Buddy {}\",\"roll\":[\"{roll}\"]{id}",
                place + 1
            );
            ring.note(place, &got);
        }
        ring
    }

    fn sing(&mut self, bottles: usize) {
        let buddies = self.journals.len();
        for hop in 0..bottles + 1 + 2 * buddies {
            let (place, next) = (hop % buddies, (hop + 1) % buddies);
            if let Some(left) = bottles.checked_sub(hop) {
                self.note(place, &format!(r#""sing","left":{left}"#));
                self.note(place, &format!(r#""sang","left":{left}"#));
                self.now += VERSE;
            }
            let mark = match bottles.checked_sub(hop + 1) {
                Some(left) => left.to_string(),
                None if hop < bottles + buddies => "over".to_owned(),
                None => "home".to_owned(),
            };
            let what = format!(r#""id":"1:7:{}","word":"go","mark":"{mark}""#, hop + 1);
            self.note(place, &format!(r#""say","to":{next},{what}"#));
            self.note(next, &format!(r#""hear",{what},"heed":true"#));
        }
        (0..buddies).for_each(|place| self.note(place, r#""end","why":"home""#));
    }
}

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [buddies, bottles, dir] = &args[..] else {
        anyhow::bail!("how many? made_up_ring BUDDIES BOTTLES DIR");
    };
    let (buddies, bottles) = (buddies.parse::<usize>()?.max(2), bottles.parse()?);
    let mut ring = Ring::new(buddies, bottles);
    ring.sing(bottles);
    fs::create_dir_all(dir)?;
    for (place, text) in ring.journals.iter().enumerate() {
        fs::write(Path::new(dir).join(format!("buddy-{place}.jsonl")), text)?;
    }
    Ok(())
}
