//! The decisions as transcripts, and on simulated servers in simulated time.

use common::net::Trouble;
use sim::{Model, Sim};

use super::*;

mod sim;

const MS: Duration = Duration::from_millis(1);

const QUICK: Timing = Timing {
    took: MS,
    waited: Duration::ZERO,
    worked: MS,
};

/// A dispatcher of one-word chunks, and what it decides.
struct Script(Dispatcher);

impl Script {
    /// Servers `a`, `b`, `c`, of which none was tried yet.
    fn untried(words: &str, servers: usize) -> Self {
        let fixed = Fixed {
            words: Some(1),
            calls: Some(1),
        };
        let mut dispatcher = Dispatcher::new(&[], fixed, 5000 * MS);
        for name in ["a", "b", "c"].iter().take(servers) {
            dispatcher.found((*name).to_owned());
        }
        dispatcher.effects.clear();
        let words = words.split(' ').map(|word| format!("{word}\n"));
        dispatcher.queue.read(words.collect());
        Self(dispatcher)
    }

    /// Servers with one worker each.
    fn new(words: &str, servers: usize) -> Self {
        let mut script = Self::untried(words, servers);
        (0..servers).for_each(|id| script.0.up(id, 1));
        script
    }

    /// Lets something happen, and returns what is to be done about it.
    fn when(&mut self, happens: impl FnOnce(&mut Dispatcher)) -> String {
        happens(&mut self.0);
        let mut todo = Vec::new();
        while let Some(effect) = self.0.next_effect() {
            todo.push(match effect {
                Effect::LookUp(name) => format!("look up {name}"),
                Effect::Connect(id, address) => format!("connect {id} to {address}"),
                Effect::Close(id) => format!("close {}", self.name(id)),
                Effect::Abandon(id) => format!("abandon {}", self.name(id)),
                Effect::Cancel(id, first) => format!("cancel {first} at {}", self.name(id)),
                Effect::ResumeAfter(id, wait) => format!("resume {} in {wait:?}", self.name(id)),
                Effect::Say(line) => format!("say {line:?}"),
            });
        }
        while let Some(Assigned { server, chunk }) = self.0.next_call() {
            let words = chunk.text.trim_end().replace('\n', " ");
            todo.push(format!("{} gets {words}", self.name(server)));
        }
        todo.join(", ")
    }

    fn name(&self, id: ServerId) -> &str {
        &self.0.servers[id].name
    }

    /// Server `a` has no room for the chunk at line `first`.
    fn busy(&mut self, first: u64) -> String {
        self.when(|d| d.refused(0, first, Refusal::Busy, 1.0))
    }

    fn begin(&mut self) -> String {
        self.when(|_| {})
    }

    fn answered(&mut self, id: ServerId, first: u64, answer: &str) -> String {
        let answer = answer.split(' ').map(|word| format!("{word}\n")).collect();
        self.when(|d| d.answered(id, first, answer, QUICK))
    }

    /// Returns when to give up, or why the work has failed, at this time.
    fn check(&mut self, seconds: u64) -> Result<Option<Duration>, String> {
        let check = self.0.check(|| Duration::from_secs(seconds));
        check.map_err(|cause| cause.to_string())
    }

    fn take(&mut self) -> Option<String> {
        self.0.queue.take()
    }
}

fn unreached(trouble: Trouble) -> Cause {
    Cause::Unreached(Box::new(error(trouble)))
}

fn error(trouble: Trouble) -> Error {
    Error {
        trouble,
        service: "secret-server",
        target: "a".into(),
        addr: None,
        own: None,
    }
}

#[test]
fn answers_come_out_in_the_order_of_the_list() {
    let mut s = Script::new("ab cd ef", 2);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    assert_eq!(s.answered(1, 1, "dc"), "b gets ef", "the quicker goes on");
    assert_eq!(s.take(), None, "the first is not there yet");
    assert_eq!(s.answered(0, 0, "ba"), "");
    assert_eq!(s.take().as_deref(), Some("ba\ndc\n"));
    assert_eq!(s.when(|d| d.end(0)), "a gets ef");
    assert!(!s.0.queue.is_finished());
    assert_eq!(s.answered(1, 2, "fe"), "cancel 2 at a");
    assert_eq!(s.take().as_deref(), Some("fe\n"));
    assert!(s.0.queue.is_finished());
    assert!(s.0.shares().eq([("a", 1), ("b", 2)]));
}

#[test]
fn the_words_of_a_lost_server_go_out_first() {
    let mut s = Script::new("ab cd ef", 2);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    let lost = r#"close a, say "lost a: the connection was closed; trying again""#;
    assert_eq!(s.when(|d| d.closed(0)), lost);
    assert_eq!(s.when(|d| d.closed(0)), "close a", "an outage is told once");
    assert_eq!(s.answered(1, 1, "dc"), "b gets ab");
    assert_eq!(s.when(|d| d.up(0, 1)), r#"say "a is there", a gets ef"#);
    assert_eq!(s.0.queue.totals.retried, 1);
}

#[test]
fn a_big_chunk_comes_back_in_the_size_of_the_next_server() {
    let mut s = Script::untried("x y z w", 2);
    s.0.fixed.words = Some(3);
    assert_eq!(s.when(|d| d.up(0, 1)), "a gets x y z");
    s.when(|d| d.closed(0));
    s.0.fixed.words = Some(1);
    assert_eq!(s.when(|d| d.up(1, 1)), "b gets x");
    assert_eq!(s.answered(1, 0, "x"), "b gets y");
    assert_eq!(s.answered(1, 1, "y"), "b gets z");
    assert_eq!(s.answered(1, 2, "z"), "b gets w");
    assert_eq!(s.answered(1, 3, "w"), "");
    assert_eq!(s.take().as_deref(), Some("x\ny\nz\nw\n"));
    assert_eq!(s.0.queue.totals.retried, 3);
}

#[test]
fn at_the_end_an_idle_server_does_a_word_twice_and_the_first_answer_counts() {
    let mut s = Script::new("ab cd", 3);
    assert_eq!(s.begin(), "a gets ab, b gets cd", "more input may come");
    let copied = s.when(|d| d.end(0));
    assert_eq!(copied, "c gets cd", "the newest has most left to do");
    assert_eq!(s.answered(2, 1, "dc"), "cancel 1 at b, b gets ab");
    assert_eq!(s.answered(1, 1, "dc"), "", "too late");
    let lost = s.when(|d| d.closed(0));
    assert!(lost.ends_with("c gets ab"), "again two have it");
    assert_eq!(s.0.queue.totals.retried, 0, "one always had it");
    assert_eq!(s.answered(1, 0, "ba"), "cancel 0 at c");
    assert_eq!(s.take().as_deref(), Some("ba\ndc\n"));
    assert!(s.0.queue.is_finished());
    assert_eq!(s.0.queue.totals.hedged, 3);
}

#[test]
fn a_busy_server_is_asked_again_after_a_growing_wait() {
    let mut s = Script::new("ab cd", 1);
    assert_eq!(s.begin(), "a gets ab");
    assert_eq!(s.busy(0), "resume a in 5ms");
    assert_eq!(s.when(|d| d.resume(0)), "a gets ab");
    let failed = s.when(|d| d.failed(0, 0, 1.0));
    assert_eq!(failed, "resume a in 10ms", "a failure is the same");
    assert_eq!(s.when(|d| d.resume(0)), "a gets ab");
    assert_eq!(s.answered(0, 0, "ba"), "a gets cd");
    assert_eq!(s.busy(1), "resume a in 5ms");
    assert_eq!(s.0.queue.totals.retried, 1, "a busy server did not fail");
}

#[test]
fn several_busy_answers_at_once_are_one_pause() {
    let mut s = Script::untried("ab cd", 1);
    s.0.fixed.calls = Some(2);
    assert_eq!(s.when(|d| d.up(0, 1)), "a gets ab, a gets cd");
    for wait in ["resume a in 5ms", "resume a in 10ms"] {
        assert_eq!(s.busy(0), wait);
        assert_eq!(s.busy(1), "");
        assert_eq!(s.when(|d| d.resume(0)), "a gets ab, a gets cd");
    }
}

#[test]
fn an_answer_with_another_number_of_lines_is_the_last_of_its_server() {
    let mut s = Script::new("ab cd", 2);
    assert_eq!(s.begin(), "a gets ab, b gets cd");
    let garbled = r#"abandon a, say "a answers with another number of words than asked""#;
    assert_eq!(s.answered(0, 0, "b a"), garbled);
    assert_eq!(s.answered(1, 1, "dc"), "b gets ab");
}

#[test]
fn a_server_that_refuses_for_good_is_abandoned_and_told_of_once() {
    let mut s = Script::untried("ab cd", 1);
    s.0.fixed.calls = Some(2);
    assert_eq!(s.when(|d| d.up(0, 1)), "a gets ab, a gets cd");
    let key = r#"abandon a, say "a: its premium tier wants a key""#;
    assert_eq!(s.when(|d| d.refused(0, 0, Refusal::KeyMissing, 1.0)), key);
    assert_eq!(s.when(|d| d.refused(0, 1, Refusal::KeyMissing, 1.0)), "");
    assert_eq!(s.when(|d| d.closed(0)), "");
    let up = s.when(|d| d.up(0, 1));
    assert_eq!(up, "close a", "it was connected meanwhile");
    assert_eq!(s.check(0), Err("a: its premium tier wants a key".into()));
}

#[test]
fn a_wrong_address_is_not_tried_again() {
    let mut s = Script::untried("ab", 2);
    let chat = Trouble::Service("chat-server".into());
    let wrong = r#"abandon a, say "a answers, but it is a chat-server""#;
    assert_eq!(s.when(|d| d.down(0, unreached(chat))), wrong);
    assert_eq!(s.when(|d| d.up(1, 1)), "b gets ab");
    assert_eq!(s.check(0), Ok(None));
}

#[test]
fn it_gives_up_when_no_server_answers_for_long_enough() {
    let mut s = Script::untried("ab", 2);
    assert_eq!(s.check(0), Ok(None), "both are being tried");
    let refused = r#"close a, say "cannot reach a: connection refused; trying again""#;
    assert_eq!(s.when(|d| d.down(0, unreached(Trouble::Refused))), refused);
    assert_eq!(s.check(1), Ok(None), "the other is still being tried");
    s.when(|d| d.closed(1));
    assert_eq!(s.check(2), Ok(Some(7000 * MS)));
    assert_eq!(s.check(3), Ok(Some(7000 * MS)), "it stays");
    s.when(|d| d.up(0, 1));
    assert_eq!(s.check(4), Ok(None));
    s.when(|d| d.closed(0));
    assert_eq!(s.check(5), Ok(Some(10_000 * MS)));
    let cause = s.0.give_up().to_string();
    assert_eq!(cause, "lost a: the connection was closed");
}

#[test]
fn a_name_is_looked_up_and_each_of_its_addresses_is_a_server() {
    let targets = ["lab:1".to_owned(), "1.2.3.4:5".to_owned()];
    let mut s = Script(Dispatcher::new(&targets, Fixed::default(), MS));
    assert_eq!(s.begin(), "look up lab:1, connect 0 to 1.2.3.4:5");
    let name = Trouble::Name("unknown".into());
    let unknown = s.when(|d| d.looked_up(Err(error(name.clone()))));
    assert_eq!(unknown, r#"say "cannot reach a: unknown""#);
    assert_eq!(s.when(|d| d.looked_up(Err(error(name)))), "", "told once");
    let addresses = ["1.2.3.4:5", "1.2.3.5:1"].map(|a| a.parse().expect("an address"));
    let found = s.when(|d| d.looked_up(Ok(addresses.into())));
    assert_eq!(found, "connect 1 to 1.2.3.5:1", "one was known");
}

#[test]
fn a_chunk_that_fails_everywhere_ends_the_work() {
    let mut s = Script::new("ab", 1);
    assert_eq!(s.begin(), "a gets ab");
    for _ in 0..7 {
        s.when(|d| d.failed(0, 0, 1.0));
        assert_eq!(s.when(|d| d.resume(0)), "a gets ab");
    }
    assert_eq!(s.check(0), Ok(None));
    for _ in 0..16 {
        s.when(|d| d.closed(0));
        s.when(|d| d.up(0, 1));
    }
    let cause = "the words from line 1 on fail at every server";
    assert_eq!(s.check(0), Err(cause.into()), "a lost server counts less");
}

#[test]
fn servers_share_the_work_by_their_speed() {
    // A word takes 100 ms on average. The ideal is what the servers together can do.
    for (servers, ideal, within) in [
        (vec![1.0], 12.0, 0.02),
        (vec![1.0; 2], 6.0, 0.04),
        (vec![1.0; 4], 3.0, 0.08),
        (vec![1.0; 8], 1.5, 0.08),
        (vec![1.0, 1.0, 3.0], 120.0 * 0.1 / (2.0 + 1.0 / 3.0), 0.08),
        (vec![1.0, 20.0], 120.0 * 0.1 / 1.05, 0.08),
    ] {
        let seconds = (1..=20).map(|seed| {
            let models = servers.iter().map(|slow| Model::new(1, 0.1 * slow));
            let mut sim = Sim::new(120, models.collect(), seed);
            sim.run();
            sim.seconds()
        });
        let mean = seconds.sum::<f64>() / 20.0;
        assert!(
            mean < ideal * (1.0 + within),
            "{servers:?}: {mean:.2}s, ideal {ideal:.2}s"
        );
    }
}

#[test]
fn the_output_is_the_same_however_servers_are_killed_and_started_again() {
    for seed in 1..=200 {
        let models = vec![
            Model::new(1, 0.1),
            Model::new(8, 0.3),
            Model::new(2, 0.0001),
        ];
        let mut sim = Sim::new(5_000, models, seed);
        sim.kill_every(0.05);
        sim.run();
        assert_eq!(sim.output(), sim.expected(), "seed {seed}");
    }
}
