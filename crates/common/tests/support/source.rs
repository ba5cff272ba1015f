//! The workspace's source files as the rules in `tidy.rs` read them, and which imports which.
//!
//! A few string searches instead of a parser of Rust. They are enough because rustfmt has arranged
//! the text: a comment has its own line, and the tests are the last thing in a file.

use std::collections::{BTreeMap, BTreeSet};

/// The first line of a file's tests.
const TESTS: &str = "#[cfg(test)]";

/// Files by module path, such as `common::net::wire`; a crate's `lib.rs` has the crate's name.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) files: BTreeMap<String, Source>,
}

/// What one file says, without its comments and tests.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) code: String,
    pub(crate) is_pure: bool,
    uses: Vec<Use>,
}

/// A path in the code, the name that a `use` gives it, and whether others may use that name.
type Use = (String, String, bool);

/// Which file imports which.
pub(crate) type Arrows = BTreeSet<(String, String)>;

/// Returns the lines at the beginning that say what a file is.
pub(crate) fn head(text: &str) -> String {
    let head = text.lines().take_while(|line| line.starts_with("//!"));
    head.collect::<Vec<_>>().join("\n")
}

/// Returns a file without its tests.
pub(crate) fn before_tests(text: &str) -> &str {
    text.split(TESTS).next().unwrap_or_default()
}

/// Returns the lines of a file that are neither comments nor tests.
pub(crate) fn code(text: &str) -> String {
    let lines = before_tests(text).lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Returns whether nothing comes after a file's tests.
pub(crate) fn ends_with_its_tests(text: &str) -> bool {
    let tests = text.split_once(&format!("\n{TESTS}\n"));
    let inside = |line: &str| line.is_empty() || line.starts_with([' ', '}']);
    tests.is_none_or(|(_, tests)| tests.lines().skip(1).all(inside))
}

/// Returns whether `word` stands in `code` by itself, not as a part of a longer word.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

/// Returns one line for each arrow.
pub(crate) fn written(arrows: &Arrows) -> Vec<String> {
    let line = |(from, to): &(String, String)| format!("{from} -> {to}");
    arrows.iter().map(line).collect()
}

/// Returns the arrows that are part of a circle: those whose end leads back to their beginning.
pub(crate) fn circles(arrows: &Arrows) -> Arrows {
    let leads_back = |(from, to): &&(String, String)| {
        let mut reached = BTreeSet::from([to]);
        loop {
            let before = reached.len();
            let more = arrows.iter().filter(|(from, _)| reached.contains(from));
            let more: Vec<_> = more.map(|(_, to)| to).collect();
            reached.extend(more);
            if reached.len() == before {
                return reached.contains(from);
            }
        }
    };
    arrows.iter().filter(leads_back).cloned().collect()
}

impl Sources {
    /// Adds the file of a module.
    pub(crate) fn add(&mut self, module: &str, text: &str) {
        let code = code(text);
        let (mut uses, rest) = uses(&code);
        let paths = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let paths = paths.filter(|path| path.contains("::"));
        uses.extend(paths.map(|path| (path.to_owned(), String::new(), false)));
        let is_pure = module.contains("::") && head(text).contains("PURE");
        let file = self.files.entry(module.to_owned()).or_default();
        (file.code, file.is_pure, file.uses) = (code, is_pure, uses);
    }

    /// Returns which file imports which. A file that only offers names of its own submodule to
    /// others (`pub use`) does not import it.
    pub(crate) fn imports(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (from, source) in &self.files {
            for (path, _, is_public) in &source.uses {
                let to = self.find(from, path).unwrap_or_else(|| from.clone());
                let is_offer = *is_public && to.starts_with(&format!("{from}::"));
                if to != *from && !is_offer {
                    arrows.insert((from.clone(), to));
                }
            }
        }
        arrows
    }

    /// Returns the imports of pure files from files that are neither pure nor among `allowed`.
    pub(crate) fn impure_imports(&self, allowed: &[&str]) -> Arrows {
        let is_pure = |file: &String| self.files[file].is_pure;
        let mut arrows = self.imports();
        arrows.retain(|(from, to)| is_pure(from) && !is_pure(to) && !allowed.contains(&&**to));
        arrows
    }

    /// Returns the file in which the thing is that `module` calls `path`.
    fn find(&self, module: &str, path: &str) -> Option<String> {
        let parent = |file: &str| Some(file.rsplit_once("::")?.0.to_owned());
        let mut parts = path.split("::");
        let mut file = match parts.next()? {
            "crate" => module.split("::").next()?.to_owned(),
            "self" => module.to_owned(),
            "super" => parent(module)?,
            first => self
                .named(module, first, false)
                .or_else(|| self.files.contains_key(first).then(|| first.to_owned()))?,
        };
        for part in parts {
            file = match part {
                "super" => parent(&file)?,
                _ => match self.named(&file, part, true) {
                    Some(deeper) => deeper,
                    None => break, // an item of this file
                },
            };
        }
        Some(file)
    }

    /// Returns the file that is called `name` in `module`, or that has the thing of this name.
    fn named(&self, module: &str, name: &str, only_public: bool) -> Option<String> {
        let child = format!("{module}::{name}");
        if self.files.contains_key(&child) {
            return Some(child);
        }
        let mut uses = self.files.get(module)?.uses.iter();
        let (path, ..) = uses.find(|(path, called, is_public)| {
            // `use rand::rand` would lead to itself.
            called == name && (*is_public || !only_public) && !path.starts_with(name)
        })?;
        self.find(module, path)
    }
}

/// Takes the braces of a `use` apart: `a::{b, c as d}` is `a::b` called `b`, and `a::c` called `d`.
fn names(before: &str, tree: &str) -> Vec<(String, String)> {
    let Some((prefix, inner)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = format!("{before}{}", path.trim());
        let path = path.trim_end_matches("::self");
        let last = path.rsplit("::").next().unwrap_or_default();
        let name = if name.is_empty() { last } else { name.trim() };
        return vec![(path.to_owned(), name.to_owned())];
    };
    let before = format!("{before}{}", prefix.trim());
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let at_comma = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    let parts = inner.split(at_comma).filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| names(&before, part)).collect()
}

/// Returns what the `use` lines bring in, and the code without them.
fn uses(code: &str) -> (Vec<Use>, String) {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let (before, tree) = line.split_once("use ").unwrap_or((line, ""));
        if !tree.is_empty() && matches!(before.trim(), "" | "pub" | "pub(crate)" | "pub(super)") {
            let mut tree = tree.to_owned();
            while !tree.contains(';') {
                tree += lines.next().unwrap_or(";");
            }
            let is_public = !before.trim().is_empty();
            let names = names("", tree.trim_end_matches(';')).into_iter();
            found.extend(names.map(|(path, name)| (path, name, is_public)));
        } else {
            rest.extend([line, "\n"]);
        }
    }
    (found, rest)
}

#[test]
fn a_word_is_not_a_part_of_a_word() {
    assert!(has_word("future.await?", "await") && has_word("rand::random()", "rand"));
    assert!(has_word("use std::fs;", "std::fs") && !has_word("std::fsync", "std::fs"));
    assert!(!has_word("link.awaits_answer()", "await") && !has_word("operand", "rand"));
}

#[test]
fn comments_and_tests_are_not_code() {
    let text = "//! Head.\nuse a::b;\n    // tokio\nfn f() {}\n#[cfg(test)]\nmod tests {}\n";
    assert_eq!(code(text), "use a::b;\nfn f() {}\n");
    assert_eq!(head(text), "//! Head.");
    assert_eq!(before_tests(text).lines().count(), 4);
    for tests in ["mod tests;", "mod tests {\n    fn f() {}\n}"] {
        let text = format!("fn f() {{}}\n{TESTS}\n{tests}\n");
        assert!(ends_with_its_tests(&text));
        assert!(!ends_with_its_tests(&format!("{text}fn g() {{}}\n")));
    }
}

/// A workspace of made-up files: in each line the module, and its lines between slashes.
fn made_up(files: &str) -> Sources {
    let mut sources = Sources::default();
    for (module, text) in files
        .lines()
        .filter_map(|file| file.trim().split_once(" = "))
    {
        sources.add(module, &text.replace(" / ", "\n"));
    }
    sources
}

#[test]
fn every_way_to_write_an_import_is_seen() {
    let sources = made_up(
        "k = pub use net::{Error, dial as call}; / mod net; / pub fn f() {}
         k::net = mod wire; / pub use wire::Frame; / pub struct Error;
         k::net::wire = fn f() { super::dial(); }
         k::one = use std::{fmt, io}; / use crate::{ /     net::{self, wire}, /     two, / };
         k::two = fn f() -> crate::one::T { crate::f() }
         k::three = use crate::net; / fn f() { net::wire::f(crate::Error) }
         k::four = use super::net::Frame;
         l = use k::call;",
    );
    let expected = "k::four -> k::net::wire, k::net::wire -> k::net, k::one -> k::net, \
        k::one -> k::net::wire, k::one -> k::two, k::three -> k::net, k::three -> k::net::wire, \
        k::two -> k, k::two -> k::one, l -> k::net";
    let imports = sources.imports();
    assert_eq!(written(&imports).join(", "), expected);
    let circle = ["k::one -> k::two", "k::two -> k::one"];
    assert_eq!(written(&circles(&imports)), circle);
}

#[test]
fn a_child_may_use_its_parent_only_if_the_parent_does_not_use_it() {
    let child = "\nk::net::wire = use super::Error;";
    let declares = made_up(&format!("k::net = mod wire; / pub use wire::Frame;{child}"));
    assert!(circles(&declares.imports()).is_empty());
    let uses = made_up(&format!("k::net = mod wire; / use wire::Frame;{child}"));
    assert_eq!(circles(&uses.imports()).len(), 2);
}

#[test]
fn a_pure_file_that_leans_on_another_is_noticed() {
    let sources = made_up(
        "k = //! All decisions are PURE. / pub use config::Config; / mod config;
         k::config = //! Flags.
         k::pace = //! PURE.
         k::wire = //! The contract.
         k::ring = //! PURE. / use crate::{Config, pace, wire};",
    );
    let wrong = sources.impure_imports(&["k::wire"]);
    assert_eq!(written(&wrong), ["k::ring -> k::config"]);
}
