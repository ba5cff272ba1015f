//! Transcripts: the journals of whole songs, in which it is not plain what caused a line.

use super::*;
use crate::order::Order;
use crate::run::Run;
use crate::verdict::Verdict;

/// Returns one life for each text, at the place of its number. Their machines share no clock. Each
/// line is an event without its quotation marks, as `e:sing,left:3`; `roll` stands for the roll.
fn lives(bottles: u64, texts: &[&str]) -> Vec<Life> {
    let addresses = (0..texts.len()).map(|place| format!("\"{place}:1\""));
    let addresses = Vec::from_iter(addresses).join(",");
    let life = |(place, text): (usize, &&str)| {
        let begin = format!(
            "{{\"t\":0,\"w\":{},\"e\":\"begin\",\"v\":1,\"program\":\"buddy\",\"life\":\"{place}\",\
             \"host\":\"h\",\"machine\":\"{place}\",\"pid\":1}}\n",
            1_700_000_000_000_000_u64
        );
        let roll = format!(
            "\"e\":\"place\",\"song\":\"7\",\"bottles\":{bottles},\"place\":{place},\
             \"name\":\"Buddy {}\",\"roll\":[{addresses}]",
            place + 1
        );
        let event = |line: &str| match line {
            "roll" => roll.clone(),
            line => Vec::from_iter(line.split(',').map(field)).join(","),
        };
        let lines = text.split_whitespace().zip(1..);
        let lines = lines.map(|(line, t)| format!("{{\"t\":{t},{}}}\n", event(line)));
        Life::parse(&place.to_string(), &(begin + &String::from_iter(lines))).expect("a journal")
    };
    texts.iter().enumerate().map(life).collect()
}

/// Returns a field as JSON has it: numbers and truths are bare, and a mark is a word.
fn field(field: &str) -> String {
    let (key, value) = field.split_once(':').expect("a field");
    let is_bare = matches!(key, "left" | "place" | "to" | "heed");
    let quote = if is_bare { "" } else { "\"" };
    format!("\"{key}\":{quote}{value}{quote}")
}

/// Returns the line of this number, from 0, in the journal of the buddy at `life`.
fn at(life: usize, line: usize) -> At {
    At { life, line }
}

/// Returns the order of the lives, which must show a song without a fault.
fn sound(lives: &[Life]) -> Order {
    let order = Order::new(lives);
    let run = Run::new(lives, &order, Vec::new());
    assert_eq!(run.songs.len(), 1);
    assert_eq!(run.report.verdict(), Verdict::Yes, "{:#?}", run.report);
    order
}

/// Buddy 3 is in a later take when the pass of Buddy 1 arrives, so it does not take its mark. Then
/// it learns from an answer of Buddy 1, which left earlier, less than that pass said. Buddy 2 knows
/// by Buddy 3 that it is its turn.
#[test]
fn a_pass_that_is_not_heeded_gets_nobody_further() {
    let lives = lives(
        4,
        &[
            "roll e:lost,place:1,why:late e:sing,left:4 e:sang,left:4 e:sing,left:3 e:sang,left:3
            e:say,to:2,id:1-7-1,word:go,mark:2
            e:hear,id:2-c-2,word:go,mark:1,heed:true e:sing,left:1 e:sang,left:1
            e:say,to:1,id:2-c-3,word:go,mark:0 e:end,why:home",
            "roll e:told,place:2,mark:3 e:sing,left:3 e:sang,left:3
            e:say,to:2,id:2-c-1,word:go,mark:2
            e:hear,id:2-c-3,word:go,mark:0,heed:true e:sing,left:0 e:sang,left:0 e:end,why:home",
            "roll e:hear,id:1-7-1,word:go,mark:2,heed:false e:told,place:0,mark:3
            e:hear,id:2-c-1,word:go,mark:2,heed:true e:sing,left:2 e:sang,left:2
            e:say,to:0,id:2-c-2,word:go,mark:1 e:end,why:home",
        ],
    );
    let order = sound(&lives);
    assert_eq!(
        order.cause(at(2, 3)),
        Some(at(0, 4)),
        "when verse 4 was sung"
    );
    assert_eq!(order.cause(at(1, 2)), Some(at(2, 3)), "when it was told");
}

/// A stranger calls Buddy 1 with a name that Buddy 2 sends later, as it passes on another call of
/// that stranger. To take one for the other would make a circle of causes.
#[test]
fn a_strangers_call_is_not_caused_by_a_later_one_of_the_same_name() {
    let lives = lives(
        1,
        &[
            "e:called,id:call:9:0:3 e:called,id:call:9:0:1 e:call,id:call:9:0:2,next:b
            e:called,id:call:9:0:3
            e:call,id:call:7:1:2,next:b e:called,id:call:7:1:3 roll
            e:sing,left:1 e:sang,left:1 e:say,to:1,id:1-7-1,word:go,mark:0 e:end,why:home",
            "e:called,id:call:9:0:2 e:call,id:call:9:0:3,next:a
            e:called,id:call:7:1:2 e:call,id:call:7:1:3,next:a roll
            e:hear,id:1-7-1,word:go,mark:0,heed:true e:sing,left:0 e:sang,left:0 e:end,why:home",
        ],
    );
    let order = sound(&lives);
    assert_eq!(order.contradictions, 0);
    // The calls of the song itself have their causes.
    assert_eq!(order.cause(at(1, 3)), Some(at(0, 5)));
    assert_eq!(order.cause(at(0, 6)), Some(at(1, 4)));
}
