//! Rings under the lab's key: what can be read on the way, and a buddy with another key.

#[path = "../../common/tests/support/program.rs"]
mod program;
#[path = "../../common/tests/support/relay.rs"]
mod relay;
mod support {
    pub(crate) mod process;
}

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::net::LabKey;
use program::{Program, closed};
use relay::Relay;
use support::process::Ring;

/// A file with a key, removed at the end of its test.
struct KeyFile(PathBuf);

impl KeyFile {
    fn of(number: u8, name: &str) -> Self {
        let file = format!("buddy-{name}-{number}-{}", std::process::id());
        let path = std::env::temp_dir().join(file);
        let key = LabKey::host([number; 16]).expect("a key pair");
        fs::write(&path, key.reveal()).expect("written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("letters")
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn name(number: u8) -> String {
    let key = LabKey::host([number; 16]).expect("a key pair");
    key.fingerprint().name()
}

#[test]
fn a_buddy_with_another_key_is_waited_for_by_name_and_mended_alone() {
    let (right, wrong) = (KeyFile::of(1, "mended"), KeyFile::of(2, "mended"));
    let mut ring = Ring::of(3, &["--tempo", "0"]);
    ring.start(2, &["--key", wrong.path()]);
    ring.start(3, &["--key", right.path()]);
    ring.start(1, &["--key", right.path(), "--bottles", "5"]);
    // Buddy 1 calls Buddy 2, and says whom it waits for and why.
    let second = ring.address(2).to_owned();
    let (one, two) = (name(1), name(2));
    ring.says(&format!(
        "waiting for the next buddy: {second} answers, but it has the key {two}, and you have {one}"
    ));
    ring.says("help: give all machines the same key file");
    ring.says(&format!("only holders of the key {two} can come in"));
    // Buddy 2 hears it too, although it calls nobody before the roll call has come to it.
    ring.says("127.0.0.1: knocked with another key");
    ring.kill(2);
    ring.start(2, &["--key", right.path()]);
    let story = ring.all_home();
    assert!(
        story.iter().any(|line| line.contains("no more bottles")),
        "{}",
        story.join("\n")
    );
}

#[test]
fn a_buddy_without_the_key_is_told_what_it_lacks_and_ends() {
    let key = KeyFile::of(1, "without");
    let mut ring = Ring::of(2, &["--tempo", "0"]);
    ring.start(2, &["--key", key.path()]);
    ring.start(1, &["--bottles", "5"]);
    assert_eq!(ring.ends(1).code(), Some(1));
    let second = ring.address(2).to_owned();
    ring.says(&format!(
        "{second} answers, but it lets in holders of its key only"
    ));
    ring.says("127.0.0.1: knocked without the key");
}

#[test]
fn no_address_of_a_ring_can_be_read_on_the_way() {
    let key = KeyFile::of(1, "way");
    for is_sealed in [true, false] {
        let addrs = [closed(), closed()];
        let relays = [&addrs[1], &addrs[0]].map(|next| Relay::to(next));
        let start = |n: usize, more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_buddy"));
            let args = [
                "--listen",
                &addrs[n],
                "--next",
                &relays[n].addr,
                "--tempo",
                "0",
            ];
            command.args(args).args(more).stdout(Stdio::piped());
            if is_sealed {
                command.args(["--key", key.path()]);
            }
            let mut program = Program::start(command.stdin(Stdio::null()));
            program.ready();
            program
        };
        let second = start(1, &[]);
        let first = start(0, &["--bottles", "9"]);
        for buddy in [first, second] {
            let ended = buddy.end();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(ended.stdout.contains("bottle"), "{ended:?}");
        }
        // A roll carries addresses as text.
        let is_readable = relays.iter().any(|relay| relay.has_passed("127.0.0.1:"));
        assert_eq!(is_readable, !is_sealed);
        let greeted = relays
            .iter()
            .all(|relay| relay.has_passed("distributed-lab"));
        assert!(greeted, "they went this way");
        let text = fs::read_to_string(&key.0).expect("text");
        assert!(!relays.iter().any(|relay| relay.has_passed(&text)));
    }
}
