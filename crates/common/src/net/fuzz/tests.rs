//! The targets on inputs from seeds.

#[path = "../../../tests/support/seeds.rs"]
mod seeds;

use super::*;
use seeds::play;

#[test]
fn whatever_is_said_first_only_the_right_greeting_is_one() {
    let valid = [
        [&[3, 1, 1], greeting::line("buddy").as_slice()].concat(),
        [&[3, 0, 0], greeting::keyed_line("buddy").as_slice()].concat(),
        [&[60, 0, 1], greeting::line("chat-server").as_slice()].concat(),
        vec![12; 2 * PIPE], // more than the connection holds
    ];
    play(3000, &valid, greeting);
}

#[test]
fn whatever_is_said_without_the_key_opens_nothing() {
    play(
        300,
        &[b"\x3f\x01\x01\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03".to_vec()],
        sealing,
    );
}

#[test]
fn whatever_records_a_holder_of_the_key_makes_only_good_ones_are_heard() {
    play(60, &[], records);
}

#[test]
fn a_key_is_read_as_it_was_written_and_no_text_is_obeyed() {
    play(200, &[], texts);
}

#[test]
fn whatever_a_caller_does_the_server_keeps_its_bounds_and_ends() {
    play(120, &[], answering);
}

#[test]
fn whatever_a_server_does_each_call_ends() {
    play(1000, &[], calling);
}
