//! The queue as transcripts, and on simulated servers in simulated time.

use super::*;
use sim::{Model, Sim};

mod sim;

const QUICK: Timing = Timing {
    took: std::time::Duration::from_millis(1),
    waited: std::time::Duration::ZERO,
    worked: std::time::Duration::from_millis(1),
};

/// A queue of one-word chunks for servers with one worker each.
fn queue(words: &str, servers: usize) -> Queue {
    let mut queue = Queue::new(Fixed {
        words: Some(1),
        calls: Some(1),
    });
    for _ in 0..servers {
        let server = queue.add_server();
        queue.up(server, 1);
    }
    queue.read(words.split(' ').map(|word| format!("{word}\n")).collect());
    queue
}

fn given(queue: &mut Queue, server: ServerId) -> Option<(u64, String)> {
    queue.give(server).map(|order| (order.first, order.text))
}

fn word(first: u64, text: &str) -> Option<(u64, String)> {
    Some((first, format!("{text}\n")))
}

#[test]
fn answers_come_out_in_the_order_of_the_list() {
    let mut q = queue("ab cd ef", 2);
    assert_eq!(given(&mut q, 0), word(0, "ab"));
    assert_eq!(given(&mut q, 0), None, "it has no room");
    assert_eq!(given(&mut q, 1), word(1, "cd"));

    assert_eq!(
        q.answered(1, 1, "dc\n".into(), QUICK),
        Verdict::Counts(None)
    );
    assert_eq!(q.take(), None, "the first is not there yet");
    assert_eq!(
        given(&mut q, 1),
        word(2, "ef"),
        "the quicker server goes on"
    );

    assert_eq!(
        q.answered(0, 0, "ba\n".into(), QUICK),
        Verdict::Counts(None)
    );
    assert_eq!(q.take().as_deref(), Some("ba\ndc\n"));
    q.end();
    assert!(!q.finished());
    q.answered(1, 2, "fe\n".into(), QUICK);
    assert_eq!(q.take().as_deref(), Some("fe\n"));
    assert!(q.finished());
    assert_eq!((q.words_by(0), q.words_by(1)), (1, 2));
}

#[test]
fn what_a_lost_server_had_goes_out_first() {
    let mut q = queue("ab cd ef", 2);
    assert_eq!(given(&mut q, 0), word(0, "ab"));
    assert_eq!(given(&mut q, 1), word(1, "cd"));
    q.down(0);
    assert_eq!(given(&mut q, 0), None, "it is gone");
    q.answered(1, 1, "dc\n".into(), QUICK);
    assert_eq!(given(&mut q, 1), word(0, "ab"));
    assert_eq!(q.totals().retried, 1);
    q.up(0, 1);
    assert_eq!(given(&mut q, 0), word(2, "ef"), "and back");
}

#[test]
fn a_big_chunk_comes_back_in_the_size_of_the_next_server() {
    let mut q = queue("a b c d", 2);
    q.fixed.words = Some(3);
    q.up(0, 1);
    assert_eq!(
        q.give(0).map(|order| order.text).as_deref(),
        Some("a\nb\nc\n")
    );
    q.down(0);
    let texts = ["a\n", "b\n", "c\n", "d\n"];
    for (first, text) in (0..).zip(texts) {
        assert_eq!(given(&mut q, 1), Some((first, text.to_owned())));
        q.answered(1, first, text.to_owned(), QUICK);
    }
    assert_eq!(q.take(), Some(texts.concat()));
    assert_eq!(q.totals().retried, 3);
}

#[test]
fn at_the_end_an_idle_server_does_a_word_twice_and_the_first_answer_counts() {
    let mut q = queue("ab cd", 3);
    assert_eq!(given(&mut q, 0), word(0, "ab"));
    assert_eq!(given(&mut q, 1), word(1, "cd"));
    assert_eq!(given(&mut q, 2), None, "more input may come");
    q.end();
    assert_eq!(
        given(&mut q, 2),
        word(1, "cd"),
        "the newest has most left to do"
    );
    assert_eq!(
        q.answered(2, 1, "dc\n".into(), QUICK),
        Verdict::Counts(Some(1))
    );
    assert_eq!(q.answered(1, 1, "dc\n".into(), QUICK), Verdict::Late);
    assert_eq!(given(&mut q, 1), word(0, "ab"));
    q.down(0);
    assert_eq!(given(&mut q, 2), word(0, "ab"), "again two have it");
    assert_eq!(q.totals().retried, 0, "it was never without a server");
    assert_eq!(
        q.answered(1, 0, "ba\n".into(), QUICK),
        Verdict::Counts(Some(2))
    );
    assert_eq!(q.take().as_deref(), Some("ba\ndc\n"));
    assert!(q.finished());
    assert_eq!(q.totals().hedged, 3);
}

#[test]
fn a_busy_server_pauses_and_nothing_counts_as_failed() {
    let mut q = queue("ab cd", 1);
    assert_eq!(given(&mut q, 0), word(0, "ab"));
    q.busy(0, 0);
    assert_eq!(given(&mut q, 0), None);
    q.resume(0);
    assert_eq!(given(&mut q, 0), word(0, "ab"));
    assert_eq!(q.totals().retried, 0);
}

#[test]
fn an_answer_with_another_number_of_lines_is_no_answer() {
    for lie in ["", "b", "b\na\n", "b\n\n", "ba"] {
        let mut q = queue("ab cd", 1);
        q.give(0);
        assert_eq!(
            q.answered(0, 0, lie.into(), QUICK),
            Verdict::Garbled,
            "{lie:?}"
        );
        q.down(0);
        q.up(0, 1);
        assert_eq!(given(&mut q, 0), word(0, "ab"));
    }
}

#[test]
fn a_chunk_that_fails_everywhere_is_given_up() {
    let mut q = queue("ab", 1);
    for _ in 0..7 {
        assert_eq!(given(&mut q, 0), word(0, "ab"));
        q.failed(0, 0);
    }
    assert_eq!(q.hopeless(), None);
    for _ in 0..16 {
        assert_eq!(given(&mut q, 0), word(0, "ab"));
        q.down(0);
        q.up(0, 1);
    }
    assert_eq!(q.hopeless(), Some(0), "a lost server counts less");
}

#[test]
fn the_window_bounds_what_is_held_and_the_oldest_word_is_then_done_twice() {
    let mut q = queue("first", 2);
    assert_eq!(given(&mut q, 0), word(0, "first"));
    let line = format!("{}\n", "x".repeat(9_999));
    let (mut first, mut ahead) = (1, 0);
    loop {
        while q.wants_input() {
            q.read(line.repeat(6));
            ahead += 6 * line.len();
        }
        let order = q.give(1).expect("there is always something");
        if order.first == 0 {
            break;
        }
        ahead -= order.text.len();
        assert!(q.held <= WINDOW + line.len() + CHUNK_COST && ahead < 2 * READ_AHEAD);
        assert_eq!(order.first, first);
        q.answered(1, first, order.text, QUICK);
        first += 1;
    }
    assert!(
        first as usize > WINDOW / (line.len() + CHUNK_COST) - 2,
        "the window was used"
    );
    assert_eq!(
        q.answered(1, 0, "tsrif\n".into(), QUICK),
        Verdict::Counts(Some(0))
    );
    assert_eq!(q.take().map(|text| lines::count(&text) as u64), Some(first));
    assert_eq!(q.held, 0);
}

#[test]
fn servers_share_the_work_by_their_speed() {
    // A word takes 100 ms in the mean: the ideal is what the servers together can do.
    for (servers, ideal, within) in [
        (vec![1.0], 12.0, 0.02),
        (vec![1.0; 2], 6.0, 0.04),
        (vec![1.0; 4], 3.0, 0.08),
        (vec![1.0; 8], 1.5, 0.08),
        (vec![1.0, 1.0, 3.0], 120.0 * 0.1 / (2.0 + 1.0 / 3.0), 0.08),
        (vec![1.0, 20.0], 120.0 * 0.1 / 1.05, 0.08),
    ] {
        let seeds = 1..=20;
        let runs = seeds.clone().count() as f64;
        let mean = seeds
            .map(|seed| {
                let models = servers.iter().map(|slow| Model::new(1, 0.1 * slow));
                let mut sim = Sim::new(120, models.collect(), seed);
                sim.run();
                sim.seconds()
            })
            .sum::<f64>()
            / runs;
        assert!(
            mean < ideal * (1.0 + within),
            "{servers:?}: {mean:.2}s, ideal {ideal:.2}s"
        );
    }
}

#[test]
fn whatever_is_killed_and_started_again_the_output_is_the_same() {
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
