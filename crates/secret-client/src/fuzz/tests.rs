//! The targets on inputs from seeds.

#[path = "../../../common/tests/support/seeds.rs"]
mod seeds;

use super::*;
use seeds::play;

#[test]
fn however_it_is_cut_a_list_has_the_same_lines() {
    let list = b"\x05\x00one\r\ntw\xc3\xa9o\n\n\xff\nthree".to_vec();
    play(100, &[list], texts);
}

#[test]
fn whatever_servers_answer_each_word_is_printed_once_and_in_order() {
    play(600, &[], work);
}
