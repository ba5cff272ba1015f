//! Transcripts: the lines of a chat, and what is said of it.

use std::fmt::Write;

use super::*;
use crate::tests::{lives, said};
use crate::verdict::Verdict::{self, No, Unknown, Yes};

/// Journals of a server and of clients.
#[derive(Default)]
struct Pen {
    lives: Vec<String>,
    now: u64,
}

const SERVER: usize = 0;
const ANN: usize = 1;
const BOB: usize = 2;

impl Pen {
    /// Ann and Bob are in the lobby, which is empty.
    fn new() -> Self {
        let mut pen = Self::default();
        for (life, program) in ["chat-server", "chat-client", "chat-client"]
            .into_iter()
            .enumerate()
        {
            pen.lives.push(String::new());
            pen.note(
                life,
                &format!(
                    "\"w\":1700000000000000,\"e\":\"begin\",\"v\":1,\"program\":\"{program}\",\
                     \"life\":\"{life}\",\"host\":\"lab\",\"machine\":\"m\",\"pid\":{}",
                    100 + life
                ),
            );
        }
        for (life, nick) in [(ANN, "ann"), (BOB, "bob")] {
            pen.online(life, nick, 0);
        }
        pen
    }

    fn note(&mut self, life: usize, event: &str) {
        self.now += 10;
        let now = self.now;
        writeln!(self.lives[life], r#"{{"t":{now},{event}}}"#).expect("a text");
    }

    fn online(&mut self, life: usize, nick: &str, after: u64) {
        self.note(
            life,
            &format!(
                r#""e":"online","nick":"{nick}","sender":"a{life}","rooms":[["lobby",{after},"e"]]"#
            ),
        );
    }

    fn post(&mut self, life: usize, id: u64) {
        self.note(
            life,
            &format!(r#""e":"post","room":"lobby","id":"post:a{life}:{id}","count":1"#),
        );
    }

    fn store(&mut self, life: usize, id: u64, number: u64) {
        self.store_all(life, id, &[number]);
    }

    fn store_all(&mut self, life: usize, id: u64, numbers: &[u64]) {
        let texts: Vec<_> = numbers.iter().map(|number| [5, *number]).collect();
        self.note(
            SERVER,
            &format!(
                "\"e\":\"stored\",\"room\":\"lobby\",\"id\":\"post:a{life}:{id}\",\
                 \"numbers\":{numbers:?},\"texts\":{texts:?},\"epoch\":\"e\""
            ),
        );
    }

    fn ack(&mut self, life: usize, id: u64, number: u64) {
        self.ack_all(life, id, &[number]);
    }

    fn ack_all(&mut self, life: usize, id: u64, numbers: &[u64]) {
        self.note(
            life,
            &format!(r#""e":"acked","id":"post:a{life}:{id}","numbers":{numbers:?}"#),
        );
    }

    fn show(&mut self, life: usize, number: u64) {
        self.note(
            life,
            &format!(
                "\"e\":\"shown\",\"room\":\"lobby\",\"epoch\":\"e\",\"number\":{number},\
                 \"sender\":\"a1\",\"text\":[5,{number}]"
            ),
        );
    }

    /// Ann says something; it is stored under `number`, and Bob is shown it.
    fn say(&mut self, number: u64) {
        self.post(ANN, number);
        self.store(ANN, number, number);
        self.ack(ANN, number, number);
        self.show(BOB, number);
    }

    fn end(mut self) -> Self {
        for life in 0..self.lives.len() {
            self.note(life, r#""e":"end","why":"done""#);
        }
        self
    }

    fn judge(&self) -> (Vec<Verdict>, String) {
        let lives = lives(&self.lives, |number| format!("file{number}"));
        let order = Order::new(&lives);
        said(&Room::all(&lives, &order)[0].judge())
    }
}

#[test]
fn a_chat_as_it_should_be() {
    let mut pen = Pen::new();
    (1..4).for_each(|number| pen.say(number));
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
    assert!(
        text.starts_with("room lobby: 3 messages, 2 clients\n"),
        "{text}"
    );
}

#[test]
fn a_message_that_is_not_shown_or_twice_or_late() {
    let mut pen = Pen::new();
    pen.say(1);
    pen.post(ANN, 2);
    pen.store(ANN, 2, 2);
    pen.ack(ANN, 2, 2);
    pen.say(3);
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [Yes, Yes, No, Yes, Yes, Yes], "{text}");
    assert!(text.contains("bob was not shown 2"), "{text}");

    let mut pen = Pen::new();
    pen.say(1);
    pen.say(2);
    pen.show(BOB, 1);
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [No, No, Yes, Yes, Yes, Yes], "{text}");
    assert!(
        text.contains("bob was shown 1 after 2") && text.contains("bob was shown 1 twice"),
        "{text}"
    );
}

#[test]
fn what_came_after_a_client_left_is_not_missed() {
    let mut pen = Pen::new();
    pen.say(1);
    pen.post(ANN, 2);
    pen.store(ANN, 2, 2);
    pen.ack(ANN, 2, 2);
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
}

#[test]
fn one_that_comes_back_reads_on_and_misses_nothing() {
    let mut pen = Pen::new();
    pen.say(1);
    pen.note(BOB, r#""e":"offline","why":"connection lost""#);
    pen.post(ANN, 2);
    pen.store(ANN, 2, 2);
    pen.ack(ANN, 2, 2);
    pen.online(BOB, "bob", 1);
    pen.show(BOB, 2);
    pen.say(3);
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
}

#[test]
fn an_acknowledgement_must_fit_what_is_stored() {
    let mut pen = Pen::new();
    pen.post(ANN, 1);
    pen.ack(ANN, 1, 1);
    let whole = Pen {
        lives: pen.lives.clone(),
        now: pen.now,
    };
    // The server may have been killed before it could write it down.
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts[4], Unknown, "{text}");
    let (verdicts, text) = whole.end().judge();
    assert_eq!(verdicts[4], No, "{text}");
    assert!(
        text.contains("ann has post:a1:1 acknowledged, and no server's journal has it"),
        "{text}"
    );

    let mut pen = Pen::new();
    pen.post(ANN, 1);
    pen.store(ANN, 1, 1);
    pen.ack(ANN, 1, 2);
    assert_eq!(pen.end().judge().0[4], No);

    let mut pen = Pen::new();
    pen.post(ANN, 1);
    pen.store(ANN, 1, 1);
    pen.store(ANN, 1, 2);
    pen.ack(ANN, 1, 1);
    assert_eq!(pen.end().judge().0[4], No);
}

#[test]
fn a_post_that_is_sent_again_is_stored_once() {
    let mut pen = Pen::new();
    pen.post(ANN, 1);
    pen.store(ANN, 1, 1);
    pen.note(ANN, r#""e":"offline","why":"connection lost""#);
    pen.online(ANN, "ann", 0);
    pen.post(ANN, 1);
    pen.store(ANN, 1, 1);
    pen.ack(ANN, 1, 1);
    pen.show(BOB, 1);
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [Yes; 6], "{text}");
}

/// The second call carries what was typed since, and the third one is smaller, as after a loss.
#[test]
fn a_post_that_is_sent_again_with_others_is_stored_once() {
    let play = |third: &str| {
        let mut pen = Pen::new();
        for numbers in ["1", "1,2,3", third] {
            let count = numbers.split(',').count();
            let texts = numbers.split(',').map(|number| format!("[5,{number}]"));
            let texts = texts.collect::<Vec<_>>().join(",");
            pen.note(
                ANN,
                &format!(r#""e":"post","room":"lobby","id":"post:a1:1","count":{count}"#),
            );
            pen.note(
                SERVER,
                &format!(
                    "\"e\":\"stored\",\"room\":\"lobby\",\"id\":\"post:a1:1\",\
                     \"numbers\":[{numbers}],\"texts\":[{texts}],\"epoch\":\"e\""
                ),
            );
        }
        pen.note(
            ANN,
            &format!(r#""e":"acked","id":"post:a1:1","numbers":[{third}]"#),
        );
        for number in 1..=3 {
            pen.show(BOB, number);
        }
        pen.end().judge()
    };
    let (verdicts, text) = play("1,2");
    assert_eq!(verdicts, [Yes; 6], "{text}");
    let (verdicts, text) = play("1,4");
    assert_eq!(verdicts[4], No, "{text}");
}

#[test]
fn a_call_that_is_made_again_may_have_more_in_it() {
    let sent_again = |stored: &[u64], acked: &[u64]| {
        let mut pen = Pen::new();
        pen.post(ANN, 1);
        pen.store(ANN, 1, 1);
        pen.post(ANN, 1);
        pen.store_all(ANN, 1, stored);
        pen.ack_all(ANN, 1, acked);
        pen.show(BOB, 1);
        pen.end().judge().0[4]
    };
    assert_eq!(sent_again(&[1, 2], &[1, 2]), Yes);
    assert_eq!(sent_again(&[1, 2], &[1]), Yes, "the first of them again");
    assert_eq!(sent_again(&[1], &[1, 2]), No, "the second is not stored");
    assert_eq!(
        sent_again(&[2, 3], &[2, 3]),
        No,
        "the first is stored twice"
    );
}

/// The first of three posts was stored before the server died. Another server over the same log
/// then stores only what is new, under the name of the second.
#[test]
fn several_servers_may_store_one_call() {
    let play = |acked: &str| {
        let mut pen = Pen::new();
        pen.post(ANN, 1);
        pen.store(ANN, 1, 1);
        pen.post(ANN, 1);
        pen.note(
            SERVER,
            "\"e\":\"stored\",\"room\":\"lobby\",\"id\":\"post:a1:2\",\"numbers\":[5,6],\
             \"texts\":[[5,5],[5,6]],\"epoch\":\"e\"",
        );
        pen.note(
            ANN,
            &format!(r#""e":"acked","id":"post:a1:1","numbers":[{acked}]"#),
        );
        pen.end().judge()
    };
    let (verdicts, text) = play("1,5,6");
    assert_eq!(verdicts[4], Yes, "{text}");
    assert_eq!(play("1,6,5").0[4], No);
    assert_eq!(play("1,5,6,7").0[4], No, "the last is not stored");
}

#[test]
fn another_text_is_noticed() {
    let mut pen = Pen::new();
    pen.say(1);
    pen.lives[BOB] = pen.lives[BOB].replace("[5,1]", "[5,2]");
    let (verdicts, text) = pen.end().judge();
    assert_eq!(verdicts, [Yes, Yes, Yes, No, Yes, Yes], "{text}");
}

#[test]
fn without_the_servers_journal_it_cannot_be_known() {
    let mut pen = Pen::new();
    pen.say(1);
    pen.lives[SERVER].clear();
    let (verdicts, text) = pen.judge();
    assert_eq!(verdicts.iter().max(), Some(&Unknown), "{text}");
    assert!(
        text.contains("there is no journal of the chat-server"),
        "{text}"
    );
}

/// Two lives of a server have stored Ann's post. Bob was shown it by the first, and what he then
/// said was stored by the second before it was asked for Ann's post again. The first may have been
/// killed before it wrote down what it had stored; and Bob may have been shown it by the second,
/// which found it in the file.
#[test]
fn what_a_later_life_stores_again_is_no_contradiction() {
    let mut pen = Pen::new();
    pen.post(ANN, 1);
    pen.store(ANN, 1, 1);
    pen.show(BOB, 1);
    let first = pen.lives[SERVER].clone();
    pen.post(BOB, 1);
    pen.store(BOB, 1, 2);
    pen.store(ANN, 1, 1);
    let begin = format!("{}\n", first.lines().next().expect("a line"));
    let other = begin.replace("\"life\":\"0\"", "\"life\":\"f\"");
    let second = format!("{other}{}", &pen.lives[SERVER][first.len() - 1..]);
    let known = |second: &str| {
        let line = second.trim_end().trim_end_matches('}');
        format!("{line},\"known\":[1]}}\n")
    };
    // Ann has typed something more by then, which is sent with it.
    let more = second.replacen(
        "[1],\"texts\":[[5, 1]]",
        "[1,3],\"texts\":[[5, 1],[5, 3]]",
        1,
    );
    assert_ne!(more, second);
    for (first, second, contradictions) in [
        (&first, &second, 0),
        (&first, &known(&second), 0),
        (&begin, &known(&second), 0),
        (&begin, &known(&more), 0),
        (&begin, &second, 1),
        (&begin, &more, 1),
    ] {
        // In this order, because the lives of a run are in the order of random numbers.
        let texts = [second, first, &pen.lives[ANN], &pen.lives[BOB]];
        let lives = texts.map(|text| Life::parse("file", text).expect("a journal"));
        assert_eq!(
            Order::new(&lives).contradictions,
            contradictions,
            "{second}"
        );
    }
}
