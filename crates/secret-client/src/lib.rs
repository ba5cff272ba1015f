//! The secret client: has a word list reversed by as many secret servers as there are, and knows
//! nothing of how it is done.
//!
//! ```text
//!   file or      lines,       which words        one task: a call for each order,
//!   stdin   ──>  cleaned ──>  go where      ──>  answers back            ──> servers
//!   [pipes]      [lines]      [queue], [pace]    [client]                    kept up by [link]
//!                                 │
//!                                 └── in order ──> stdout [pipes], [progress], [summary]
//! ```
//!
//! What is decided is decided in the pure files [`queue`], [`pace`], [`lines`] and [`summary`];
//! the others move bytes. Memory is bounded for a list of any length: by the window of the queue
//! and by a few buffers between the threads.

pub mod queue;

pub mod lines;
pub mod pace;
pub mod summary;

pub mod args;
pub mod call;
pub mod client;
pub mod drive;
pub mod link;
pub mod pipes;
pub mod progress;
pub mod roster;

pub use client::{Options, Report, reverse_list, reverse_one};
