//! What a server may do to a conversation, and people to a server.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((0..128, rest)) => chat_client::fuzz::conversation(rest),
    Some((_, rest)) => chat_server::fuzz::people(rest),
    None => {}
});
