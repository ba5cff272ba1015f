//! The flags for the lab's key.

#[path = "../../common/tests/support/lab_key.rs"]
mod lab_key;
#[path = "../../common/tests/support/program.rs"]
mod program;

use std::fs;
use std::process::Command;

use program::{Program, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chat-server");

#[test]
fn a_key_is_made_read_and_refused_like_in_all_five_programs() {
    let args = ["--listen", "127.0.0.1:0", "--store", "memory"];
    lab_key::assert_lab_key(PROGRAM, &args, true);
}

#[test]
fn a_guest_key_is_made_of_a_host_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("letters")
            .to_owned()
    };
    let (host, guest, more) = (path("host"), path("guest"), path("more"));
    fs::write(&host, "labkey1aaaqeayeaudaocajbifqydiob5322\n").expect("written");
    let make = |key: &str, file: &str| {
        run(
            Command::new(PROGRAM).args(["--key", key, "--guest-key", file]),
            "",
        )
    };
    let ended = make(&host, &guest);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = format!(
        "{guest} holds the guest key of lquzqb: for clients; keep {host} with the server\n"
    );
    assert!(ended.stderr.ends_with(&line), "{ended:?}");
    let text = fs::read_to_string(&guest).expect("written");
    let vector = "labguest17kklwjs7qbj5m63hnqd33sxzkzoctgah332idw3lbjou66brdqlgjgq\n";
    assert_eq!(text, vector);
    let ended = make(&guest, &more);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("is a guest key"), "{ended:?}");
    let ended = run(Command::new(PROGRAM).args(["--guest-key", &more]), "");
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("help: name it: --key FILE"),
        "{ended:?}"
    );
}

#[test]
fn an_admin_token_is_not_taken_from_a_network_in_the_clear() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("letters")
            .to_owned()
    };
    let (token, key) = (path("token"), path("key"));
    fs::write(&token, "sixteen letters!").expect("written");
    let server = |addr: &str| {
        let mut command = Command::new(PROGRAM);
        let args = ["--store", "memory", "--admin-token-file", &token];
        command.args(["--listen", addr]).args(args);
        command
    };
    let ended = run(&mut server("0.0.0.0:0"), "");
    assert_eq!(ended.code, Some(1));
    let says = "the admin token would cross the network for all to read\n\
                help: add --key FILE, here and at the server\nhelp: or go through ssh";
    assert!(ended.stderr.contains(says), "{ended:?}");
    Program::start(&mut server("127.0.0.1:0")).ready();
    run(Command::new(PROGRAM).args(["--new-key", &key]), "");
    Program::start(server("0.0.0.0:0").args(["--key", &key])).ready();
}

#[test]
fn an_open_port_is_said_aloud_and_loopback_is_not() {
    let start = |addr: &str| {
        Program::start(Command::new(PROGRAM).args(["--store", "memory", "--listen", addr]))
    };
    let mut open = start("0.0.0.0:0");
    open.ready();
    let line = open.stderr.next().expect("a second line");
    assert_eq!(
        line,
        "no key: whoever reaches this port can come in, and read along on the way; \
         --key FILE closes it\n"
    );
    let mut closed = start("127.0.0.1:0");
    closed.ready();
    program::signal(&closed.child, "TERM");
    assert!(!closed.end().stderr.contains("no key"));
}
