//! The secret string operation as its callers see it: strings in, strings out, not how.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The program that answers.
pub const SERVICE: &str = "secret-server";

/// Longest text in one call, in bytes. Three of them and their envelopes fit a frame, and copying
/// one takes a few microseconds, which is little beside a call.
pub const MAX_TEXT: usize = 64 * 1024;

/// Which of the two services a caller wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    /// For everybody: takes its time.
    Free,
    /// Faster. A server may want a key for it.
    Premium {
        /// What the server's owner gave the caller, if anything.
        key: Option<String>,
    },
}

/// What a server has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Calls it works on at once; further ones wait for their turn.
    pub workers: u32,
}

/// The answer to a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// As many words as were asked about, in their order, each followed by a newline.
    pub text: String,
    /// How long the call waited for a worker.
    pub waited: Duration,
    /// How long it was worked on.
    pub worked: Duration,
}

/// Why a server would not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Too many calls are waiting already: try again later, or elsewhere.
    #[error("it is busy")]
    Busy,
    /// The text has more than [`MAX_TEXT`] bytes.
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// The premium tier of this server wants a key, and none came.
    #[error("its premium tier wants a key")]
    KeyMissing,
    /// The premium tier of this server wants another key.
    #[error("it does not accept this premium key")]
    KeyWrong,
}

/// The service.
///
/// - Repeating a call is safe: an answer depends on nothing but its text and changes nothing.
/// - A call takes as long as a word does, and longer when the server has much to do: callers set
///   their deadlines to minutes. A server that is still there answers [`offer`](Secret::offer) at
///   once, however long its queue.
/// - A call that is cancelled, or whose deadline passes, is dropped and frees its worker.
#[tarpc::service]
pub trait Secret {
    /// Reverses one text, slowly.
    async fn reverse(text: String) -> Result<String, Refusal>;

    /// Reverses one text, fast.
    async fn fast_reverse(text: String, key: Option<String>) -> Result<String, Refusal>;

    /// Reverses each word of a chunk, one after the other. `text` is words that each end with a
    /// newline; so is the answer.
    async fn reverse_words(tier: Tier, text: String) -> Result<Reversed, Refusal>;

    /// What the server has to offer. Never waits, so it also tells whether the server is there.
    async fn offer() -> Offer;
}
