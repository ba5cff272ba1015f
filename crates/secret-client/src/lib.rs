//! The secret client: has a word list reversed by as many secret servers as there are, and knows
//! nothing of how it is done.
//!
//! ```text
//!   file or      lines,       which words        one task: a call for each order,
//!   stdin   ──>  cleaned ──>  go where      ──>  answers back            ──> servers
//!   [pipes]      [lines]      [queue], [pacing]    [list]                    kept up by [keeper]
//!                                 │
//!                                 └── in order ──> stdout [pipes], [progress], [report]
//! ```
//!
//! What is decided is decided in the pure files [`queue`], [`pacing`], [`lines`] and [`report`];
//! the others move bytes. Memory is bounded for a list of any length: by the window of the queue
//! and by a few buffers between the threads.

pub mod queue;

pub mod lines;
pub mod pacing;
pub mod report;

pub mod args;
pub mod in_flight;
pub mod keeper;
pub mod list;
pub mod pipes;
pub mod progress;
pub mod servers;
pub mod worker;

pub use list::{Options, Report, reverse_list, reverse_one};
