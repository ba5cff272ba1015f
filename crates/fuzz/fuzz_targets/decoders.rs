//! What a frame may do to its reader.

#![no_main]

#[path = "../../common/tests/support/decoders.rs"]
mod decoders;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decoders::decoders(bytes));
