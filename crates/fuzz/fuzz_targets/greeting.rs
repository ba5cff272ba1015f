//! What a stranger may say first.

#![no_main]

use common::net::fuzz::{greeting, sealing};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((0..128, rest)) => greeting(rest),
    Some((_, rest)) => sealing(rest),
    None => {}
});
