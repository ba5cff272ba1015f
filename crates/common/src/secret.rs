//! The contract of the secret string operation: what a caller may send, and what comes back.
//!
//! [`net::VERSION`](crate::net::VERSION) must rise with every change in this file, because programs
//! of different versions would otherwise misread each other's messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The name of the service, and of the program that offers it.
pub const SERVICE: &str = "secret-server";

/// Longest text in one call, in bytes: a quarter of a [frame](crate::net::MAX_FRAME). To copy one
/// takes a few microseconds, which is little beside a call.
pub const MAX_TEXT: usize = 64 * 1024;

/// Most words in one call. Each is worked on and answered for itself, so that the bytes alone are
/// no bound: at the usual eight bytes a word, this many fill [`MAX_TEXT`].
pub const MAX_WORDS: usize = MAX_TEXT / 8;

/// Longest expected work for a chunk of several words. A worker that is taken for longer is taken
/// from the other callers.
pub const MAX_WORK: Duration = Duration::from_secs(10 * 60);

/// The speed that a caller wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    /// For every caller, and slow.
    Free,
    /// Faster. A server may want a key for it.
    Premium {
        /// The key that the server's owner gave the caller, if there is one.
        key: Option<String>,
    },
}

/// What a server has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The number of calls it works on at once. Further calls wait for their turn.
    pub workers: u32,
}

/// The answer to a chunk. Each word of it has the bytes of the word that was sent, in another
/// order, so a caller can notice many a wrong answer without knowing the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// The words of the chunk, reversed and in their order, each followed by a newline.
    pub text: String,
    /// How long the call waited for a worker.
    pub waited: Duration,
    /// How long it was worked on.
    pub worked: Duration,
}

/// Why a server refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Too many calls are waiting already. Try again later, or at another server.
    #[error("it is busy")]
    Busy,
    /// The text has more than [`MAX_TEXT`] bytes.
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// The premium tier of this server wants a key, and the call had none.
    #[error("its premium tier wants a key")]
    KeyMissing,
    /// The premium tier of this server wants another key.
    #[error("it does not accept this premium key")]
    KeyWrong,
    /// Too many wrong premium keys came from this address: try again in a minute.
    #[error("too many wrong premium keys came from your address")]
    KeyGuessed,
    /// The chunk has more than [`MAX_WORDS`], or would take a worker longer than [`MAX_WORK`]: send
    /// fewer words.
    #[error("the chunk has too many words, or would take longer than ten minutes")]
    TooMuch,
}

/// The service.
///
/// - Repeating a call is safe, because an answer depends on nothing but its text and changes
///   nothing.
/// - A call takes as long as its words take, and longer while others are ahead in the queue. So
///   callers set their deadlines to minutes. A server that is still there answers
///   [`offer`](Secret::offer) at once, however long its queue is.
/// - A call that is cancelled, or whose deadline passes, is dropped and frees its worker.
/// - A caller that waits must say something every 30 seconds, most simply by asking for the
///   [`offer`](Secret::offer). Otherwise it counts as gone, and its calls are dropped, because they
///   hold places that others wait for.
#[tarpc::service]
pub trait Secret {
    /// Returns one text reversed, slowly.
    async fn reverse(text: String) -> Result<String, Refusal>;

    /// Returns one text reversed, fast.
    async fn fast_reverse(text: String, key: Option<String>) -> Result<String, Refusal>;

    /// Returns the words of a chunk, each of them reversed. In `text`, and in the answer, each word
    /// ends with a newline. A chunk has at most [`MAX_WORDS`].
    async fn reverse_words(tier: Tier, text: String) -> Result<Reversed, Refusal>;

    /// Returns what the server has to offer. This call never waits, so it also shows whether the
    /// server is there.
    async fn offer() -> Offer;
}
