//! The targets on inputs from seeds.

#[path = "../../../common/tests/support/seeds.rs"]
mod seeds;

use super::*;
use seeds::play;

#[test]
fn whatever_others_write_only_text_is_printed() {
    play(3000, &[], texts);
}

#[test]
fn whatever_a_server_answers_a_conversation_is_bounded_and_ends() {
    play(2000, &[], conversation);
}
