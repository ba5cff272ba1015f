//! The flags for the lab's key.

#[path = "../../common/tests/support/lab_key.rs"]
mod lab_key;
#[path = "../../common/tests/support/program.rs"]
mod program;

#[test]
fn a_key_is_made_read_and_refused_like_in_all_five_programs() {
    let args = ["--listen", "127.0.0.1:0", "--next", "127.0.0.1:1"];
    lab_key::assert_lab_key(env!("CARGO_BIN_EXE_buddy"), &args, true);
}
