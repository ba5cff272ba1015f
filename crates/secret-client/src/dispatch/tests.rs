//! The decisions as transcripts, and on simulated servers in simulated time.

use common::net::Trouble;

use super::*;

mod late;
mod names;
mod sim;
mod simulated;
mod truth;

const MS: Duration = Duration::from_millis(1);

const QUICK: Timing = Timing {
    took: MS,
    waited: Duration::ZERO,
    worked: MS,
};

/// A dispatcher of one-word chunks and the time, and what it decides.
struct Script(Dispatcher, Duration);

impl Script {
    /// Servers `a`, `b`, `c`, of which none was tried yet.
    fn untried(words: &str, servers: usize) -> Self {
        let fixed = Fixed {
            words: Some(1),
            calls: Some(1),
        };
        let mut dispatcher = Dispatcher::new(fixed, false, 5000 * MS);
        for name in ["a", "b", "c"].iter().take(servers) {
            dispatcher.found((*name).to_owned());
        }
        dispatcher.effects.clear();
        let mut script = Self(dispatcher, Duration::ZERO);
        script.read(words);
        script
    }

    /// Servers with one worker each.
    fn new(words: &str, servers: usize) -> Self {
        let mut script = Self::untried(words, servers);
        (0..servers).for_each(|id| script.0.up(id, 1));
        script
    }

    /// The same, where two servers must answer each word.
    fn verifying(words: &str, servers: usize) -> Self {
        let mut script = Self::untried("", servers);
        (script.0.queue, script.0.needed) = (Queue::new(true), 2);
        script.read(words);
        (0..servers).for_each(|id| script.0.up(id, 1));
        script
    }

    fn read(&mut self, words: &str) {
        let words = words.split_terminator(' ').map(|word| format!("{word}\n"));
        self.0.queue.read(words.collect());
    }

    /// Lets the time come to this, and returns what is to be done then.
    fn at(&mut self, millis: u32) -> String {
        self.1 = millis * MS;
        self.when(|_| {})
    }

    /// Lets something happen, and returns what is to be done about it.
    fn when(&mut self, happens: impl FnOnce(&mut Dispatcher)) -> String {
        happens(&mut self.0);
        let calls = std::iter::from_fn(|| self.0.next_call(self.1)).collect::<Vec<_>>();
        // An end is looked at by the tests that are about ends.
        let _ = self.0.check(self.1);
        let mut todo = Vec::new();
        while let Some(effect) = self.0.next_effect() {
            todo.push(match effect {
                Effect::LookUp(name, Duration::ZERO) => format!("look up {name}"),
                Effect::LookUp(name, wait) => format!("look up {name} in {wait:?}"),
                Effect::Connect(_, name, Duration::ZERO) => format!("connect to {name}"),
                Effect::Connect(_, name, wait) => format!("connect to {name} in {wait:?}"),
                Effect::Close(id) => format!("close {}", self.name(id)),
                Effect::Abandon(id) => format!("abandon {}", self.name(id)),
                Effect::Cancel(id, first) => format!("cancel {first} at {}", self.name(id)),
                Effect::ResumeAfter(id, wait) => format!("resume {} in {wait:?}", self.name(id)),
                Effect::Say(line) => format!("say {line:?}"),
                Effect::Note(event) => format!("note {event:?}"),
            });
        }
        for Assigned { server, chunk } in calls {
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
        self.1 = Duration::from_secs(seconds);
        let check = self.0.check(self.1).map_err(|cause| cause.to_string());
        check.map(|_| self.0.give_up_at)
    }

    /// Returns why the work has failed.
    fn end(&mut self) -> String {
        let check = self.0.check(self.1);
        check.expect_err("the work cannot go on").to_string()
    }

    /// The connection of a server is lost.
    fn lost(&mut self, id: ServerId) -> String {
        let name = self.name(id).to_owned();
        self.when(|d| d.down(id, Cause::Closed(name), 1.0))
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
    assert_eq!(s.when(|d| d.closed(0)), lost, "a call noticed");
    let again = "close a, connect to a in 50ms";
    assert_eq!(s.lost(0), again, "an outage is told once");
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
    let next = "cancel 1 at b, c gets ab";
    assert_eq!(s.answered(2, 1, "dc"), next, "b was slower");
    assert_eq!(s.answered(1, 1, "dc"), "", "too late");
    let lost = s.when(|d| d.closed(0));
    assert!(lost.ends_with("b gets ab"), "again two have it");
    assert_eq!(s.0.queue.totals.retried, 0, "one always had it");
    assert_eq!(s.answered(2, 0, "ba"), "cancel 0 at b");
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
    let failed = s.when(|d| d.failed(0, 0, "boom".into(), 1.0));
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
    let key = s.when(|d| d.refused(0, 0, Refusal::KeyMissing, 1.0));
    assert_eq!(key, "abandon a", "the end of the work says why");
    assert_eq!(s.when(|d| d.refused(0, 1, Refusal::KeyMissing, 1.0)), "");
    assert_eq!(s.lost(0), "");
    let up = s.when(|d| d.up(0, 1));
    assert_eq!(up, "close a", "it was connected meanwhile");
    assert_eq!(s.check(0), Err("a: its premium tier wants a key".into()));
}

#[test]
fn a_wrong_address_is_not_tried_again() {
    let mut s = Script::untried("ab", 2);
    let chat = Trouble::Service("chat-server".into());
    let wrong = r#"abandon a, say "a answers, but it is a chat-server""#;
    assert_eq!(s.when(|d| d.down(0, unreached(chat), 1.0)), wrong);
    assert_eq!(s.when(|d| d.up(1, 1)), "b gets ab");
    assert_eq!(s.check(0), Ok(None));
}

#[test]
fn it_gives_up_when_no_server_answers_for_long_enough() {
    let mut s = Script::untried("ab", 2);
    assert_eq!(s.check(0), Ok(None), "both are being tried");
    let refused = s.when(|d| d.down(0, unreached(Trouble::Refused), 1.0));
    let said = r#"say "cannot reach a: connection refused; trying again""#;
    assert_eq!(refused, format!("close a, {said}, connect to a in 50ms"));
    assert_eq!(s.check(1), Ok(None), "the other is still being tried");
    s.when(|d| d.closed(1));
    assert_eq!(s.check(2), Ok(Some(6000 * MS)));
    assert_eq!(s.check(3), Ok(Some(6000 * MS)), "it stays");
    s.when(|d| d.up(0, 1));
    assert_eq!(s.check(4), Ok(None));
    s.when(|d| d.closed(0));
    assert_eq!(s.check(5), Ok(Some(9000 * MS)));
    let cause = "lost a: the connection was closed";
    assert_eq!(s.check(9), Err(cause.into()));
}

#[test]
fn a_chunk_that_fails_everywhere_ends_the_work() {
    let mut s = Script::new("ab", 1);
    assert_eq!(s.begin(), "a gets ab");
    for _ in 0..7 {
        s.when(|d| d.failed(0, 0, "boom".into(), 1.0));
        assert_eq!(s.when(|d| d.resume(0)), "a gets ab");
    }
    assert_eq!(s.check(0), Ok(None));
    for _ in 0..16 {
        s.when(|d| d.closed(0));
        s.when(|d| d.up(0, 1));
    }
    let cause = r#"the words from line 1 on fail at every server: a says "boom""#;
    assert_eq!(s.check(0), Err(cause.into()), "a lost server counts less");
}
