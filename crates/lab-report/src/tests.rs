//! Made-up runs, for the tests of all that reads them.

use crate::life::Life;
use crate::verdict::{Judgement, Verdict};
use chat::Chat;
use ring::Ring;

pub(crate) mod chat;
pub(crate) mod ring;
mod untrue;

/// A list of which a server is lost, and comes back.
pub(crate) const LIST: &str = r#"
"e":"begin","v":1,"program":"secret-client","life":"1","host":"lab","machine":"m","pid":7
"e":"server","server":0,"address":"a:1"
"e":"server","server":1,"address":"b:1"
"e":"up","server":0,"workers":2
"e":"up","server":1,"workers":2
"e":"give","server":0,"first":0,"words":2
"e":"give","server":1,"first":2,"words":2
"e":"down","server":1,"why":"cannot reach b:1: connection refused"
"e":"read","lines":6
"e":"give","server":0,"first":2,"words":2
"e":"got","server":0,"first":0,"words":2,"counts":true,"waited":1000,"worked":3000
"e":"out","upto":2
"e":"up","server":1,"workers":2
"e":"give","server":0,"first":4,"words":2
"e":"give","server":1,"first":4,"words":2
"e":"got","server":0,"first":2,"words":2,"counts":true,"waited":0,"worked":9000
"e":"got","server":1,"first":4,"words":2,"counts":true,"waited":0,"worked":2000
"e":"drop","server":0,"first":4,"why":"beaten"
"e":"out","upto":6
"e":"end","why":"done"
"#;

/// Returns the lives of which journals are left, each in the file that `name` gives to its number.
pub(crate) fn lives(journals: &[String], name: impl Fn(usize) -> String) -> Vec<Life> {
    let parse = |(number, text): (usize, &String)| Life::parse(&name(number), text).ok();
    journals.iter().enumerate().filter_map(parse).collect()
}

/// Returns what is said of each promise, and of all.
pub(crate) fn said(judgement: &Judgement) -> (Vec<Verdict>, String) {
    let verdicts = judgement.checks.iter().map(|check| check.verdict).collect();
    (verdicts, judgement.to_string())
}

/// Returns the journal with these lines, without their times.
pub(crate) fn listed(lines: &str) -> Vec<Life> {
    let text = numbered(lines);
    Life::parse("journals/list.jsonl", &text)
        .into_iter()
        .collect()
}

/// Returns these lines, each 10 ms after the one before it.
pub(crate) fn numbered(lines: &str) -> String {
    let lines = lines.trim().lines().enumerate();
    let line = |(number, event): (usize, &str)| {
        let wall = match number {
            0 => "\"w\":1700000000000000,",
            _ => "",
        };
        format!("{{\"t\":{},{wall}{event}}}\n", number * 10_000)
    };
    lines.map(line).collect()
}

/// 99 bottles by three: Buddy 3 is killed as it has sung 61, and comes back.
pub(crate) fn three() -> Ring {
    let mut ring = Ring::new(3, 99);
    ring.sing(61);
    ring.kill(2);
    ring.sing(49);
    ring.restart(2);
    ring.home();
    ring
}

/// A chat of four: the server is killed, one client misses messages, another one is killed.
pub(crate) fn chatted() -> Chat {
    let mut chat = Chat::new(&["ann", "bob", "cem", "dee"]);
    (0..24).for_each(|n| chat.say(n % 4 + 1));
    chat.miss(4, 6);
    (0..9).for_each(|n| chat.say(n % 3 + 1));
    chat.restart();
    chat.again(3);
    (0..10).for_each(|n| chat.say(n % 4 + 1));
    chat.kill(3);
    (0..8).for_each(|n| chat.say(n % 2 + 1));
    chat.end();
    chat
}

/// Returns runs of which some lines were moved, cut off, removed, copied or changed.
pub(crate) fn wild(rounds: usize) -> impl Iterator<Item = Vec<Life>> {
    let mut seed = 0x5eed_u64;
    let mut dice = move |sides: usize| {
        // Knuth's multiplier (MMIX).
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % sides
    };
    let runs: Vec<Vec<String>> = vec![three().journals, chatted().journals, vec![numbered(LIST)]];
    (0..rounds).map(move |round| {
        let mut journals = runs[round % runs.len()].clone();
        for _ in 0..4 {
            let number = dice(journals.len());
            let mut lines: Vec<String> = journals[number].lines().map(str::to_owned).collect();
            let (a, b) = (1 + dice(lines.len() - 1), 1 + dice(lines.len() - 1));
            match dice(6) {
                0 => lines.swap(a, b),
                1 => lines.truncate(a + 1),
                2 => drop(lines.remove(a)),
                3 => lines[a] = lines[b].clone(),
                4 => lines[a] = lines[a].replace("\"t\":", "\"t\":9999999999"),
                _ => lines[a] = lines[a].replace([':', '1'], ":9").replace("::", ":"),
            }
            journals[number] = lines.join("\n") + "\n";
        }
        let parse = |text: &String| Life::parse("f", text).ok();
        journals.iter().filter_map(parse).collect()
    })
}
