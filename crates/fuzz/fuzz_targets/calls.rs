//! What a caller may do to a server, and a server to a caller.

#![no_main]

use common::net::fuzz::{answering, calling};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((0..128, rest)) => answering(rest),
    Some((_, rest)) => calling(rest),
    None => {}
});
