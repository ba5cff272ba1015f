//! What a frame may do to its reader: any bytes, decoded as any message of the three contracts.
//!
//! This file counts the memory of its whole process, so it can be only in a program of its own: in
//! a test with one thread, and in a fuzz target.

use common::buddy::{BuddyRequest, BuddyResponse};
use common::chat::{ChatRequest, ChatResponse};
use common::net::{MAX_GROWTH, wire};
use common::secret::{SecretRequest, SecretResponse};
use peak_alloc::PeakAlloc;
use serde::{Serialize, de::DeserializeOwned};
use tarpc::{ClientMessage, Response};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a message may hold besides, in bytes: what every connection may without being asked.
const FREE: usize = 16 * 1024;

/// What a decoder may need for the moment besides, in bytes: the room for a whole roll, before it
/// has seen that the frame holds less.
const AT_MOST_FOR_A_MOMENT: usize = 128 * 1024;

/// Most bytes that a message's own spelling is longer than another: one for each of the two times
/// in an answer, because serde carries the whole seconds of the nanoseconds to the seconds.
const CARRIED: usize = 2;

/// Decodes all but the first byte as the kind of message that the first byte chooses.
pub(crate) fn decoders(input: &[u8]) {
    let Some((kind, frame)) = input.split_first() else {
        return;
    };
    match kind % 12 {
        // Only decoded: a request's time limit becomes a moment, and tarpc writes the kind of a
        // `ServerError` as a signed number, but reads it as an unsigned one.
        0 => drop(decode::<ClientMessage<ChatRequest>>(frame)),
        1 => drop(decode::<ClientMessage<SecretRequest>>(frame)),
        2 => drop(decode::<ClientMessage<BuddyRequest>>(frame)),
        3 => drop(decode::<Response<ChatResponse>>(frame)),
        4 => drop(decode::<Response<SecretResponse>>(frame)),
        5 => drop(decode::<Response<BuddyResponse>>(frame)),
        6 => encodes_again::<ChatRequest>(frame),
        7 => encodes_again::<SecretRequest>(frame),
        8 => encodes_again::<BuddyRequest>(frame),
        9 => encodes_again::<ChatResponse>(frame),
        10 => encodes_again::<SecretResponse>(frame),
        _ => encodes_again::<BuddyResponse>(frame),
    }
}

/// Decodes a frame, and checks what that has cost.
fn decode<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let message = wire::decode(frame);
    let (peak, after) = (MEMORY.peak_usage(), MEMORY.current_usage());
    let (most, name) = (MAX_GROWTH * frame.len(), std::any::type_name::<T>());
    let held = after.saturating_sub(before);
    assert!(
        held <= most + FREE,
        "{} bytes hold {held} as {name}",
        frame.len()
    );
    let peak = peak.saturating_sub(before);
    assert!(
        peak <= most + AT_MOST_FOR_A_MOMENT,
        "{} bytes take {peak} as {name}",
        frame.len()
    );
    message.ok()
}

/// Checks that what was decoded has one spelling, which is hardly longer.
fn encodes_again<T: DeserializeOwned + Serialize>(frame: &[u8]) {
    let Some(message) = decode::<T>(frame) else {
        return;
    };
    let canonical = postcard::to_stdvec(&message).expect("it can be encoded");
    assert!(canonical.len() <= frame.len() + CARRIED);
    // Not as a frame, because these bytes alone may look like a request with an endless time limit.
    let same: T = postcard::from_bytes(&canonical).expect("it can be decoded");
    let again = postcard::to_stdvec(&same).expect("it can be encoded");
    assert_eq!(again, canonical, "{}", std::any::type_name::<T>());
}
