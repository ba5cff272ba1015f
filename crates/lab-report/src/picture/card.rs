//! What was judged, as a list, and whose journals these are. PURE. It is the text that the terminal
//! shows.

use common::cli::printable;
use maud::{Markup, html};

use super::measure::{short, span};
use crate::clocks::Clock;
use crate::counts::count;
use crate::life::Life;
use crate::run::Run;
use crate::verdict::{Check, Judgement, Verdict};

/// Most reasons that are shown of a check at once. The others are folded up.
const MAX_REASONS: usize = 8;

/// Most reasons of a check on the page: with more of them nobody reads it.
const MAX_ALL_REASONS: usize = 1000;

/// More journals than this are folded up.
const MANY: usize = 30;

/// Returns the class, the sign and the words of a verdict.
fn look(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Yes => ("yes", "✓", "all was as promised"),
        Verdict::Unknown => ("unknown", "?", "it cannot be known"),
        Verdict::No => ("no", "✗", "something was not as promised"),
    }
}

/// Returns the head of the page: the verdict on the run, and on all that was judged.
pub(super) fn verdicts(run: &Run<'_>) -> Markup {
    let (class, sign, words) = look(run.report.verdict());
    // With many of them only those that are not well are open.
    let is_long = run.report.judgements.len() > 4;
    html! {
        section.top {
            header { h1 { "Lab report" } p.facts { (facts(run)) } }
            div class={ "verdict " (class) } {
                p.stamp { span.sign aria-hidden="true" { (sign) } span { (words) } }
                div.judged {
                    @for (number, judgement) in run.report.judgements.iter().enumerate() {
                        (judged(number, judgement, is_long))
                    }
                    @if run.report.judgements.is_empty() {
                        p { "These journals tell of no song, no chat and no list." }
                    }
                }
            }
            @for note in &run.report.notes { p.note { (printable(note)) } }
            (clocks(run))
        }
    }
}

fn facts(run: &Run<'_>) -> String {
    let journals = count(run.lives.len(), "journal", "journals");
    let machines = count(run.order.clocks.len(), "machine", "machines");
    format!("{journals} from {machines}")
}

/// A judgement with its checks, and a way to its picture.
fn judged(number: usize, judgement: &Judgement, is_long: bool) -> Markup {
    let verdict = judgement.verdict();
    let (class, sign, words) = look(verdict);
    html! {
        details.subject open[!is_long || verdict != Verdict::Yes] {
            summary {
                span class={ "sign " (class) } title=(words) { (sign) } " "
                (printable(&judgement.subject)) " "
                a href={ "#s" (number) } aria-label="the picture" { "↓" }
            }
            ul.checks { @for check in &judgement.checks { (checked(check)) } }
        }
    }
}

/// A check with its reasons: the first few at once, because the worst come first.
fn checked(check: &Check) -> Markup {
    let (class, sign, _) = look(check.verdict);
    let reason = |reason: &String| html! { li { (printable(reason)) } };
    let (few, rest) = check.reasons.split_at(check.reasons.len().min(MAX_REASONS));
    html! {
        li class=(class) {
            span.sign title=(check.verdict) { (sign) } " " (check.promise)
            @if !few.is_empty() {
                ul.reasons { @for it in few { (reason(it)) } }
            }
            @if !rest.is_empty() {
                details.more {
                    summary { "and " (rest.len()) " more" }
                    ul.reasons { @for it in rest.iter().take(MAX_ALL_REASONS) { (reason(it)) } }
                }
            }
        }
    }
}

/// What the machines' clocks were worth.
fn clocks(run: &Run<'_>) -> Markup {
    let clocks = &run.order.clocks;
    let moved = match run.order.moved {
        0 => "No line had to be moved.".to_owned(),
        moved => {
            let lines = count(
                moved,
                "line was moved behind its cause",
                "lines were moved behind \
                their causes",
            );
            format!("{lines}, by {} at most.", span(run.order.furthest))
        }
    };
    if clocks.len() < 2 {
        let one = "One machine, one clock: times are as they were written.";
        return html! { p.note { (one) " " (moved) } };
    }
    html! {
        h3 { "Clocks" }
        div.scroll { table {
            thead { tr {
                th { "machine" } th.num { "ahead" } th.num { "give or take" } th.num { "drift" }
            } }
            tbody { @for (host, clock) in clocks {
                tr { td { (short(host, 60)) } (clock_cells(clock)) }
            } }
        } }
        p.note {
            "The clocks are compared by the messages, because none arrives before it is sent. "
            "No verdict rests on a clock. " (moved)
        }
    }
}

/// What is known of a machine's clock, in cells of a table.
fn clock_cells(clock: &Clock) -> Markup {
    let sign = |number: i64| if number > 0 { "+" } else { "" };
    html! {
        td.num { (sign(clock.ahead)) (span(clock.ahead)) }
        td.num {
            @match clock.error {
                Some(0) if clock.ahead == 0 => "all times are by this one",
                Some(error) => (span(error)),
                None => "not known: no message both ways",
            }
        }
        td.num { (sign(clock.drift)) (clock.drift) " millionths" }
    }
}

/// Returns the foot of the page: whose journals these are.
pub(super) fn journals(run: &Run<'_>) -> Markup {
    let mut lives: Vec<&Life> = run.lives.iter().collect();
    lives.sort_by_cached_key(|life| {
        let place = life.place().map(|(_, place)| place);
        (life.program.clone(), place, life.title())
    });
    let ended = |life: &Life| match life.end() {
        Some(why) => short(why, 100),
        None if life.is_cut => "its journal is full".into(),
        None => "killed".into(),
    };
    let table = html! {
        div.scroll { table.lives {
            thead { tr {
                th { "who" } th { "program" } th { "machine" } th.num { "process" }
                th.num { "lines" } th { "end" } th { "file" }
            } }
            tbody { @for life in &lives { tr {
                td.who { (short(&life.title(), 40)) }
                td { (short(&life.program, 40)) }
                td { (short(&life.host, 60)) }
                td.num.process { (life.pid) }
                td.num.lines { (life.lines.len()) }
                td { (ended(life)) }
                td.file { (short(&life.file, 120)) }
            } } }
        } }
    };
    html! {
        section {
            h2 { "Journals" }
            @if lives.len() > MANY {
                details.journals { summary { "all " (lives.len()) " journals" } (table) }
            } @else { (table) }
        }
    }
}
