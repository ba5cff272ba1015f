//! The chat server: rooms that are numbered logs, read by clients that keep their own cursors.
//!
//! ```text
//!   send ──▶ may it? ──▶ log: number, store, commit ──▶ answer
//!            [room]      [log]                 │
//!                                              ▼ the room's head moves
//!   poll ──▶ anything after my cursors? ──no──▶ wait for a head, at most 15 s
//!              └─yes─▶ a page of entries
//! ```
//!
//! Nothing is queued for a reader: the log is the queue, and a slow reader is late by itself.
//!
//! | File | What it holds |
//! |---|---|
//! | [`room`] | PURE: who is here, under which nick, in which rooms; leases |
//! | [`nick`], [`bucket`] | PURE: what one may be called; how fast one may talk |
//! | [`log`] | the numbered logs and their promises; in memory, or in an SQLite file |
//! | `metrics` | what operators see, over HTTP |
//! | `handler`, `hall` | the service over tarpc: what is called, and what all calls share |
//! | `server` | a server from its listeners to its end |

pub mod room;

pub mod bucket;
pub mod nick;

pub mod log;

mod args;
mod hall;
mod handler;
mod metrics;
mod server;

pub use args::Args;
pub use server::{Config, Listeners, run};
