//! Pictures of figures.

use super::{closes_all, has};
use crate::figures::tests::figure;
use crate::picture::{figures, figures_alone};

#[test]
fn a_figure_is_a_row_around_the_line_of_one() {
    let all = [
        figure("ring", "verses", "3 buddies", &[2.5, 2.6, 2.7]),
        figure("ring", "verses", "100 buddies", &[0.5]),
        figure("<chat>", "sends", "", &[0.0625, 16.0]),
    ];
    let page = figures(&all);
    closes_all(&page);
    has(
        &page,
        &[
            ("class=\"figure more\"", 2),
            ("class=\"figure less\"", 1),
            ("class=\"even\"", 2),
            (">ring<", 1),
            (">verses<", 1),
            (">1/16<", 1),
            (">1×<", 1),
            (">16×<", 1),
            (">2.60×<", 1),
            ("<title>2.50 2.60 2.70<", 1),
            ("&lt;chat&gt;", 1),
        ],
    );
    assert!(!page.contains("<chat>"));
    closes_all(&figures_alone(&all));
}

#[test]
fn the_scale_takes_what_is_there() {
    closes_all(&figures(&[]));
    // Each is at an end of the scale.
    let far = [figure("a", "b", "c", &[1e-300, 1e300])];
    let page = figures(&far);
    closes_all(&page);
    has(
        &page,
        &[
            ("class=\"range\" x1=\"420\" x2=\"1140\"", 1),
            (">1/1048576<", 1),
        ],
    );
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

/// What was measured is a title, and none of it is left out; on a phone it is in several lines.
#[test]
fn a_long_title_is_whole_on_every_screen() {
    let what =
        "the election alone, of the longest wait of a send in it, while one of three is dead";
    let at = "the dead one leads the log, and the one that has the clients, on two cores";
    let page = figures(&[figure("cluster", what, at, &[0.85])]);
    assert!(!page.contains('…'));
    for screen in ["<figure class=\"desk\"", "<figure class=\"phone\""] {
        let from = page.find(screen).expect("a drawing");
        let drawing = &page[from..from + page[from..].find("</figure>").expect("its end")];
        let texts = drawing.split("<text ").skip(1);
        let texts = texts.filter_map(|text| text.split_once('>')?.1.split_once('<'));
        let words: Vec<&str> = texts.map(|(text, _)| text).collect();
        let words = words.join(" ");
        assert!(words.contains(what) && words.contains(at), "{words}");
    }
}
