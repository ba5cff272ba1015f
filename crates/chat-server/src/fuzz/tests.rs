//! The targets on inputs from seeds.

#[path = "../../../common/tests/support/seeds.rs"]
mod seeds;

use super::*;
use seeds::play;

#[test]
fn whatever_is_typed_names_and_posts_keep_their_rules() {
    play(400, &[], texts);
}

#[test]
fn whatever_they_do_the_shares_hold_and_nothing_is_left_behind() {
    play(600, &[], people);
}
