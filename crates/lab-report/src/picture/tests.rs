//! Pictures of made-up runs, as text.

use super::*;
use crate::life::Life;
use crate::order::Order;
use crate::tests::ring::Ring;
use crate::tests::{LIST, chatted, listed, three};

mod bench;
mod list;

fn drawn(lives: &[Life]) -> String {
    let order = Order::new(lives);
    let page = page(&Run::new(lives, &order, Vec::new()));
    closes_all(&page);
    page
}

fn alone(lives: &[Life]) -> String {
    let order = Order::new(lives);
    let svg = first(&Run::new(lives, &order, Vec::new())).expect("a diagram");
    closes_all(&svg);
    svg
}

/// Panics if a tag is not closed, or if something is left open in a tag: a browser nests what
/// follows, and a viewer of SVG shows nothing.
fn closes_all(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let page = page.replace(SCRIPT, "");
    let begin = page.find("<html").unwrap_or(0);
    for part in page[begin..].split('<').skip(1) {
        let (tag, _) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("no end: {part:?}"));
        let name = tag.split(' ').next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "in {part:?}");
        } else if name != "meta" {
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag:?}");
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

/// Returns how often something is in the diagrams for a desk: not in the style, nor in a legend.
fn many(page: &str, what: &str) -> usize {
    let mut page = page.to_owned();
    for (begin, end) in [
        ("<style>", "</style>"),
        ("<ul class=\"legend\">", "</ul>"),
        ("<figure class=\"phone\"", "</figure>"),
    ] {
        while let Some(from) = page.find(begin) {
            let to = from + page[from..].find(end).expect("it ends") + end.len();
            page.replace_range(from..to, "");
        }
    }
    page.matches(what).count()
}

/// Asserts how often each of these is in the diagrams of a page.
fn has(page: &str, table: &[(&str, usize)]) {
    for (what, count) in table {
        assert_eq!(many(page, what), *count, "{what}");
    }
}

#[test]
fn a_death_and_a_return_in_a_song() {
    let page = drawn(&three().lives());
    has(
        &page,
        &[
            ("<rect class=\"verse ", 101),
            ("<rect class=\"verse h0 again\"", 1),
            ("<circle class=\"dot ", 101),
            ("<details class=\"fold\">", 4),
            ("class=\"killed\"", 1),
            ("class=\"fading\"", 1),
            ("class=\"lostdot\"", 1),
            ("class=\"born h2\"", 1),
            ("class=\"born small h2\"", 1),
            ("class=\"take\"", 2),
            ("class=\"asks\"", 7),
            ("class=\"called ", 4),
            ("class=\"msg enlist\"", 1),
            ("verses 96 to 64, 11 laps in ", 1),
            ("</tspan>6 words go round, and all go home<", 1),
        ],
    );
    for says in [
        ">Buddy 3 (process 1002) was killed: its last sign of life was 140 ms before<",
        ">Buddy 2 calls take 2: “where were we?”<",
        ">Buddy 1 sings 61 again, as is allowed<",
        ", knows nothing, and is told the roll<",
        ">Buddy 3 answers Buddy 1 again<",
        "journals/buddy-2.jsonl",
        "buddy-0.jsonl, line 6<",
        "<li>verse 61: Buddy 3, then Buddy 1: allowed, the first was killed before it ",
    ] {
        assert!(page.contains(says), "{says}");
    }
    assert!(page.len() < 130_000, "{} bytes", page.len());
}

#[test]
fn what_is_out_of_the_ordinary_has_a_sign_and_a_sentence() {
    let mut ring = Ring::new(5, 20);
    ring.sing(14);
    ring.kill(2);
    ring.old_word(0);
    ring.sing(12);
    ring.doubt();
    ring.sing(9);
    ring.kill_in_verse();
    ring.home();
    let page = drawn(&ring.lives());
    has(
        &page,
        &[
            ("class=\"msg dead\"", 2),
            ("class=\"doubted\"", 1),
            ("class=\"deafdot\"", 1),
            (" half\"", 1),
            ("class=\"killed\"", 2),
        ],
    );
    for says in [
        ">Buddy 3 does not hear it<",
        "refused, tried 4 times<",
        ">An old word comes to Buddy 1: it is not heeded<",
    ] {
        assert!(page.contains(says), "{says}");
    }
}

/// Returns the texts of the legends of a page.
fn legend(page: &str) -> Vec<&str> {
    let legends = page.split("<ul class=\"legend\">").skip(1);
    let legends = legends.filter_map(|rest| rest.split_once("</ul>"));
    let items = legends.flat_map(|(legend, _)| legend.split("</li>"));
    let texts = items.filter_map(|item| item.rsplit_once("</svg>"));
    texts.map(|(_, text)| text).collect()
}

#[test]
fn a_legend_has_the_signs_that_are_there_and_no_others() {
    let mut ring = Ring::new(3, 9);
    ring.home();
    let plain = [
        "the roll call, or a word without a verse",
        "sings; the bottles that are left",
        "passes the song on",
    ];
    assert_eq!(legend(&drawn(&ring.lives())), plain);
    let page = drawn(&three().lives());
    let all = legend(&page);
    for sign in [
        "killed",
        "gives up on a buddy",
        "sung again, as is allowed",
        "a new life",
    ] {
        assert!(all.contains(&sign), "{sign}: {all:?}");
    }
    for sign in ["sung again, without a cause", "alive, but given up on"] {
        assert!(!all.contains(&sign), "{sign}: {all:?}");
    }
    let page = drawn(&chatted().lives());
    let all = legend(&page);
    assert!(
        all.contains(&"has no server") && all.contains(&"shown late"),
        "{all:?}"
    );
    assert!(!all.contains(&"sent, and never stored"), "{all:?}");
    let page = drawn(&listed(LIST));
    let all = legend(&page);
    assert!(
        all.contains(&"a second copy") && all.contains(&"not reachable"),
        "{all:?}"
    );
    assert!(!all.contains(&"calls that are out at once"), "{all:?}");
}

#[test]
fn names_that_the_heads_do_not_show_are_in_a_list() {
    let mut ring = Ring::new(24, 30);
    ring.home();
    has(&drawn(&ring.lives()), &[("<ol class=\"names\">", 0)]);
    let names = (1..=24).map(|n| format!("singer {n}")).collect();
    let mut ring = Ring::named(names, 30);
    ring.home();
    let page = drawn(&ring.lives());
    has(&page, &[("<ol class=\"names\">", 1)]);
    assert!(page.contains("<li class=\"h6\">singer 23 "));
}

#[test]
fn a_place_without_a_journal_is_dotted() {
    let mut ring = three();
    ring.journals[1].clear();
    let page = drawn(&ring.lives());
    assert!(many(&page, "class=\"never\"") > 0);
    assert!(many(&page, "class=\"deafdot\"") > 30, "words to it");
    assert!(page.contains("it cannot be known"));
}

#[test]
fn names_are_shown_and_not_obeyed() {
    let evil = "<b>\"x\"&\u{202e}y\u{200f}";
    let mut ring = Ring::named(vec![evil.into(), "</title><script>".into()], 3);
    ring.home();
    let mut lives = ring.lives();
    lives[0].file = format!("/tmp/{evil}.jsonl");
    lives[0].host = evil.into();
    for page in [drawn(&lives), alone(&lives)] {
        assert!(!page.contains("<b>") && !page.contains("</title><script>"));
        assert!(page.contains("&lt;b&gt;&quot;x&quot;&amp;\\u{202e}"));
        let turns = |c: char| ['\u{202e}', '\u{200f}'].contains(&c);
        assert!(!page.contains(turns));
    }
    let evil = LIST
        .replace("a:1", "<i>a:1")
        .replace("refused", "\u{2066}<i>");
    assert!(!drawn(&listed(&evil)).contains(['\u{2066}']));
}

#[test]
fn the_clocks_of_several_machines_are_compared() {
    let mut lives = three().lives();
    assert!(!drawn(&lives).contains("<h3>Clocks</h3>"));
    (lives[1].machine, lives[1].host) = ("other".into(), "lab-2".into());
    let page = drawn(&lives);
    has(&page, &[("<td>lab-2</td>", 2), (" millionths<", 2)]);
    assert!(page.contains("No verdict rests on a clock."));
}

#[test]
fn nothing_leads_outside() {
    let pages = [
        drawn(&three().lives()),
        drawn(&chatted().lives()),
        drawn(&listed(LIST)),
        alone(&three().lives()),
    ];
    for page in pages {
        let links = page.matches("href=\"").count();
        assert_eq!(links, page.matches("href=\"#s").count());
        for outside in [" src=", "@import", "https:", "url(h"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let names = page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(page.matches("http:").count(), names);
    }
}

#[test]
fn little_is_drawn_too() {
    assert!(drawn(&[]).contains("tell of no song"));
    let begin = |text: &str| Life::parse("f", &format!("{text}\n")).expect("a journal");
    let first = three().journals[0]
        .lines()
        .next()
        .expect("a line")
        .to_owned();
    assert!(drawn(&[begin(&first)]).contains("tell of no song"));
    // A roll, and nothing more.
    let lines: Vec<String> = Ring::new(1, 3).journals[0]
        .lines()
        .map(str::to_owned)
        .collect();
    let page = drawn(&[begin(&lines.join("\n"))]);
    assert!(page.contains("3 bottles of beer"), "{page}");
    let mut one = Ring::new(1, 2);
    one.home();
    let page = drawn(&one.lives());
    has(
        &page,
        &[("<rect class=\"verse ", 3), ("<details class=\"fold\">", 0)],
    );
    let mut none = Ring::new(2, 0);
    none.home();
    has(&drawn(&none.lives()), &[("<rect class=\"verse ", 1)]);
    let server = listed(&LIST.lines().take(3).collect::<Vec<_>>().join("\n"));
    assert!(drawn(&server).contains("Secret words"));
}

#[test]
fn a_page_grows_with_the_run_and_no_faster() {
    let size = |buddies: usize, bottles: u64| {
        let mut ring = Ring::new(buddies, bottles);
        ring.sing(bottles / 2);
        ring.kill(buddies / 2);
        ring.home();
        drawn(&ring.lives()).len()
    };
    let (small, large) = (size(100, 1000), size(100, 2000));
    assert!(small < 850_000, "{small} bytes");
    assert!(large < 2 * small, "{small} and {large} bytes");
}

#[test]
fn more_rows_than_a_person_looks_at_are_left_out() {
    let mut ring = Ring::new(2, 3000);
    ring.home();
    let page = drawn(&ring.lives());
    assert!(page.contains(" (the first 1000 rows)"));
    let boxes = many(&page, "<rect class=\"verse ");
    assert!((1000..1020).contains(&boxes), "{boxes}");
}

#[test]
fn a_chat_whose_server_was_killed() {
    let page = drawn(&chatted().lives());
    has(
        &page,
        &[
            ("<rect class=\"verse h7\"", 57),
            ("<rect class=\"verse h7 half\"", 1),
            ("<details class=\"fold\">", 4),
            ("class=\"killed\"", 2),
            ("class=\"lostdot\"", 5),
            ("class=\"seen late-ask ", 1),
        ],
    );
    for says in [
        ">dee catches up: 25–30, up to 855 ms late<",
        ">ann loses the server: connection closed<",
        ">the server is started again as process 205<",
        ">39 comes again, and is stored already<",
        ">cem (process 203) was",
        "messages 2 to 23, each shown to all who were there within 680 µs<",
    ] {
        assert!(page.contains(says), "{says}");
    }
    let without: Vec<Life> = chatted().lives().into_iter().skip(1).collect();
    assert!(drawn(&without[1..]).contains("no server’s journal tells of 1<"));
}

#[test]
fn one_diagram_alone_is_a_picture_of_its_own() {
    for lives in [three().lives(), chatted().lives(), listed(LIST)] {
        let svg = alone(&lives);
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "));
        assert!(svg.contains("id=\"tip-go\"") && svg.contains(".verse {"));
        assert!(!svg.contains("<details"));
    }
}

/// Whatever is in a journal, something is drawn.
#[test]
fn no_journal_is_too_wild_to_be_drawn() {
    for lives in crate::tests::wild(60) {
        drawn(&lives);
    }
}
