//! The flags for the lab's key.

#[path = "../../common/tests/support/lab_key.rs"]
mod lab_key;
#[path = "../../common/tests/support/program.rs"]
mod program;

#[test]
fn a_key_is_made_read_and_refused_like_in_all_five_programs() {
    let server = program::closed();
    let args = ["--server", &server];
    lab_key::assert_lab_key(env!("CARGO_BIN_EXE_chat-client"), &args, false);
}

#[test]
fn the_admin_token_does_not_leave_this_machine_in_the_clear() {
    let file = std::env::temp_dir().join(format!(
        "lab-key-chat-client-credential-{}",
        std::process::id()
    ));
    std::fs::write(&file, "sixteen letters!").expect("written");
    // An address of this machine that is not loopback is not needed: nothing is dialled.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_chat-client"));
    command
        .args(["--server", "192.0.2.1:8030", "--admin-token-file"])
        .arg(&file);
    let ended = program::run(&mut command, "");
    std::fs::remove_file(&file).expect("there");
    assert_eq!(ended.code, Some(1));
    let says = "chat-client: the admin token would cross the network for all to read\n\
                help: add --key FILE, here and at the server\nhelp: or go through ssh";
    assert!(ended.stderr.contains(says), "{ended:?}");
}
