//! What a stranger may say first, and a holder of the key then.

#![no_main]

use common::net::fuzz::{greeting, records, sealing};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((0..80, rest)) => greeting(rest),
    Some((80..160, rest)) => sealing(rest),
    Some((_, rest)) => records(rest),
    None => {}
});
