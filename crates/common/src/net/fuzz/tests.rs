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
    ];
    play(5000, &valid, greeting);
}

#[test]
fn whatever_a_caller_does_the_server_keeps_its_bounds_and_ends() {
    play(120, &[], answering);
}

#[test]
fn whatever_a_server_does_each_call_ends() {
    play(1000, &[], calling);
}
