//! The rules of the workspace, as tests: what is pure stays pure, no program leans on another, and
//! whoever has read one program finds everything in the other four.

use std::fs;
use std::path::{Path, PathBuf};

const PROGRAMS: [&str; 5] = [
    "buddy",
    "chat-client",
    "chat-server",
    "secret-client",
    "secret-server",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files under `dir`, with their text.
fn rust_files(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            found.push((path, text));
        }
    }
    found
}

fn head(text: &str) -> String {
    text.lines()
        .take_while(|line| line.starts_with("//!"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn pure_files_know_no_network_no_clock_and_no_dice() {
    const FORBIDDEN: [&str; 11] = [
        "tokio",
        "tarpc",
        "TcpStream",
        "UdpSocket",
        "Instant",
        "SystemTime",
        "rand",
        "async ",
        ".await",
        "std::fs",
        "std::env",
    ];
    const DECIDES: [&str; 6] = [
        "buddy/src/ring.rs",
        "buddy/src/roll_call.rs",
        "chat-server/src/people.rs",
        "chat-client/src/view.rs",
        "secret-server/src/reverse.rs",
        "secret-client/src/queue.rs",
    ];
    let crates = root().join("crates");
    let pure: Vec<_> = rust_files(&crates)
        .into_iter()
        .filter(|(_, text)| head(text).contains("PURE"))
        .collect();
    for file in DECIDES {
        let says_so = pure.iter().any(|(path, _)| path.ends_with(file));
        assert!(
            says_so,
            "{file} decides, so it must be PURE, and say so in its head"
        );
    }
    for (path, text) in pure.iter().filter(|(path, _)| !path.ends_with("lib.rs")) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let broken = FORBIDDEN.iter().find(|word| line.contains(*word));
            assert_eq!(broken, None, "{}: {line}", path.display());
        }
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is_and_excuses_nothing() {
    for (path, text) in rust_files(&root().join("crates")) {
        assert!(
            !head(&text).is_empty(),
            "{} does not say what it is",
            path.display()
        );
        // In two pieces, so that this file does not find itself.
        for excuse in [
            concat!("#[", "allow("),
            concat!("#![", "allow("),
            concat!("#[", "ignore"),
            concat!("TO", "DO"),
        ] {
            assert!(!text.contains(excuse), "{} has {excuse}", path.display());
        }
    }
}

#[test]
fn programs_depend_on_no_program() {
    for program in PROGRAMS {
        let manifest = read(&root().join("crates").join(program).join("Cargo.toml"));
        let (_, after) = manifest
            .split_once("\n[dependencies]\n")
            .expect("a dependency section");
        let section = after.split("\n[").next().unwrap_or_default();
        for line in section.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(!PROGRAMS.contains(&name), "{program} depends on {name}");
        }
    }
}

#[test]
fn five_programs_have_the_same_files() {
    for program in PROGRAMS {
        let dir = root().join("crates").join(program);
        for file in [
            "src/main.rs",
            "src/args.rs",
            "src/lib.rs",
            "tests/cli.rs",
            "tests/loopback.rs",
        ] {
            assert!(dir.join(file).exists(), "{program} has no {file}");
        }
        let main = read(&dir.join("src/main.rs")).lines().count();
        assert!(
            main <= 40,
            "{program}: main.rs is arguments, call, exit code; it has {main} lines"
        );
    }
}

#[test]
fn the_readme_names_only_files_that_exist() {
    let readme = read(&root().join("README.md"));
    let separators = |c: char| c.is_whitespace() || "`()[]|,;:*\"'<>".contains(c);
    let paths = readme
        .split(separators)
        .map(|word| word.trim_end_matches(['.', '/', '#']));
    let ours = paths.filter(|word| word.starts_with("crates/") || word.starts_with("scripts/"));
    let mut count = 0;
    for path in ours {
        count += 1;
        assert!(root().join(path).exists(), "the README names {path}");
    }
    assert!(count > 20, "the README maps the workspace");
}
