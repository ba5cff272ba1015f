//! What a stranger may say first.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::net::fuzz::greeting(bytes));
