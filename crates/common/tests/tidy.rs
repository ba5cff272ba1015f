//! The rules of the workspace, as tests: what is pure stays pure, imports have a direction, no
//! program depends on another, and all five have the same files.

mod support {
    pub(crate) mod source;
}

use std::fs;
use std::path::{Path, PathBuf};

use support::source::{
    Sources, before_tests, circles, ends_with_its_tests, has_word, head, written,
};

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

/// The module of a file, such as `buddy::ring` of `buddy/src/ring.rs`. A program's `main.rs`
/// and test files have none.
fn module(path: &str) -> Option<String> {
    let (krate, file) = path.strip_suffix(".rs")?.split_once("/src/")?;
    let krate = krate.replace('-', "_");
    match file {
        "lib" => Some(krate),
        "main" => None,
        _ if file.ends_with("tests") || file.contains("tests/") => None,
        _ => Some(format!("{krate}::{}", file.replace('/', "::"))),
    }
}

fn sources() -> Sources {
    let crates = root().join("crates");
    let mut sources = Sources::default();
    for (path, text) in rust_files(&crates) {
        let path = path.strip_prefix(&crates).expect("below it");
        if let Some(module) = module(&path.to_string_lossy()) {
            sources.add(&module, &text);
        }
    }
    sources
}

#[test]
fn pure_files_know_no_network_no_clock_and_no_dice() {
    const FORBIDDEN: &str = "tokio tarpc TcpStream TcpListener UdpSocket Instant SystemTime rand \
        async await std::fs std::env std::thread";
    const DECIDES: &str = "buddy/src/ring.rs buddy/src/roll_call.rs buddy/src/state.rs \
        lab-report/src/order.rs \
        chat-client/src/conversation.rs chat-server/src/people.rs secret-client/src/dispatch.rs \
        secret-client/src/queue.rs secret-server/src/reverse.rs";
    let sources = sources();
    for file in DECIDES.split(' ') {
        let source = module(file).and_then(|module| sources.files.get(&module));
        assert!(
            source.is_some_and(|source| source.is_pure),
            "{file} decides, so it must be PURE, and say so in its head"
        );
    }
    for (module, source) in sources.files.iter().filter(|(_, source)| source.is_pure) {
        for line in source.code.lines() {
            let broken = FORBIDDEN.split(' ').find(|word| has_word(line, word));
            assert_eq!(broken, None, "{module}: {line}");
        }
    }
}

#[test]
fn pure_files_import_only_pure_files_and_contracts() {
    const CONTRACTS: [&str; 3] = ["common::buddy", "common::chat", "common::secret"];
    let mut wrong = sources().impure_imports(&CONTRACTS);
    // Except for one number, because the doctor names the version of the protocol.
    wrong.retain(|(from, to)| (&**from, &**to) != ("common::net::doctor", "common::net"));
    assert!(wrong.is_empty(), "{:#?}", written(&wrong));
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let wrong = circles(&sources().imports());
    assert!(wrong.is_empty(), "{:#?}", written(&wrong));
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    for (path, text) in rust_files(&root().join("crates")) {
        let lines = before_tests(&text).lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_line_is_wider_than_a_hundred_letters_but_those_of_tables() {
    for (path, text) in rust_files(&root().join("crates")) {
        let is_wide = |line: &&str| line.chars().count() > 100 && !line.starts_with("//! |");
        let wide = text.lines().find(is_wide);
        assert_eq!(wide, None, "{}", path.display());
    }
}

#[test]
fn the_tests_are_the_last_thing_in_a_file() {
    for (path, text) in rust_files(&root().join("crates")) {
        // Because the other rules do not look at what comes after the tests begin.
        let name = path.display();
        assert!(ends_with_its_tests(&text), "{name} goes on after its tests");
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is_and_excuses_nothing() {
    for (path, text) in rust_files(&root().join("crates")) {
        let name = path.display();
        assert!(!head(&text).is_empty(), "{name} does not say what it is");
        // Each with a gap, so that this file does not find itself.
        for excuse in ["#[ allow(", "#![ allow(", "#[ ignore", "TO DO"] {
            let excuse = excuse.replace(' ', "");
            assert!(!text.contains(&excuse), "{name} has {excuse}");
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
        const FILES: &str = "src/main.rs src/args.rs src/lib.rs tests/cli.rs tests/loopback.rs";
        for file in FILES.split(' ') {
            assert!(dir.join(file).exists(), "{program} has no {file}");
        }
        let main = read(&dir.join("src/main.rs"));
        let lines = main.lines().count();
        assert!(lines <= 40, "{program}: main.rs has {lines} lines");
        let says = format!("//! `{program}`: arguments, call, exit code.\n");
        assert!(main.starts_with(&says), "{program}: main.rs is only that");
    }
}

#[test]
fn the_documents_name_only_files_that_exist() {
    let documents =
        read(&root().join("README.md")) + &read(&root().join(".github/CONTRIBUTING.md"));
    let separators = |c: char| c.is_whitespace() || "`()[]|,;:*\"'<>".contains(c);
    let paths = documents.split(separators).map(|word| {
        word.trim_start_matches("../")
            .trim_end_matches(['.', '/', '#'])
    });
    let ours = paths.filter(|word| word.starts_with("crates/") || word.starts_with("scripts/"));
    let mut count = 0;
    for path in ours {
        count += 1;
        assert!(root().join(path).exists(), "a document names {path}");
    }
    assert!(count > 20, "the README maps the workspace");
}
