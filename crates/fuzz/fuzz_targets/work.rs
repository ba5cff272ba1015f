//! What servers may do to a list of words, and strangers to a buddy.

#![no_main]

#[path = "../../buddy/tests/support/mischief.rs"]
mod mischief;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((0..128, rest)) => secret_client::fuzz::work(rest),
    Some((_, rest)) => mischief::one_buddy(rest),
    None => {}
});
