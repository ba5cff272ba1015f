//! The chat room as its callers see it.

/// The program that answers.
pub const SERVICE: &str = "chat-server";
