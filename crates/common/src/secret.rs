//! The secret string operation as its callers see it: strings in, strings out, not how.

use serde::{Deserialize, Serialize};

/// The program that answers.
pub const SERVICE: &str = "secret-server";

/// Why a server would not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Too many words are waiting already: try again later, or elsewhere.
    Busy,
}

/// Repeating a call is safe: an answer depends on nothing but its text.
#[tarpc::service]
pub trait Secret {
    /// The free tier: takes its time.
    async fn reverse(text: String) -> Result<String, Refusal>;
    /// The premium tier.
    async fn fast_reverse(text: String) -> Result<String, Refusal>;
}
