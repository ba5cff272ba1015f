//! The names of messages. Sender and receiver make the same one from what the message carries, so
//! that a reader of both journals knows that it is one message. PURE.

use super::mark;
use crate::buddy::{Place, Progress, Song, Stamp};
use crate::chat::Sender;

/// Returns the name of a token that is passed. A stamp is made once, by one buddy, for one
/// receiver.
#[must_use]
pub fn pass(at: Stamp) -> String {
    format!("{:x}:{:x}:{}", at.take.number, at.take.by, at.hop)
}

/// Returns the name of the message that brings the roll to the buddy at `to`. The mark is in it,
/// because two lives of that buddy may get the roll under one stamp, one of them after a verse.
#[must_use]
pub fn enlist(to: Place, progress: Progress) -> String {
    let Progress { at, mark } = progress;
    format!("enlist:{to}:{}:{}", mark::word(mark), pass(at))
}

/// Returns the name of a roll call with `addresses` on its roll: it grows by one at each hop.
#[must_use]
pub fn roll_call(song: &Song, attempt: u32, addresses: usize) -> String {
    format!("call:{:x}:{attempt}:{addresses}", song.id)
}

/// Returns the name of a post, by the session's id for it.
#[must_use]
pub fn post(sender: Sender, id: u64) -> String {
    format!("post:{sender:x}:{id}")
}

/// Returns the name of what goes from a server that has stored a message to a client that shows it.
#[must_use]
pub fn entry(room: &str, epoch: u64, number: u64) -> String {
    format!("entry:{epoch:x}:{number}:{room}")
}
