//! Exports of made-up runs, checked as their formats are published.

use super::*;
use crate::life::Life;
use crate::order::Order;
use crate::run::Run;
use crate::tests::ring::Ring;
use crate::tests::{LIST, chatted, listed, three};

mod otlp_format;
mod perfetto_format;
mod shiviz_format;

/// What is exported of a run.
struct Exports {
    perfetto: perfetto_format::Counts,
    otlp: otlp_format::Counts,
    shiviz: shiviz_format::Counts,
}

/// Exports a run, and panics if one of the formats does not allow it.
fn exported(lives: &[Life]) -> Exports {
    let order = Order::new(lives);
    let run = Run::new(lives, &order, Vec::new());
    Exports {
        perfetto: perfetto_format::check(&perfetto(&run)),
        otlp: otlp_format::check(&otlp(&run)),
        shiviz: shiviz_format::check(&shiviz(&run)),
    }
}

fn lines(lives: &[Life]) -> usize {
    lives.iter().map(|life| life.lines.len()).sum()
}

#[test]
fn a_song_with_a_death_and_a_return() {
    let lives = three().lives();
    let said = |life: &Life| {
        life.lines
            .iter()
            .filter(|line| is_said(&line.event))
            .count()
    };
    let said: usize = lives.iter().map(said).sum();
    let all = exported(&lives);
    let found = all.perfetto;
    assert_eq!(found.processes, 4);
    assert_eq!(found.named("verse 61"), 2, "it was sung again");
    assert_eq!(
        found
            .slices
            .iter()
            .filter(|name| name.starts_with("verse "))
            .count(),
        101
    );
    // Each message but one to the dead, and one that was said before the story begins.
    assert!(
        (said - 2..=said).contains(&found.arrows),
        "{said}, {}",
        found.arrows
    );
    assert!(
        found
            .moments
            .iter()
            .any(|says| says == "Buddy 3 was killed")
    );
    let found = all.otlp;
    assert_eq!((found.resources, found.traces), (4, 1));
    assert_eq!(found.roots, ["99 bottles of beer"]);
    assert!(found.links > 100, "{} links", found.links);
    assert!(
        found
            .events
            .iter()
            .any(|says| says.starts_with("gives up on Buddy 3: "))
    );
    assert_eq!(all.shiviz.events, lines(&lives));
    assert_eq!(
        all.shiviz.hosts,
        ["Buddy_1", "Buddy_2", "Buddy_3", "Buddy_3'2"]
    );
}

/// The files of a folder are in no order of time.
#[test]
fn the_later_of_two_lives_has_the_number() {
    let mut lives = three().lives();
    lives.reverse();
    let order = Order::new(&lives);
    let log = shiviz(&Run::new(&lives, &order, Vec::new()));
    let host_of = |pid: &str| {
        let mut lines = log.lines().skip_while(|line| !line.contains(pid));
        let clock = lines.nth(1).unwrap_or_default();
        clock.split_once(' ').map(|(host, _)| host.to_owned())
    };
    assert_eq!(host_of("pid=1002").as_deref(), Some("Buddy_3"));
    assert_eq!(host_of("pid=1003").as_deref(), Some("Buddy_3'2"));
}

fn is_said(event: &common::journal::Event) -> bool {
    use common::journal::Event::{Call, Say};
    matches!(event, Say { .. } | Call { .. })
}

/// A process that is killed between two lines leaves a verse that is an error, because nobody knows
/// whether it was heard.
#[test]
fn a_verse_that_was_begun_only_is_an_error() {
    let mut ring = Ring::new(3, 9);
    ring.sing(4);
    ring.kill_in_verse();
    ring.home();
    let found = exported(&ring.lives());
    assert_eq!(found.otlp.errors, ["not sung to its end"]);
}

#[test]
fn a_chat_whose_server_was_killed() {
    let lives = chatted().lives();
    let all = exported(&lives);
    let found = all.perfetto;
    assert_eq!(
        found
            .slices
            .iter()
            .filter(|name| name.starts_with("stores "))
            .count(),
        58
    );
    assert!(found.arrows > 150, "{} arrows", found.arrows);
    assert!(
        found
            .moments
            .iter()
            .any(|says| says == "loses the server: connection closed")
    );
    let found = all.otlp;
    assert_eq!(found.roots, ["room lobby"]);
    // From the sender to the server, and on to a reader.
    assert_eq!(found.deepest, 4);
    assert_eq!(
        found.errors,
        ["not acknowledged"],
        "the one that came again"
    );
    assert_eq!(all.shiviz.events, lines(&lives));
}

#[test]
fn a_list_that_lost_a_server() {
    let all = exported(&listed(LIST));
    assert_eq!(all.perfetto.named("is worked on"), 3);
    assert_eq!(all.perfetto.named("waits"), 1);
    assert_eq!(
        all.otlp.resources, 3,
        "the client, and two servers of which nothing else is known"
    );
    assert_eq!(all.otlp.errors, ["the server was lost"]);
    assert_eq!(all.otlp.deepest, 3);
}

#[test]
fn all_in_one_and_nothing_at_all() {
    let mut lives = three().lives();
    lives.extend(chatted().lives());
    lives.extend(listed(LIST));
    let all = exported(&lives);
    assert_eq!(all.otlp.traces, 3);
    assert_eq!(all.shiviz.events, lines(&lives));
    let none = exported(&[]);
    assert_eq!((none.otlp.traces, none.shiviz.events), (0, 0));
}

#[test]
fn clocks_of_several_machines_are_corrected_and_said() {
    let mut lives = three().lives();
    (lives[1].machine, lives[1].host) = ("other".into(), "lab-2".into());
    for line in &mut lives[1].lines {
        line.w = line.w.map(|w| w + 3_600_000_000);
    }
    let found = exported(&lives);
    assert!(
        found
            .perfetto
            .labels
            .iter()
            .any(|text| text.starts_with("clock of lab-2: 3600"))
    );
    assert!(
        found.otlp.longest < 60_000_000_000,
        "an hour is no part of it"
    );
}

/// Names come from other people's files.
#[test]
fn names_cannot_break_a_format() {
    let evil = "a\"},\n{\u{2028}\\ \u{202e}{\"x\":1}";
    let mut ring = Ring::named(vec![evil.into(), evil.into(), String::new()], 3);
    ring.home();
    let mut lives = ring.lives();
    lives[0].file = evil.into();
    lives[0].host = evil.into();
    assert_eq!(exported(&lives).shiviz.events, lines(&lives));
    let evil = serde_json::to_string(evil).expect("a text");
    exported(&listed(&LIST.replace("\"a:1\"", &evil)));
}

#[test]
fn no_journal_is_too_wild_to_be_exported() {
    for lives in crate::tests::wild(30) {
        exported(&lives);
    }
}
