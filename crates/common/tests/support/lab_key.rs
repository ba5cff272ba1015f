//! What every program does with the flags for the lab's key, with and without a key that fits.
//!
//! One file for all crates, taken in by `#[path]`, beside `program.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::program::{Ended, Program, run};

/// A folder of its own for one test, removed at its end.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Checks the flags of `program`, which without any of them would do what `args` say. A program
/// that `listens` must refuse a guest key and say who can come in; any other must find nobody at
/// its address.
pub(crate) fn assert_lab_key(program: &str, args: &[&str], listens: bool) {
    let name = Path::new(program).file_name().expect("a file");
    let name = name.to_str().expect("letters");
    let folder = format!("lab-key-{name}-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(folder));
    fs::create_dir(&folder.0).expect("a new folder");
    let path = |file: &str| folder.0.join(file).to_str().expect("letters").to_owned();
    let says = |ended: &Ended, code: i32, lines: &[&str]| {
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.stdout, "");
        for line in lines {
            assert!(ended.stderr.contains(line), "no {line:?} in {ended:?}");
        }
        // No key is ever printed: a prefix is not followed by the letters of one.
        for (at, _) in ended.stderr.match_indices("labkey1") {
            let letters = ended.stderr[at + 7..].chars();
            assert!(
                letters.take_while(char::is_ascii_alphanumeric).count() < 5,
                "{ended:?}"
            );
        }
    };

    let file = path("lab.key");
    let ended = run(Command::new(program).args(["--new-key", &file]), "");
    let copy = format!(": copy it to every machine, and add --key {file}\n");
    says(&ended, 0, &[&format!("{file} holds the new key "), &copy]);
    let mode = fs::metadata(&file).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = fs::read_to_string(&file).expect("text");
    assert!(key.starts_with("labkey1") && key.len() == 37, "one line");
    let again = run(Command::new(program).args(["--new-key", &file]), "");
    let help = "help: a key is never written over another: choose another name";
    says(
        &again,
        1,
        &[&format!("{name}: cannot write {file}: File exists"), help],
    );
    assert_eq!(fs::read_to_string(&file).expect("text"), key);
    let nowhere = path("no/such/folder.key");
    let ended = run(Command::new(program).args(["--new-key", &nowhere]), "");
    let help = "help: name a file in a folder that is there";
    says(
        &ended,
        1,
        &[&format!("{name}: cannot write {nowhere}: "), help],
    );
    let both = ["--new-key", &path("other"), "-v"];
    assert_eq!(run(Command::new(program).args(both), "").code, Some(2));

    for (text, flaw) in [
        (
            "",
            "holds no key of a lab\nhelp: a key is one line that begins with labkey1",
        ),
        ("labkey2aaaa", "holds no key of a lab"),
        (
            &key[..30],
            "is damaged\nhelp: a letter is missing, too much or another",
        ),
    ] {
        let wrong = path("wrong.key");
        fs::write(&wrong, text).expect("written");
        let ended = run(Command::new(program).args(args).args(["--key", &wrong]), "");
        says(&ended, 1, &[&wrong, flaw]);
        let mut command = Command::new(program);
        says(
            &run(command.args(args).env("LAB_KEY", text), ""),
            1,
            &["LAB_KEY", flaw],
        );
    }
    let several = path("several.key");
    fs::write(&several, "two\nlines\n").expect("written");
    let mut command = Command::new(program);
    let ended = run(command.args(args).args(["--key", &several]), "");
    let help = "help: a key is one line that begins with labkey1";
    says(&ended, 1, &[&several, help]);
    let missing = path("missing");
    let ended = run(
        Command::new(program).args(args).args(["--key", &missing]),
        "",
    );
    let cannot = format!("{name}: cannot read the key in {missing}: No such file");
    says(
        &ended,
        1,
        &[&cannot, "help: make one: chat-server --new-key FILE"],
    );

    // The flag wins over the variable.
    let mut command = Command::new(program);
    command
        .args(args)
        .args(["--key", &file])
        .env("LAB_KEY", "nonsense");
    if listens {
        let who = Program::start(&mut command).says("only holders of the key ");
        let (name, rest) = who.split_at(6);
        assert_eq!(rest, " can come in");
        assert!(ended.stderr.is_ascii() && name.chars().all(char::is_alphanumeric));
        let guest = "labguest17kklwjs7qbj5m63hnqd33sxzkzoctgah332idw3lbjou66brdqlgjgq";
        let mut command = Command::new(program);
        let refused = "LAB_KEY is a guest key: with it one can call, not listen";
        let help = "help: use the host key that it was made of: the file of --new-key";
        says(
            &run(command.args(args).env("LAB_KEY", guest), ""),
            1,
            &[refused, help],
        );
    } else {
        says(&run(&mut command, ""), 1, &["connection refused"]);
    }
}
