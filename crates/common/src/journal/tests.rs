//! What is written comes back equal, and looks like this.

use super::*;

/// What is written comes back equal, and looks like this.
#[test]
fn a_line_is_read_as_it_was_written() {
    let golden = [
        (
            r#"{"t":7,"e":"hear","id":"1:ab:2","word":"go","mark":"98","heed":true}"#,
            Event::Hear {
                id: "1:ab:2".into(),
                word: Word::Go,
                mark: Mark::Left(98),
                heed: true,
            },
        ),
        (
            r#"{"t":7,"e":"say","to":2,"id":"1:ab:3","word":"ask","mark":"over"}"#,
            Event::Say {
                to: 2,
                id: "1:ab:3".into(),
                word: Word::Ask,
                mark: Mark::Over,
            },
        ),
        (
            concat!(
                r#"{"t":7,"e":"shown","room":"lobby","epoch":"fffffffffffffffe","#,
                r#""number":3,"sender":"ab","text":[5,7]}"#
            ),
            Event::Shown {
                room: "lobby".into(),
                epoch: Hex((u64::MAX - 1).into()),
                number: 3,
                sender: Hex(0xab),
                text: (5, 7),
            },
        ),
    ];
    for (text, event) in golden {
        let line = Line {
            t: 7,
            w: None,
            event,
        };
        assert_eq!(serde_json::to_string(&line).expect("text"), text);
        assert_eq!(serde_json::from_str::<Line>(text).expect("a line"), line);
    }
}

#[test]
fn a_later_version_may_write_more() {
    let line = r#"{"t":1,"e":"sneezed","how":"loudly"}"#;
    let line: Line = serde_json::from_str(line).expect("a line");
    assert_eq!(line.event, Event::Unknown);
    let line = r#"{"t":1,"e":"sing","left":3,"how":"loudly"}"#;
    let line: Line = serde_json::from_str(line).expect("a line");
    assert_eq!(line.event, Event::Sing { left: 3 });
}

#[test]
fn a_check_depends_on_the_text_and_the_log() {
    let all = [text("hello", 1), text("hello", 2), text("hellp", 1)];
    assert!(all[0] != all[1] && all[0] != all[2], "{all:?}");
    assert_eq!(all[0], text("hello", 1));
    assert_eq!(text("", 0).0, 0);
}
