//! The line editor: keys in, acts out. PURE.
//!
//! It never waits inside: a search in the history and a completion are states like any other, so
//! that messages are shown meanwhile.

use rustyline::config::Config;
use rustyline::history::{FileHistory, History, SearchDirection};

use super::keys::Key;
use super::line::Line;

/// Typed lines that are kept.
const TYPED_LINES: usize = 1000;

/// What a key leads to, apart from another view of the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The line is finished.
    Line(String),
    /// The line was dropped.
    Dropped(String),
    /// The person wants to leave.
    Leave,
    Suspend,
    ClearScreen,
    /// The key could do nothing.
    Bell,
}

/// What a person sees of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) before_cursor: &'a str,
    pub(crate) after_cursor: &'a str,
}

/// Returns where the last word of a text begins, and what it may become.
pub(crate) type Complete<'a> = &'a dyn Fn(&str) -> (usize, Vec<String>);

enum Mode {
    Typing,
    Searching(Search),
    Completing(Circle),
}

/// A search in the history, begun by Ctrl-R.
struct Search {
    pattern: String,
    prompt: String,
    /// the line of the history that was found last
    found: usize,
    /// the text before and after the cursor, for Ctrl-G
    original: (String, String),
}

/// The completions of a word, which follow each other at each Tab. The last one is the word itself.
struct Circle {
    candidates: Vec<String>,
    shown: usize,
    /// the text before the word, and after it
    around: (String, String),
}

/// Returns a history without a line.
pub(crate) fn empty_history() -> FileHistory {
    let mut history = FileHistory::with_config(&Config::default());
    let _ = history.set_max_len(TYPED_LINES); // fails for histories in databases only
    history
}

/// A line editor with a history.
pub(crate) struct Editor {
    prompt: String,
    line: Line,
    pub(crate) history: FileHistory,
    /// the line of the history that is shown; their number if it is the new one
    at: usize,
    /// the new line, while one of the history is shown
    draft: String,
    mode: Mode,
    /// whether the last key was Ctrl-C
    is_leaving: bool,
}

impl Editor {
    /// Returns an editor of an empty line.
    pub(crate) fn new(prompt: &str) -> Self {
        let history = empty_history();
        Self {
            prompt: prompt.into(),
            line: Line::default(),
            history,
            at: 0,
            draft: String::new(),
            mode: Mode::Typing,
            is_leaving: false,
        }
    }

    /// Begins at the end of the history, after it was loaded.
    pub(crate) fn begin(&mut self) {
        self.at = self.history.len();
    }

    /// Shows another prompt from now on.
    pub(crate) fn set_prompt(&mut self, prompt: String) {
        self.prompt = prompt;
    }

    /// Returns what a person sees.
    pub(crate) fn view(&self) -> View<'_> {
        let (before_cursor, after_cursor) = self.line.parts();
        let prompt = match &self.mode {
            Mode::Searching(search) => &search.prompt,
            _ => &self.prompt,
        };
        View {
            prompt,
            before_cursor,
            after_cursor,
        }
    }

    /// Returns what `key` leads to. `complete` is asked at the Tab key.
    pub(crate) fn key(&mut self, key: Key, complete: Complete<'_>) -> Option<Act> {
        match std::mem::replace(&mut self.mode, Mode::Typing) {
            Mode::Typing => self.typed(key, complete),
            Mode::Completing(circle) => match key {
                Key::Tab => self.turn(circle, 1),
                Key::BackTab => {
                    let back = circle.candidates.len() - 1;
                    self.turn(circle, back)
                }
                Key::Esc | Key::Ctrl('g') => {
                    let rest = circle.candidates.len() - 1 - circle.shown;
                    self.turn(circle, rest);
                    self.mode = Mode::Typing;
                    None
                }
                key => self.typed(key, complete),
            },
            Mode::Searching(search) => match key {
                Key::Text(text) => {
                    let pattern = search.pattern.clone() + &text;
                    let from = search.found;
                    self.search(Search { pattern, ..search }, Some(from))
                }
                Key::Backspace => {
                    let mut pattern = search.pattern.clone();
                    pattern.pop();
                    let newest = self.history.len().checked_sub(1);
                    self.search(Search { pattern, ..search }, newest)
                }
                Key::Ctrl('r') => {
                    let older = search.found.checked_sub(1);
                    self.search(search, older)
                }
                Key::Ctrl('g' | 'c') => {
                    let (before, after) = search.original;
                    self.line.replace(&(before.clone() + &after), before.len());
                    None
                }
                Key::Esc => None,
                key => self.typed(key, complete),
            },
        }
    }

    fn typed(&mut self, key: Key, complete: Complete<'_>) -> Option<Act> {
        let was_leaving = std::mem::take(&mut self.is_leaving);
        let could = match key {
            Key::Enter => return Some(Act::Line(self.finish())),
            Key::Ctrl('c' | '\\') if was_leaving => return Some(Act::Leave),
            Key::Ctrl('c' | '\\') => {
                self.is_leaving = true;
                self.begin();
                return Some(Act::Dropped(self.line.replace("", 0)));
            }
            Key::Ctrl('d') if self.line.is_empty() => return Some(Act::Leave),
            Key::Ctrl('z') => return Some(Act::Suspend),
            Key::Ctrl('l') => return Some(Act::ClearScreen),
            Key::Tab => return self.complete(complete),
            Key::Ctrl('r') => {
                let (before, after) = self.line.parts();
                let search = Search {
                    pattern: String::new(),
                    prompt: String::new(),
                    found: 0,
                    original: (before.into(), after.into()),
                };
                let newest = self.history.len().checked_sub(1);
                return self.search(search, newest);
            }
            Key::Up | Key::Ctrl('p') => self.recall(self.at.checked_sub(1)),
            Key::Down | Key::Ctrl('n') => self.recall(self.at.checked_add(1)),
            key => self.line.edit(&key),
        };
        (!could).then_some(Act::Bell)
    }

    fn finish(&mut self) -> String {
        let line = self.line.replace("", 0);
        let _ = self.history.add(&line); // fails for histories in databases only
        self.begin();
        self.draft.clear();
        line
    }

    /// Shows a line of the history, or the new one after them. Returns whether there is one.
    fn recall(&mut self, at: Option<usize>) -> bool {
        let new = self.history.len();
        let text = match at {
            Some(at) if at == new => Some(self.draft.clone()),
            at => at.and_then(|at| self.typed_before(at)),
        };
        let (Some(at), Some(text)) = (at, text) else {
            return false;
        };
        let shown = self.line.replace(&text, text.len());
        if self.at == new {
            self.draft = shown;
        }
        self.at = at;
        true
    }

    fn typed_before(&self, at: usize) -> Option<String> {
        let found = self.history.get(at, SearchDirection::Reverse);
        Some(found.ok()??.entry.into_owned())
    }

    /// Looks for the pattern in the history, at `from` and before.
    fn search(&mut self, mut search: Search, from: Option<usize>) -> Option<Act> {
        let pattern = &search.pattern;
        let look = |from| self.history.search(pattern, from, SearchDirection::Reverse);
        let found = from.and_then(|from| look(from).ok()?);
        let found = found.map(|found| (found.idx, found.entry.into_owned(), found.pos));
        let has_failed = found.is_none() && !pattern.is_empty();
        let failed = if has_failed { "failed " } else { "" };
        search.prompt = format!("({failed}reverse-i-search)`{pattern}': ");
        match found {
            Some((at, line, cursor)) => {
                self.line.replace(&line, cursor);
                search.found = at;
            }
            // The next letter or Ctrl-R goes on from where something was found last.
            None if pattern.is_empty() => search.found = from.unwrap_or_default(),
            None => {}
        }
        self.mode = Mode::Searching(search);
        has_failed.then_some(Act::Bell)
    }

    fn complete(&mut self, complete: Complete<'_>) -> Option<Act> {
        let (before, after) = self.line.parts();
        let (begin, mut candidates) = complete(before);
        if candidates.is_empty() {
            return Some(Act::Bell);
        }
        candidates.push(before[begin..].into());
        let circle = Circle {
            shown: candidates.len() - 1,
            around: (before[..begin].into(), after.into()),
            candidates,
        };
        self.turn(circle, 1)
    }

    /// Shows the candidate that is so many further on in the circle.
    fn turn(&mut self, mut circle: Circle, by: usize) -> Option<Act> {
        circle.shown = (circle.shown + by) % circle.candidates.len();
        let before = circle.around.0.clone() + &circle.candidates[circle.shown];
        self.line
            .replace(&(before.clone() + &circle.around.1), before.len());
        self.mode = Mode::Completing(circle);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses the keys of a script: letters as they are, and others by name, as in `hi <Left>`.
    /// Returns what they lead to, and what is seen in the end.
    fn press(editor: &mut Editor, script: &str) -> (Vec<Act>, String) {
        let complete = |typed: &str| {
            let begin = typed.rfind(' ').map_or(0, |space| space + 1);
            let nicks = ["ann", "anton", "bob"].into_iter();
            let fits = nicks.filter(|nick| nick.starts_with(&typed[begin..]));
            (begin, fits.map(|nick| format!("{nick}: ")).collect())
        };
        let keys = script.split_inclusive('>').flat_map(|part| {
            let (text, name) = part.split_once('<').unwrap_or((part, ""));
            let text = (!text.is_empty()).then(|| Key::Text(text.into()));
            let key = match name.trim_end_matches('>') {
                "" => None,
                "Enter" => Some(Key::Enter),
                "Tab" => Some(Key::Tab),
                "BackTab" => Some(Key::BackTab),
                "Back" => Some(Key::Backspace),
                "Esc" => Some(Key::Esc),
                "Up" => Some(Key::Up),
                "Down" => Some(Key::Down),
                "Left" => Some(Key::Left),
                ctrl => ctrl.chars().next().map(Key::Ctrl),
            };
            [text, key].into_iter().flatten()
        });
        let acts = keys.filter_map(|key| editor.key(key, &complete)).collect();
        let View {
            prompt,
            before_cursor,
            after_cursor,
        } = editor.view();
        (acts, format!("{prompt}{before_cursor}|{after_cursor}"))
    }

    /// An editor that has had three lines.
    fn editor() -> Editor {
        let mut editor = Editor::new("> ");
        let (acts, _) = press(&mut editor, "one<Enter>two<Enter>one two<Enter>");
        let lines = ["one", "two", "one two"].map(|line| Act::Line(line.into()));
        assert_eq!(acts, lines);
        editor
    }

    #[test]
    fn each_line_is_taken_whole() {
        let mut editor = editor();
        let line = |text: &str| Act::Line(text.into());
        for (script, acts, seen) in [
            ("a<Left>b<Enter>", vec![line("ba")], "> |"),
            ("a\nb<Enter>", vec![line("a\nb")], "> |"),
            ("<Enter>", vec![line("")], "> |"),
            ("x<c>", vec![Act::Dropped("x".into())], "> |"),
            ("<c>", vec![Act::Leave], "> |"),
            (
                "<c>y<c>",
                vec![Act::Dropped("".into()), Act::Dropped("y".into())],
                "> |",
            ),
            ("<d>", vec![Act::Leave], "> |"),
            ("x<Left><d><z>", vec![Act::Suspend], "> |"),
            ("x<l><x>", vec![Act::ClearScreen, Act::Bell], "> x|"),
        ] {
            assert_eq!(press(&mut editor, script), (acts, seen.into()), "{script}");
        }
    }

    #[test]
    fn the_history_goes_up_and_down_and_keeps_the_new_line() {
        for (script, bells, seen) in [
            ("new<Up>", 0, "> one two|"),
            ("new<Up><Up><Up>", 0, "> one|"),
            ("new<Up><Up><Up><Up>", 1, "> one|"),
            ("new<Up><Up><Down><Down>", 0, "> new|"),
            ("new<Down>", 1, "> new|"),
            ("new<Up><c><Up>", 0, "> one two|"),
        ] {
            let (mut acts, shown) = press(&mut editor(), script);
            acts.retain(|act| *act == Act::Bell);
            assert_eq!((acts.len(), shown.as_str()), (bells, seen), "{script}");
        }
    }

    #[test]
    fn a_search_is_a_state_like_any_other() {
        let prompt = |pattern| format!("(reverse-i-search)`{pattern}': ");
        for (script, seen) in [
            ("new<r>", prompt("") + "new|"),
            ("<r>tw", prompt("tw") + "one |two"),
            ("<r>tw<r>", prompt("tw") + "|two"),
            ("<r>two<Back><Back>", prompt("t") + "one |two"),
            ("<r>t<r><r>", "(failed reverse-i-search)`t': |two".into()),
            ("new<Left><r>tw<g>!", "> ne!|w".into()),
            ("new<r>tw<c>!", "> new!|".into()),
            ("<r>tw<Esc>!", "> one !|two".into()),
            ("<r>tw<Left>!", "> one!| two".into()),
            ("<r>tw<Enter>", "> |".into()),
        ] {
            assert_eq!(press(&mut editor(), script).1, seen, "{script}");
        }
        let (acts, _) = press(&mut editor(), "<r>tw<Enter>");
        assert_eq!(acts, [Act::Line("one two".into())]);
        let mut empty = Editor::new("> ");
        assert_eq!(press(&mut empty, "a<r><g>b"), (vec![], "> ab|".into()));
    }

    #[test]
    fn a_completion_is_a_state_like_any_other() {
        for (script, seen) in [
            ("hi a<Tab>", "> hi ann: |"),
            ("hi a<Tab><Tab>", "> hi anton: |"),
            ("hi a<Tab><Tab><Tab>", "> hi a|"),
            ("hi a<Tab><BackTab>", "> hi a|"),
            ("hi a<Tab><Tab><Tab><Tab>", "> hi ann: |"),
            ("hi a<Tab><Esc>!", "> hi a!|"),
            ("a<Tab>you", "> ann: you|"),
            ("x<Left>b<Tab>!", "> bob: !|x"),
            ("a<Tab><Up>", "> one two|"),
            ("z<Tab>!", "> z!|"),
        ] {
            assert_eq!(press(&mut editor(), script).1, seen, "{script}");
        }
    }
}
