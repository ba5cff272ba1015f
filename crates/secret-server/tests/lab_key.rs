//! The flags for the lab's key.

#[path = "../../common/tests/support/lab_key.rs"]
mod lab_key;
#[path = "../../common/tests/support/program.rs"]
mod program;

/// Over HTTP as well: `tests/http.rs`.
#[test]
fn the_premium_key_is_not_taken_from_a_network_in_the_clear() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("premium key");
    std::fs::write(&file, "sixteen letters!").expect("written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_secret-server"));
    command.args(["--listen", "0.0.0.0:0", "--premium-key-file"]);
    let ended = program::run(command.arg(&file), "");
    assert_eq!(ended.code, Some(1));
    let says = "secret-server: the premium key would cross the network for all to read\n\
                help: add --key FILE, here and at the server\nhelp: or go through ssh";
    assert!(ended.stderr.contains(says), "{ended:?}");
}

#[test]
fn a_key_is_made_read_and_refused_like_in_all_five_programs() {
    let args = ["--listen", "127.0.0.1:0"];
    lab_key::assert_lab_key(env!("CARGO_BIN_EXE_secret-server"), &args, true);
}
